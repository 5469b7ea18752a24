"""Laws that answers obey whatever the numbers: drawn scores and drawn files, with seeds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avfake.calibration.calibrators import Calibrator, shifted
from avfake.calibration.curves import fit_beta, fit_isotonic, fit_platt, fit_temperature
from avfake.calibration.features import ClipScores
from avfake.clips.archive import Clip, PersonMeta, pack_clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector.detector import Detector
from avfake.detector.options import PredictOptions
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio
from avfake.verdict import Verdict

SEEDS = range(8)
CLOSE = 1e-4
"""Largest difference of a probability: sums in another order."""
PRIORS = (0.001, 0.05, 0.3, 0.7, 0.99)


@pytest.fixture(scope="module")
def detector(detector_folder: Path) -> Detector:
    return Detector.from_pretrained(detector_folder, device="cpu")


@pytest.fixture(scope="module")
def clips(prepared: PreparedFolder) -> list[Clip]:
    return [Clip.open(one.archive) for one in prepared.clips if one.has_visual and one.has_audio]


def probabilities(verdict: Verdict) -> np.ndarray:
    """Return float64 [3]: overall, face, voice; NaN where there is none."""
    found = (verdict.p_fake, verdict.p_face_fake, verdict.p_voice_fake)
    return np.array([np.nan if p is None else p for p in found])


def drawn_scores(rng: np.random.Generator) -> ClipScores:
    """Return scores of up to 3 people and any number of windows, in order of time."""
    crops, windows = int(rng.integers(1, 40)), int(rng.integers(1, 20))
    starts = np.sort(rng.uniform(0, 30, windows)).astype(np.float32)
    return ClipScores(
        "drawn",
        frame_scores=rng.uniform(0, 1, crops).astype(np.float32),
        frame_persons=rng.integers(0, 3, crops),
        frame_seconds=np.sort(rng.uniform(0, 30, crops)).astype(np.float32),
        face_px=rng.uniform(40, 400, crops).astype(np.float32),
        face_confidences=rng.uniform(0.5, 1, crops).astype(np.float32),
        num_frames_sampled=crops,
        window_scores=rng.uniform(0, 1, windows).astype(np.float32),
        window_spans=np.stack([starts, starts + 2], 1),
        fused={"overall": float(rng.uniform()), "face": 0.5, "voice": 0.5},
    )


OF_FRAMES = ("frame_scores", "frame_persons", "frame_seconds", "face_px", "face_confidences")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fit", [fit_temperature, fit_platt, fit_beta, fit_isotonic])
def test_a_higher_score_is_never_a_lower_probability(seed: int, fit: Callable) -> None:
    """Also where scores say nothing, or the opposite, about the labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(rng.normal(), rng.uniform(0.1, 6), 300)
    labels = (rng.uniform(size=300) < 1 / (1 + np.exp(rng.normal() * logits))).astype(float)
    found = Calibrator(fit(logits, labels))(np.linspace(-60, 60, 2001))
    assert np.all(np.diff(found) >= 0)
    assert np.all((found >= 0) & (found <= 1))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_frames_and_windows_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = drawn_scores(rng)
    frames = rng.permutation(len(scores.frame_scores))
    windows = rng.permutation(len(scores.window_scores))
    mixed = replace(
        scores,
        **{name: getattr(scores, name)[frames] for name in OF_FRAMES},
        window_scores=scores.window_scores[windows],
        window_spans=scores.window_spans[windows],
    )
    np.testing.assert_allclose(mixed.row(), scores.row(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_numbers_of_people_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = drawn_scores(rng)
    other = replace(scores, frame_persons=rng.permutation(3)[scores.frame_persons])
    np.testing.assert_allclose(other.row(), scores.row(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_missing_modality_leaves_the_statistics_of_the_other(seed: int) -> None:
    scores = drawn_scores(np.random.default_rng(seed))
    blind = {name: getattr(scores, name)[:0] for name in OF_FRAMES}
    silent = {"window_scores": scores.window_scores[:0], "window_spans": scores.window_spans[:0]}
    row, sound, picture = (
        one.row() for one in (scores, replace(scores, **blind), replace(scores, **silent))
    )
    for part in (sound, picture):
        known = ~np.isnan(part)
        assert known.any()
    both = ~np.isnan(sound) & ~np.isnan(picture)
    for part, other in ((sound, picture), (picture, sound)):
        own = ~np.isnan(part) & np.isnan(other)
        assert own.any()
        np.testing.assert_array_equal(part[own], row[own])
    assert not np.isnan(row[both]).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_prior_moves_probabilities_in_order_and_back(seed: int) -> None:
    p = np.sort(np.random.default_rng(seed).uniform(0, 1, 200))
    for by in (-6.0, -0.5, 0.0, 3.0):
        moved = shifted(p, by)
        assert np.all(np.diff(moved) >= 0)
        assert np.all((moved - p) * np.sign(by) >= 0)
        np.testing.assert_allclose(shifted(moved, -by), p, atol=1e-9)


def test_a_larger_prior_is_never_a_smaller_probability(
    detector: Detector, clips: list[Clip]
) -> None:
    for clip in clips[:6]:
        plain = detector.predict_clip(clip)
        asked = [detector.predict_clip(clip, PredictOptions(prior=prior)) for prior in PRIORS]
        assert np.all(np.diff([probabilities(one) for one in asked], axis=0) >= 0)
        assert {one.decision for one in asked} == {plain.decision}


def in_another_order(clip: Clip, order: list[int]) -> Clip:
    """Return the clip with its people in another order and under new numbers."""
    people = [clip.meta.persons[k] for k in order]
    persons = tuple(replace(one, person_id=n) for n, one in enumerate(people))
    crops = clip.stored_crops()
    meta = replace(clip.meta, persons=persons)
    return pack_clip(meta, [crops[k] for k in order], clip.waveform(), jpeg_quality=95)


def with_a_second_person(clip: Clip, other: Clip) -> Clip:
    """Return the clip with the face of another one beside it."""
    first, second = clip.meta.persons[0], other.meta.persons[0]
    count = min(len(first.frame_indices), len(second.frame_indices))
    added = PersonMeta(
        1,
        first.frame_indices[:count],
        second.boxes[:count],
        second.confidences[:count],
        second.landmarks[:count],
    )
    meta = replace(clip.meta, persons=(first, added))
    crops = [clip.stored_crops()[0], other.stored_crops()[0][:count]]
    return pack_clip(meta, crops, clip.waveform(), jpeg_quality=95)


def test_the_order_of_people_in_a_clip_does_not_matter(
    detector: Detector, clips: list[Clip]
) -> None:
    for clip, other in zip(clips[:4], clips[4:8], strict=True):
        both = with_a_second_person(clip, other)
        found = [
            probabilities(detector.predict_clip(one))
            for one in (both, in_another_order(both, [1, 0]))
        ]
        np.testing.assert_allclose(found[0], found[1], atol=CLOSE)


def mirrored(clip: Clip) -> Clip:
    """Return the clip as a mirror shows it: crops, boxes and landmarks."""
    width = clip.meta.media["width"]

    def turned(person: PersonMeta) -> PersonMeta:
        boxes = [[width - x1, y0, width - x0, y1] for x0, y0, x1, y1 in person.boxes]
        order = (1, 0, 2, 4, 3)  # left and right as seen in the picture
        points = [[[width - p[k][0], p[k][1]] for k in order] for p in person.landmarks]
        return replace(person, boxes=boxes, landmarks=points)

    crops = [pixels[:, :, ::-1] for pixels in clip.crops()]
    meta = replace(clip.meta, persons=tuple(map(turned, clip.meta.persons)))
    return pack_clip(meta, crops, clip.waveform(), jpeg_quality=100)


def test_a_mirror_leaves_the_voice_and_hardly_moves_the_face(
    detector: Detector, clips: list[Clip]
) -> None:
    moved = []
    for clip in clips:
        plain, other = (probabilities(detector.predict_clip(c)) for c in (clip, mirrored(clip)))
        assert other[2] == pytest.approx(plain[2], abs=CLOSE)
        moved.append(abs(other[1] - plain[1]))
    assert np.mean(moved) < 0.05
    assert max(moved) < 0.2


def test_a_part_that_is_left_out_is_as_one_that_is_not_there(
    detector: Detector, clips: list[Clip]
) -> None:
    """An answer without the sound does not depend on it, nor one without the picture on that."""
    for clip in clips[:6]:
        meta = clip.meta
        silent = pack_clip(
            replace(meta, sound_seconds=0.0, speech_spans=[], voice_statistics={}),
            clip.stored_crops(),
            None,
            jpeg_quality=95,
        )
        faceless = pack_clip(replace(meta, persons=()), [], clip.waveform(), jpeg_quality=95)
        for option, without in (("use_audio", silent), ("use_visual", faceless)):
            found = [
                probabilities(detector.predict_clip(one, PredictOptions(**{option: False})))
                for one in (clip, without)
            ]
            np.testing.assert_allclose(found[0], found[1], atol=CLOSE)


def spans_of(verdict: Verdict) -> list[tuple[float, float]]:
    """Return start and end of everything in a verdict that has a time."""
    timed = [*verdict.voice, *verdict.voice_segments]
    timed += [segment for person in verdict.persons for segment in person.segments]
    instants = [frame.seconds for person in verdict.persons for frame in person.frames]
    return [(t, t) for t in instants] + [(one.start_seconds, one.end_seconds) for one in timed]


def test_all_times_lie_inside_the_file(
    detector: Detector, studio_root: Path, prepared: PreparedFolder
) -> None:
    for path in sorted(studio_root.rglob("*.mp4"))[:4]:
        clip = Clip.open(prepared.archive_of(path.name))
        duration = clip.meta.media["duration_seconds"]
        spans = spans_of(detector.predict(path))
        assert spans
        for start, end in spans:
            assert 0 <= start <= end <= duration + 0.05


@pytest.mark.parametrize("seconds", [0.5, 3.0])
@pytest.mark.parametrize("which", ["small", "default"])
def test_silence_at_the_end_leaves_the_voice(
    which: str, seconds: float, detector: Detector, studio_root: Path, tmp_path: Path
) -> None:
    asked = detector if which == "small" else Detector.default()
    for n, path in enumerate(sorted(studio_root.rglob("*.mp4"))[:3]):
        rate = 16_000
        samples = np.concatenate([piece.samples for piece in read_sound(path, rate).pieces])
        padded = np.concatenate([samples, np.zeros(round(seconds * rate), np.float32)])
        found = []
        for name, sound in (("plain", samples), ("padded", padded)):
            file = tmp_path / f"{n}_{name}.wav"
            write_audio(file, Waveform(sound, rate))
            found.append(asked.predict(file).p_voice_fake)
        assert (found[0] is None) == (found[1] is None)
        if found[0] is not None:
            assert found[1] == pytest.approx(found[0], abs=0.05)
