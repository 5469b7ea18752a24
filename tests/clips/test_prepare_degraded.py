"""Worn copies: other sound, the same picture and the same truth."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from avfake.augment.pipeline import draw_sound
from avfake.clips.archive import Clip
from avfake.clips.preparation.derived import degrade_clips
from avfake.clips.preparation.folder import PreparedFolder
from avfake.datasets.splits import assign_splits
from avfake.errors import ManifestError

DEGRADED = partial(draw_sound, names=("degraded",))


def test_a_copy_sounds_otherwise_and_keeps_labels_and_group(
    prepared: PreparedFolder, tmp_path: Path
) -> None:
    copies = degrade_clips(prepared, tmp_path / "degraded", DEGRADED, workers=0)
    heard = {clip.row.clip_id: clip for clip in prepared.clips if clip.has_audio}
    assert len(copies.manifest.rows) == len(heard)
    for row in copies.manifest.rows:
        before = heard[row.clip_id.removesuffix("~degraded")]
        assert (row.label, row.face_fake, row.voice_fake) == (
            before.row.label,
            before.row.face_fake,
            before.row.voice_fake,
        )
    row = copies.manifest.rows[0]
    before = heard[row.clip_id.removesuffix("~degraded")]
    old, new = Clip.open(before.archive), Clip.open(copies.archive_of(row.clip_id))
    first, second = old.waveform(), new.waveform()
    assert first is not None
    assert second is not None
    assert len(first.samples) == len(second.samples)
    assert not np.array_equal(first.samples, second.samples)
    assert old.meta.voice_statistics != new.meta.voice_statistics
    assert np.abs(old.crop(0, 0).astype(int) - new.crop(0, 0)).mean() < 2
    folds = assign_splits(
        [*prepared.manifest.rows, *copies.manifest.rows], dict.fromkeys(range(3), 1 / 3)
    )
    assert all(
        folds[r.clip_id] == folds[r.clip_id.removesuffix("~degraded")] for r in copies.manifest.rows
    )


def test_the_same_seed_degrades_alike(prepared: PreparedFolder, tmp_path: Path) -> None:
    one = degrade_clips(prepared, tmp_path / "one", DEGRADED, seed=3, workers=1)
    two = degrade_clips(prepared, tmp_path / "two", DEGRADED, seed=3, workers=0)
    clip_id = one.manifest.rows[1].clip_id
    first, second = (Clip.open(folder.archive_of(clip_id)).waveform() for folder in (one, two))
    assert first is not None
    assert second is not None
    assert np.array_equal(first.samples, second.samples)
    stamps = [clip.archive.stat().st_mtime_ns for clip in one.clips]
    again = degrade_clips(prepared, tmp_path / "one", DEGRADED, seed=3, workers=0)
    assert [clip.archive.stat().st_mtime_ns for clip in again.clips] == stamps
    other = degrade_clips(prepared, tmp_path / "one", DEGRADED, seed=4, workers=0)
    assert min(clip.archive.stat().st_mtime_ns for clip in other.clips) > max(stamps)


def test_silent_folders_are_refused(prepared: PreparedFolder, tmp_path: Path) -> None:
    class Silent:
        clips = ()
        path = prepared.path

    with pytest.raises(ManifestError, match="no clip with sound"):
        degrade_clips(Silent(), tmp_path / "none", DEGRADED)  # type: ignore[arg-type]
