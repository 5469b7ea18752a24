"""Files behind the URLs of fsspec: s3://, gs://, https://, or zip://a.mp4::s3://bucket/clips.zip.

A place is a `Path`, which lies on a disk and never meets fsspec, or a URL, which stays the text it
was: a `Path` would make "s3:/bucket" of "s3://bucket".
"""

import hashlib
import os
import posixpath
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

from avfake.errors import AvfakeError, ConfigError, StoreError

AnyPath = Path | str
"""A `Path` on disk, or a URL as text."""
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(://|::.*://)", re.DOTALL)
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "hf", "memory"}
"""fsspec protocols of stores where a file that is put appears whole or not at all."""
MEMBER = "!/"
"""Between a zip archive and the name of a file in it."""
NAME_MAX_BYTES = 255
"""The longest name of one file on the file systems of today."""
VOLATILE = ("url", "time", "atime")
"""Facts of a store that change although the file does not."""


def as_path(text: str | Path) -> AnyPath:
    """What a user named: the URL as it stands, anything else as a `Path`; ConfigError for "".

    A `Path` makes "." of that: the variable that a script forgot would become all that lies below.
    """
    if text == "":
        raise ConfigError('a file or folder has the empty name; give "." for the folder you are in')
    return text if isinstance(text, str) and URL.match(text) else Path(text)


def is_url(place: str | Path) -> bool:
    """Whether fsspec is to be asked for it."""
    return isinstance(as_path(place), str)


def inside(folder: AnyPath, name: str) -> AnyPath:
    """The place of `name`, a posix path, in a folder; in a chain, in its first store."""
    if isinstance(folder, Path):
        return folder / name
    before, link, after = _links(folder)
    return before + (link if link.endswith("/") else link + "/") + name + after


def name_of(place: AnyPath) -> str:
    """The last part of a place."""
    return place.name if isinstance(place, Path) else posixpath.basename(_path_in(place))


def ending_of(place: AnyPath) -> str:
    """The ending of a name in small letters, with its dot, without what a web address asks."""
    return posixpath.splitext(name_of(place))[1].lower()


def beside(place: AnyPath, name: str) -> AnyPath:
    """The place of another name in the same folder; a name that is too long for one is cut."""
    if isinstance(place, Path):
        return place.with_name(fitting(name))
    before, link, after = _links(place)
    return f"{before}{link.rpartition('/')[0]}/{name}{after}"


def fitting(name: str) -> str:
    """Return a name of at most `NAME_MAX_BYTES`; a longer one is cut and gets a hash."""
    whole = os.fsencode(name)
    if len(whole) <= NAME_MAX_BYTES:
        return name
    ending = PurePosixPath(name).suffix[:32]
    head = whole[: NAME_MAX_BYTES - 18 - len(os.fsencode(ending))].decode("utf-8", "ignore")
    return f"{head}~{hashlib.sha256(whole).hexdigest()[:16]}{ending}"


def read_url(url: str) -> bytes:
    """All the bytes; StoreError if they cannot be had."""
    with answering(url):
        store, path = _store(url)
        content: bytes = store.cat_file(path)
        return content


def read_urls(urls: Sequence[str]) -> list[bytes]:
    """The bytes of many small files of one store, fetched side by side where it can."""
    if not urls:
        return []
    with answering(urls[0]):
        store, _ = _store(urls[0])
        paths = [_store(url)[1] for url in urls]
        # Not cat: that would take "[1]" in the name of a folder for a pattern.
        return list(store.cat_ranges(paths, None, None, on_error="raise"))


@contextmanager
def open_url(url: str) -> Iterator[IO[bytes]]:
    """The file at `url`, seekable where the store is; whatever the store says is a StoreError."""
    with answering(url):
        store, path = _store(url)
        with store.open(path, "rb") as file:
            yield file


@contextmanager
def open_path(place: AnyPath) -> Iterator[IO[bytes]]:
    """The file at a place, to be read; OSError or StoreError."""
    with open_url(place) if isinstance(place, str) else place.open("rb") as file:
        yield file


