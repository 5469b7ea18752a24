"""The verb `stress`, which measures the effect of damaged files on the answers."""

from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli.choosing import choose_one
from avfake.cli.codes import IN_PART, OK
from avfake.cli.flags import at_least
from avfake.labels import DEFAULT


def stress(
    source: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    out: Path,
    detector: str = DEFAULT,
    cells: tuple[str, ...] = (),
    limit: int | None = None,
    workers: int = 1,
) -> int:
    """Measure what damage to files (coding, scaling, noise, a telephone, ...) does to the answers.

    A run that was stopped continues. How to read the table: docs/evaluation.md. Exit code 1 if an
    untouched file could not be assessed.

    Args:
        source: Table made by avfake manifest, or a folder with such a manifest.csv.
        out: Folder for stress.csv, stress.png, and the answers for each cell.
        detector: Folder of a trained detector, or its name on the Hugging Face Hub; by default the
            one that comes with avfake.
        cells: Only these, such as crf_40 telephone; by default all.
        limit: Only the first so many labelled files.
        workers: Processes.
    """
    from avfake.evaluation import draw_stress
    from avfake.scoring import CELLS, check_target, render_stress, run_stress, weakest_cells

    at_least(0, workers=workers)
    at_least(1, limit=limit)
    check_target(out, inputs=[source])
    found = run_stress(source, choose_one(detector), out, cells=cells, limit=limit, workers=workers)
    plot = draw_stress(found.table, out / "stress.png")
    print(render_stress(found.table))
    for weakest in weakest_cells(found.table):
        print(f"weakest cell for {weakest} ({CELLS[weakest.cell].meaning})")
    left_out = f"; {found.num_unlabelled} without a label left out" * bool(found.num_unlabelled)
    print(f"{found.num_files} files{left_out}; table and plot: {out / 'stress.csv'}, {plot}")
    for cell, rows in found.failed.groupby("cell", sort=False):
        one = rows.iloc[0]
        print(f"{cell}: {len(rows)} files not assessed, such as {one['clip_id']}: {one['reasons']}")
    return IN_PART if (found.failed["cell"] == "untouched").any() else OK
