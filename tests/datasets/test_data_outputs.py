"""What avfake wrote into the folder of a dataset is no input of the next run."""

import csv
import json
import shutil
import zipfile
from dataclasses import fields
from pathlib import Path

import pytest
from trees import touch, write, zip_up

from avfake.audit.labels.pair import DerivedRow
from avfake.clips.config import ClipConfig
from avfake.clips.preparation.folder import PreparedFolder, write_settings
from avfake.datasets.build import build_manifest
from avfake.datasets.listing import scan_folder
from avfake.datasets.manifest import Manifest, Row
from avfake.datasets.schema import load_spec
from avfake.errors import AvfakeError, ConfigError
from avfake.models.audio import AudioConfig
from avfake.scoring.finding import find_files
from avfake.training.run import open_run

DATA = ("real/a.mp4", "fake/b.wav", "metadata.json")
CLIP = {"meta.json": "{}", "faces/00_0000.jpg": "", "sound.flac": ""}


def dataset(root: Path) -> Path:
    table = {"real/a.mp4": {"label": "REAL"}}
    return write(touch(root, *DATA), "metadata.json", table)


def prepared_folder(folder: Path) -> None:
    """As prepare leaves it, without a detector or a decoder."""
    write_settings(folder, ClipConfig())
    Manifest((Row("real/a.mp4", "x"),), "folders").save(folder / "manifest.csv")
    for name in ("status.csv", "journal.jsonl"):
        write(folder, name, "clip_id\n")
    zip_up(folder / "archives/real", "a.mp4.zip", CLIP)


def labels_folder(folder: Path) -> None:
    names = ",".join(field.name for field in fields(DerivedRow))
    write(folder, "derived.csv", names + "\n")
    Manifest((Row("real/a.mp4", "x"),), "folders").save(folder / "manifest.csv")
    touch(folder, "masks/real/a.mp4.npz", "journal.jsonl")


def run_of_training(folder: Path) -> None:
    open_run(folder, AudioConfig(), inputs={})
    touch(folder, "figures/batch.png", "member_0/metrics.jsonl", "detector/config.yaml", "plan.csv")


WRITERS = {"prepare": prepared_folder, "labels": labels_folder, "a run": run_of_training}


@pytest.mark.parametrize("written", WRITERS)
@pytest.mark.parametrize("at", ["out", "real/out", "."])
def test_a_folder_of_results_is_no_input_but_what_else_lies_there_is(
    tmp_path: Path, written: str, at: str
) -> None:
    root = dataset(tmp_path)
    before = set(scan_folder(root).files)
    WRITERS[written](root / at)
    touch(root / at, "real/mine.mp4")
    mine = (Path(at) / "real/mine.mp4").as_posix()
    listing = scan_folder(root)
    assert set(listing.files) == before | {mine}
    assert "files that avfake wrote were left out" in listing.warnings[-1]
    found = [Path(file).relative_to(root).as_posix() for file in find_files([root])]
    assert found == sorted([*DATA[:2], mine])
    rows = build_manifest(load_spec("folders"), root).rows
    assert [row.clip_id for row in rows] == sorted([*DATA[:2], mine])


@pytest.mark.parametrize("name", ["clips.yaml", "derived.csv", "environment.json"])
def test_a_file_of_the_users_that_has_the_name_of_a_marker_hides_nothing(
    tmp_path: Path, name: str
) -> None:
    touch(tmp_path, "archives/a.mp4", "masks/b.mp4", "figures/c.mp4")
    write(tmp_path, name, "clips: [a, b]\n")
    assert len(find_files([tmp_path])) == 3


def test_archives_of_prepared_clips_are_no_input_without_their_folder(tmp_path: Path) -> None:
    zip_up(tmp_path, "a.mp4.zip", CLIP)
    zip_up(tmp_path, "mine.zip", {"meta.json": "{}", "talk.flac": ""})
    assert find_files([tmp_path]) == [Path(f"{tmp_path}/mine.zip!/talk.flac")]
    with pytest.raises(
        ConfigError, match="no media file; 3 files that avfake wrote .* in a prepared clip"
    ):
        find_files([tmp_path / "a.mp4.zip"])


