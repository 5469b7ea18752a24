"""Every verb sees the same files of a folder: links followed, circles ended, junk left out."""

from pathlib import Path

import pytest
from trees import touch, write, zip_up

from avfake.datasets.build import build_manifest
from avfake.datasets.folders import walk
from avfake.datasets.schema import load_spec
from avfake.datasets.splits import rows_together
from avfake.scoring.finding import find_files

JUNK = (
    *("._a.mp4", ".hidden.mp4", ".DS_Store", "Thumbs.db", "desktop.ini", ".cache/a.mp4"),
    *("__MACOSX/a.mp4", "__MACOSX/real/._a.mp4", "@eaDir/a.mp4/SYNOVIDEO.jpg"),
    *("$RECYCLE.BIN/a.mp4", "System Volume Information/a.mp4", "real/._a.mp4", "real/.b/c.mp4"),
)


def predicted(root: Path | str) -> list[str]:
    """What predict reads of a folder, by names from the folder."""
    return [str(file).removeprefix(f"{root}/") for file in find_files([root])]


def listed(root: Path | str, spec: str = "dfdc") -> list[str]:
    """What manifest and prepare read of it."""
    return [row.clip_id for row in build_manifest(load_spec(spec), root).rows]


def test_linked_folders_are_followed_by_every_verb(tmp_path: Path) -> None:
    touch(tmp_path, "disk/part/x.mp4", "disk/y.mp4", "root/z.mp4")
    (tmp_path / "root/linked").symlink_to(tmp_path / "disk/part")
    (tmp_path / "root/file.mp4").symlink_to(tmp_path / "disk/y.mp4")
    (tmp_path / "root/relative").symlink_to(Path("..") / "disk")
    names = ["file.mp4", "linked/x.mp4", "relative/part/x.mp4", "relative/y.mp4", "z.mp4"]
    assert predicted(tmp_path / "root") == listed(tmp_path / "root") == names


def test_circles_end_and_show_no_file_twice(tmp_path: Path) -> None:
    touch(tmp_path, "root/a/x.mp4", "root/b/y.mp4")
    (tmp_path / "root/self").symlink_to("self")
    (tmp_path / "root/up").symlink_to("..")
    (tmp_path / "root/here").symlink_to(tmp_path / "root")
    (tmp_path / "root/a/back").symlink_to(tmp_path / "root/a")
    names = ["a/x.mp4", "b/y.mp4"]
    assert predicted(tmp_path / "root") == listed(tmp_path / "root") == names


