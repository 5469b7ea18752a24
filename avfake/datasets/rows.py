"""One row a file: where it lies, what is known of it, what must stay together in a split.

Labels: True = fake, False = genuine, None = unknown or not there. Everywhere in avfake, 1 = fake.
"""

from dataclasses import dataclass, field
from typing import Literal

from avfake.labels import ForgedSegment

Label = bool | None
STREAMS = ("face", "voice", "both")


@dataclass(frozen=True)
class Row:
    """One file of a dataset."""

    clip_id: str
    """Posix path from the dataset's root, unique in a manifest; a zip member's is the path that
    it would have after unpacking in place, so that it stays the same."""
    path: str
    """What `media.local_file` opens: a path, or `archive.zip!/member.mp4`."""
    label: Label = None
    """Whether anything in the file is forged."""
    face_fake: Label = None
    voice_fake: Label = None
    has_video: bool = True
    has_audio: bool | None = None
    """None until the file is opened."""
    original: str | None = None
    """clip_id of the genuine clip this fake was made from, present or not."""
    group: str = ""
    """Rows of one group never part in a split; the original's id, a family, a speaker."""
    dataset: str = ""
    part: str | None = None
    """Folder or shard number, for part-wise splits."""
    identity: str | None = None
    method: str | None = None
    source: str | None = None
    split: str | None = None
    """The dataset's own split, where it has one."""
    status: Literal["ok", "missing"] = "ok"
    segments: tuple[ForgedSegment, ...] = ()
    """Forged stretches that the dataset names; of a fake without any, nothing is known of where."""


@dataclass(frozen=True)
class Manifest:
    """All rows of one dataset, with what was assumed and what was odd about it."""

    rows: tuple[Row, ...]
    dataset: str
    warnings: tuple[str, ...] = ()
    """Each a sentence that names the files concerned (the first few, and how many)."""
    assumed: dict[str, str] = field(default_factory=dict)
    """Column -> why its labels are an assumption."""

    def __len__(self) -> int:
        return len(self.rows)
