"""A folder of prepared clips on disk.

clips.yaml        settings and their hash
manifest.csv      the rows it was made from
journal.jsonl     one line a finished file, appended as it happens
status.csv        one row a file: ok / partial / failed with reasons, in the manifest's order
archives/*.zip    the clips
"""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from avfake import settings
from avfake.clips import ClipConfig
from avfake.data import Manifest, Row, read_manifest
from avfake.errors import ConfigError
from avfake.files import write_whole

STATUS_COLUMNS = (
    "clip_id",
    "status",
    "reasons",
    "persons",
    "crops",
    "duration_seconds",
    "width",
    "height",
    "fps",
    "sound_seconds",
)


@dataclass(frozen=True)
class PreparedClip:
    """A row of the manifest whose archive is there."""

    row: Row
    archive: Path
    has_visual: bool
    """Crops of at least one person."""
    has_audio: bool
    """Sound to judge."""


class PreparedFolder:
    """Reading side of a prepared folder; ConfigError if it is none."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / "clips.yaml").is_file():
            raise ConfigError(
                f"{self.path} is not a folder of prepared clips (it has no clips.yaml); "
                "make one with: avfake prepare SPEC ROOT OUT"
            )

    @cached_property
    def config(self) -> ClipConfig:
        """The settings the clips were made with."""
        text = (self.path / "clips.yaml").read_text(encoding="utf-8")
        return settings.from_dict(ClipConfig, yaml.safe_load(text)["settings"])

    @cached_property
    def manifest(self) -> Manifest:
        return read_manifest(self.path / "manifest.csv")

    @cached_property
    def statuses(self) -> dict[str, dict[str, str]]:
        """clip_id -> its row of status.csv."""
        path = self.path / "status.csv"
        if not path.is_file():
            raise ConfigError(f"{self.path} is not finished; run the same avfake prepare again")
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return {row["clip_id"]: row for row in csv.DictReader(file)}

    @property
    def clips(self) -> list[PreparedClip]:
        """Every row with an archive, in the manifest's order."""
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

    def archive_of(self, clip_id: str) -> Path:
        """Where the archive of a row lies."""
        return archive_path(self.path, clip_id)


def archive_path(folder: Path, clip_id: str) -> Path:
    """Where the archive of `clip_id` lies in a prepared folder."""
    return folder / "archives" / (clip_id.replace("!/", "/") + ".zip")


def write_settings(folder: Path, config: ClipConfig) -> None:
    """Write clips.yaml, or check that the one there says the same (ConfigError otherwise)."""
    path = folder / "clips.yaml"
    if path.is_file():
        found = yaml.safe_load(path.read_text(encoding="utf-8"))["hash"]
        if found != config.hash:
            raise ConfigError(
                f"{folder} holds clips made with other settings (hash {found}, now {config.hash}); "
                "give another output folder, or delete this one to start over"
            )
        return
    content = {"hash": config.hash, "settings": settings.to_dict(config)}
    write_whole(path, yaml.safe_dump(content, sort_keys=False))
