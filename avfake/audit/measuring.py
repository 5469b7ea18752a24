"""Every file of a manifest opened once: its facts and its fingerprint, kept in a journal."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avfake.audit.facts import FileFacts, crop_facts, sound_facts, stream_facts
from avfake.audit.fingerprints import NUM_FRAMES, Fingerprint, picture_hashes, sound_print
from avfake.clips import Clip
from avfake.datasets import Row
from avfake.errors import MediaError
from avfake.media import MediaInfo, local_file, probe, read_frames, read_waveform, sample_times
from avfake.parallel import Failure, Journal, default_workers, map_items
from avfake.progress import progress
from avfake.storage import as_path, fitting, states_of

VERSION = 1
"""Of what is measured; an older journal's results are measured again."""
SOUND_RATE = 16_000
TIME_LIMIT_SECONDS = 300.0


@dataclass(frozen=True)
class Measured:
    """What one file is, apart from what it shows."""

    clip_id: str
    facts: FileFacts
    print: Fingerprint
    problem: str = ""
    """Why the file, or a stream of it, could not be read; empty if all went well."""

    @property
    def is_readable(self) -> bool:
        return self.facts.size_bytes is not None


@dataclass(frozen=True)
class _Task:
    path: str
    archive: Path | None


def measure_files(
    rows: Sequence[Row],
    journal_path: Path,
    *,
    clips: Path | None = None,
    workers: int | None = None,
    show_progress: bool = True,
) -> list[Measured]:
    """One result a row that has a file, in their order; what is in the journal is not done again.

    clips: a folder of prepared clips of the same manifest, for the size of the crops.
    """
    rows = [row for row in rows if row.status != "missing"]
    journal = Journal(journal_path, "clip_id")
    states = states_of([as_path(row.path) for row in rows])
    marks = {row.clip_id: _mark(row, clips, states[as_path(row.path)] or "") for row in rows}
    todo = [row for row in rows if not _is_settled(journal.done.get(row.clip_id), marks)]
    tasks = [_Task(row.path, _archive(row, clips)) for row in todo]
    workers = default_workers() if workers is None else workers
    mapped = map_items(measure, tasks, workers=workers, time_limit_seconds=TIME_LIMIT_SECONDS)
    done = len(rows) - len(todo)
    with progress(
        total=len(rows), initial=done, unit="file", desc="audit", disable=not show_progress
    ) as bar:
        for index, result in mapped:
            row = todo[index]
            if isinstance(result, Failure):
                result = {"problem": f"{result.code} {result.detail}".strip()}
            journal.append({"clip_id": row.clip_id, "mark": marks[row.clip_id]} | result)
            bar.update()
    return [_from_line(journal.done[row.clip_id]) for row in rows]


def _mark(row: Row, clips: Path | None, state: str) -> list[Any]:
    """Changes when the file does; as it has always been for files on a disk."""
    parts = [int(part) if part.isdigit() else part for part in state.split()]
    return [VERSION, row.path, str(clips or ""), *parts]


def _is_settled(line: Mapping[str, Any] | None, marks: Mapping[str, list[Any]]) -> bool:
    """False for a file that could not be read, or has changed since."""
    return line is not None and not line["problem"] and line["mark"] == marks[line["clip_id"]]


def measure(task: _Task) -> dict[str, Any]:
    """A journal line: facts, fingerprints in hex, and what went wrong."""
    facts: dict[str, Any] = {}
    line: dict[str, Any] = {"facts": facts, "problem": ""}
    problems = []
    try:
        with local_file(task.path) as path:
            described = probe(path)
            facts |= stream_facts(described, task.path)
            for is_there, part in ((described.has_video, _see), (described.has_audio, _hear)):
                try:
                    line |= part(path, described, facts) if is_there else {}
                except MediaError as error:
                    problems.append(error.reason.short)
        if task.archive is not None and task.archive.is_file():
            facts |= crop_facts(Clip.open(task.archive))
    except MediaError as error:
        problems.append(error.reason.short)
    return line | {"problem": "; ".join(problems)}


def _see(path: Path, described: MediaInfo, _: dict[str, Any]) -> dict[str, str]:
    frames = read_frames(path, sample_times(described, NUM_FRAMES))
    return {"pictures": picture_hashes(frames).astype(">u8").tobytes().hex()}


def _hear(path: Path, _: MediaInfo, facts: dict[str, Any]) -> dict[str, str]:
    waveform = read_waveform(path, SOUND_RATE)
    facts |= sound_facts(waveform)
    return {"sound": sound_print(waveform).astype(">u4").tobytes().hex()}


def _from_line(line: Mapping[str, Any]) -> Measured:
    pictures = np.frombuffer(bytes.fromhex(line.get("pictures", "")), ">u8").astype(np.uint64)
    sound = np.frombuffer(bytes.fromhex(line.get("sound", "")), ">u4").astype(np.uint32)
    facts = FileFacts(**line.get("facts", {}))
    return Measured(line["clip_id"], facts, Fingerprint(pictures, sound), line["problem"])


def _archive(row: Row, clips: Path | None) -> Path | None:
    """Where `avfake prepare` puts the clip of a row."""
    if clips is None:
        return None
    names = f"{row.clip_id.replace('!/', '/')}.zip".split("/")
    return clips.joinpath("archives", *map(fitting, names))


def facts_table(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """One row a file: clip_id, every fact, and the problem."""
    return [
        {"clip_id": one.clip_id} | asdict(one.facts) | {"problem": one.problem} for one in measured
    ]
