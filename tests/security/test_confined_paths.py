"""Names in archives, manifests, specs and checksums reach nothing outside of their folder."""

import csv
import json
import shutil
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from avfake.audit.labels.derive import _mask_path
from avfake.clips.preparation.folder import PreparedFolder, archive_path
from avfake.clips.preparation.prepare import prepare_clips
from avfake.datasets.build import build_manifest
from avfake.datasets.listing import media_in, scan_folder
from avfake.datasets.manifest import Manifest, Row, read_manifest
from avfake.datasets.schema import load_spec
from avfake.detector.bundle import Bundle
from avfake.detector.folders import checked_sums, copy_files
from avfake.errors import AvfakeError, BundleError, ConfigError, ManifestError, MediaError
from avfake.media.files import local_file
from avfake.storage import fitting

LEAVING = ["../out.mp4", "a/../../out.mp4", "..", "/abs/out.mp4", "//host/out.mp4"]


@pytest.mark.parametrize("name", LEAVING)
def test_a_path_that_leaves_its_folder_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="leads out of the folder"):
        fitting(name)


@pytest.mark.parametrize("name", ["a/b.mp4", "..a/b..mp4", "...", "a b/ü.mp4", "C:a", "a\\b"])
def test_odd_names_that_stay_are_kept(name: str) -> None:
    assert fitting(name) == name


