"""Find files, check where their scores are to go, and score them into a table of verdicts.

Every requested file has a row. A run that is killed at any moment and started again goes on;
failed files are tried again, changed files are scored again, and rows of other files stay.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from avfake.datasets import media_in
from avfake.detector import Detector, PredictOptions
from avfake.errors import ConfigError, MediaError, Reason, SpecError
from avfake.media import ENDINGS
from avfake.parallel import Failure, map_into_journal, map_items
from avfake.scoring.score_table import (
    COLUMNS,
    ScoreTable,
    check_apart,
    checked_journal,
    is_settled,
    open_journal,
    path_of,
    write_scores,
)
from avfake.scoring.submission import SUBMISSION, checked_fill, read_requested
from avfake.storage import AnyPath, Output, as_path, states_of, target_of
from avfake.verdict import Verdict

_log = logging.getLogger(__name__)
LISTS = ("reasons", "contributions")
"""Columns that hold several values with semicolons; contributions are those of p_fake."""
MEDIA_ENDINGS = {f".{ending}" for endings in ENDINGS.values() for ending in endings}
TIME_LIMIT_SECONDS = 600.0
Change = Callable[[AnyPath, Path], Path]
"""Takes a file and a folder, returns a changed copy in that folder; its `repr` names the change."""


def find_files(paths: Sequence[str | Path], requested: Path | None = None) -> list[AnyPath]:
    """Return the media files named, or below the folders and zip archives named, sorted.

    A named file is kept whatever its ending, and even if it is not there: it gets a status row.
    A URL with the ending of a media file is never taken for a folder. What is left out of a folder
    is logged; junk and files written by avfake are ignored.

    requested: a sample_submission.csv; only the files that it names are returned, in its order, of
        the one folder or zip archive given
    """
    if requested is not None:
        return _find_requested(paths, requested)
    if not paths:
        raise ConfigError("no file was named; give video or sound files, or folders of them")
    found: list[AnyPath] = []
    for path in map(as_path, paths):
        below = _below(path)
        found += [path] if below is None else below
    return list(dict.fromkeys(found))


def _below(path: AnyPath) -> Sequence[AnyPath] | None:
    """Return the sorted media files in a folder or zip archive; None for anything else."""
    if not _is_archive(path):
        is_media = isinstance(path, str) and path.suffix.lower() in MEDIA_ENDINGS
        if is_media or not path.is_dir():
            return None
    try:
        below, notes = media_in(path)
    except (OSError, SpecError) as error:
        raise ConfigError(f"{path} cannot be read as a zip archive: {error}") from error
    if not below:
        raise ConfigError("; ".join([f"{path} holds no media file", *notes]))
    for note in notes:
        _log.warning("%s: %s", path, note)
    return below


def _is_archive(path: AnyPath) -> bool:
    if path.suffix.lower() != ".zip":
        return False
    return path.is_file() if isinstance(path, Path) else not path.is_dir()


def _find_requested(paths: Sequence[str | Path], requested: Path) -> list[AnyPath]:
    """Return the files that a table names, those that are not there as well."""
    if len(paths) != 1:
        raise ConfigError(
            f"--requested needs one folder or zip archive, in which its files lie; got {len(paths)}"
        )
    source, names = as_path(paths[0]), read_requested(requested)
    if source.is_dir():
        return [source / name for name in names]
    if not _is_archive(source):
        raise ConfigError(f"{source} is no folder and no zip archive in which files could lie")
    found = {file.name: file for file in find_files([source])}
    return [found.get(name, as_path(f"{source}!/{name}")) for name in names]


def checked_files(
    paths: Sequence[str | Path],
    requested: Path | None = None,
    *,
    out: str | Path | None,
    submission: str | Path | None,
    fill: float | None = None,
) -> tuple[list[AnyPath], AnyPath]:
    """Return the files to score and the table for their scores: `out`, or one beside `submission`.

    ConfigError if an output cannot be written or would destroy something.

    Args:
        paths, requested: as for `find_files`
        fill: as for `checked_fill`
    """
    files = find_files(paths, requested)
    answers, table = (None if one is None else as_path(one) for one in (submission, out))
    read = [*files, *map(as_path, paths), *([requested] if requested else [])]
    flag = "--out"
    if table is None:
        assert answers is not None
        if target_of(answers) is None:
            raise ConfigError(f"--submission {answers}: add --out, for the scores behind it")
        table, flag = answers.with_name("scores.csv"), "the scores beside the submission:"
    output = Output(table, flag, read, remote=True)
    output.check_file()
    journal = checked_journal(files, output)
    if answers is not None:
        output = Output(answers, "--submission", read, remote=True)
        output.check_file("submission")
        output.check_table(SUBMISSION, lambda: {file.name for file in files})
        checked_fill(files, fill)
        check_apart({flag: table, "--submission": answers, "its journal": journal.path})
    return files, table


def score_files(
    files: Sequence[AnyPath],
    detectors: str | Sequence[str],
    out: AnyPath,
    *,
    combine: str = "mean",
    options: PredictOptions | None = None,
    change: Change | None = None,
    **pool: Any,
) -> ScoreTable:
    """Predict every file into the table `out` (csv); rows in its journal are kept.

    Several processes may do so at once. ConfigError for a table that belongs to something else.
    On a Ray cluster every machine must see the detector and the files under the same names.

    Args:
        detectors: as for `Detector.from_pretrained`, with `combine`
        change: applied to a temporary copy of each file, which is then scored in its place
        pool: workers (1 by default, as each loads the detector), engine and ray_address of
            `map_items`
    """
    options = options or PredictOptions()
    names = (detectors,) if isinstance(detectors, str) else tuple(detectors)
    loaded = Detector.from_pretrained(names, combine=combine)
    loaded.check(options)
    run = f"{loaded.name} {options}" + ("" if change is None else f" {change}")
    journal = open_journal(out, files, run)
    states = states_of(files)
    is_rewritten = change is not None
    todo = [f for f in files if not is_settled(journal.done.get(str(f)), states[f], is_rewritten)]
    function = partial(_predict_one, names, combine, options, change)
    map_into_journal(
        function,
        todo,
        journal,
        lambda file, found: _row_of(file, found) | {"state": states[file], "path": path_of(file)},
        bar={"total": len(files), "unit": "file", "desc": "score"},
        time_limit_seconds=TIME_LIMIT_SECONDS,
        **{"workers": 1, **pool},
    )
    return write_scores(journal, files, out)


def _predict_one(
    names: tuple[str, ...],
    combine: str,
    options: PredictOptions,
    change: Change | None,
    file: AnyPath,
) -> Verdict:
    loaded = _loaded(names, combine)
    if change is None:
        return loaded.predict(file, options)
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        try:
            changed = change(file, Path(folder))
        except MediaError as error:
            return Verdict.failed(file, error.reason)
        return replace(loaded.predict(changed, options), file=str(file))


@lru_cache(maxsize=1)
def _loaded(names: tuple[str, ...], combine: str) -> Detector:
    return Detector.from_pretrained(names, combine=combine)


def iter_verdicts(
    files: Sequence[AnyPath], detectors: Sequence[str], combine: str, options: PredictOptions
) -> Iterator[Verdict]:
    """Yield the verdict on each file, one after the other in this process."""
    loaded = Detector.from_pretrained(detectors, combine=combine)
    loaded.check(options)
    predict = partial(loaded.predict, options=options)
    for index, result in map_items(predict, files, workers=0):
        yield _verdict_of(files[index], result)


def _verdict_of(file: AnyPath, result: Verdict | Failure) -> Verdict:
    """Return the verdict on a file; for a Failure, a failed one with the reason."""
    if isinstance(result, Verdict):
        return result
    return Verdict.failed(file, Reason("file", result.code, result.detail))


def _row_of(file: AnyPath, result: Verdict | Failure) -> dict[str, Any]:
    result = _verdict_of(file, result)
    row = {name: getattr(result, name) for name in COLUMNS if name not in LISTS}
    for name, value in row.items():
        # Digits, not decimals: under a small prior most probabilities are small.
        row[name] = float(f"{value:.6g}") if isinstance(value, float) else value
    overall = [one for one in result.contributions if one.output == "overall"]
    return row | {
        "reasons": "; ".join(reason.short for reason in result.reasons),
        "contributions": "; ".join(map(str, overall)),
    }