def test_results_in_an_archive_are_no_input(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data")
    run_of_training(root / "run")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for file in sorted(root.rglob("*.*")):
            archive.write(file, file.relative_to(root))
        archive.writestr("more.zip", "")
    archived = tmp_path / "all.zip"
    assert [str(f).partition("!/")[2] for f in find_files([archived])] == sorted(DATA[:2])
    shutil.rmtree(root)
    listing = scan_folder(tmp_path)
    assert set(listing.files) == {*DATA, "more.zip"}
    assert listing.warnings[-1].endswith("files that avfake wrote were left out, in run")


def test_a_folder_of_results_alone_holds_no_media(tmp_path: Path) -> None:
    prepared_folder(tmp_path)
    with pytest.raises(
        ConfigError, match="holds no media file; 6 files that avfake wrote were left out, in \\."
    ):
        find_files([tmp_path])


def test_tables_that_avfake_wrote_fit_no_pattern_but_can_be_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    write(tmp_path, "mine.csv", "path,label\na.mp4,REAL\n")
    write(tmp_path, "scores.csv", "file,status\na.mp4,ok\n")
    touch(tmp_path, "scores.csv.journal.jsonl")
    Manifest((Row("a.mp4", "a.mp4"),), "mine").save(tmp_path / "rows.csv")
    (row,) = build_manifest(load_spec("csv", {"params.table": "*.csv"}), tmp_path).rows
    assert (row.clip_id, row.label) == ("a.mp4", False)
    with pytest.raises(AvfakeError, match=r"scores\.csv: has no column 'path'|has no path"):
        build_manifest(load_spec("csv", {"params.table": "scores.csv"}), tmp_path)


def test_a_table_with_notes_of_the_users_own_beside_it_is_read(tmp_path: Path) -> None:
    write(touch(tmp_path, "a.mp4"), "mine.csv", "path,label\na.mp4,REAL\n")
    write(tmp_path, "mine.csv.json", {"who": "me"})
    assert len(build_manifest(load_spec("csv", {"params.table": "*.csv"}), tmp_path)) == 1


def test_results_behind_a_url_are_no_input(tmp_path: Path) -> None:
    prepared_folder(dataset(tmp_path) / "out")
    url = f"file://{tmp_path}"
    assert set(scan_folder(url).files) == set(DATA)
    assert find_files([url]) == [f"{url}/{name}" for name in sorted(DATA[:2])]


def test_all_that_prepare_and_training_really_write_is_known(
    prepared: PreparedFolder, run_folder: Path, tmp_path: Path
) -> None:
    root = touch(tmp_path, "a.mp4")
    shutil.copytree(prepared.path, root / "clips")
    shutil.copytree(run_folder, root / "run")
    listing = scan_folder(root)
    left = sorted(set(listing.files) - {"a.mp4"})
    assert left == [], left


def test_the_second_run_of_a_verb_sees_what_the_first_saw(
    studio_root: Path, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    shutil.copytree(studio_root, root)
    rows = build_manifest(load_spec("studio"), root).rows
    Manifest(rows, "studio").save(root / "rows.csv")
    with (root / "scores.csv").open("w", newline="") as file:
        csv.writer(file).writerow(["file"])
    (root / "scores.csv.journal.jsonl").write_text(json.dumps({"file": "#run"}) + "\n")
    prepared_folder(root / "clips")
    assert build_manifest(load_spec("studio"), root).rows == rows
    assert find_files([root]) == sorted(root.glob("*.mp4"))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for file in sorted(root.rglob("*.*")):
            archive.write(file, file.relative_to(root))
    assert len(find_files([tmp_path / "all.zip"])) == len(rows)
