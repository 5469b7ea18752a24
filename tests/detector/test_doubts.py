"""What a picture shows that forbids "real": one still picture held, or no face."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_part_decisions import RULE, answering

from avfake.clips.archive import Clip
from avfake.clips.config import ClipConfig
from avfake.clips.cut import cut_clip
from avfake.detector.bundle import Bundle
from avfake.detector.combining import combine_verdicts
from avfake.detector.doubts import (
    STILL_LEVELS,
    allowed,
    cell_means,
    difference,
    grey,
    picture_doubts,
)
from avfake.errors import NEVER_REAL, REASONS, Reason
from avfake.faces.cropping import CropConfig
from avfake.media.frames import iter_frames
from avfake.media.sound import read_sound
from avfake.media.writing import write_video
from avfake.studio.build import build_studio
from avfake.studio.plan import StudioConfig

CLIPS = ClipConfig(num_frames=4, crop=CropConfig(size_px=64))
STILL = Reason("face", "still_picture")
Cut = Callable[[Path], Clip]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("long_studio")
    build_studio(root, StudioConfig(4, seconds=2.0), workers=0, show_progress=False)
    return sorted(root.glob("*.mp4"))


def held(video: Path, folder: Path, *, crf: int = 18, seconds: float = 2.0) -> Path:
    """Write one frame of a video held, with its sound."""
    frames = [frame for _, frame in iter_frames(video)]
    path = folder / f"held_{crf}_{seconds}.mp4"
    middle = np.repeat(frames[len(frames) // 2][None], round(25 * seconds), axis=0)
    write_video(path, middle, fps=25, waveform=read_sound(video).waveform(), crf=crf)
    return path


@pytest.fixture(scope="module")
def cut() -> Cut:
    search = CLIPS.face_detector()
    return lambda path: cut_clip(path, CLIPS, search)


@pytest.mark.parametrize("crf", [18, 45])
def test_a_still_picture_is_noticed_however_coarsely_it_is_coded(
    videos: list[Path], cut: Cut, tmp_path: Path, crf: int
) -> None:
    clip = cut(held(videos[0], tmp_path, crf=crf))
    assert clip.meta.persons
    assert picture_doubts(clip, CLIPS.crop) == (STILL,)


def test_people_who_move_are_no_still_picture(videos: list[Path], cut: Cut) -> None:
    assert [picture_doubts(cut(video), CLIPS.crop) for video in videos] == [()] * len(videos)


def test_a_moment_is_no_still_picture(videos: list[Path], cut: Cut, tmp_path: Path) -> None:
    assert picture_doubts(cut(held(videos[0], tmp_path, seconds=0.4)), CLIPS.crop) == ()


def test_a_still_picture_is_never_real(
    detector_folder: Path, videos: list[Path], tmp_path: Path
) -> None:
    bundle = Bundle.read(detector_folder)
    still = held(videos[0], tmp_path)
    sure = answering(bundle, overall=0.1, face=0.1, voice=0.1)
    verdict = sure.predict(still)
    assert verdict.decision == verdict.face_decision == "unsure"
    assert verdict.voice_decision == "real"  # the voice was heard as it is
    assert STILL in verdict.reasons
    assert verdict.status == "ok"
    assert sure.predict(videos[0]).decision == "real"
    forged = answering(bundle, overall=0.95, face=0.95, voice=0.1).predict(still)
    assert forged.decision == "fake"
    heard = sure.predict(still, use_visual=False)
    assert STILL not in heard.reasons
    both = combine_verdicts([verdict, verdict], "mean", decision=RULE)
    assert both.decision == "unsure"


def test_only_the_part_that_a_reason_is_about_is_in_doubt() -> None:
    assert set(REASONS) >= NEVER_REAL
    assert allowed("real", [STILL]) == allowed("real", [STILL], "face") == "unsure"
    assert allowed("real", [STILL], "voice") == "real"
    assert allowed("fake", [STILL]) == "fake"
    assert allowed("real", [Reason("face", "few_frames")]) == "real"


def test_crops_are_compared_where_they_lie_in_the_frame() -> None:
    rng = np.random.default_rng(0)
    frame = np.asarray(
        Image.fromarray(rng.uniform(0, 255, (24, 24)).astype(np.float32)).resize((96, 96))
    )
    first, other = frame[10:74, 10:74], frame[11:75, 14:78]
    assert difference(first, other, np.array([4.0, 1.0])) < 1
    assert difference(first, other, np.zeros(2)) > STILL_LEVELS
    assert difference(first, other, np.array([20.0, 0.0])) == np.inf
    spoken = frame.copy()
    spoken[50:56, 40:50] += 40  # a mouth
    moved = spoken[11:75, 14:78]
    assert difference(first, moved, np.array([4.0, 1.0])) > STILL_LEVELS


def test_cells_cover_a_crop_of_any_size() -> None:
    rng = np.random.default_rng(0)
    for side in (9, 28, 64, 225):
        crop = rng.integers(0, 256, (side, side, 3), np.uint8)
        means = cell_means(grey(crop))
        assert means.shape == (min(28, side),) * 2
        assert abs(means.mean() - crop.mean()) < 2


def test_a_clip_without_faces_has_no_such_reason(videos: list[Path], cut: Cut) -> None:
    clip = cut(videos[0])
    empty = replace(clip.meta, persons=())

    class Empty(Clip):
        meta = empty

    assert picture_doubts(Empty(clip._source), CLIPS.crop) == ()
