"""Places behind URLs: their names, whole files or none, and what a store says when it cannot."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from avfake.errors import ConfigError, StoreError
from avfake.parallel.journal import Journal
from avfake.storage.files import cached, read_if_there, write_whole
from avfake.storage.remote import Url, as_path


@pytest.fixture(autouse=True)
def _empty_store() -> Iterator[None]:
    yield
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "text",
    ["clips", "/data/a.mp4", "./a::b.mp4", "parts.zip!/a.mp4", "C:/a.mp4", "a:b", "x/s3://a"],
)
def test_paths_stay_paths(text: str) -> None:
    assert as_path(text) == Path(text)
    assert as_path(Path(text)) == Path(text)


def test_no_name_is_not_the_folder_one_is_in() -> None:
    with pytest.raises(ConfigError, match="the empty name.*folder you are in"):
        as_path("")
    assert as_path(".") == Path()


@pytest.mark.parametrize(
    ("url", "below", "sister", "name"),
    [
        ("s3://b/c", "s3://b/c/x.mp4", "s3://b/x.mp4", "c"),
        ("s3://b/c/", "s3://b/c/x.mp4", "s3://b/x.mp4", "c"),
        ("memory://", "memory://x.mp4", "memory:///x.mp4", ""),
        (
            "zip://in/c::file:///a.zip",
            "zip://in/c/x.mp4::file:///a.zip",
            "zip://in/x.mp4::file:///a.zip",
            "c",
        ),
        (
            "simplecache::s3://b/c",
            "simplecache::s3://b/c/x.mp4",
            "simplecache::s3://b/x.mp4",
            "c",
        ),
    ],
)
def test_urls_are_gone_into_at_their_first_address(
    url: str, below: str, sister: str, name: str
) -> None:
    assert isinstance(as_path(url), Url)
    assert as_path(url) == url
    assert Url(url) / "x.mp4" == below
    assert Url(url).name == name
    if name:
        assert Url(url).with_name("x.mp4") == sister


def test_the_ending_of_a_web_address_leaves_out_what_it_asks() -> None:
    assert Url("https://host/a.MP4?sign=b.zip").suffix == ".MP4"
    assert Url("memory://a b?c.wav").suffix == ".wav"
    assert Url("zip://a.mkv::s3://b/c.zip").suffix == ".mkv"


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_files_are_put_replaced_listed_and_read(kind: str, tmp_path: Path) -> None:
    root = Url(f"file://{tmp_path}/new" if kind == "file" else "memory://new")
    for name, content in (("a.txt", b"1"), ("deep/er/b c#[1].txt", b"2"), ("a.txt", b"3")):
        write_whole(root / name, content)
    listed = root.files()
    assert list(listed) == ["a.txt", "deep/er/b c#[1].txt"]
    assert root.read_files(list(listed)) == [b"3", b"2"]
    assert [url.read_bytes() for url in listed.values()] == [b"3", b"2"]
    assert root.read_files([]) == []
    assert read_if_there(root / "none") is None
    assert root.is_dir()
    assert (root / "deep").is_dir()
    assert not (root / "a.txt").is_dir()
    assert not (root / "none").is_dir()
    if kind == "file":  # nothing partial is left
        assert files_below(tmp_path) == {"new/a.txt": b"3", "new/deep/er/b c#[1].txt": b"2"}


def test_a_chain_is_listed_and_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/x.txt", "x")
        archive.writestr("top.txt", "t")
    root = Url(f"zip://in::file://{tmp_path}/a.zip")
    assert root.files() == {"x.txt": f"zip://in/x.txt::file://{tmp_path}/a.zip"}
    assert root.read_files(["x.txt"]) == [b"x"]


def test_a_kill_in_mid_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = Url(f"file://{tmp_path}/status.csv")
    write_whole(url, "old")
    store = fsspec.filesystem("file")

    def half(_: object, path: str, content: bytes) -> None:
        Path(path).write_bytes(content[: len(content) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(type(store), "pipe_file", half)
    with pytest.raises(KeyboardInterrupt):
        write_whole(url, "something new")
    assert (tmp_path / "status.csv").read_text() == "old"


def test_a_store_that_is_not_known_is_named() -> None:
    with pytest.raises(StoreError, match="nosuch://b/c: .*nosuch") as caught:
        write_whole(Url("nosuch://b/c"), b"")
    assert not caught.value.is_missing


def test_a_copy_is_kept_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVFAKE_CACHE", str(tmp_path / "cache"))
    write_whole(Url("memory://c/a.zip"), b"one")
    first = cached(Url("memory://c/a.zip"))
    assert first.read_bytes() == b"one"
    assert first.suffix == ".zip"
    monkeypatch.setattr(
        "avfake.storage.remote.Url.read_bytes", lambda _: pytest.fail("fetched again")
    )
    assert cached(Url("memory://c/a.zip")) == first
    cached.__globals__["_copy_of"].cache_clear()  # as another process
    assert cached(Url("memory://c/a.zip")) == first
    monkeypatch.undo()
    monkeypatch.setenv("AVFAKE_CACHE", str(tmp_path / "cache"))
    write_whole(Url("memory://c/a.zip"), b"another")
    cached.__globals__["_copy_of"].cache_clear()
    assert cached(Url("memory://c/a.zip")).read_bytes() == b"another"


def test_a_journal_behind_a_url_holds_the_last_line_of_each_key(tmp_path: Path) -> None:
    assert Journal.path_of(tmp_path / "journal") == tmp_path / "journal.jsonl"
    assert Journal.path_of(Url("memory://out/journal")) == "memory://out/journal"
    journal = Journal(Url("memory://out/journal"), "name")
    assert journal.done == {}
    names = ["a/b.mp4", "raw\udcff.mp4", "n" * 300]
    for number, name in enumerate([*names, names[0]]):
        journal.append({"name": name, "number": number})
    again = Journal(Url("memory://out/journal"), "name")
    assert {name: line["number"] for name, line in again.done.items()} == dict(
        zip(names, (3, 1, 2), strict=True)
    )
    assert len(Url("memory://out/journal").files()) == 3
