"""The DFDC spec on made-up parts: every row, in every published shape of the folder."""

import csv
import json
from pathlib import Path

import pytest
from real_media import REAL_MEDIA
from trees import PART_0, PART_12, dfdc_parts, touch, write, zip_up

from avfake.datasets.build import build_manifest
from avfake.datasets.manifest import Manifest, Row
from avfake.datasets.schema import load_spec
from avfake.errors import ManifestError, SpecError

P0, P12 = "dfdc_train_part_0", "dfdc_train_part_12"


def manifest_of(root: Path, **overrides: str) -> Manifest:
    return build_manifest(load_spec("dfdc", overrides), root)


def rows_of(root: Path) -> dict[str, Row]:
    return {row.clip_id: row for row in manifest_of(root).rows}


def test_every_row_of_two_parts(tmp_path: Path) -> None:
    rows = rows_of(dfdc_parts(tmp_path))
    told = {
        name: (r.label, r.face_fake, r.voice_fake, r.original, r.group, r.part, r.status)
        for name, r in rows.items()
    }
    a, e = f"{P0}/aaa.mp4", f"{P12}/eee.mkv"
    gone, d, new = f"{P0}/gone.mp4", f"{P0}/ddd.mp4", f"{P0}/new.avi"
    assert told == {
        a: (False, False, False, None, a, "0", "ok"),
        f"{P0}/bbb.MP4": (True, None, None, a, a, "0", "ok"),
        f"{P0}/ccc.mov": (True, None, None, gone, gone, "0", "ok"),
        d: (False, False, False, None, d, "0", "missing"),
        new: (None, None, None, None, new, "0", "ok"),
        e: (False, False, False, None, e, "12", "ok"),
        f"{P12}/fff.webm": (True, None, None, e, e, "12", "ok"),
        f"{P12}/ggg.mp4": (True, None, None, a, a, "12", "ok"),  # its original is in part 0
    }
    assert all(r.has_video and r.has_audio is None and r.dataset == "dfdc" for r in rows.values())
    assert all(r.split is None for r in rows.values())
    assert rows[a].path == str(tmp_path / a)


def test_warnings_name_and_count(tmp_path: Path) -> None:
    manifest = manifest_of(dfdc_parts(tmp_path))
    text = "\n".join(manifest.warnings)
    assert f"1 files have no row in any table (meta, list): {P0}/new.avi" in text
    assert f"1 originals, of 1 fakes, are not in the dataset: {P0}/gone.mp4" in text
    assert f"1 rows name a file that is not there: {P0}/ddd.mp4" in text
    assert len(manifest.warnings) == 3
    assert "unknown" in manifest.assumed["label"]


def zipped_parts(root: Path) -> Path:
    for part, number, table in ((P0, "00", PART_0), (P12, "12", PART_12)):
        names = {f"{part}/{name}": "" for name in table if name != "ddd.mp4"}
        names |= {f"{part}/metadata.json": json.dumps(table), f"__MACOSX/{part}/._aaa.mp4": ""}
        if part == P0:
            names[f"{P0}/new.avi"] = ""
        zip_up(root, f"dfdc_train_part_{number}.zip", names)
    return root


def test_zipped_and_unpacked_parts_give_equal_rows(tmp_path: Path) -> None:
    zipped = rows_of(zipped_parts(tmp_path / "zipped"))
    unpacked = rows_of(dfdc_parts(tmp_path / "unpacked"))
    assert list(zipped) == list(unpacked)
    for name, row in zipped.items():
        other = unpacked[name]
        assert {k: v for k, v in vars(row).items() if k != "path"} == {
            k: v for k, v in vars(other).items() if k != "path"
        }
    assert zipped[f"{P0}/aaa.mp4"].path == (
        f"{tmp_path}/zipped/dfdc_train_part_00.zip!/{P0}/aaa.mp4"
    )


def test_unpacked_wins_over_zipped_with_a_warning(tmp_path: Path) -> None:
    manifest = manifest_of(zipped_parts(dfdc_parts(tmp_path)))
    assert all("!/" not in row.path for row in manifest.rows)
    assert "dfdc_train_part_00.zip: 5 of its files are there unpacked too" in manifest.warnings[0]


def test_archive_in_a_folder_counts_as_unpacked_there(tmp_path: Path) -> None:
    members = {"part/metadata.json": '{"x.mp4": {"label": "REAL"}}', "part/x.mp4": ""}
    zip_up(tmp_path / "zips", "one.zip", members)
    (row,) = manifest_of(tmp_path).rows
    assert (row.clip_id, row.label) == ("zips/part/x.mp4", False)


