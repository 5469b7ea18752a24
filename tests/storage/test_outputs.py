"""What would be lost, or cannot be written, is refused before any work; nothing is touched."""

import os
import socket
from pathlib import Path

import pytest

from avfake.errors import ConfigError
from avfake.scoring.score_table import check_apart
from avfake.storage.outputs import Output
from avfake.storage.remote import Url

COLUMNS = ("file", "p_fake")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "videos" / "a.mp4"
    path.parent.mkdir()
    path.write_bytes(b"a video")
    return path


@pytest.mark.parametrize("name", ["itself", "dotted", "symlink", "hard link", "folder", "member"])
def test_what_is_read_is_not_written_under_any_name(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "linked").symlink_to(video.parent)
    (tmp_path / "soft.csv").symlink_to(video)
    (tmp_path / "hard.csv").hardlink_to(video)
    out = {
        "itself": video,
        "dotted": Path("videos/../videos/./a.mp4"),
        "symlink": tmp_path / "soft.csv",
        "hard link": tmp_path / "hard.csv",
        "folder": Path("linked/a.mp4"),
        "member": video,
    }[name]
    read = Path(f"{video}!/inner.mp4") if name == "member" else video
    with pytest.raises(ConfigError, match="is also read by this command"):
        Output(out, inputs=[read]).check_file()
    assert video.read_bytes() == b"a video"


def test_a_url_that_is_read_is_not_written() -> None:
    url = Url("memory://b/a.csv")
    with pytest.raises(ConfigError, match="is also read"):
        Output(url, inputs=[url], remote=True).check_file()


def test_the_same_file_by_a_file_url_counts_as_the_same(video: Path) -> None:
    with pytest.raises(ConfigError, match="is also read"):
        Output(video, inputs=[Url(f"file://{video}")]).check_file()
    with pytest.raises(ConfigError, match="is also read"):
        Output(Url(f"file://{video}"), inputs=[video], remote=True).check_file()


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.csv"))
    cases = {
        tmp_path / "folder.csv": "is a folder; name the table in it",
        tmp_path / "file" / "a.csv": "is a file, no folder to write into",
        tmp_path / "loop.csv": "the link leads to itself",
        tmp_path / "s.csv": "is a device or a socket",
        Path("/dev/full"): "is a device",
        Path("/proc/a.csv"): "into /proc",
        tmp_path / ("n" * 252 + ".csv"): "too long",
    }
    for out, said in cases.items():
        with pytest.raises(ConfigError, match=said):
            Output(out).check_file()


def test_one_of_several_names_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file,p_fake\n")
    (tmp_path / "b.csv").hardlink_to(tmp_path / "a.csv")
    with pytest.raises(ConfigError, match="one of 2 names"):
        Output(tmp_path / "a.csv").check_file()


def test_what_may_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").touch()
    monkeypatch.setattr("os.access", lambda *_: False)  # tests may run as root, who may everything
    with pytest.raises(ConfigError, match=r"a\.csv may not be written"):
        Output(tmp_path / "a.csv").check_file()
    with pytest.raises(ConfigError, match=f"no permission to write into {tmp_path}"):
        Output(tmp_path / "new" / "folder" / "a.csv").check_file()
    assert list(tmp_path.iterdir()) == [tmp_path / "a.csv"]


@pytest.mark.parametrize("name", ["t.parquet", "t.json", "t.xlsx", "t", "t.csv.gz"])
def test_an_ending_that_does_not_fit_is_answered_with_one_that_does(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match=r"is written as \.csv.*such as .*t\.csv"):
        Output(tmp_path / name).check_file()


def test_what_is_written_through_needs_no_ending(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "linked").symlink_to(tmp_path / "new.csv")
    for out in (tmp_path / "pipe", Path("/dev/null"), tmp_path / "linked", tmp_path / "T.CSV"):
        Output(out).check_file()


