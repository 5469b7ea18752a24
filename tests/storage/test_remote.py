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
from avfake.storage.remote import (
    as_path,
    beside,
    ending_of,
    inside,
    is_folder,
    is_url,
    list_url,
    name_of,
    read_urls,
)


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
    assert not is_url(Path(text))


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
    assert as_path(url) == url
    assert inside(url, "x.mp4") == below
    assert name_of(url) == name
    if name:
        assert beside(url, "x.mp4") == sister


def test_the_ending_of_a_web_address_leaves_out_what_it_asks() -> None:
    assert ending_of("https://host/a.MP4?sign=b.zip") == ".mp4"
    assert ending_of("memory://a b?c.wav") == ".wav"
    assert ending_of("zip://a.mkv::s3://b/c.zip") == ".mkv"


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_files_are_put_replaced_listed_and_read(kind: str, tmp_path: Path) -> None:
    root = f"file://{tmp_path}/new" if kind == "file" else "memory://new"
    for name, content in (("a.txt", b"1"), ("deep/er/b c#[1].txt", b"2"), ("a.txt", b"3")):
        write_whole(inside(root, name), content)
    listed = list_url(root)
    assert list(listed) == ["a.txt", "deep/er/b c#[1].txt"]
    assert read_urls(list(listed.values())) == [b"3", b"2"]
    assert read_urls([]) == []
    assert read_if_there(f"{root}/none") is None
    assert is_folder(root)
    assert is_folder(f"{root}/deep")
    assert not is_folder(f"{root}/a.txt")
    assert not is_folder(f"{root}/none")
    if kind == "file":  # nothing partial is left
        assert files_below(tmp_path) == {"new/a.txt": b"3", "new/deep/er/b c#[1].txt": b"2"}


def test_a_chain_is_listed_and_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/x.txt", "x")
        archive.writestr("top.txt", "t")
    root = f"zip://in::file://{tmp_path}/a.zip"
    assert list_url(root) == {"x.txt": f"zip://in/x.txt::file://{tmp_path}/a.zip"}
    assert read_urls(list(list_url(root).values())) == [b"x"]


def test_a_kill_in_mid_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"file://{tmp_path}/status.csv"
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
        write_whole("nosuch://b/c", b"")
    assert not caught.value.is_missing


def test_a_copy_is_kept_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVFAKE_CACHE", str(tmp_path / "cache"))
    write_whole("memory://c/a.zip", b"one")
    first = cached("memory://c/a.zip")
    assert first.read_bytes() == b"one"
    assert first.suffix == ".zip"
    monkeypatch.setattr("avfake.storage.files.read_url", lambda _: pytest.fail("fetched again"))
    assert cached("memory://c/a.zip") == first
    cached.__globals__["_copy_of"].cache_clear()  # as another process
    assert cached("memory://c/a.zip") == first
    monkeypatch.undo()
    monkeypatch.setenv("AVFAKE_CACHE", str(tmp_path / "cache"))
    write_whole("memory://c/a.zip", b"another")
    cached.__globals__["_copy_of"].cache_clear()
    assert cached("memory://c/a.zip").read_bytes() == b"another"


def test_a_journal_behind_a_url_holds_the_last_line_of_each_key(tmp_path: Path) -> None:
    assert Journal.path_of(tmp_path / "journal") == tmp_path / "journal.jsonl"
    assert Journal.path_of("memory://out/journal") == "memory://out/journal"
    journal = Journal("memory://out/journal", "name")
    assert journal.done == {}
    names = ["a/b.mp4", "raw\udcff.mp4", "n" * 300]
    for number, name in enumerate([*names, names[0]]):
        journal.append({"name": name, "number": number})
    again = Journal("memory://out/journal", "name")
    assert {name: line["number"] for name, line in again.done.items()} == dict(
        zip(names, (3, 1, 2), strict=True)
    )
    assert len(list_url("memory://out/journal")) == 3
