"""Preparation: every file ends in the table, nothing is lost, nothing is done twice."""

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from avfake.clips.config import ClipConfig
from avfake.clips.preparation.folder import PreparedFolder
from avfake.clips.preparation.prepare import prepare_clips
from avfake.datasets.build import build_manifest
from avfake.datasets.schema import load_spec
from avfake.errors import AvfakeError, ConfigError
from avfake.faces.cropping import CropConfig

CONFIG = ClipConfig(num_frames=2, crop=CropConfig(size_px=64))


@pytest.fixture
def dataset(studio_root: Path, tmp_path: Path) -> Path:
    """A DFDC folder of two families and of everything that can be wrong with a file."""
    root = tmp_path / "dfdc"
    root.mkdir()
    metadata = json.loads((studio_root / "metadata.json").read_text())
    originals = [name for name, row in metadata.items() if row["label"] == "REAL"][:2]
    rows = {n: r for n, r in metadata.items() if n in originals or r.get("original") in originals}
    for name in rows:
        shutil.copy(studio_root / name, root / name)
    whole = (root / originals[0]).read_bytes()
    broken = {
        "aaempty.mp4": b"",
        "aatext.mp4": b"words, only words",
        "aahalf.mp4": whole[: len(whole) // 2],
    }
    for name, content in broken.items():
        (root / name).write_bytes(content)
        rows[name] = {"label": "FAKE", "split": "train", "original": originals[0]}
    rows["aagone.mp4"] = {"label": "FAKE", "split": "train", "original": "neverthere.mp4"}
    (root / "metadata.json").write_text(json.dumps(rows))
    return root


def test_every_file_has_a_row_and_a_reason(dataset: Path, tmp_path: Path) -> None:
    manifest = build_manifest(load_spec("dfdc"), dataset)
    folder = prepare_clips(manifest, tmp_path / "clips", CONFIG, workers=0)
    assert list(folder.statuses) == [row.clip_id for row in manifest.rows]
    failed = {
        Path(name).name: status["reasons"].split(" ")[0]
        for name, status in folder.statuses.items()
        if status["status"] == "failed"
    }
    assert failed.pop("aahalf.mp4").startswith("file:")
    assert failed == {
        "aaempty.mp4": "file:empty_file",
        "aatext.mp4": "file:not_media",
        "aagone.mp4": "file:file_missing",
    }
    assert len(folder.clips) == 8
    assert all(clip.has_visual and clip.has_audio for clip in folder.clips)
    assert all(clip.archive.is_file() for clip in folder.clips)


def test_a_second_run_does_nothing_again(dataset: Path, tmp_path: Path) -> None:
    manifest = build_manifest(load_spec("dfdc"), dataset)
    first = prepare_clips(manifest, tmp_path / "clips", CONFIG, workers=0)
    times = {clip.archive: clip.archive.stat().st_mtime_ns for clip in first.clips}
    journal = (tmp_path / "clips" / "journal.jsonl").read_text()
    second = prepare_clips(manifest, tmp_path / "clips", CONFIG, workers=0)
    assert {clip.archive: clip.archive.stat().st_mtime_ns for clip in second.clips} == times
    assert (tmp_path / "clips" / "journal.jsonl").read_text() == journal


def test_workers_and_order_do_not_show_in_the_result(dataset: Path, tmp_path: Path) -> None:
    manifest = build_manifest(load_spec("dfdc"), dataset)
    alone = prepare_clips(manifest, tmp_path / "a", CONFIG, workers=0)
    pool = prepare_clips(manifest, tmp_path / "b", CONFIG, workers=2)
    assert (tmp_path / "a/status.csv").read_bytes() == (tmp_path / "b/status.csv").read_bytes()
    for one, other in zip(alone.clips, pool.clips, strict=True):
        assert one.archive.read_bytes() == other.archive.read_bytes()


def test_other_settings_in_the_same_folder_are_refused(prepared: PreparedFolder) -> None:
    with pytest.raises(ConfigError, match="made with other settings"):
        prepare_clips(prepared.manifest, prepared.path, replace(prepared.config, num_frames=3))


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no clips\.yaml.*avfake prepare"):
        PreparedFolder(tmp_path)


def test_an_unfinished_folder_says_so(prepared: PreparedFolder, tmp_path: Path) -> None:
    for name in ("clips.yaml", "manifest.csv", "manifest.csv.json"):
        shutil.copy(prepared.path / name, tmp_path / name)
    with pytest.raises(ConfigError, match="not finished; run the same avfake prepare again"):
        _ = PreparedFolder(tmp_path).clips


def test_a_full_disk_ends_the_run_and_blames_no_file(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = build_manifest(load_spec("dfdc"), dataset)
    write_bytes, room = Path.write_bytes, [3]

    def full_after_three(path: Path, content: bytes) -> int:
        if path.parent.name == "archives":
            room[0] -= 1
            if room[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", full_after_three)
    with pytest.raises(AvfakeError, match="No space left on device; what was done is kept"):
        prepare_clips(manifest, tmp_path / "clips", CONFIG, workers=0)
    monkeypatch.undo()
    done = (tmp_path / "clips" / "journal.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["status"] != "failed" for line in done) == 3
    assert not any("disk" in line or "space" in line for line in done)
    folder = prepare_clips(manifest, tmp_path / "clips", CONFIG, workers=0)
    assert len(folder.clips) == 8


def archives_of(folder: PreparedFolder) -> dict[str, int]:
    """clip_id -> when its archive was written."""
    return {c.row.clip_id: Path(c.archive).stat().st_mtime_ns for c in folder.clips}


def test_what_failed_or_changed_is_prepared_again_with_its_fakes(
    dataset: Path, tmp_path: Path
) -> None:
    manifest = build_manifest(load_spec("dfdc"), dataset)
    first = prepare_clips(manifest, tmp_path / "clips", CONFIG, workers=0)
    before = archives_of(first)
    originals = [row.clip_id for row in manifest.rows if row.label is False]
    shutil.copy(dataset / originals[1], dataset / "aatext.mp4")  # it failed, and is a fake of [0]
    (dataset / originals[1]).touch()
    second = prepare_clips(manifest, tmp_path / "clips", CONFIG, workers=0)
    after = archives_of(second)
    assert second.statuses["aatext.mp4"]["status"] == "ok"
    again = {clip_id for clip_id in after if after[clip_id] != before.get(clip_id)}
    fakes = {row.clip_id for row in manifest.rows if row.original == originals[1]}
    assert again == {"aatext.mp4", originals[1], *fakes}
    assert len(fakes) == 3
    third = prepare_clips(manifest, tmp_path / "clips", CONFIG, workers=0)
    assert archives_of(third) == after


def test_clips_of_other_files_are_not_lost(dataset: Path, tmp_path: Path) -> None:
    manifest = build_manifest(load_spec("dfdc"), dataset)
    rows = [row for row in manifest.rows if row.status == "ok"][:3]
    one, more = (replace(manifest, rows=tuple(rows[:n])) for n in (2, 3))
    prepare_clips(one, tmp_path / "clips", CONFIG, workers=0)
    prepare_clips(more, tmp_path / "clips", CONFIG, workers=0)
    with pytest.raises(ConfigError, match="holds 1 clips of files that are not among these"):
        prepare_clips(one, tmp_path / "clips", CONFIG, workers=0)
    # Another set whose files have the same names.
    shutil.copytree(dataset, tmp_path / "other")
    (tmp_path / "other" / rows[1].clip_id).write_bytes(b"of somebody else")
    moved = [replace(row, path=str(tmp_path / "other" / row.clip_id)) for row in rows]
    other = replace(manifest, rows=tuple(moved))
    with pytest.raises(ConfigError, match=f"holds 1 clips.*{rows[1].clip_id}"):
        prepare_clips(other, tmp_path / "clips", CONFIG, workers=0)
    assert len(PreparedFolder(tmp_path / "clips").manifest) == 3
    shutil.rmtree(dataset)  # the same set, moved: nothing says otherwise
    prepare_clips(other, tmp_path / "clips", CONFIG, workers=0)


def test_a_folder_with_files_of_somebody_is_left_as_it_is(dataset: Path, tmp_path: Path) -> None:
    manifest = build_manifest(load_spec("dfdc"), dataset)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "status.csv").write_text("by hand")
    with pytest.raises(ConfigError, match=r"holds status\.csv, which this command did not make"):
        prepare_clips(manifest, tmp_path / "mine", CONFIG, workers=0)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["status.csv"]


@pytest.mark.parametrize("content", ["", "5", "hash: x", "{", "- a"])
def test_settings_that_avfake_did_not_write_are_named(
    dataset: Path, tmp_path: Path, content: str
) -> None:
    (tmp_path / "clips.yaml").write_text(content)
    with pytest.raises(ConfigError, match=r"clips\.yaml is not what avfake wrote"):
        prepare_clips(build_manifest(load_spec("dfdc"), dataset), tmp_path, CONFIG, workers=0)
    with pytest.raises(ConfigError, match=r"clips\.yaml is not what avfake wrote"):
        _ = PreparedFolder(tmp_path).config
