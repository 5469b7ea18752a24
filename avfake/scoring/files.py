"""Check where the scores of files are to go, and score them into a table of verdicts.

Every requested file has a row. A run that is killed at any moment and started again goes on;
files that failed or lost a stream are tried again, changed files are scored again, and rows of
other files stay.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from avfake.detector import Detector, PredictOptions
from avfake.errors import ConfigError, MediaError
from avfake.parallel import Failure, is_settled, map_into_journal
from avfake.scoring.finding import find_files
from avfake.scoring.isolated import verdict_of
from avfake.scoring.score_table import (
    COLUMNS,
    ScoreTable,
    check_apart,
    checked_journal,
    open_journal,
    path_of,
    write_scores,
)
from avfake.scoring.submission import SUBMISSION, checked_fill
from avfake.storage import AnyPath, Output, as_path, states_of, target_of
from avfake.verdict import Verdict

LISTS = ("reasons", "contributions")
"""Columns that hold several values with semicolons; contributions are those of p_fake."""
Change = Callable[[AnyPath, Path], Path]
"""Takes a file and a folder, returns a changed copy in that folder; its `repr` names the change."""


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
    settled = partial(is_settled, is_rewritten=change is not None)
    todo = [file for file in files if not settled(journal.done.get(str(file)), states[file])]
    function = partial(_predict_one, names, combine, options, change)
    map_into_journal(
        function,
        todo,
        journal,
        lambda file, found: _row_of(file, found) | {"state": states[file], "path": path_of(file)},
        bar={"total": len(files), "unit": "file", "desc": "score"},
        time_limit_seconds=options.limits.seconds,
        limits=options.limits,
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


def _row_of(file: AnyPath, result: Verdict | Failure) -> dict[str, Any]:
    result = verdict_of(file, result)
    row = {name: getattr(result, name) for name in COLUMNS if name not in LISTS}
    for name, value in row.items():
        # Digits, not decimals: under a small prior most probabilities are small.
        row[name] = float(f"{value:.6g}") if isinstance(value, float) else value
    overall = [one for one in result.contributions if one.output == "overall"]
    return row | {
        "reasons": "; ".join(reason.short for reason in result.reasons),
        "contributions": "; ".join(map(str, overall)),
    }