def test_descriptors_must_be_open_for_writing(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with (tmp_path / "a").open("rb") as reading, (tmp_path / "b").open("wb") as writing:
        Output(Path(f"/dev/fd/{writing.fileno()}")).check_file()
        with pytest.raises(ConfigError, match="not open for writing"):
            Output(Path(f"/dev/fd/{reading.fileno()}")).check_file()
    with pytest.raises(ConfigError, match="not open for writing"):
        Output(Path("/dev/fd/9999")).check_file()


def test_stores_that_only_give_are_refused_and_disks_take_no_url() -> None:
    with pytest.raises(ConfigError, match="nothing can be written to such a URL"):
        Output(Url("https://host/a.csv"), remote=True).check_file()
    for out in (Url("s3://b/a.html"), Path("s3://b/a.html")):
        with pytest.raises(ConfigError, match="written to a disk here, not to a URL"):
            Output(out).check_file(endings=(".html",))


def test_two_outputs_in_one_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.csv").symlink_to(tmp_path / "a.csv")
    with pytest.raises(ConfigError, match="--out and --submission are one file"):
        check_apart({"--out": tmp_path / "a.csv", "--submission": tmp_path / "b.csv"})
    check_apart({"--out": tmp_path / "a.csv", "--submission": tmp_path / "c.csv"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,notes\nx,y\n", "no table that this command made"),
        ("file,p_fake,notes\na.mp4,0.5,mine\n", "no table that this command made"),
        ("\0\0\0", "no table that this command made"),
        ("\n\n", "no table that this command made"),
        ("file,p_fake\na.mp4,0.5\nb.mp4,0.5\n", r"1 rows of other files.*b\.mp4"),
        ("file,p_fake\na.mp4,0.5\n", None),
        ("\ufefffile,p_fake\r\na.mp4,0.5\r\n", None),
        ("", None),
    ],
)
def test_only_a_table_of_ones_own_is_written_over(
    tmp_path: Path, content: str, said: str | None
) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(content.encode())
    if said is None:
        Output(table).check_table(COLUMNS, lambda: {"a.mp4"})
    else:
        with pytest.raises(ConfigError, match=said):
            Output(table).check_table(COLUMNS, lambda: {"a.mp4"})
    assert table.read_bytes() == content.encode()


def test_a_mark_tells_ones_own_file_at_its_start_or_its_end(tmp_path: Path) -> None:
    for content in (b"MARK" + bytes(9000), bytes(9000) + b"MARK", b""):
        (tmp_path / "a").write_bytes(content)
        Output(tmp_path / "a").check_file(endings=(), mark=b"MARK")
    (tmp_path / "a").write_bytes(bytes(9000))
    with pytest.raises(ConfigError, match="not made by this command"):
        Output(tmp_path / "a").check_file(endings=(), mark=b"MARK")
    Output(tmp_path / "new").check_file(endings=(), mark=b"MARK")


def test_a_folder_is_not_read_and_holds_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "in").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "status.csv").write_text("of somebody")
    cases = {
        tmp_path / "file": "is a file; a folder is needed",
        tmp_path / "file" / "new": "is a file, no folder",
        tmp_path / "linked": "is also read by this command",
    }
    for out, said in cases.items():
        with pytest.raises(ConfigError, match=said):
            Output(out, inputs=[tmp_path / "in"]).check_folder()
    with pytest.raises(ConfigError, match=r"holds status\.csv, which this command did not make"):
        Output(tmp_path / "in").check_folder("clips.yaml", ["status.csv"])
    read = [tmp_path / "linked" / "status.csv"]
    with pytest.raises(ConfigError, match=r"status\.csv is also read"):
        Output(tmp_path / "in", inputs=read).check_folder(writes=["status.csv"])
    (tmp_path / "in" / "clips.yaml").touch()
    Output(tmp_path / "in").check_folder("clips.yaml", ["status.csv"])
    Output(tmp_path / "new" / "deep").check_folder("clips.yaml", ["status.csv"])
    assert not (tmp_path / "new").exists()
