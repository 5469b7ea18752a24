"""Forged stretches in genuine clips: where the truth says, and nowhere else."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avfake.datasets.build import build_manifest
from avfake.datasets.schema import load_spec
from avfake.errors import ConfigError
from avfake.media.frames import iter_frames
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.studio.build import build_studio
from avfake.studio.family import forged_share, splice_picture, splice_sound
from avfake.studio.plan import ClipPlan, StudioConfig, plan_families

WHOLE = StudioConfig(num_clips=4, seconds=3.0, seed=11, frame_sizes=((192, 160),))
SPLICED = replace(WHOLE, splice_seconds=(0.8, 1.2))


@pytest.fixture(scope="module")
def studios(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One family forged all along, and the same family spliced."""
    folders = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("spliced")
    for folder, config in zip(folders, (WHOLE, SPLICED), strict=True):
        build_studio(folder, config, workers=0, show_progress=False)
    return folders


def clips_of(config: StudioConfig) -> list[ClipPlan]:
    return [clip for family in plan_families(config) for clip in family.clips]


def test_the_share_is_full_inside_and_nothing_outside() -> None:
    moments = np.array([0.9, 1.0, 1.05, 1.1, 1.5, 1.9, 1.95, 2.0, 2.1])
    shares = forged_share(moments, (1.0, 2.0, "face"))
    assert shares == pytest.approx([0, 0, 0.5, 1, 1, 1, 0.5, 0, 0], abs=1e-6)


def test_nothing_outside_the_segment_is_touched() -> None:
    rng = np.random.default_rng(2)
    genuine, forged = rng.integers(0, 256, (2, 20, 6, 6, 3), dtype=np.uint8)
    spliced = splice_picture(genuine, forged, (0.5, 1.5, "face"), fps=10)
    assert (spliced[:5] == genuine[:5]).all()
    assert (spliced[6:14] == forged[6:14]).all()
    assert (spliced[15:] == genuine[15:]).all()
    quiet, loud = Waveform(np.zeros(200, np.float32), 100), Waveform(np.ones(200, np.float32), 100)
    sound = splice_sound(quiet, loud, (0.5, 1.5, "voice")).samples
    assert not sound[:50].any()
    assert (sound[60:140] == 1).all()
    assert not sound[150:].any()
    assert np.abs(np.diff(sound)).max() < 0.2  # no click


def test_a_stretch_has_a_drawn_length_and_lies_in_the_clip() -> None:
    config = replace(SPLICED, num_clips=400, seconds=10.0, splice_seconds=(1.0, 3.0))
    lengths, starts = [], []
    for clip in clips_of(config):
        streams = ["face"] * clip.face_fake + ["voice"] * clip.voice_fake
        assert [stream for *_, stream in clip.segments] == streams
        for start, end, _ in clip.segments:
            assert 0 <= start < end <= 10
            assert start * config.fps == pytest.approx(round(start * config.fps), abs=1e-2)
            lengths.append(end - start)
            starts.append(start / (10 - (end - start)))
    assert min(lengths) >= 1 - 1 / config.fps
    assert max(lengths) <= 3 + 1 / config.fps
    assert np.mean(lengths) == pytest.approx(2, abs=0.15)
    assert np.mean(starts) == pytest.approx(0.5, abs=0.08)


def test_a_studio_that_is_not_spliced_is_what_it_always_was(studios: tuple[Path, Path]) -> None:
    whole, spliced = studios
    with (whole / "truth.csv").open() as file:
        assert "segments" not in next(csv.reader(file))
    assert "splice_seconds" not in json.loads((whole / "studio.json").read_text())
    assert json.loads((spliced / "studio.json").read_text())["splice_seconds"] == [0.8, 1.2]
    # Splicing draws for itself: all else about the clips is the same, and so is the genuine one.
    for one, other in zip(clips_of(WHOLE), clips_of(SPLICED), strict=True):
        assert replace(other, segments=()) == one
        same = (whole / one.filename).read_bytes() == (spliced / one.filename).read_bytes()
        assert same == (not one.label)


def test_the_picture_is_forged_where_the_truth_says(studios: tuple[Path, Path]) -> None:
    _, folder = studios
    genuine, face, voice, _ = clips_of(SPLICED)
    ((start, end, _),) = face.segments
    pictures = {}
    for clip in (genuine, face, voice):
        frames = [pixels for _, pixels in iter_frames(folder / clip.filename)]
        pictures[clip.filename] = np.stack(frames).astype(np.int16)
    difference = np.abs(pictures[face.filename] - pictures[genuine.filename]).mean(axis=3)
    change = np.percentile(difference, 99.5, axis=(1, 2))
    middles = (np.arange(len(change)) + 0.5) / SPLICED.fps
    inside = (middles > start + 0.1) & (middles < end - 0.1)
    outside = (middles < start) | (middles > end)
    assert change[inside].min() > 1.5 * change[outside].max()
    assert (pictures[voice.filename].shape, len(change)) == (pictures[genuine.filename].shape, 45)


def test_the_sound_is_forged_where_the_truth_says(studios: tuple[Path, Path]) -> None:
    _, folder = studios
    genuine, _, voice, _ = clips_of(SPLICED)
    ((start, end, _),) = voice.segments
    real, fake = (
        read_sound(folder / c.filename, 16_000).waveform().samples for c in (genuine, voice)
    )

    def likeness(begin: float, finish: float) -> float:
        piece = slice(int(begin * 16_000), int(finish * 16_000))
        return float(np.corrcoef(real[piece], fake[piece])[0, 1])

    assert likeness(start + 0.1, end - 0.1) < 0.9
    before, after = (0.0, start), (end, 2.9)
    assert likeness(*max(before, after, key=lambda span: span[1] - span[0])) > 0.95


def test_the_spec_reads_the_stretches(studios: tuple[Path, Path]) -> None:
    whole, spliced = studios
    rows = {row.clip_id: row for row in build_manifest(load_spec("studio"), spliced).rows}
    for clip in clips_of(SPLICED):
        assert rows[clip.filename].segments == clip.segments
    assert any(row.segments for row in rows.values())
    assert not any(row.segments for row in build_manifest(load_spec("studio"), whole).rows)


def test_a_folder_of_whole_fakes_is_not_filled_up_with_spliced_ones(
    studios: tuple[Path, Path],
) -> None:
    whole, spliced = studios
    with pytest.raises(ConfigError, match=r"splice_seconds None there, \[0\.8, 1\.2\] asked"):
        build_studio(whole, SPLICED, workers=0)
    with pytest.raises(ConfigError, match=r"splice_seconds \[0\.8, 1\.2\] there, None asked"):
        build_studio(spliced, WHOLE, workers=0)


@pytest.mark.parametrize("wrong", [(0.1, 1.0), (2.0, 1.0), (1.0, 3.0)])
def test_lengths_that_cannot_be_are_refused(wrong: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="splice_seconds is"):
        replace(WHOLE, splice_seconds=wrong)
