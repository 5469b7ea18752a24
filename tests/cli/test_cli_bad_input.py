"""What a user may hand over by mistake or in bad faith: a sentence or a row, never a traceback."""

import csv
import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from running import Run

from avfake.clips.preparation.folder import PreparedFolder
from avfake.limits import Limits, limited

SMALL = ("--workers", 0, "--frames", 2, "--size-px", 64)


@pytest.fixture
def genuine(studio_root: Path) -> Path:
    """A video of the studio that is genuine."""
    metadata = json.loads((studio_root / "metadata.json").read_text())
    return studio_root / next(name for name, row in metadata.items() if row["label"] == "REAL")


def dfdc(root: Path, *names: str) -> Path:
    root.mkdir(exist_ok=True)
    rows = {name: {"label": "REAL", "split": "train", "original": None} for name in names}
    (root / "metadata.json").write_text(json.dumps(rows))
    return root


@pytest.mark.parametrize("is_zipped", [False, True])
def test_a_huge_table_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_zipped: bool
) -> None:
    root = dfdc(tmp_path / "root", *(f"{number:06d}.mp4" for number in range(50)))
    if is_zipped:
        with zipfile.ZipFile(root / "part.zip", "w") as archive:
            archive.write(root / "metadata.json", "metadata.json")
        (root / "metadata.json").unlink()
    monkeypatch.setattr("avfake.datasets.listing.MAX_TABLE_BYTES", 1000)
    code, _, err = run("manifest", "dfdc", root, tmp_path / "m.csv")
    assert code == 2
    assert "metadata.json: has more than 1000 bytes, which is no table of labels" in err
    assert not (tmp_path / "m.csv").exists()


def test_members_that_lead_out_of_a_zip_are_refused_and_named(
    run: Run, tmp_path: Path, genuine: Path
) -> None:
    root = dfdc(tmp_path / "root", "good.mp4")
    with zipfile.ZipFile(root / "part.zip", "w") as archive:
        archive.write(genuine, "good.mp4")
        archive.write(genuine, "../../evil.mp4")
    code, out, _ = run("prepare", "dfdc", root, tmp_path / "out", *SMALL)
    assert code == 0
    assert "refused 1 members whose names lead out of the archive: ../../evil.mp4" in out
    assert not list(tmp_path.rglob("evil*"))
    assert list(PreparedFolder(tmp_path / "out").statuses) == ["good.mp4"]


def test_a_zip_bomb_is_a_row_with_its_reason(run: Run, tmp_path: Path, genuine: Path) -> None:
    root = dfdc(tmp_path / "root", "bomb.mp4", "good.mp4")
    limit = 2 * genuine.stat().st_size
    with zipfile.ZipFile(root / "part.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.mp4", bytes(50 * limit))
        archive.write(genuine, "good.mp4")
    assert (root / "part.zip").stat().st_size < limit
    with limited(Limits(unpacked_gigabytes=limit / 1e9)):
        code, _, _ = run("prepare", "dfdc", root, tmp_path / "out", *SMALL)
    assert code == 1
    statuses = PreparedFolder(tmp_path / "out").statuses
    assert statuses["good.mp4"]["status"] == "ok"
    assert statuses["bomb.mp4"]["reasons"] == (
        f"file:too_large (it unpacks to more than {limit / 1e9:g} GB)"
    )


def test_a_folder_that_may_not_be_read_is_named(
    run: Run, tmp_path: Path, genuine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = dfdc(tmp_path / "root", "good.mp4")
    shutil.copy(genuine, root / "good.mp4")
    (root / "locked").mkdir()
    scandir = os.scandir

    def refused(folder: str) -> object:  # chmod would not keep root out
        if Path(folder).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr("avfake.datasets.folders.os.scandir", refused)
    code, out, _ = run("manifest", "dfdc", root, tmp_path / "m.csv")
    assert code == 0
    assert f"{root / 'locked'}: cannot be listed (Permission denied); it was left out" in out
    assert "1 rows (1 genuine)" in out


def test_a_file_that_may_not_be_read_is_a_row(
    run: Run, tmp_path: Path, genuine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = dfdc(tmp_path / "root", "a.mp4", "b.mp4")
    shutil.copy(genuine, root / "a.mp4")
    shutil.copy(genuine, root / "b.mp4")
    stat = Path.stat

    def refused(path: Path, **options: bool) -> os.stat_result:
        if path.name == "a.mp4":
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refused)
    assert run("prepare", "dfdc", root, tmp_path / "out", *SMALL)[0] == 1
    statuses = PreparedFolder(tmp_path / "out").statuses
    assert statuses["a.mp4"]["reasons"] == "file:file_missing (Permission denied)"
    assert statuses["b.mp4"]["status"] == "ok"


def test_clips_whose_names_are_not_utf8_go_all_the_way(
    run: Run, tmp_path: Path, genuine: Path, detector_folder: Path
) -> None:
    name = "raw\udcff.mp4"
    root = dfdc(tmp_path / "root", name)
    shutil.copy(genuine, root / name)
    code, out, err = run("prepare", "dfdc", root, tmp_path / "out", *SMALL)
    assert code == 0, out + err
    folder = PreparedFolder(tmp_path / "out")
    assert [(clip.row.clip_id, clip.has_visual) for clip in folder.clips] == [(name, True)]
    assert folder.clips[0].archive.is_file()  # type: ignore[union-attr]
    assert folder.statuses[name]["status"] == "ok"
    table = tmp_path / "scores.csv"
    assert run("predict", root, "--detector", detector_folder, "--out", table)[0] == 0
    with table.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        assert [(row["file"], row["status"]) for row in csv.DictReader(file)] == [
            (str(root / name), "ok")
        ]


def test_predict_reads_urls_and_writes_its_table_to_one(
    run: Run, tmp_path: Path, genuine: Path, detector_folder: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(genuine, "inner.mp4")
    store = MemoryFileSystem()
    store.pipe_file("/bucket/in/a.mp4", genuine.read_bytes())
    store.pipe_file("/bucket/in/notes.txt", b"no media")
    chain = f"zip://inner.mp4::file://{tmp_path}/x.zip"
    urls = ("memory://bucket/in", chain, "memory://bucket/gone.mp4")
    options = ("--detector", detector_folder, "--out", "memory://bucket/scores.csv")
    try:
        code, out, _ = run("predict", *urls, *options, "--workers", 0)
        text = store.cat_file("/bucket/scores.csv").decode()
        assert len(store.find("/bucket/scores.csv.journal")) == 4
        again = run("predict", *urls, *options, "--workers", 0)
        assert store.cat_file("/bucket/scores.csv").decode() == text
        assert run("predict", "memory://bucket/none", "--detector", detector_folder)[0] == 1
        nothing = run("predict", "memory://bucket/scores.csv.journal", *options[:2])
    finally:
        store.store.clear()
    assert code == again[0] == 1
    assert "memory://bucket/gone.mp4: file:file_missing" in out
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["file"] for row in rows] == ["memory://bucket/in/a.mp4", chain, urls[2]]
    assert [row["status"] for row in rows] == ["ok", "ok", "failed"]
    assert rows[0]["p_fake"] == rows[1]["p_fake"] != ""
    assert nothing[0] == 2
    assert "holds no media file" in nothing[2]