def test_folders_that_are_linked_into_each_other_end(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.mp4", "b/y.mp4", "c/z.mp4")
    for folder in "abc":
        for other in "abc":
            if other != folder:
                (tmp_path / folder / f"to_{other}").symlink_to(tmp_path / other)
    names = ["a/to_b/y.mp4", "a/to_c/z.mp4", "a/x.mp4"]
    names += ["b/to_a/x.mp4", "b/to_c/z.mp4", "b/y.mp4"]
    names += ["c/to_a/x.mp4", "c/to_b/y.mp4", "c/z.mp4"]
    assert predicted(tmp_path) == listed(tmp_path) == names


def test_many_folders_that_are_linked_into_each_other_are_listed_soon(tmp_path: Path) -> None:
    folders = [f"pool/{number}" for number in range(12)]
    touch(tmp_path, *(f"{folder}/x.mp4" for folder in folders), "root/a.mp4")
    for folder in folders:
        for other in range(12):
            (tmp_path / folder / f"to_{other}").symlink_to(tmp_path / f"pool/{other}")
    (tmp_path / "root/in").symlink_to(tmp_path / "pool/0")
    names = predicted(tmp_path / "root")
    assert len(names) == 1 + 12
    assert names[:2] == [
        "a.mp4",
        "in/to_1/to_10/to_11/to_2/to_3/to_4/to_5/to_6/to_7/to_8/to_9/x.mp4",
    ]


def test_links_that_lead_nowhere_are_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    note = "2 links lead nowhere, and were left out: gone, gone.mp4"
    assert build_manifest(load_spec("folders"), touch(tmp_path, "real/b.mp4")).warnings[0] == note
    assert predicted(tmp_path) == ["a.mp4", "real/b.mp4"]
    assert caplog.messages == [f"{tmp_path}: {note}"]


def test_a_file_under_two_names_is_in_one_group_and_said(tmp_path: Path) -> None:
    touch(tmp_path, "pool/a.mp4", "pool/b.mp4", "real/c.mp4")
    (tmp_path / "real/first").symlink_to(tmp_path / "pool")
    (tmp_path / "real/second").symlink_to(tmp_path / "pool")
    manifest = build_manifest(load_spec("folders"), tmp_path)
    groups = {row.clip_id: row.group for row in manifest.rows}
    assert groups["real/first/a.mp4"] == groups["real/second/a.mp4"]
    assert groups["real/first/a.mp4"] != groups["real/first/b.mp4"]
    assert len(rows_together(manifest.rows)) == 3
    assert manifest.warnings[0].startswith("4 files lie under a second name, through links: ")


def test_a_file_under_two_names_counts_once_in_what_is_expected(tmp_path: Path) -> None:
    spec = "spec: 1\nname: mine\nmedia: [{id: clip, kind: video}]\nexpect: {rows: 2}\n"
    write(tmp_path, "mine.yaml", spec)
    touch(tmp_path, "data/a.mp4")
    (tmp_path / "data/b.mp4").symlink_to("a.mp4")
    manifest = build_manifest(load_spec(tmp_path / "mine.yaml"), tmp_path / "data")
    assert len(manifest) == 2
    assert manifest.warnings[-1].startswith("expected 2 rows, found 1")


def test_the_name_of_a_linked_folder_alone_is_one_file(tmp_path: Path) -> None:
    """A layout of links to a pool, in which only the names of the links fit the spec."""
    touch(tmp_path, "pool/a.mp4", "pool/b.mp4")
    for name, target in (("real", "a.mp4"), ("fake", "b.mp4")):
        (tmp_path / name).mkdir()
        (tmp_path / name / target).symlink_to(tmp_path / "pool" / target)
    rows = build_manifest(load_spec("folders"), tmp_path).rows
    assert [(row.clip_id, row.label) for row in rows] == [
        ("fake/b.mp4", True),
        ("real/a.mp4", False),
    ]


@pytest.mark.parametrize("how", ["folder", "zip", "zip in a folder", "url", "url of a zip"])
def test_junk_is_left_out_by_every_verb(tmp_path: Path, how: str) -> None:
    names = dict.fromkeys((*JUNK, "real/a.mp4", "real/b..mp4", "real/MACOSX/c.mp4"), "")
    kept = ["real/MACOSX/c.mp4", "real/a.mp4", "real/b..mp4"]
    if "zip" in how:
        zip_up(tmp_path / "root", "x.zip", names)
    else:
        touch(tmp_path / "root", *names)
    root: Path | str = tmp_path / "root"
    if how == "zip":
        assert [str(f).partition("!/")[2] for f in find_files([root / "x.zip"])] == kept
    elif how == "url of a zip":
        url = f"file://{root}/x.zip"
        assert [str(f).partition("!/")[2] for f in find_files([url])] == kept
    elif how == "zip in a folder":
        assert [str(f).partition("!/")[2] for f in find_files([root])] == kept
        assert listed(root, "folders") == kept
    else:
        root = f"file://{root}" if how == "url" else root
        assert predicted(root) == listed(root, "folders") == kept


def test_a_folder_that_is_named_may_be_hidden_itself(tmp_path: Path) -> None:
    root = touch(tmp_path / ".evidence/__MACOSX", "a.mp4")
    assert predicted(root) == listed(root) == ["a.mp4"]


def test_unpacked_files_are_taken_once_beside_their_archive(tmp_path: Path) -> None:
    zip_up(tmp_path, "x.zip", {"v/a.mp4": "", "v/b.mp4": ""})
    touch(tmp_path, "v/a.mp4")
    found = find_files([tmp_path])
    assert found == [tmp_path / "v/a.mp4", Path(f"{tmp_path}/x.zip!/v/b.mp4")]
    assert listed(tmp_path) == ["v/a.mp4", "v/b.mp4"]


def test_two_archives_with_files_of_one_name_are_both_read_where_names_decide_nothing(
    tmp_path: Path,
) -> None:
    for name in ("one.zip", "two.zip"):
        zip_up(tmp_path, name, {"x.mp4": ""})
    assert find_files([tmp_path]) == [Path(f"{tmp_path}/{n}.zip!/x.mp4") for n in ("two", "one")]


def test_a_folder_is_listed_by_the_name_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zip_up(touch(tmp_path, "v/a.mp4") / "v", "x.zip", {"b.mp4": ""})
    monkeypatch.chdir(tmp_path)
    assert find_files(["v"]) == [Path("v/a.mp4"), Path("v/x.zip!/b.mp4")]
    assert find_files(["."]) == [Path("v/a.mp4"), Path("v/x.zip!/b.mp4")]
    assert find_files(["v", "v/a.mp4", "no.mp4"])[2:] == [Path("no.mp4")]


def test_a_folder_that_cannot_be_listed_is_said(tmp_path: Path) -> None:
    walked = walk(tmp_path / "nowhere")
    assert walked.notes == [
        f"{tmp_path}/nowhere: cannot be listed (No such file or directory); it was left out"
    ]
