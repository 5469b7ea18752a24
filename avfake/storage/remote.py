"""Files behind the URLs of fsspec: s3://, gs://, https://, or zip://a.mp4::s3://bucket/clips.zip.

`AnyPath` is a `Path`, which lies on a disk and never meets fsspec, or a URL, which stays the text
it was: a `Path` would make "s3:/bucket" of "s3://bucket".
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
    """Return a URL as it stands, anything else as a `Path`; ConfigError for "".

    A `Path` makes "." of that: the variable that a script forgot would become all that lies below.
    """
    if text == "":
        raise ConfigError('a file or folder has the empty name; give "." for the folder you are in')
    return text if isinstance(text, str) and URL.match(text) else Path(text)


def is_url(path: str | Path) -> bool:
    """Return whether a path is a URL, which fsspec opens."""
    return isinstance(as_path(path), str)


def inside(folder: AnyPath, name: str) -> AnyPath:
    """Return the path of `name`, a posix path, in a folder; in a chain, in its first store."""
    if isinstance(folder, Path):
        return folder / name
    before, link, after = _links(folder)
    return before + (link if link.endswith("/") else link + "/") + name + after


def name_of(path: AnyPath) -> str:
    """Return the last part of a path."""
    return path.name if isinstance(path, Path) else posixpath.basename(_path_in(path))


def ending_of(path: AnyPath) -> str:
    """Return the ending of a name in small letters, with its dot, without a web query."""
    return posixpath.splitext(name_of(path))[1].lower()


def beside(path: AnyPath, name: str) -> AnyPath:
    """Return the path of another name in the same folder; a name that is too long is cut."""
    if isinstance(path, Path):
        return path.with_name(fitting(name))
    before, link, after = _links(path)
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
    """Return all the bytes; StoreError if that fails."""
    with _store_errors(url):
        store, path = _store(url)
        content: bytes = store.cat_file(path)
        return content


def read_urls(urls: Sequence[str]) -> list[bytes]:
    """Return the bytes of many small files of one store, fetched in parallel where it can."""
    if not urls:
        return []
    with _store_errors(urls[0]):
        store, _ = _store(urls[0])
        paths = [_store(url)[1] for url in urls]
        # Not cat: that would take "[1]" in the name of a folder for a pattern.
        return list(store.cat_ranges(paths, None, None, on_error="raise"))


@contextmanager
def open_path(path: AnyPath) -> Iterator[IO[bytes]]:
    """Open a file for reading, seekable where its store is; OSError or StoreError."""
    if isinstance(path, Path):
        with path.open("rb") as file:
            yield file
        return
    with _store_errors(path):
        store, inner = _store(path)
        with store.open(inner, "rb") as file:
            yield file


def write_url(url: str, content: bytes) -> None:
    """Put a file, whole or not at all; StoreError if that failed.

    An object store shows a file once it is complete. Any other gets it under a name of its own,
    which is then moved.
    """
    with _store_errors(url):
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
    """Return every file below a folder, sorted: posix path from the folder -> URL.

    Empty for a folder that is not there: object stores have no folders apart from their files.
    """
    with _store_errors(url):
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


def is_folder(path: AnyPath) -> bool:
    """Return whether files can lie below a path; False where there is nothing at all."""
    if isinstance(path, Path):
        return path.is_dir()
    try:
        with _store_errors(path):
            store, inner = _store(path)
            return bool(store.info(inner)["type"] == "directory")
    except StoreError as error:
        if error.is_missing:
            return False
        raise


def state_of(path: AnyPath) -> str:
    """Return a text that changes when the file does: size and time, or the facts of its store.

    A file inside a zip archive ("parts.zip!/a.mp4") has the state of the archive. "" if there is no
    file; StoreError if the store does not answer.
    """
    url = str(path).partition(MEMBER)[0]
    if isinstance(path, Path):
        for name in (path, url):
            with suppress(OSError):
                found = os.stat(name)  # noqa: PTH116
                return f"{found.st_size} {found.st_mtime_ns}"
        return ""
    try:
        with _store_errors(url):
            store, inner = _store(url)
            facts = {key: value for key, value in store.info(inner).items() if key not in VOLATILE}
    except StoreError as error:
        if error.is_missing:
            return ""
        raise
    text = " ".join(f"{key}={facts[key]}" for key in sorted(facts))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:24]


def has_changed(before: str | None, now: str | None) -> bool:
    """Return whether both states of a file are known and differ."""
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
def _store_errors(url: str) -> Iterator[None]:
    """Turn whatever a store raises into a StoreError; our own errors pass.

    Every store brings the errors of its own client, which have no base but `Exception`.
    """
    try:
        yield
    except AvfakeError:
        raise
    except FileNotFoundError as error:
        raise StoreError(url, "", is_missing=True) from error
    except Exception as error:
        cause = str(error).strip() or "it did not say why"
        raise StoreError(url, f"{type(error).__name__}: {cause}") from error


def _store(url: str) -> tuple[Any, str]:
    """Return the store of a URL and the path in it. Never kept: it does not survive a fork."""
    from fsspec.core import url_to_fs  # late: no path on disk needs it

    store, path = url_to_fs(url)
    return store, path


def _links(url: str) -> tuple[str, str, str]:
    """Split a chain into what stands before its first address, the address, and the rest."""
    links = url.split("::")
    first = next(n for n, link in enumerate(links) if "://" in link)
    link = links[first] if links[first].endswith("://") else links[first].rstrip("/")
    before, after = links[:first], links[first + 1 :]
    return "".join(f"{one}::" for one in before), link, "".join(f"::{one}" for one in after)


def _path_in(url: str) -> str:
    scheme, _, path = _links(url)[1].partition("://")
    return re.split(r"[?#]", path)[0] if scheme.startswith("http") else path
