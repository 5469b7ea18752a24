"""Measurement of every file of a manifest: facts and fingerprint, kept in a journal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avfake.audit.facts import FileFacts, crop_facts, sound_facts, stream_facts
from avfake.audit.fingerprints import NUM_FRAMES, Fingerprint, picture_hashes, sound_print
from avfake.clips import Clip, PreparedFolder
from avfake.datasets import Row
from avfake.errors import MediaError
from avfake.media import MediaInfo, local_file, probe, read_frames, read_sound
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
    facts: FileFacts
    print: Fingerprint
    problem: str = ""
    """Why the file, or a stream of it, could not be read; empty if all went well."""

    @property
    def is_readable(self) -> bool:
        return self.facts.size_bytes is not None


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
    marks = {row.clip_id: _mark(row, clips, states[as_path(row.path)] or "") for row in rows}
    todo = [row for row in rows if not _is_settled(journal.done.get(row.clip_id), marks)]
    folder = PreparedFolder(clips) if clips else None
    tasks = [(row, folder.archive_of(row.clip_id) if folder else None) for row in todo]

    def line_of(task: _Task, result: dict[str, Any] | Failure) -> dict[str, Any]:
        if isinstance(result, Failure):
            result = {"problem": f"{result.code} {result.detail}".strip()}
        clip_id = task[0].clip_id
        return {"clip_id": clip_id, "mark": marks[clip_id]} | result

    bar = {"total": len(rows), "unit": "file", "desc": "audit", "disable": not show_progress}
    limits = {"workers": workers, "time_limit_seconds": TIME_LIMIT_SECONDS}
    map_into_journal(measure, tasks, journal, line_of, bar=bar, **limits)
    return [_from_line(journal.done[row.clip_id]) for row in rows]


def _mark(row: Row, clips: Path | None, state: str) -> list[Any]:
    """Return what changes when the file does, or what is measured of it."""
    return [VERSION, row.path, str(clips or ""), state]


def _is_settled(line: Mapping[str, Any] | None, marks: Mapping[str, list[Any]]) -> bool:
    """Return False for a file that could not be read, or has changed since."""
    return line is not None and not line["problem"] and line["mark"] == marks[line["clip_id"]]


def measure(task: _Task) -> dict[str, Any]:
    """Return a line of the journal: facts, fingerprints in hex, and what went wrong."""
    name, archive = task[0].path, task[1]
    facts: dict[str, Any] = {}
    line: dict[str, Any] = {"facts": facts, "problem": ""}
    problems = []
    try:
        with local_file(name) as path:
            described = probe(path)
            facts |= stream_facts(described, name)
            for is_there, part in (
                (described.has_video, _measure_picture),
                (described.has_audio, _measure_sound),
            ):
                try:
                    line |= part(path, described, facts) if is_there else {}
                except MediaError as error:
                    problems.append(error.reason.short)
        if isinstance(archive, Path) and archive.is_file():
            facts |= crop_facts(Clip.open(archive))
    except MediaError as error:
        problems.append(error.reason.short)
    return line | {"problem": "; ".join(problems)}


def _measure_picture(path: Path, described: MediaInfo, _: dict[str, Any]) -> dict[str, str]:
    frames = read_frames(path, described.sample_times(NUM_FRAMES))
    return {"pictures": picture_hashes(frames).astype(">u8").tobytes().hex()}


def _measure_sound(path: Path, _: MediaInfo, facts: dict[str, Any]) -> dict[str, str]:
    waveform = read_sound(path, SOUND_RATE).waveform()
    facts |= sound_facts(waveform)
    return {"sound": sound_print(waveform).astype(">u4").tobytes().hex()}


def _from_line(line: Mapping[str, Any]) -> Measured:
    pictures = np.frombuffer(bytes.fromhex(line.get("pictures", "")), ">u8").astype(np.uint64)
    sound = np.frombuffer(bytes.fromhex(line.get("sound", "")), ">u4").astype(np.uint32)
    facts = FileFacts(**line.get("facts", {}))
    return Measured(line["clip_id"], facts, Fingerprint(pictures, sound), line["problem"])
