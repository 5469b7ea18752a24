"""Score every labelled file, untouched and once for each cell, and compare.

untouched.csv    answers for the files as they are, beside their labels; reasons where there
                 is none
cells/NAME.csv   the same after a cell; a stopped run goes on from NAME.csv.journal
stress.csv       what each cell changed
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from avfake.datasets import Manifest, Row, read_manifest
from avfake.errors import ConfigError
from avfake.labels import COLUMNS
from avfake.scoring.files import score_files
from avfake.scoring.stress.cells import choose_cells
from avfake.scoring.stress.rewriting import Rewrite
from avfake.scoring.stress.table import StressTable
from avfake.storage import Output, as_path, write_whole

UNTOUCHED = "untouched"
"""Stands for the files as they are, in place of a cell."""
SCORES = "untouched.scores.csv"
WRITTEN = ("untouched.csv", SCORES, "cells", "stress.csv", "stress.png")
MIN_CLIPS, MIN_GROUPS = 10, 3
"""With fewer, intervals reach from one end of the scale to the other."""


@dataclass(frozen=True)
class Stress:
    """Result of a stress test."""

    table: StressTable
    num_files: int
    num_unlabelled: int
    """Number of rows of the manifest that were left out."""
    failed: pd.DataFrame
    """Files without any probability: cell, clip_id, reasons."""


def run_stress(
    source: Path,
    detector: str,
    out: Path,
    *,
    cells: Sequence[str] = (),
    limit: int | None = None,
    workers: int = 1,
) -> Stress:
    """Return the stress table of a detector on labelled files; a run that was stopped goes on.

    source: a manifest (csv), or a folder with a manifest.csv, such as avfake prepare leaves.
    ConfigError for files that allow no comparison (too few clips, one class, a file twice), and for
    a folder `out` that cannot be written, is the source, or holds other files.
    """
    Output(out, inputs=[source]).check_folder(SCORES + ".journal.jsonl", WRITTEN)
    chosen = choose_cells(cells)
    manifest = _manifest(source)
    rows = labelled_rows(manifest, limit=limit)
    scores = score_cells(rows, detector, out, chosen, workers=workers)
    untouched = scores.pop(UNTOUCHED)
    check_both_answered(untouched, out)
    table = StressTable.comparing(untouched, scores)
    write_whole(out / "stress.csv", table.rows.to_csv(index=False))
    answers = pd.concat({UNTOUCHED: untouched, **scores}, names=["cell"]).reset_index("cell")
    failed = answers[answers["p_fake"].isna()][["cell", "clip_id", "reasons"]]
    labelled = sum(row.label is not None for row in manifest.rows)
    return Stress(table, len(rows), len(manifest) - labelled, failed)


def score_cells(
    rows: Sequence[Row], detector: str, out: Path, cells: Sequence[str], *, workers: int
) -> dict[str, pd.DataFrame]:
    """Return `UNTOUCHED` and each cell -> answers beside the labels, also written below `out`.

    A run that was stopped goes on.
    """
    files = [as_path(row.path) for row in rows]
    scores = {}
    for name in (UNTOUCHED, *cells):
        target = out / "untouched.csv" if name == UNTOUCHED else out / "cells" / f"{name}.csv"
        change = None if name == UNTOUCHED else Rewrite(name)
        answered = score_files(
            files, detector, target.with_suffix(".scores.csv"), change=change, workers=workers
        )
        scores[name] = _beside_labels(rows, answered.rows)
        write_whole(target, scores[name].to_csv(index=False))
    return scores


def labelled_rows(manifest: Manifest, *, limit: int | None = None) -> list[Row]:
    """Return the first rows with a known label; ConfigError where they allow no comparison."""
    if limit is not None and limit < MIN_CLIPS:
        raise ConfigError(f"--limit is {limit}; at least {MIN_CLIPS} clips are needed")
    rows = [row for row in manifest.rows if row.label is not None][:limit]
    for what, field in {"clip_id": "clip_id", "file": "path"}.items():
        names = Counter(getattr(row, field) for row in rows)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ConfigError(f"these occur twice as a {what}: {', '.join(twice[:5])}")
    groups = {_group(row) for row in rows}
    if len(rows) < MIN_CLIPS or len(groups) < MIN_GROUPS:
        raise ConfigError(
            f"{len(rows)} labelled clips of {len(groups)} groups are too few to compare on; at "
            f"least {MIN_CLIPS} clips of {MIN_GROUPS} groups are needed"
        )
    if len({row.label for row in rows}) < 2:
        only = "fakes" if rows[0].label else "genuine clips"
        raise ConfigError(f"the {len(rows)} clips are {only} only; both classes are needed")
    return rows


def _manifest(source: Path) -> Manifest:
    path = source / "manifest.csv" if source.is_dir() else source
    if source.is_dir() and not path.is_file():
        raise ConfigError(
            f"{source} has no manifest.csv, so the fakes are not known; make one with "
            "avfake manifest"
        )
    return read_manifest(path)


def _group(row: Row) -> str:
    return row.group or row.clip_id


def _beside_labels(rows: Sequence[Row], answers: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Return one row a file: clip_id, group, three labels, the columns of the answer."""
    facts = [
        {
            "clip_id": row.clip_id,
            "group": _group(row),
            **{label: getattr(row, label) for _, label in COLUMNS.values()},
        }
        for row in rows
    ]
    return pd.DataFrame([fact | one for fact, one in zip(facts, answers, strict=True)])


def check_both_answered(untouched: pd.DataFrame, out: Path) -> None:
    """Raise ConfigError unless a fake and a genuine file, untouched, got a probability."""
    answered = untouched[untouched["p_fake"].notna()]
    if answered[COLUMNS["overall"].label].nunique() < 2:
        raise ConfigError(
            "of the untouched files no fake, or no genuine one, got a probability; the reasons are "
            f"below {out}, in untouched.csv"
        )
