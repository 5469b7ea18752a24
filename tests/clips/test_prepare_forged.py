"""Forged clips carry their truth, and nothing but the forgery sets them apart."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avfake.clips.archive import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.clips.preparation.forged import ForgeryConfig
from avfake.errors import ConfigError, ManifestError

CONFIG = ForgeryConfig(variants=2, voice_methods=("strides", "splice"))


@pytest.fixture(scope="module")
def forged(prepared: PreparedFolder, tmp_path_factory: pytest.TempPathFactory) -> PreparedFolder:
    return CONFIG.forge(prepared, tmp_path_factory.mktemp("forged") / "out", workers=0)


def clip_of(folder: PreparedFolder, name: str) -> Clip:
    return Clip.open(folder.archive_of(name))


def crops_of(clip: Clip) -> np.ndarray:
    return np.stack([clip.crop(0, k) for k in range(len(clip.meta.persons[0].frame_indices))])


def test_every_genuine_clip_is_forged_in_every_way(
    prepared: PreparedFolder, forged: PreparedFolder
) -> None:
    genuine = [clip.row for clip in prepared.clips if clip.row.label is False]
    assert len(genuine) == 6
    assert len(forged.clips) == 6 * (1 + 2 * 3)
    kinds = {(r.label, r.face_fake, r.voice_fake) for r in forged.manifest.rows}
    assert kinds == {
        (False, False, False),
        (True, True, False),
        (True, False, True),
        (True, True, True),
    }
    ids = {row.clip_id for row in forged.manifest.rows}
    assert all(r.original in ids for r in forged.manifest.rows if r.label)
    assert {r.group for r in forged.manifest.rows} == {r.group for r in genuine}


def test_only_the_forged_part_differs_from_the_genuine_copy(forged: PreparedFolder) -> None:
    stem = forged.manifest.rows[0].clip_id.removesuffix("~genuine")
    genuine, face, voice = (clip_of(forged, f"{stem}~{k}") for k in ("genuine", "face0", "voice0"))
    assert np.array_equal(crops_of(voice), crops_of(genuine))
    assert not np.array_equal(crops_of(face), crops_of(genuine))
    own, same, other = (clip.waveform() for clip in (genuine, face, voice))
    assert own is not None
    assert same is not None
    assert other is not None
    assert np.array_equal(own.samples, same.samples)
    assert not np.array_equal(own.samples, other.samples)
    assert len(own.samples) == len(other.samples)
    assert face.meta.voice_statistics == genuine.meta.voice_statistics
    assert voice.meta.voice_statistics != genuine.meta.voice_statistics


def test_the_genuine_copy_has_been_through_as_many_jpegs(
    prepared: PreparedFolder, forged: PreparedFolder
) -> None:
    stem = forged.manifest.rows[0].clip_id.removesuffix("~genuine")
    first, second = clip_of(prepared, stem), clip_of(forged, f"{stem}~genuine")
    assert not np.array_equal(crops_of(first), crops_of(second))
    assert np.abs(crops_of(first).astype(int) - crops_of(second)).mean() < 2


def test_a_stopped_run_goes_on_to_the_same_bytes(
    prepared: PreparedFolder, forged: PreparedFolder, tmp_path: Path
) -> None:
    def digests(folder: PreparedFolder) -> dict[str, str]:
        return {
            clip.row.clip_id: hashlib.sha256(clip.archive.read_bytes()).hexdigest()
            for clip in folder.clips
        }

    first = CONFIG.forge(prepared, tmp_path / "again", workers=0)
    expected = digests(forged)
    assert digests(first) == expected
    lost = first.clips[5]
    lost.archive.unlink()
    lines = (tmp_path / "again/journal.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "again/journal.jsonl").write_text("".join(lines[:5] + lines[6:]))
    assert digests(CONFIG.forge(prepared, tmp_path / "again", workers=0)) == expected


def test_other_settings_make_the_clips_again(prepared: PreparedFolder, tmp_path: Path) -> None:
    out, genuine = tmp_path / "out", next(c.row for c in prepared.clips if c.row.label is False)
    settings = ForgeryConfig(variants=1, voice_methods=("strides",))
    only = {genuine.clip_id}
    before = settings.forge(prepared, out, clip_ids=only, workers=0)
    sounds = [clip_of(before, f"{genuine.clip_id}~voice0").waveform()]
    stamp = before.archive_of(f"{genuine.clip_id}~face0").stat().st_mtime_ns
    other = replace(settings, voice_methods=("splice",))
    after = other.forge(prepared, out, clip_ids=only, workers=0)
    sounds.append(clip_of(after, f"{genuine.clip_id}~voice0").waveform())
    assert {r.method for r in after.manifest.rows if r.voice_fake and not r.face_fake} == {"splice"}
    assert sounds[0] is not None
    assert sounds[1] is not None
    assert not np.array_equal(sounds[0].samples, sounds[1].samples)
    # What is made as before is not made again.
    assert after.archive_of(f"{genuine.clip_id}~face0").stat().st_mtime_ns == stamp


def test_a_broken_clip_costs_only_its_own_forgeries(
    prepared: PreparedFolder, forged: PreparedFolder, tmp_path: Path
) -> None:
    shutil.copytree(prepared.path, tmp_path / "copy")
    broken = PreparedFolder(tmp_path / "copy")
    victim = next(clip for clip in broken.clips if clip.row.label is False)
    Path(victim.archive).write_bytes(b"no zip")
    made = CONFIG.forge(broken, tmp_path / "out", workers=0)
    failed = {name for name, row in made.statuses.items() if row["status"] == "failed"}
    assert failed == {n for n in made.statuses if n.startswith(f"{victim.row.clip_id}~")}
    assert "decode_error" in made.statuses[f"{victim.row.clip_id}~genuine"]["reasons"]
    assert len(made.clips) == len(forged.clips) - len(failed)


def test_mistakes_are_named(
    prepared: PreparedFolder, forged: PreparedFolder, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="self_blend"):
        ForgeryConfig(face_methods=("self_blnd",))
    with pytest.raises(ConfigError, match="variants"):
        ForgeryConfig(variants=0)
    with pytest.raises(ConfigError, match="empty"):
        ForgeryConfig(voice_methods=())
    only_fakes = PreparedFolder(forged.path)
    rows = tuple(row for row in only_fakes.manifest.rows if row.label)
    object.__setattr__(only_fakes.manifest, "rows", rows)
    with pytest.raises(ManifestError, match="no genuine clip"):
        CONFIG.forge(only_fakes, tmp_path / "none", workers=0)