def write_url(url: str, content: bytes) -> None:
    """Put a file, whole or not at all; StoreError if that failed.

    An object store shows a file once it is complete. Any other gets it under a name of its own,
    which is then moved.
    """
    with answering(url):
        store, path = _store(url)
        names = {store.protocol} if isinstance(store.protocol, str) else set(store.protocol)
        if names & OBJECT_STORES:
            store.pipe_file(path, content)
            return
        folder, _, name = path.rpartition("/")
        partial = f"{folder}/{fitting(f'.{name}.partial-{uuid.uuid4().hex[:12]}')}"
        store.makedirs(folder, exist_ok=True)
        store.pipe_file(partial, content)
        store.mv(partial, path)


def list_url(url: str) -> dict[str, str]:
    """Every file below a folder, sorted: posix path from the folder -> URL.

    None below a folder that is not there: object stores know no folders but by their files.
    """
    with answering(url):
        store, root = _store(url)
        store.invalidate_cache()  # of what was there before
        start = root.rstrip("/") + "/" if root.strip("/") else root
        found: Mapping[str, Any] = store.find(root, detail=True)
    names = sorted(
        path.removeprefix(start).lstrip("/")
        for path, facts in found.items()
        if facts["type"] == "file" and path.startswith(start) and not path.endswith("/")
    )
    return {name: str(inside(url, name)) for name in names}


def is_folder(place: AnyPath) -> bool:
    """Whether files can lie below it; False where there is nothing at all."""
    if isinstance(place, Path):
        return place.is_dir()
    try:
        with answering(place):
            store, path = _store(place)
            return bool(store.info(path)["type"] == "directory")
    except StoreError as error:
        if error.is_missing:
            return False
        raise


def state_of(place: AnyPath) -> str:
    """Return a text that changes when the file does: size and time, or what its store tells.

    A file inside a zip archive ("parts.zip!/a.mp4") has the state of the archive. "" if there is no
    file; StoreError if the store does not answer.
    """
    name = str(place)
    if isinstance(place, Path):
        for path in (name, name.partition(MEMBER)[0]):
            with suppress(OSError):
                found = os.stat(path)  # noqa: PTH116
                return f"{found.st_size} {found.st_mtime_ns}"
        return ""
    url = name.partition(MEMBER)[0]
    try:
        with answering(url):
            store, path = _store(url)
            told = {key: value for key, value in store.info(path).items() if key not in VOLATILE}
    except StoreError as error:
        if error.is_missing:
            return ""
        raise
    text = " ".join(f"{key}={told[key]}" for key in sorted(told))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:24]


def has_changed(before: str | None, now: str | None) -> bool:
    """Whether both states of a file are known and differ."""
    return bool(before) and bool(now) and before != now


def states_of(files: Sequence[AnyPath]) -> dict[AnyPath, str | None]:
    """Return file -> `state_of`, asked in parallel; None if the store does not answer."""

    def asked(file: AnyPath) -> str | None:
        try:
            return state_of(file)
        except StoreError:
            return None

    with ThreadPoolExecutor(16) as pool:
        return dict(zip(files, pool.map(asked, files), strict=True))


@contextmanager
def answering(url: str) -> Iterator[None]:
    """Whatever a store raises becomes a StoreError; our own errors pass.

    Every store brings the errors of its own client, which have no base but `Exception`.
    """
    try:
        yield
    except AvfakeError:
        raise
    except FileNotFoundError as error:
        raise StoreError(url, "", is_missing=True) from error
    except Exception as error:
        said = str(error).strip() or "it did not say why"
        raise StoreError(url, f"{type(error).__name__}: {said}") from error


def _store(url: str) -> tuple[Any, str]:
    """The store of a URL and the path in it. Never kept: a store does not survive a fork."""
    from fsspec.core import url_to_fs  # late: no path on disk needs it

    store, path = url_to_fs(url)
    return store, path


def _links(url: str) -> tuple[str, str, str]:
    """What stands before the first address of a chain, the address, and what follows."""
    links = url.split("::")
    first = next(place for place, link in enumerate(links) if "://" in link)
    link = links[first] if links[first].endswith("://") else links[first].rstrip("/")
    before, after = links[:first], links[first + 1 :]
    return "".join(f"{one}::" for one in before), link, "".join(f"::{one}" for one in after)


def _path_in(url: str) -> str:
    scheme, _, path = _links(url)[1].partition("://")
    return re.split(r"[?#]", path)[0] if scheme.startswith("http") else path