def test_members_that_lead_out_are_refused_and_named(tmp_path: Path) -> None:
    bad = ["../evil.mp4", "/abs.mp4", "a/../../up.mp4", "..\\win.mp4", "C:/drive.mp4"]
    zip_up(tmp_path, "part.zip", {"ok.mp4": "", **dict.fromkeys(bad, "")})
    manifest = manifest_of(tmp_path)
    assert [row.clip_id for row in manifest.rows] == ["ok.mp4"]
    assert "refused 5 members" in manifest.warnings[0]
    assert all(name in manifest.warnings[0] for name in ("../evil.mp4", "/abs.mp4"))


def test_two_flat_archives_cannot_share_a_name(tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        zip_up(tmp_path, name, {"metadata.json": "{}", "x.mp4": ""})
    with pytest.raises(SpecError, match=r"lies in two archives.*one\.zip.*two\.zip"):
        manifest_of(tmp_path)


def test_broken_archive_is_a_warning(tmp_path: Path) -> None:
    write(touch(tmp_path, "x.mp4"), "part.zip", "half a download")
    assert "part.zip: cannot be opened" in manifest_of(tmp_path).warnings[0]


def test_sample_folder_and_plain_folder(tmp_path: Path) -> None:
    write(tmp_path, "train_sample_videos/metadata.json", {"a.mp4": {"label": "REAL"}})
    touch(tmp_path, "train_sample_videos/a.mp4")
    (inside,) = manifest_of(tmp_path).rows
    (itself,) = manifest_of(tmp_path / "train_sample_videos").rows
    assert (inside.clip_id, inside.part) == ("train_sample_videos/a.mp4", "train_sample_videos")
    assert (itself.clip_id, itself.part, itself.label) == ("a.mp4", None, False)


@pytest.mark.parametrize("videos", ["test/", "test/videos/"])
@pytest.mark.parametrize("table", ["metadata.json", "labels.csv"])
def test_labelled_test_set_in_both_shapes(tmp_path: Path, table: str, videos: str) -> None:
    labels = {"a.mp4": 1, "b.mp4": 0}
    if table == "labels.csv":
        lines = "".join(f"{name},{label}\n" for name, label in labels.items())
        write(tmp_path, "test/labels.csv", "filename,label\n" + lines)
    else:
        records = {n: {"is_fake": v, "augmentations": {}} for n, v in labels.items()}
        write(tmp_path, "test/metadata.json", records)
    touch(tmp_path, f"{videos}a.mp4", f"{videos}b.mp4")
    manifest = manifest_of(tmp_path)
    assert [row.label for row in manifest.rows] == [True, False]
    assert [row.voice_fake for row in manifest.rows] == [None, False]
    assert not manifest.warnings


def test_official_folders_name_their_split(tmp_path: Path) -> None:
    touch(tmp_path, "test/a.mp4", "validation/b.mp4", "test_videos/c.mp4")
    assert [row.split for row in manifest_of(tmp_path).rows] == ["test", "test", "val"]


@pytest.mark.parametrize("submission", [True, False])
def test_unlabelled_test_videos(tmp_path: Path, submission: bool) -> None:
    touch(tmp_path, "test_videos/a.mp4", "test_videos/b.mp4")
    if submission:
        write(tmp_path, "sample_submission.csv", "filename,label\na.mp4,0.5\nb.mp4,0.5\n")
    manifest = manifest_of(tmp_path)
    assert [row.label for row in manifest.rows] == [None, None]
    assert "2 files have no row in any table" in manifest.warnings[0]


@pytest.mark.parametrize(
    "ending", ["mp4", "mov", "avi", "mkv", "webm", "mpg", "m4v", "3gp", "ts", "wmv", "flv", "MP4"]
)
def test_any_video_ending_is_a_clip(tmp_path: Path, ending: str) -> None:
    (row,) = manifest_of(touch(tmp_path, f"clip.{ending}", "clip.txt")).rows
    assert row.clip_id == f"clip.{ending}"


def test_split_of_the_records_on_request(tmp_path: Path) -> None:
    write(touch(tmp_path, "a.mp4"), "metadata.json", {"a.mp4": {"label": "REAL", "split": "val"}})
    (row,) = manifest_of(tmp_path, split="{meta.split}").rows
    assert row.split == "val"


def test_equal_names_in_two_parts_are_two_rows_and_a_warning(tmp_path: Path) -> None:
    for part, label in (("p1", "REAL"), ("p2", "FAKE")):
        write(
            touch(tmp_path, f"{part}/x.mp4"), f"{part}/metadata.json", {"x.mp4": {"label": label}}
        )
    manifest = manifest_of(tmp_path)
    assert [(row.clip_id, row.label) for row in manifest.rows] == [
        ("p1/x.mp4", False),
        ("p2/x.mp4", True),
    ]
    assert manifest.warnings == ("1 file names occur in more than one folder: x.mp4",)


def test_one_record_for_two_files_is_an_error(tmp_path: Path) -> None:
    write(touch(tmp_path, "x.mp4", "videos/x.mp4"), "metadata.json", {"x.mp4": {"label": "REAL"}})
    with pytest.raises(ManifestError, match=r"fits two files, videos/x\.mp4 and x\.mp4"):
        manifest_of(tmp_path)


def test_ambiguous_original_is_a_warning(tmp_path: Path) -> None:
    touch(tmp_path, "p1/o.mp4", "p2/o.mp4", "p3/x.mp4")
    write(tmp_path, "p3/metadata.json", {"x.mp4": {"label": "FAKE", "original": "o.mp4"}})
    manifest = manifest_of(tmp_path)
    assert manifest.rows[2].group == "p3/o.mp4"
    assert any("could be any of several files" in w and "p3/o.mp4" in w for w in manifest.warnings)


@pytest.mark.parametrize(
    ("table", "kind", "message"),
    [
        ('{"a.mp4": {"label": "REAL"', SpecError, r"metadata\.json, line 1, column 27: not valid"),
        ('{"a.mp4": {"original": "b.mp4"}}', ManifestError, r"'a\.mp4': has no label or is_fake"),
        ('{"a.mp4": {"label": null}}', ManifestError, r"'a\.mp4': has no label or is_fake"),
        ('{"a.mp4": "FAKE"}', ManifestError, r"'a\.mp4': has no label or is_fake"),
        (
            '{"a.mp4": {"label": "MAYBE"}}',
            ManifestError,
            r"metadata\.json, entry 'a\.mp4'\): label is 'MAYBE'; allowed: REAL, FAKE",
        ),
        ('{"a.mp4": {"is_fake": 2}}', ManifestError, r"is_fake is '2'; allowed: 0, 1"),
        ('[{"a.mp4": 1}]', SpecError, r"must be a JSON object, is a list"),
        (
            '{"a.mp4": {"label": "REAL"}, "a.mp4": {"label": "FAKE"}}',
            ManifestError,
            r"is there twice",
        ),
        ('{"../a.mp4": {"label": "REAL"}}', ManifestError, r"leads out of"),
        ("[" * 100_000, SpecError, r"nested too deeply"),
    ],
)
def test_bad_metadata_is_named(
    tmp_path: Path, table: str, kind: type[Exception], message: str
) -> None:
    write(touch(tmp_path, "a.mp4"), "metadata.json", table)
    with pytest.raises(kind, match=message):
        manifest_of(tmp_path)


def test_bad_word_in_labels_csv_names_file_line_and_allowed(tmp_path: Path) -> None:
    write(touch(tmp_path, "test/a.mp4"), "test/labels.csv", "filename,label\na.mp4,FAKE\n")
    message = r"test/labels\.csv, line 2\): label is 'FAKE'; allowed: 0, 1"
    with pytest.raises(ManifestError, match=message):
        manifest_of(tmp_path)


def test_metadata_that_is_not_text(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "metadata.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(SpecError, match=r"metadata\.json: is not utf-8-sig text"):
        manifest_of(tmp_path)


def test_byte_order_mark_is_no_trouble(tmp_path: Path) -> None:
    write(touch(tmp_path, "a.mp4"), "metadata.json", '\ufeff{"a.mp4": {"label": "REAL"}}')
    assert manifest_of(tmp_path).rows[0].label is False


def test_wrong_roots_are_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"nowhere: there is no such folder"):
        manifest_of(tmp_path / "nowhere")
    with pytest.raises(SpecError, match=r"a\.mp4: this is a file; give the folder"):
        manifest_of(touch(tmp_path, "a.mp4") / "a.mp4")
    empty = touch(tmp_path, "empty/readme.txt") / "empty"
    with pytest.raises(SpecError, match=r"no file of dfdc among 1; looked for any of \*\.mp4 \*\."):
        manifest_of(empty)


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path, "disk/part/x.mp4", "root/y.mp4")
    (tmp_path / "root/linked").symlink_to(tmp_path / "disk/part")
    (tmp_path / "root/circle").symlink_to(tmp_path / "root")
    (tmp_path / "disk/part/again").symlink_to(tmp_path / "disk/part")
    (tmp_path / "root/dangling.mp4").symlink_to(tmp_path / "nowhere.mp4")
    manifest = manifest_of(tmp_path / "root")
    assert [row.clip_id for row in manifest.rows] == ["linked/x.mp4", "y.mp4"]


@pytest.mark.skipif(not REAL_MEDIA.is_dir(), reason="the real clips are not here")
def test_real_folder_agrees_with_its_truth() -> None:
    rows = rows_of(REAL_MEDIA / "video")
    with (REAL_MEDIA / "manifest.csv").open(encoding="utf-8", newline="") as file:
        truth = {record["filename"]: record for record in csv.DictReader(file)}
    metadata = json.loads((REAL_MEDIA / "video/metadata.json").read_text(encoding="utf-8"))
    assert rows.keys() == truth.keys() == metadata.keys()
    assert all(row.label is (truth[name]["label"] == "FAKE") for name, row in rows.items())
    assert {row.status for row in rows.values()} == {"ok"}
    assert all(Path(row.path).is_file() for row in rows.values())
