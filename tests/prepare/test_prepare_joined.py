"""Joined clips have the picture of the one, the sound of the other, and the truth of both."""

from pathlib import Path

import numpy as np
import pytest

from avfake.clips import Clip
from avfake.data import assign_folds
from avfake.errors import ManifestError
from avfake.prepare import PreparedFolder, join_clips, pairs_of_sources


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
    folds = assign_folds(rows, 3, seed=0)
    assert folds[joined.manifest.rows[0].clip_id] == folds[first] == folds[second]


def test_each_source_of_pictures_meets_one_of_sounds(prepared: PreparedFolder) -> None:
    group_of = {row.clip_id: row.group for row in prepared.manifest.rows}
    pairs = pairs_of_sources(prepared, prepared, seed=0, sounds_each=3)
    assert len(pairs) == len(set(pairs)) == 3 * len(prepared.clips)
    assert all(group_of[picture] == group_of[sound] for picture, sound in pairs)


def test_what_has_no_such_part_is_refused(prepared: PreparedFolder, tmp_path: Path) -> None:
    known = prepared.manifest.rows[0].clip_id
    with pytest.raises(ManifestError, match="no voice.*nowhere"):
        join_clips(prepared, prepared, tmp_path / "joined", [(known, "nowhere")], workers=0)
