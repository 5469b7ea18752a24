"""A folder of prepared clips, on disk or behind a URL.

clips.yaml        settings and their hash
manifest.csv      the rows of the files
journal.jsonl     one line per finished file; behind a URL, where nothing can be appended,
                  journal/*.json with one object per finished file
status.csv        one row per file: ok / partial / failed with reasons, in manifest order
archives/*.zip    the clips
"""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from avfake import config as settings
from avfake.clips.config import ClipConfig
from avfake.datasets import Manifest, Row, read_manifest
from avfake.errors import ConfigError
from avfake.storage import AnyPath, Output, as_path, fitting, read_if_there, write_whole

SETTINGS = "clips.yaml"
WRITTEN = (SETTINGS, "manifest.csv", "manifest.csv.json", "status.csv", "journal.jsonl", "archives")
STATUS_COLUMNS = (
    *("clip_id", "status", "reasons", "persons", "crops"),
    *("duration_seconds", "width", "height", "fps", "sound_seconds"),
)


@dataclass(frozen=True)
class PreparedClip:
    """A row of the manifest that has an archive."""

    row: Row
    archive: AnyPath
    has_visual: bool
    """Crops of at least one person."""
    has_audio: bool
    """Speech."""


class PreparedFolder:
    """A prepared folder to read from; ConfigError if it is none.

    Archives behind a URL are copied to this machine when they are first opened (`storage.cached`).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = as_path(path)
        self._settings = read_if_there(self.path / "clips.yaml")
        if self._settings is None:
            raise ConfigError(
                f"{self.path} is not a folder of prepared clips (it has no clips.yaml); "
                "make one with: avfake prepare SPEC ROOT OUT"
            )

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name

    @cached_property
    def config(self) -> ClipConfig:
        """Settings with which the clips were made."""
        assert self._settings is not None
        return settings.from_dict(ClipConfig, _parsed(self._settings, self.path)["settings"])

    @cached_property
    def manifest(self) -> Manifest:
        return read_manifest(self.path / "manifest.csv")

    @cached_property
    def statuses(self) -> dict[str, dict[str, str]]:
        """clip_id -> its row of status.csv."""
        table = read_if_there(self.path / "status.csv")
        if table is None:
            raise ConfigError(f"{self.path} is not finished; run the same avfake prepare again")
        text = table.decode("utf-8", errors="surrogateescape")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        with self._refusing("status.csv"):
            return {row["clip_id"]: row for row in reader}

    @property
    def clips(self) -> list[PreparedClip]:
        """Every row with an archive, in the manifest's order."""
        with self._refusing("status.csv"):
            return [
                PreparedClip(
                    row,
                    self.archive_of(row.clip_id),
                    has_visual=int(status["crops"]) > 0,
                    has_audio=float(status["sound_seconds"]) > 0,
                )
                for row in self.manifest.rows
                if (status := self.statuses[row.clip_id])["status"] != "failed"
            ]

    @contextmanager
    def _refusing(self, name: str) -> Iterator[None]:
        """Raise ConfigError for a table that does not hold what avfake writes."""
        try:
            yield
        except (csv.Error, KeyError, ValueError, TypeError) as error:
            said = f"no {error}" if isinstance(error, KeyError) else error
            raise ConfigError(
                f"{self.path / name} is not what avfake wrote ({said}); prepare the clips again"
            ) from error

    def archive_of(self, clip_id: str) -> AnyPath:
        """Return the path of the archive of a row."""
        return archive_path(self.path, clip_id)

    @staticmethod
    def check_target(folder: str | Path, *, inputs: Iterable[str | Path] = ()) -> None:
        """Raise ConfigError if a folder cannot take clips: not writable, an input, other files.

        inputs: what the command reads.
        """
        read = [as_path(one) for one in inputs]
        Output(as_path(folder), "OUT", read, remote=True).check_folder(SETTINGS, WRITTEN)


def archive_path(folder: AnyPath, clip_id: str) -> AnyPath:
    """Return the path of the archive of `clip_id` in a prepared folder."""
    return folder / fitting(f"archives/{clip_id.replace('!/', '/')}.zip")


def _parsed(content: bytes, folder: AnyPath) -> dict[str, Any]:
    """Read the content of clips.yaml; ConfigError if `write_settings` did not write it."""
    try:
        parsed = yaml.safe_load(content)
        return {"hash": parsed["hash"], "settings": parsed["settings"]}
    except (yaml.YAMLError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ConfigError(
            f"{folder / SETTINGS} is not what avfake wrote; give another folder, or delete "
            "this one to start over"
        ) from error


def write_settings(folder: AnyPath, config: ClipConfig) -> None:
    """Write clips.yaml; ConfigError if there is one with other settings."""
    path = folder / SETTINGS
    there = read_if_there(path)
    if there is None:
        PreparedFolder.check_target(str(folder))
        content = {"hash": config.hash, "settings": settings.to_dict(config)}
        write_whole(path, yaml.safe_dump(content, sort_keys=False))
    elif (found := _parsed(there, folder)["hash"]) != config.hash:
        raise ConfigError(
            f"{folder} holds clips made with other settings (hash {found}, now {config.hash}); "
            "give another output folder, or delete this one to start over"
        )
