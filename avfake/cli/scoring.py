"""Work and output of the verb `predict`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from avfake import storage
from avfake.cli.process import IN_PART, OK
from avfake.detector import Detector, PredictOptions
from avfake.errors import ConfigError
from avfake.scoring import (
    FILL,
    SUBMISSION,
    check_scores,
    check_submission,
    find_files,
    find_requested,
    iter_verdicts,
    journal_of,
    score_files,
    write_submission,
)


def files_of(paths: Sequence[str | Path], requested: Path | None) -> list[storage.AnyPath]:
    """Return the files to score: all below the paths, or those of one path that a table names."""
    if requested is None:
        return find_files(paths)
    if len(paths) != 1:
        raise ConfigError(
            f"--requested needs one folder or zip archive, in which its files lie; got {len(paths)}"
        )
    return find_requested(storage.as_path(paths[0]), requested)


def checked_files(
    paths: Sequence[str | Path],
    requested: Path | None,
    *,
    out: storage.AnyPath | None,
    submission: storage.AnyPath | None,
    fill: float | None = None,
) -> tuple[list[storage.AnyPath], storage.AnyPath]:
    """Return the files to score and the table for their scores: `out`, or one beside `submission`.

    ConfigError if an output cannot be written or would destroy something.
    """
    files = files_of(paths, requested)
    read = [*map(storage.as_path, paths), *([requested] if requested else [])]
    flag = "--out" if out is not None else "the scores beside the submission:"
    if out is None:
        assert submission is not None
        if isinstance(submission, Path) and storage.is_stream(submission):
            raise ConfigError(f"--submission {submission}: add --out, for the scores behind it")
        out = storage.beside(submission, "scores.csv")
    check_scores(files, out, flag=flag, inputs=read)
    if submission is not None:
        inputs = [*files, *read]
        storage.check_file(
            submission, flag="--submission", what="submission", inputs=inputs, remote=True
        )
        names = {storage.name_of(file) for file in files}
        storage.check_table(submission, SUBMISSION, flag="--submission", rows=lambda: names)
        check_submission(files, FILL if fill is None else fill)
        outs = {flag: out, "--submission": submission, "its journal": journal_of(out)}
        storage.check_apart({name: place for name, place in outs.items() if place is not None})
    return files, out


def predict_each(
    files: Sequence[storage.AnyPath],
    detectors: Sequence[str],
    options: PredictOptions,
    combine: str,
    *,
    as_json: bool,
) -> int:
    """Print a verdict for each file as it comes; 1 if any could not be assessed."""
    loaded = Detector.from_pretrained(detectors, combine=combine)
    loaded.check(options)
    failed = 0
    for verdict in iter_verdicts(files, loaded, options):
        print(verdict.to_json() if as_json else verdict, flush=True)
        failed += verdict.p_fake is None
    return IN_PART if failed else OK


def predict_table(
    files: Sequence[storage.AnyPath],
    detectors: Sequence[str],
    options: PredictOptions,
    *,
    out: storage.AnyPath,
    submission: storage.AnyPath | None,
    fill: float | None = None,
    **how: Any,
) -> int:
    """Write the table and the submission, and say what could not be assessed.

    files, out: as `checked_files` gives them; how: further arguments of `score_files`.
    """
    table = score_files(files, detectors, out, options=options, **how)
    kept = f"; {table.num_kept} rows of other files kept" * bool(table.num_kept)
    print(f"{len(table.rows)} files scored: {out}{kept}")
    if submission is not None:
        fill = FILL if fill is None else fill
        filled = write_submission(table, submission, fill=fill)
        print(f"submission: {submission}" + f"; {filled} rows took --fill {fill:g}" * bool(filled))
    if table.failed:
        print(f"{len(table.failed)} files could not be assessed; each with its reason in {out}:")
        for row in table.failed[:5]:
            print(f"  {row['file']}: {row['reasons']}")
    return IN_PART if table.failed else OK
