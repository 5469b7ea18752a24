"""What is done, one JSON line a result, appended as it happens: a killed run goes on from it."""

import json
from pathlib import Path
from typing import Any

from avfake.errors import AvfakeError
from avfake.files import write_whole


class Journal:
    """Append-only results keyed by one of their fields; the last line of a key wins."""

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        self.done: dict[str, dict[str, Any]] = {}
        if path.exists():
            self._read()

    def append(self, result: dict[str, Any]) -> None:
        """Keep a result; it is on its way to the disk when this returns."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
        except OSError as error:
            raise AvfakeError(
                f"{self.path} could not be written: {error.strerror or error}; what was done is "
                "kept: run the same command again once it can be"
            ) from error
        self.done[result[self.key]] = result

    def _read(self) -> None:
        kept = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                result = json.loads(line)
            except json.JSONDecodeError:
                continue  # torn by a kill in mid-write: that item is simply done again
            kept.append(line)
            self.done[result[self.key]] = result
        # A torn last line has no newline; the next append must not continue it.
        write_whole(self.path, "".join(line + "\n" for line in kept))
