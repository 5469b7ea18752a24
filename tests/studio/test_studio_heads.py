"""Rendered people: faces are found where they are said to be, mouths follow the sound."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from facenet_pytorch import MTCNN

from avfake.studio.heads import Rendering, render, render_head
from avfake.studio.person import Motion, draw_identity, draw_motion, pose_for_swap
from avfake.studio.scene import draw_light, draw_scene, mix_lights
from avfake.studio.voices import SAMPLE_RATE, Speech, draw_acoustics, draw_speaker, speak

FPS = 15


def talk(seed: int, num_frames: int = 30, **looks: Any) -> tuple[Rendering, Speech, Motion]:
    rng = np.random.default_rng(seed)
    scene = draw_scene(rng, ((240, 240),))
    speech = speak(draw_speaker(rng), draw_acoustics(rng), rng, num_frames=num_frames, fps=FPS)
    motion = draw_motion(rng, speech.mouth_open, size=(240, 240), fps=FPS)
    return render(replace(draw_identity(rng), **looks), scene, motion), speech, motion


def test_a_face_detector_finds_the_faces_where_they_are() -> None:
    detector = MTCNN(keep_all=True, device="cpu")
    found, total = 0, 0
    for seed in range(12):
        take, _, motion = talk(seed, 16)
        frames = [3, 12]
        _, confidences, points = detector.detect(list(take.pixels[frames]), landmarks=True)
        for index, confidence, five in zip(frames, confidences, points, strict=True):
            total += 1
            if confidence[0] is None or confidence[0] < 0.9:
                continue
            errors = np.linalg.norm(np.asarray(five[0], float) - take.landmarks[index], axis=1)
            found += errors.mean() < 0.2 * motion.unit_px[index]
    assert found >= 0.96 * total


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_mouth_opens_when_the_voice_sounds(seed: int) -> None:
    take, speech, motion = talk(seed, 60, skin=np.array([214.0, 166.0, 136.0]), beard="none")
    per_frame = SAMPLE_RATE // FPS
    samples = speech.waveform.samples[: 60 * per_frame].reshape(60, per_frame)
    sound = np.sqrt((samples**2).mean(axis=1))

    # The inside of a mouth is far darker than skin and lips.
    seen = np.empty(60)
    middle, unit = take.landmarks[:, 3:].mean(axis=1), motion.unit_px.mean()
    for index, (x, y) in enumerate(middle.astype(int)):
        reach = int(0.18 * unit)
        green = take.pixels[index, y - reach : y + 2 * reach, x - reach : x + reach, 1]
        seen[index] = (green < 0.4 * np.percentile(green, 90)).mean()
    assert np.corrcoef(seen, speech.mouth_open)[0, 1] > 0.6
    assert np.corrcoef(sound, speech.mouth_open)[0, 1] > 0.6
    assert np.corrcoef(seen, sound)[0, 1] > 0.6


def test_blinks_darken_the_eyes() -> None:
    for seed in range(20):
        take, _, motion = talk(seed, 45)
        if motion.eyes_open.min() > 0.2:
            continue
        eyes = take.landmarks[:, :2].round().astype(int)
        whites = [
            max(frame[y - 2 : y + 3, x - 8 : x + 9].mean(axis=2).std() for x, y in points)
            for frame, points in zip(take.pixels, eyes, strict=True)
        ]
        shut = motion.eyes_open < 0.3
        assert np.mean(np.array(whites)[shut]) < np.mean(np.array(whites)[~shut])
        return
    pytest.fail("nobody blinked")


def test_no_two_people_look_alike() -> None:
    rng = np.random.default_rng(0)
    people = [draw_identity(rng) for _ in range(50)]
    assert len({person.texture_seed for person in people}) == 50
    assert len({person.hair_style for person in people}) >= 4
    assert np.ptp([person.skin[0] for person in people]) > 80


def test_the_swap_source_shows_the_same_expressions() -> None:
    rng = np.random.default_rng(3)
    motion = draw_motion(rng, np.linspace(0, 1, 8), size=(240, 240), fps=FPS)
    still = pose_for_swap(motion, size_px=128)
    take = render_head(draw_identity(rng), draw_light(rng), still, size_px=128)
    assert take.pixels.shape == (8, 128, 128, 3)
    assert (take.landmarks > 10).all()
    assert (take.landmarks < 118).all()
    assert np.array_equal(still.mouth_open, motion.mouth_open)


def test_lights_mix() -> None:
    rng = np.random.default_rng(0)
    first, second = draw_light(rng), draw_light(rng)
    assert mix_lights(first, second, 0).direction == pytest.approx(first.direction)
    assert mix_lights(first, second, 1).ambient == pytest.approx(second.ambient)
    assert np.linalg.norm(mix_lights(first, second, 0.5).direction) == pytest.approx(1)


def test_the_same_seed_gives_the_same_film() -> None:
    assert np.array_equal(talk(5, 6)[0].pixels, talk(5, 6)[0].pixels)
