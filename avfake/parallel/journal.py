"""A journal of what is done, written as it happens: a killed run goes on from it.

On disk a journal is one file of JSON lines, to which several processes may append at once. Behind a
URL nothing can be appended to, so there it is a folder of small objects, one a key, each put whole:
none is torn, and any machine goes on.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from avfake.errors import AvfakeError, StoreError
from avfake.storage import AnyPath, fitting, write_whole


class Journal:
    """Results keyed by one of their fields; the last one of a key counts."""

    def __init__(self, path: AnyPath | None, key: str) -> None:
        """path: file of a journal on disk, folder of one behind a URL; None = in memory only.

        AvfakeError if something else is there.
        """
        self.path, self.key = path, key
        self.done: dict[str, dict[str, Any]] = {}
        self._bytes_read = 0
        self._objects_read: set[str] = set()
        self.reload()

    @staticmethod
    def path_of(name: AnyPath) -> AnyPath:
        """Return the path of the journal of that name: on disk with ".jsonl" added."""
        return name.with_name(fitting(name.name + ".jsonl")) if isinstance(name, Path) else name

    def reload(self) -> bool:
        """Read what other processes have added since; return whether there was anything."""
        if self.path is None:
            return False
        before = len(self.done)
        found = self._new_lines(self.path) if isinstance(self.path, Path) else self._new_objects()
        results = [result for result in found if result is not None]
        if isinstance(self.path, Path) and found and not results and not before:
            raise AvfakeError(
                f"{self.path} is there already and is no journal of avfake; move it away, or "
                "give another name to what is to be written"
            )
        for result in results:
            self.done[result[self.key]] = result
        return bool(results)

    def begin(self, first: dict[str, Any]) -> dict[str, Any]:
        """Append `first` if the journal is new; return the journal's line of that key, or {}."""
        self.append(first, only_if_empty=True)
        self.reload()
        return self.done.get(first[self.key], {})

    def append(self, result: dict[str, Any], *, only_if_empty: bool = False) -> None:
        """Add a result; it is on its way to the disk, or in the store, when this returns.

        A result equal to the one in the journal is not written again.
        """
        key = result[self.key]
        if self.done.get(key) == result or (only_if_empty and self.done):
            return
        line = json.dumps(result) + "\n"
        try:
            if isinstance(self.path, Path):
                if not self._append_line(self.path, line.encode(), only_if_empty=only_if_empty):
                    return
            elif self.path is not None:
                # The hash, as keys may hold what names of objects may not, and be longer.
                name = hashlib.sha256(key.encode("utf-8", errors="surrogateescape")).hexdigest()
                name += ".json"
                write_whole(self.path / name, line)
                self._objects_read.add(name)
        except (OSError, StoreError) as error:
            cause = getattr(error, "message", None) or getattr(error, "strerror", None) or error
            raise AvfakeError(
                f"{self.path} could not be written: {cause}; what was done is "
                "kept: run the same command again once it can be"
            ) from error
        self.done[key] = result

    def _append_line(self, path: Path, line: bytes, *, only_if_empty: bool) -> bool:
        """Append a line; return False if `only_if_empty` and the file has content."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            with suppress(ImportError, OSError):  # not every system can lock
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            if size and only_if_empty:
                return False
            if size:
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line  # after a torn one
            file.write(line)
            file.flush()
        if self._bytes_read == size:
            self._bytes_read += len(line)
        return True

    def _new_lines(self, path: Path) -> list[dict[str, Any] | None]:
        """Return the lines that were added since; None for a torn one: its item is done again."""
        try:
            with path.open("rb") as file:
                file.seek(self._bytes_read)
                content = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise AvfakeError(f"{path} cannot be read: {error.strerror or error}") from error
        if content and not self._bytes_read and not content.startswith(b"{"):
            return [None]
        content = content[: content.rfind(b"\n") + 1]
        self._bytes_read += len(content)
        return [self._result(line) for line in content.splitlines() if line.strip()]

    def _new_objects(self) -> Iterable[dict[str, Any] | None]:
        assert isinstance(self.path, str)
        try:
            found = {name for name in self.path.files() if name.endswith(".json")}
        except StoreError as error:
            if error.is_missing:
                return []
            raise
        new = sorted(found - self._objects_read)
        self._objects_read |= found
        return [self._result(content) for content in self.path.read_files(new)]

    def _result(self, line: bytes) -> dict[str, Any] | None:
        """Return the result of a line; None if it is not a line of this journal."""
        try:
            result = json.loads(line)
        except (ValueError, RecursionError):
            return None
        is_ours = isinstance(result, dict) and isinstance(result.get(self.key), str)
        return result if is_ours else None
