"""Measurement of every file of a manifest: facts and fingerprint, kept in a journal."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avfake.audit.facts import crop_facts, sound_facts, stream_facts
from avfake.audit.fingerprints import NUM_FRAMES, Fingerprint, picture_hashes, sound_print
from avfake.clips import Clip, PreparedFolder
from avfake.datasets import Row
from avfake.errors import MediaError
from avfake.media import local_file, probe, read_frames, read_sound
from avfake.parallel import Failure, Journal, map_into_journal
from avfake.storage import AnyPath, as_path, states_of

VERSION = 2
"""Version of what is measured; results of another version are measured again."""
SOUND_RATE = 16_000
TIME_LIMIT_SECONDS = 300.0
_Task = tuple[Row, AnyPath | None]
"""A file, and the archive of its prepared clip."""


@dataclass(frozen=True)
class Measured:
    """The facts and the fingerprint of one file."""

    clip_id: str
    facts: dict[str, Any]
    print: Fingerprint
    problem: str = ""
    """Why the file, or a stream of it, could not be read; empty if all went well."""

    @property
    def is_readable(self) -> bool:
        return self.facts.get("size_bytes") is not None


def measure_files(
    rows: Sequence[Row],
    journal_path: Path,
    *,
    clips: Path | None = None,
    workers: int | None = None,
    show_progress: bool = True,
) -> list[Measured]:
    """Return one result a row that has a file, in their order; those in the journal are kept.

    clips: a folder of prepared clips of the same manifest, for the size of the crops.
    """
    rows = [row for row in rows if row.status != "missing"]
    journal = Journal(journal_path, "clip_id")
    states = states_of([as_path(row.path) for row in rows])
    # What changes when the file does, or what is measured of it.
    marks: dict[str, list[Any]] = {
        row.clip_id: [VERSION, row.path, str(clips or ""), states[as_path(row.path)] or ""]
        for row in rows
    }

    def is_settled(row: Row) -> bool:
        line = journal.done.get(row.clip_id)
        return line is not None and not line["problem"] and line["mark"] == marks[row.clip_id]

    def line_of(task: _Task, result: dict[str, Any] | Failure) -> dict[str, Any]:
        if isinstance(result, Failure):
            result = {"problem": f"{result.code} {result.detail}".strip()}
        clip_id = task[0].clip_id
        return {"clip_id": clip_id, "mark": marks[clip_id]} | result

    folder = PreparedFolder(clips) if clips else None
    todo = [row for row in rows if not is_settled(row)]
    tasks = [(row, folder.archive_of(row.clip_id) if folder else None) for row in todo]
    bar = {"total": len(rows), "unit": "file", "desc": "audit", "disable": not show_progress}
    limits = {"workers": workers, "time_limit_seconds": TIME_LIMIT_SECONDS}
    map_into_journal(measure, tasks, journal, line_of, bar=bar, **limits)
    return [_from_line(journal.done[row.clip_id]) for row in rows]


def measure(task: _Task) -> dict[str, Any]:
    """Return a line of the journal: facts, fingerprints in hex, and what went wrong."""
    row, archive = task
    facts: dict[str, Any] = {}
    prints: dict[str, str] = {}
    problems: list[str] = []

    @contextmanager
    def noting_problems() -> Iterator[None]:
        try:
            yield
        except MediaError as error:
            problems.append(error.reason.short)

    with noting_problems(), local_file(row.path) as path:
        described = probe(path)
        facts |= stream_facts(described, row.path)
        if described.has_video:
            with noting_problems():
                frames = read_frames(path, described.sample_times(NUM_FRAMES))
                prints["pictures"] = picture_hashes(frames).astype(">u8").tobytes().hex()
        if described.has_audio:
            with noting_problems():
                waveform = read_sound(path, SOUND_RATE).waveform()
                facts |= sound_facts(waveform)
                prints["sound"] = sound_print(waveform).astype(">u4").tobytes().hex()
        if isinstance(archive, Path) and archive.is_file():
            facts |= crop_facts(Clip.open(archive))
    return {"facts": facts, "problem": "; ".join(problems)} | prints


def _from_line(line: Mapping[str, Any]) -> Measured:
    pictures = np.frombuffer(bytes.fromhex(line.get("pictures", "")), ">u8").astype(np.uint64)
    sound = np.frombuffer(bytes.fromhex(line.get("sound", "")), ">u4").astype(np.uint32)
    fingerprint = Fingerprint(pictures, sound)
    return Measured(line["clip_id"], line.get("facts", {}), fingerprint, line["problem"])
