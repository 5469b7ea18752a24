"""Files behind the URLs of fsspec: s3://, gs://, https://, or zip://a.mp4::s3://bucket/clips.zip.

`AnyPath` is a `Path`, which lies on a disk and never meets fsspec, or a `Url`, which stays the text
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
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any

from avfake.errors import AvfakeError, ConfigError, StoreError

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(://|::.*://)", re.DOTALL)
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss", "hf", "memory"}
"""fsspec protocols of stores where a file that is put appears whole or not at all."""
MEMBER = "!/"
"""Between a zip archive and the name of a file in it."""
NAME_MAX_BYTES = 255
"""The longest name of one file on the file systems of today."""
VOLATILE = ("url", "time", "atime")
"""Facts of a store that change although the file does not."""


class Url(str):
    """A URL of fsspec, with those methods of `Path` that make sense for one, and a few of its own.

    It is a text, and goes wherever a name goes. What a store raises becomes a StoreError.
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """Last part of the path."""
        scheme, _, path = self._links()[1].partition("://")
        return posixpath.basename(re.split(r"[?#]", path)[0] if scheme.startswith("http") else path)

    @property
    def suffix(self) -> str:
        """Ending of the name with its dot, without a web query; "" for none."""
        return posixpath.splitext(self.name)[1]

    def __truediv__(self, name: str) -> "Url":
        """Return the URL of `name`, a posix path, in this folder (of a chain's first store)."""
        before, link, after = self._links()
        return Url(before + (link if link.endswith("/") else link + "/") + name + after)

    def with_name(self, name: str) -> "Url":
        """Return the URL of another name in the same folder."""
        before, link, after = self._links()
        return Url(f"{before}{link.rpartition('/')[0]}/{name}{after}")

    def is_dir(self) -> bool:
        """Return whether files can lie below it; False where there is nothing at all."""
        return (self.facts() or {}).get("type") == "directory"

    @contextmanager
    def open(self, mode: str = "rb") -> Iterator[IO[bytes]]:
        """Open the file for reading, seekable where its store is."""
        with self._store() as (store, path), store.open(path, mode) as file:
            yield file

    def read_bytes(self) -> bytes:
        """Return the content of the file."""
        with self._store() as (store, path):
            content: bytes = store.cat_file(path)
            return content

    def write_bytes(self, content: bytes) -> None:
        """Put the file, whole or not at all.

        An object store shows a file once it is complete. Any other gets it under a name of its own,
        which is then moved.
        """
        with self._store() as (store, path):
            names = {store.protocol} if isinstance(store.protocol, str) else set(store.protocol)
            if names & OBJECT_STORES:
                store.pipe_file(path, content)
                return
            folder, _, name = path.rpartition("/")
            partial = f"{folder}/{fitting(f'.{name}.partial-{uuid.uuid4().hex[:12]}')}"
            store.makedirs(folder, exist_ok=True)
            store.pipe_file(partial, content)
            store.mv(partial, path)

    def files(self) -> dict[str, "Url"]:
        """Return every file below this folder, sorted: posix path from the folder -> URL.

        Empty for a folder that is not there: object stores have no folders apart from their files.
        """
        with self._store() as (store, root):
            store.invalidate_cache()  # of what was there before
            start = root.rstrip("/") + "/" if root.strip("/") else root
            found: Mapping[str, Any] = store.find(root, detail=True)
        names = sorted(
            path.removeprefix(start).lstrip("/")
            for path, facts in found.items()
            if facts["type"] == "file" and path.startswith(start) and not path.endswith("/")
        )
        return {name: self / name for name in names}

    def read_files(self, names: Sequence[str]) -> list[bytes]:
        """Return the bytes of many small files below this folder, in parallel where it can."""
        if not names:
            return []
        with self._store() as (store, _):
            paths = [_opened(self / name)[1] for name in names]
            # Not cat: that would take "[1]" in the name of a folder for a pattern.
            return list(store.cat_ranges(paths, None, None, on_error="raise"))

    def facts(self) -> dict[str, Any] | None:
        """Return what the store tells of the file or folder; None if there is nothing."""
        try:
            with self._store() as (store, path):
                return dict(store.info(path))
        except StoreError as error:
            if error.is_missing:
                return None
            raise

    @contextmanager
    def _store(self) -> Iterator[tuple[Any, str]]:
        """Give the store and the path in it; whatever it raises inside becomes a StoreError.

        Every store brings the errors of its own client, which have no base but `Exception`.
        """
        try:
            yield _opened(self)
        except AvfakeError:
            raise
        except FileNotFoundError as error:
            raise StoreError(self, "", is_missing=True) from error
        except Exception as error:
            cause = str(error).strip() or "it did not say why"
            raise StoreError(self, f"{type(error).__name__}: {cause}") from error

    def _links(self) -> tuple[str, str, str]:
        """Split a chain into what stands before its first address, the address, and the rest."""
        links = self.split("::")
        first = next(n for n, link in enumerate(links) if "://" in link)
        link = links[first] if links[first].endswith("://") else links[first].rstrip("/")
        before, after = links[:first], links[first + 1 :]
        return "".join(f"{one}::" for one in before), link, "".join(f"::{one}" for one in after)


