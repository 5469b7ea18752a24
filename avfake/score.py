"""Many files come in; a table of verdicts and, if asked for, a competition submission go out.

Every requested file has a row. Killed at any moment and started again, it goes on.
"""

import csv
import math
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from avfake.cluster import Engine, Failure, Journal, map_items
from avfake.detector import Detector, Switches
from avfake.ensemble import Combination
from avfake.errors import ConfigError, Reason
from avfake.files import write_table
from avfake.media import ENDINGS
from avfake.media.local import SEPARATOR
from avfake.progress import progress
from avfake.verdict import Verdict

COLUMNS = ("file", "status", "decision", "p_fake", "p_face_fake", "p_voice_fake", "reasons")
RUN = "#run"
"""Key of the journal line that says which detector and switches the other lines came from."""
MEDIA_ENDINGS = {f".{ending}" for endings in ENDINGS.values() for ending in endings}
TIME_LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class ScoreTable:
    """What `score_files` wrote, as rows of `COLUMNS`."""

    rows: list[dict[str, Any]]

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Rows without any probability."""
        return [row for row in self.rows if row["p_fake"] is None]


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The media files named, or anywhere below the folders and zip archives named, sorted.

    A named file is kept whatever its ending, and even if it is not there: it gets a status row.
    """
    if not paths:
        raise ConfigError("no file was named; give video or sound files, or folders of them")
    found: list[Path] = []
    for path in paths:
        if path.is_dir() or _is_archive(path):
            inside = _members(path) if _is_archive(path) else sorted(path.rglob("*"))
            below = [one for one in inside if one.suffix.lower() in MEDIA_ENDINGS]
            if not below:
                raise ConfigError(
                    f"{path} holds no media file; looked for {', '.join(sorted(MEDIA_ENDINGS))}"
                )
            found += below
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip" and path.is_file()


def _members(archive: Path) -> list[Path]:
    """Sorted names such as "test_videos.zip!/a.mp4", which `media.local_file` opens."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return [Path(f"{archive}{SEPARATOR}{name}") for name in sorted(opened.namelist())]
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{archive} cannot be read as a zip archive: {error}") from error


def find_requested(source: Path, sample_submission: Path) -> list[Path]:
    """The files of a folder or zip archive that a sample_submission.csv asks for, in its order.

    One that is not there is named all the same, and gets a status row.
    """
    names = read_requested(sample_submission)
    if source.is_dir():
        return [source / name for name in names]
    if not _is_archive(source):
        raise ConfigError(f"{source} is no folder and no zip archive in which files could lie")
    found = {file.name: file for file in find_files([source])}
    return [found.get(name, Path(f"{source}{SEPARATOR}{name}")) for name in names]


def score_files(
    files: Sequence[Path],
    detector: str | Combination,
    out: Path,
    *,
    switches: Switches | None = None,
    workers: int = 1,
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
    engine: Engine = "local",
    ray_address: str | None = None,
) -> ScoreTable:
    """Predict every file into the table `out` (csv); what its journal already holds is kept.

    On a Ray cluster every machine must see the detector and the files under the same names.
    """
    switches = switches or Switches()
    run = f"{Detector.from_pretrained(detector).name} {switches}"
    journal = Journal(out.with_name(out.name + ".journal.jsonl"), "file")
    if journal.done and journal.done.get(RUN, {}).get("run") != run:
        raise ConfigError(
            f"{journal.path} belongs to another detector or other switches; "
            "give another --out, or delete it to score again"
        )
    if not journal.done:
        journal.append({"file": RUN, "run": run})
    todo = [file for file in files if str(file) not in journal.done]
    function = partial(_predict_one, detector, switches)
    done = len(files) - len(todo)
    with progress(total=len(files), initial=done, unit="file", desc="score") as bar:
        for index, result in map_items(
            function,
            todo,
            workers=workers,
            time_limit_seconds=time_limit_seconds,
            engine=engine,
            ray_address=ray_address,
        ):
            journal.append(_row_of(todo[index], result))
            bar.update()
    rows = [journal.done[str(file)] for file in files]
    write_table(out, COLUMNS, rows)
    return ScoreTable(rows)


def read_requested(sample_submission: Path) -> list[str]:
    """The file names that a sample_submission.csv asks for, in its order."""
    with sample_submission.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if "filename" not in (reader.fieldnames or []):
            raise ConfigError(
                f"{sample_submission} has columns {reader.fieldnames}; it needs 'filename'"
            )
        return [row["filename"] for row in reader]


def write_submission(table: ScoreTable, out: Path, *, fill: float) -> int:
    """Write filename,label for every row of the table; how many had to take the `fill` value."""
    if not (0.0 <= fill <= 1.0) or math.isnan(fill):
        raise ConfigError(f"fill is {fill}; a probability lies in [0, 1]")
    names = [Path(row["file"]).name for row in table.rows]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(
            f"a submission needs unique file names; these come twice: {', '.join(twice[:5])}"
        )
    labels = [fill if row["p_fake"] is None else row["p_fake"] for row in table.rows]
    rows = [{"filename": n, "label": v} for n, v in zip(names, labels, strict=True)]
    write_table(out, ("filename", "label"), rows)
    return len(table.failed)


def _predict_one(detector: str | Combination, switches: Switches, file: Path) -> Verdict:
    return _loaded(detector).predict(file, switches)


@lru_cache(maxsize=1)
def _loaded(detector: str | Combination) -> Detector:
    return Detector.from_pretrained(detector)


def _row_of(file: Path, result: Verdict | Failure) -> dict[str, Any]:
    if isinstance(result, Failure):
        reason = Reason("file", result.code, result.detail)
        result = Verdict(str(file), "unsure", None, None, None, "failed", (reason,))
    row = {name: getattr(result, name) for name in COLUMNS if name != "reasons"}
    for name, value in row.items():
        row[name] = round(value, 6) if isinstance(value, float) else value
    return row | {"reasons": "; ".join(reason.short for reason in result.reasons)}
