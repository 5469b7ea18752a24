"""Joined clips have the picture of the one, the sound of the other, and the truth of both."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avfake.clips.archive import Clip
from avfake.clips.preparation.derived import join_clips, pairs_of_sources
from avfake.clips.preparation.folder import PreparedFolder
from avfake.datasets.splits import assign_splits
from avfake.errors import ManifestError


def clip_id(folder: PreparedFolder, *, face: bool, voice: bool) -> str:
    return next(
        row.clip_id
        for row in folder.manifest.rows
        if (row.face_fake, row.voice_fake) == (face, voice)
    )


def test_a_join_shows_the_one_and_sounds_like_the_other(
    prepared: PreparedFolder, tmp_path: Path
) -> None:
    face = clip_id(prepared, face=True, voice=False)
    voice = clip_id(prepared, face=False, voice=True)
    genuine = clip_id(prepared, face=False, voice=False)
    pairs = [(face, voice), (voice, face), (genuine, voice), (face, genuine)]
    joined = join_clips(prepared, prepared, tmp_path / "joined", pairs, workers=0)
    rows = joined.manifest.rows
    found = [(row.label, row.face_fake, row.voice_fake) for row in rows]
    assert found == [
        (True, True, True),
        (False, False, False),
        (True, False, True),
        (True, True, False),
    ]
    clip, seen = Clip.open(joined.archive_of(rows[0].clip_id)), Clip.open(prepared.archive_of(face))
    heard = Clip.open(prepared.archive_of(voice))
    mine, its = clip.waveform(), heard.waveform()
    assert mine is not None
    assert its is not None
    assert np.array_equal(mine.samples, its.samples)
    assert clip.meta.voice_statistics == heard.meta.voice_statistics
    # Packed as JPEG once more, as every clip made of clips is.
    difference = np.abs(clip.crop(0, 0).astype(int) - seen.crop(0, 0)).mean()
    assert difference < 2


def test_a_join_parts_from_neither_of_its_sources(prepared: PreparedFolder, tmp_path: Path) -> None:
    by_group: dict[str, str] = {}
    for row in prepared.manifest.rows:
        by_group.setdefault(row.group, row.clip_id)
    first, second, *_ = by_group.values()
    joined = join_clips(prepared, prepared, tmp_path / "joined", [(first, second)], workers=0)
    rows = [*prepared.manifest.rows, *joined.manifest.rows]
    folds = assign_splits(rows, dict.fromkeys(range(3), 1 / 3))
    assert folds[joined.manifest.rows[0].clip_id] == folds[first] == folds[second]


def test_each_source_of_pictures_meets_one_of_sounds(prepared: PreparedFolder) -> None:
    row_of = {row.clip_id: row for row in prepared.manifest.rows}
    pairs = pairs_of_sources(prepared, prepared, seed=0)
    assert len(pairs) == len(set(pairs))
    assert all(row_of[picture].group == row_of[sound].group for picture, sound in pairs)
    sounds: dict[str, list[bool]] = {}
    for picture, sound in pairs:
        sounds.setdefault(picture, []).append(bool(row_of[sound].voice_fake))
    assert sounds.keys() == row_of.keys()
    for picture, forged in sounds.items():
        assert sorted(forged) == (
            [False, True] if row_of[picture].face_fake else [False, False, True]
        )


def test_sources_with_genuine_clips_meet_each_other(
    prepared: PreparedFolder, tmp_path: Path
) -> None:
    pictures = parted(prepared, tmp_path / "seen", part="face_fake")
    sounds = parted(prepared, tmp_path / "heard", part="voice_fake")
    seen_in = {row.clip_id: row.group for row in pictures.manifest.rows}
    heard_in = {row.clip_id: row.group for row in sounds.manifest.rows}
    for seed in range(4):
        pairs = pairs_of_sources(pictures, sounds, seed=seed)
        met = {(seen_in[picture], heard_in[sound]) for picture, sound in pairs}
        assert met == {("seen-True", "heard-True"), ("seen-False", "heard-False")}


def parted(folder: PreparedFolder, out: Path, *, part: str) -> PreparedFolder:
    """The folder with two groups, one of which has nothing genuine."""
    shutil.copytree(str(folder.path), out)
    rows = [replace(row, group=f"{out.name}-{getattr(row, part)}") for row in folder.manifest.rows]
    replace(folder.manifest, rows=tuple(rows)).save(out / "manifest.csv")
    return PreparedFolder(out)


def test_what_has_no_such_part_is_refused(prepared: PreparedFolder, tmp_path: Path) -> None:
    known = prepared.manifest.rows[0].clip_id
    with pytest.raises(ManifestError, match="no voice.*nowhere"):
        join_clips(prepared, prepared, tmp_path / "joined", [(known, "nowhere")], workers=0)