AnyPath = Path | Url
"""A `Path` on disk, or a URL."""


def as_path(text: str | Path) -> AnyPath:
    """Return a URL as a `Url`, anything else as a `Path`; ConfigError for "".

    A `Path` makes "." of that: the variable that a script forgot would become all that lies below.
    """
    if text == "":
        raise ConfigError('a file or folder has the empty name; give "." for the folder you are in')
    return Url(text) if isinstance(text, str) and URL.match(text) else Path(text)


def fitting(path: str) -> str:
    """Return a posix path with names of at most `NAME_MAX_BYTES`, below the folder it is put in.

    A longer name is cut and gets a hash. ConfigError for a path that leads out of the folder.
    """
    if PurePath(path).anchor or ".." in PurePath(path).parts:
        raise ConfigError(
            f"{path!r} leads out of the folder that it is to lie in; a file is named by its path "
            "from that folder, without .. and without a drive or / at the start"
        )
    return "/".join(map(_fitting_name, path.split("/")))


def _fitting_name(name: str) -> str:
    whole = os.fsencode(name)
    if len(whole) <= NAME_MAX_BYTES:
        return name
    ending = PurePosixPath(name).suffix[:32]
    head = whole[: NAME_MAX_BYTES - 18 - len(os.fsencode(ending))].decode("utf-8", "ignore")
    return f"{head}~{hashlib.sha256(whole).hexdigest()[:16]}{ending}"


def state_of(path: AnyPath) -> str:
    """Return a text that changes when the file does: size and time, or the facts of its store.

    A file inside a zip archive ("parts.zip!/a.mp4") has the state of the archive. "" if there is no
    file; StoreError if the store does not answer.
    """
    archive = str(path).partition(MEMBER)[0]
    if isinstance(path, Path):
        for name in (path, archive):
            with suppress(OSError):
                found = os.stat(name)  # noqa: PTH116
                return f"{found.st_size} {found.st_mtime_ns}"
        return ""
    facts = Url(archive).facts()
    if facts is None:
        return ""
    text = " ".join(f"{key}={facts[key]}" for key in sorted(facts) if key not in VOLATILE)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:24]


def has_changed(before: str | None, now: str | None) -> bool:
    """Return whether both states of a file are known and differ."""
    return bool(before) and bool(now) and before != now


def states_of(files: Sequence[AnyPath]) -> dict[AnyPath, str | None]:
    """Return file -> `state_of`, asked in parallel; None if the store does not answer."""

    def asked(file: AnyPath) -> str | None:
        with suppress(StoreError):
            return state_of(file)
        return None

    with ThreadPoolExecutor(16) as pool:
        return dict(zip(files, pool.map(asked, files), strict=True))


def _opened(url: str) -> tuple[Any, str]:
    """Return the store of a URL and the path in it. Never kept: it does not survive a fork."""
    from fsspec.core import url_to_fs  # late: no path on disk needs it

    store, path = url_to_fs(str(url))  # a plain text, whatever a store does with its type
    return store, path