@pytest.mark.parametrize("name", ["..\\out.mp4", "C:\\out.mp4", "C:out.mp4", "\\\\host\\share\\a"])
def test_names_that_leave_on_windows_are_refused_there(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import PureWindowsPath

    monkeypatch.setattr("avfake.storage.remote.PurePath", PureWindowsPath)
    with pytest.raises(ConfigError, match="leads out of the folder"):
        fitting(name)


@pytest.mark.parametrize("name", LEAVING)
def test_a_manifest_cannot_name_a_clip_outside(name: str, tmp_path: Path) -> None:
    table = tmp_path / "m.csv"
    table.write_text(f"clip_id,path\n{name},a.mp4\n")
    with pytest.raises(ManifestError, match=r"line 2, column clip_id: .*leads out of the folder"):
        read_manifest(table)


def test_archives_and_masks_stay_in_their_folder(tmp_path: Path) -> None:
    row = Row("../../out.mp4", str(tmp_path / "a.mp4"))
    with pytest.raises(ConfigError):
        archive_path(tmp_path, row.clip_id)
    with pytest.raises(ConfigError):
        _mask_path(tmp_path, row)
    # A name with a slash at the start lies below "archives/", and would lead out of "masks/".
    assert archive_path(tmp_path, "/abs.mp4").is_relative_to(tmp_path)
    with pytest.raises(ConfigError):
        _mask_path(tmp_path, replace(row, clip_id="/abs.mp4"))


def test_nothing_is_prepared_under_a_name_outside(prepared: PreparedFolder, tmp_path: Path) -> None:
    source = prepared.manifest.rows[0]
    manifest = Manifest((replace(source, clip_id="../../out.mp4"),), "hostile")
    folder = prepare_clips(manifest, tmp_path / "deep" / "clips", prepared.config, workers=0)
    (status,) = folder.statuses.values()
    assert status["status"] == "failed"
    assert "leads out of the folder" in status["reasons"]
    assert not list(tmp_path.rglob("out*"))


def test_a_folder_of_clips_with_a_name_outside_is_refused(
    prepared: PreparedFolder, tmp_path: Path
) -> None:
    hostile = tmp_path / "hostile"
    shutil.copytree(prepared.path, hostile)
    clip_id = prepared.clips[0].row.clip_id
    for name in ("manifest.csv", "status.csv"):
        text = (hostile / name).read_text()
        (hostile / name).write_text(text.replace(clip_id, "../../out"))
    with pytest.raises(AvfakeError, match="leads out of the folder"):
        _ = PreparedFolder(hostile).clips
    assert not list(tmp_path.rglob("out*"))


def test_a_member_is_copied_under_a_name_of_its_own(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("../../out.mp4", "content")
    with local_file(f"{archive}!/../../out.mp4") as copy:
        assert (copy.name, copy.read_text()) == ("unpacked.mp4", "content")
        assert not copy.is_relative_to(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["a.zip"]


def test_a_link_in_an_archive_is_a_file_with_the_text_of_its_target(tmp_path: Path) -> None:
    """A zip stores where a link leads as the content of its member; nothing follows it."""
    secret, archive = tmp_path / "secret.mp4", tmp_path / "a.zip"
    secret.write_text("secret")
    member = zipfile.ZipInfo("link.mp4")
    member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(member, str(secret))
    with local_file(f"{archive}!/link.mp4") as copy:
        assert not copy.is_symlink()
        assert copy.read_text() == str(secret)


@pytest.mark.parametrize(
    "name", ["../out.mp4", "/abs.mp4", "..\\out.mp4", "C:\\out.mp4", "C:o.mp4"]
)
def test_no_member_outside_is_listed(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr("in.mp4", "x")
        opened.writestr(name, "x")
    assert list(scan_folder(tmp_path).files) == ["in.mp4"]
    found, notes = media_in(tmp_path)
    assert [str(path).rpartition("!/")[2] for path in found] == ["in.mp4"]
    assert "refused 1 members" in notes[0]


@pytest.mark.parametrize("table", ["../secret.csv", "/etc/passwd", "*/../../secret.csv"])
def test_a_spec_reads_no_table_outside_of_the_dataset(table: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.mp4").write_bytes(b"x")
    (tmp_path / "secret.csv").write_text("path,label\na.mp4,FAKE\n")
    with pytest.raises(AvfakeError) as refused:
        build_manifest(load_spec("csv", {"params.table": table}), root)
    assert "a.mp4,FAKE" not in str(refused.value)


@pytest.mark.parametrize("name", ["../out.mp4", "/abs/out.mp4", "..\\out.mp4"])
def test_a_table_names_no_file_outside_of_the_dataset(name: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.mp4").write_bytes(b"x")
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), (name, "FAKE")])
    with pytest.raises(ManifestError, match="leads out of"):
        build_manifest(load_spec("csv", {"params.table": "labels.csv"}), root)


def hostile_sums(folder: Path, target: Path, name: str) -> Path:
    """Return a copy of a bundle whose checksums name a file outside of it."""
    copy = target / "bundle"
    shutil.copytree(folder, copy)
    sums = json.loads((copy / "checksums.json").read_text())
    sums[name] = "0" * 64
    (copy / "checksums.json").write_text(json.dumps(sums))
    return copy


@pytest.mark.parametrize("name", ["../out", "/etc/hostname", "a/../../out"])
def test_the_checksums_of_a_bundle_name_no_file_outside(
    detector_folder: Path, name: str, tmp_path: Path
) -> None:
    bundle = hostile_sums(detector_folder, tmp_path, name)
    (tmp_path / "out").write_text("mine")
    with pytest.raises(BundleError, match="leads out of the folder"):
        checked_sums(bundle)
    with pytest.raises(BundleError, match="leads out of the folder"):
        copy_files(bundle, tmp_path / "deep" / "copy")
    with pytest.raises(BundleError):
        Bundle.read(bundle)
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("content", ["[]", "3", '{"a": 1}', '"text"', "null", "[" * 100_000])
def test_checksums_of_another_shape_are_no_traceback(
    detector_folder: Path, content: str, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(detector_folder, tmp_path / "bundle"))
    (copy / "checksums.json").write_text(content)
    with pytest.raises(BundleError, match="not a whole detector"):
        Bundle.read(copy)


def test_a_url_in_a_table_is_no_file_of_the_dataset(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.mp4").write_bytes(b"x")
    (root / "labels.csv").write_text("path,label\nhttp://example.invalid/a.mp4,FAKE\n")
    with pytest.raises((ManifestError, MediaError)):
        build_manifest(load_spec("csv", {"params.table": "labels.csv"}), root)
