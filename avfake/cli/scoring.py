"""What `predict` and `evaluate` print."""

from collections.abc import Sequence
from pathlib import Path

from avfake.assembly import examples_of_split, gather, measure
from avfake.cli.codes import IN_PART, OK
from avfake.cluster import Engine
from avfake.detector import Detector, Switches
from avfake.ensemble import Combination
from avfake.errors import ConfigError
from avfake.evaluate import ablation_table, render
from avfake.files import write_whole
from avfake.prepare import PreparedFolder
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


def evaluate_clips(
    clips: Sequence[str | Path],
    detector: str,
    switches: Switches,
    *,
    out: Path | None,
    split: str | None,
) -> int:
    """Print the table of metrics of a detector on prepared clips with labels."""
    examples = gather([PreparedFolder(path) for path in clips], assume_face_weight=0.0)
    if split is not None:
        examples = examples_of_split(examples, Path(detector).parent / "plan.csv", split)
    if not examples:
        raise ConfigError(f"no clip is left to evaluate in {', '.join(map(str, clips))}")
    scores = measure(Detector.from_pretrained(detector), examples, switches)
    if out is not None:
        write_whole(out, scores.to_csv(index=False))
        print(f"scores of {len(scores)} clips: {out}")
    print(render(ablation_table([("detector", scores)])))
    return OK


def _requested_files(paths: Sequence[str | Path], requested: Path) -> list[Place]:
    if len(paths) != 1:
        raise ConfigError(
            f"--requested needs one folder or zip archive, in which its files lie; got {len(paths)}"
        )
    return find_requested(place_of(paths[0]), requested)
