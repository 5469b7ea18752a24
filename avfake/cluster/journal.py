"""What is done, kept as it happens: a killed run goes on from it.

On disk a journal is one file of JSON lines. Behind a URL nothing can be appended to, so there it is
a folder of small objects, one a key, each put whole: none is torn, and any machine goes on.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avfake.errors import AvfakeError, StoreError
from avfake.files import write_whole
from avfake.remote import Place, beside, inside, list_url, name_of, read_urls


def journal_at(place: Place) -> Place:
    """Where a journal called so is kept: on disk with ".jsonl" to its name, else as it stands."""
    return beside(place, name_of(place) + ".jsonl") if isinstance(place, Path) else place


class Journal:
    """Results keyed by one of their fields; the last one of a key wins."""

    def __init__(self, path: Place, key: str) -> None:
        """path: the file of a journal on disk; the folder of one behind a URL."""
        self.path, self.key = path, key
        self.done: dict[str, dict[str, Any]] = {}
        lines = self._lines_on_disk(path) if isinstance(path, Path) else _objects(path)
        for result in lines:
            self.done[result[self.key]] = result

    def append(self, result: dict[str, Any]) -> None:
        """Keep a result; it is on its way to the disk, or in the store, when this returns."""
        line = json.dumps(result) + "\n"
        try:
            if isinstance(self.path, Path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(line)
            else:
                write_whole(inside(self.path, _object_name(result[self.key])), line)
        except (OSError, StoreError) as error:
            said = getattr(error, "said", None) or getattr(error, "strerror", None) or error
            raise AvfakeError(
                f"{self.path} could not be written: {said}; what was done is "
                "kept: run the same command again once it can be"
            ) from error
        self.done[result[self.key]] = result

    def _lines_on_disk(self, path: Path) -> list[dict[str, Any]]:
        if not path.exists():
            return []
        kept, results = [], []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                results.append(json.loads(line))
            except json.JSONDecodeError:
                continue  # torn by a kill in mid-write: that item is simply done again
            kept.append(line)
        # A torn last line has no newline; the next append must not continue it.
        write_whole(path, "".join(line + "\n" for line in kept))
        return results


def _object_name(key: str) -> str:
    """Keys hold what names of objects may not, and more than 255 letters."""
    return hashlib.sha256(key.encode("utf-8", errors="surrogateescape")).hexdigest() + ".json"


def _objects(folder: str) -> Iterator[dict[str, Any]]:
    try:
        urls = [url for name, url in list_url(folder).items() if name.endswith(".json")]
    except StoreError as error:
        if error.is_missing:
            return
        raise
    for content in read_urls(urls):
        yield json.loads(content)
