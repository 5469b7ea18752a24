"""A studio's fakes get their true labels back from its originals; nothing known is overwritten."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from real_media import REAL_MEDIA

from avfake.audit.labels.derive import derive_labels, fill
from avfake.audit.labels.pair import DerivedRow, compare_pair
from avfake.datasets.manifest import Manifest, Row, read_manifest
from avfake.errors import ConfigError
from avfake.media.frames import iter_frames
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.media.writing import write_video

FRAMES = 6


def truth_of(root: Path) -> dict[str, dict[str, str]]:
    with (root / "truth.csv").open() as file:
        return {row["filename"]: row for row in csv.DictReader(file)}


def manifest_of(root: Path, count: int) -> Manifest:
    """As DFDC says it: fake or not, and the original; never which part."""
    rows = [
        Row(
            name,
            str(root / name),
            label=truth["label"] == "true",
            original=truth["original"] or None,
        )
        for name, truth in truth_of(root).items()
    ]
    families = {r.original or r.clip_id for r in rows}
    kept = sorted(families)[:count]
    return Manifest(tuple(r for r in rows if (r.original or r.clip_id) in kept), "studio")


def test_the_studios_labels_come_back(studio_root: Path, tmp_path: Path) -> None:
    manifest, truth = manifest_of(studio_root, 3), truth_of(studio_root)
    derived = derive_labels(manifest, tmp_path, num_frames=FRAMES, workers=0, masks=True)
    assert len(derived.rows) == 9
    for row in derived.rows:
        for part in ("face_fake", "voice_fake"):
            expected = truth[row.clip_id][part] == "true"
            assert getattr(row, part) in (expected, None), (row, expected)
    known = [x for row in derived.rows for x in (row.face_fake, row.voice_fake) if x is not None]
    assert len(known) >= 14, derived.rows
    assert read_manifest(tmp_path / "manifest.csv").rows == derived.manifest.rows
    masks = np.load(next((tmp_path / "masks").glob("*.npz")))
    assert masks["masks"].dtype == np.uint8
    assert len(masks["masks"]) == len(masks["seconds"])


def test_a_stopped_run_goes_on_and_other_settings_are_refused(
    studio_root: Path, tmp_path: Path
) -> None:
    manifest = manifest_of(studio_root, 1)
    first = derive_labels(manifest, tmp_path, num_frames=FRAMES, workers=0)
    journal = tmp_path / "journal.jsonl"
    before = journal.read_text()
    lines = before.splitlines(keepends=True)
    journal.write_text(lines[0] + lines[1][:20])
    assert derive_labels(manifest, tmp_path, num_frames=FRAMES, workers=0) == first
    with pytest.raises(ConfigError, match="other settings"):
        derive_labels(manifest, tmp_path, num_frames=5, workers=0)


def test_what_cannot_be_compared_is_unknown(studio_root: Path, tmp_path: Path) -> None:
    rows = manifest_of(studio_root, 1).rows
    fake, genuine = next(r for r in rows if r.label), next(r for r in rows if not r.label)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    cases = {
        "no_original": replace(fake, clip_id="a", original=None),
        "original_missing": replace(fake, clip_id="b", original="elsewhere.mp4"),
        "unreadable": replace(fake, clip_id="c", path=str(tmp_path / "broken.mp4")),
    }
    manifest = Manifest((*cases.values(), genuine), "x")
    derived = derive_labels(manifest, tmp_path / "out", num_frames=FRAMES, workers=0)
    for row, why in zip(derived.rows, cases, strict=True):
        assert (row.face_fake, row.voice_fake) == (None, None)
        assert (row.face_why, row.voice_why) == (why, why)
    assert derived.manifest.rows == manifest.rows


def test_a_coarse_copy_without_sound_is_unchanged(studio_root: Path, tmp_path: Path) -> None:
    genuine = next(r for r in manifest_of(studio_root, 1).rows if not r.label)
    frames = np.stack([picture for _, picture in iter_frames(genuine.path)])
    copy = tmp_path / "copy.mp4"
    write_video(copy, frames, fps=probe(genuine.path).fps, crf=30)
    found = compare_pair("copy", copy, genuine.path, num_frames=FRAMES)
    assert found.face_fake is False, found
    assert (found.voice_fake, found.voice_why) == (None, "no_audio")
    assert found.has_audio is False

    mislabelled = replace(genuine, clip_id="copy", path=str(copy), label=True, original="it")
    manifest = Manifest((mislabelled, replace(genuine, clip_id="it")), "x")
    derived = derive_labels(manifest, tmp_path / "out", num_frames=FRAMES, workers=0)
    assert derived.rows[0].no_visible_change is True
    assert derived.manifest.rows[0].face_fake is None
    assert "nothing in it was changed" in derived.contradictions[0]


def test_a_copy_cut_short_with_its_sound_is_unchanged(studio_root: Path, tmp_path: Path) -> None:
    genuine = next(r for r in manifest_of(studio_root, 1).rows if not r.label)
    frames = np.stack([picture for _, picture in iter_frames(genuine.path)])
    copy = tmp_path / "copy.mp4"
    sound = read_sound(genuine.path, 44_100).waveform()
    kept = frames[: len(frames) * 3 // 4]
    write_video(copy, kept, fps=probe(genuine.path).fps, waveform=sound, audio_kbps=96)
    found = compare_pair("copy", copy, genuine.path, num_frames=FRAMES)
    assert (found.face_fake, found.voice_fake) == (False, False), found


def test_known_labels_stay_and_contradictions_are_told() -> None:
    row = Row("a", "a", label=True, face_fake=True, original="o", has_audio=True)
    filled, said = fill(Manifest((row,), "x"), (DerivedRow("a", face_fake=False, voice_fake=True),))
    assert (filled.rows[0].face_fake, filled.rows[0].voice_fake) == (True, True)
    assert len(said) == 1
    assert "face_fake is true" in said[0]


@pytest.mark.slow
@pytest.mark.skipif(not REAL_MEDIA.exists(), reason="the real clips are not here")
def test_real_faces_read_as_changed() -> None:
    with (REAL_MEDIA / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["original"]]
    video = REAL_MEDIA / "video"
    pairs = [(video / r["filename"], video / r["original"]) for r in rows]
    pairs = [pair for pair in pairs if pair[1].exists()]
    assert len(pairs) >= 7
    for fake, original in pairs:
        found, one, other = compare_pair("it", fake, original), probe(fake), probe(original)
        same_size = (one.width, one.height) == (other.width, other.height)
        assert (found.face_fake, found.face_why) == (
            (True, None) if same_size else (None, "other_size")
        )


def test_a_file_and_its_bytes_are_the_same(studio_root: Path, tmp_path: Path) -> None:
    genuine = next(r for r in manifest_of(studio_root, 1).rows if not r.label)
    copy = Path(shutil.copy(genuine.path, tmp_path / "b.mp4"))
    found = compare_pair("copy", copy, genuine.path, num_frames=FRAMES)
    assert found.face_distance == pytest.approx(0, abs=1e-4)
    assert found.residual_db < -60


def test_masks_that_are_asked_for_later_are_written(studio_root: Path, tmp_path: Path) -> None:
    manifest = manifest_of(studio_root, 1)
    first = derive_labels(manifest, tmp_path, num_frames=FRAMES, workers=0)
    assert not (tmp_path / "masks").exists()
    assert derive_labels(manifest, tmp_path, num_frames=FRAMES, workers=0, masks=True) == first
    masks = {path: path.stat().st_mtime_ns for path in (tmp_path / "masks").iterdir()}
    assert len(masks) == 3
    derive_labels(manifest, tmp_path, num_frames=FRAMES, workers=0, masks=True)
    assert all(path.stat().st_mtime_ns == written for path, written in masks.items())


def test_pairs_that_failed_or_changed_are_compared_again(
    studio_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = []
    for row in manifest_of(studio_root, 1).rows:
        shutil.copy(row.path, tmp_path / row.clip_id)
        rows.append(replace(row, path=str(tmp_path / row.clip_id)))
    fakes = [row for row in rows if row.label]
    whole = Path(fakes[0].path).read_bytes()
    Path(fakes[0].path).write_bytes(b"no video")
    manifest = Manifest(tuple(rows), "x")
    first = derive_labels(manifest, tmp_path / "out", num_frames=FRAMES, workers=0)
    assert first.rows[0].face_why == "unreadable"
    compared: list[str] = []

    def watched(clip_id: str, *rest: object, **options: object) -> object:
        compared.append(clip_id)
        return compare_pair(clip_id, *rest, **options)

    monkeypatch.setattr("avfake.audit.labels.derive.compare_pair", watched)
    Path(fakes[0].path).write_bytes(whole)
    Path(fakes[2].path).touch()
    second = derive_labels(manifest, tmp_path / "out", num_frames=FRAMES, workers=0)
    assert compared == [fakes[0].clip_id, fakes[2].clip_id]
    assert second.rows[0].face_why is None
    assert second.rows[1:] == first.rows[1:]
    fewer = Manifest(tuple(row for row in rows if row is not fakes[1]), "x")
    with pytest.raises(ConfigError, match=f"1 rows of other files.*{fakes[1].clip_id}"):
        derive_labels(fewer, tmp_path / "out", num_frames=FRAMES, workers=0)
