"""What `predict` prints."""

from collections.abc import Sequence
from pathlib import Path

from avfake.cli.codes import IN_PART, OK
from avfake.cluster import Engine
from avfake.detector import Detector, Switches
from avfake.ensemble import Combination
from avfake.errors import ConfigError
from avfake.remote import Place, place_of
from avfake.score import find_files, find_requested, score_files, write_submission


def predict_each(
    paths: Sequence[str | Path], detector: str | Combination, switches: Switches, *, as_json: bool
) -> int:
    """Print a verdict for each file as it comes; 1 if any could not be assessed."""
    files = find_files(paths)
    loaded = Detector.from_pretrained(detector)
    loaded.check(switches)
    failed = 0
    for file in files:
        verdict = loaded.predict(file, switches)
        print(verdict.to_json() if as_json else verdict, flush=True)
        failed += verdict.p_fake is None
    return IN_PART if failed else OK


def predict_table(
    paths: Sequence[str | Path],
    detector: str | Combination,
    switches: Switches,
    *,
    out: Place,
    submission: Place | None,
    requested: Path | None,
    fill: float,
    workers: int,
    engine: Engine = "local",
    ray_address: str | None = None,
) -> int:
    """Write the table and the submission, and say what could not be assessed."""
    files = find_files(paths) if requested is None else _requested_files(paths, requested)
    table = score_files(
        files,
        detector,
        out,
        switches=switches,
        workers=workers,
        engine=engine,
        ray_address=ray_address,
    )
    print(f"{len(table.rows)} files scored: {out}")
    if submission is not None:
        filled = write_submission(table, submission, fill=fill)
        print(
            f"submission: {submission}" + (f"; {filled} rows took --fill {fill:g}" * bool(filled))
        )
    if table.failed:
        print(f"{len(table.failed)} files could not be assessed; each with its reason in {out}:")
        for row in table.failed[:5]:
            print(f"  {row['file']}: {row['reasons']}")
    return IN_PART if table.failed else OK


def _requested_files(paths: Sequence[str | Path], requested: Path) -> list[Place]:
    if len(paths) != 1:
        raise ConfigError(
            f"--requested needs one folder or zip archive, in which its files lie; got {len(paths)}"
        )
    return find_requested(place_of(paths[0]), requested)
