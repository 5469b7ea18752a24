"""The measured numbers of a card as tables: by kind of forgery, by method, by damage."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from avfake.evaluation import Interval, as_text, markdown_table
from avfake.labels import OUTPUTS
from avfake.report.card.measured import METRICS, Measured
from avfake.report.card.words import NOT_MEASURED, bullets, interval, percent
from avfake.scoring import CELLS, Weakest, render_stress, signed, weakest_cells

TITLES = {
    "auc": "AUC",
    "log_loss": "log-loss",
    "eer": "EER",
    "calibration_error": "calibration error",
}
METHOD = "method: "


def metric_sections(measured: Measured | None) -> str:
    """The chapter of measured numbers; says so where there are none."""
    if measured is None:
        return (
            f"## Measured on test clips\n\nThis is {NOT_MEASURED}, or this card was not told:\n\n"
            "    avfake evaluate CLIPS --detector FOLDER --out scores.csv\n"
            "    avfake card FOLDER --scores scores.csv"
        )
    parts = [
        f"## Measured on test clips\n\nClips: {as_text(measured.source)}. 1 = fake. "
        "Each kind of fake is measured against all genuine clips. *assessed*: how many of the "
        "labelled clips got a probability; the metrics are of those alone.",
        *_priors(measured),
        _metrics(measured),
        "What was decided, as a share of the clips of each kind:",
        _decisions(measured),
    ]
    methods = _methods(measured)
    return "\n\n".join(parts + (["By method of forging:", methods] if methods else []))


def _priors(measured: Measured) -> Iterator[str]:
    if "prior" in measured.scores:
        shares = dict.fromkeys(f"{float(one):g}" for one in measured.scores["prior"])
        yield f"Probabilities were asked with a prior share of fakes of {', '.join(shares)}."


def _metrics(measured: Measured) -> str:
    lines = [["output", "kind", *TITLES.values(), "assessed"]]
    for (output, kind), rows in measured.metrics.groupby(["output", "kind"], sort=False):
        by_metric = {row["metric"]: interval(row.to_dict()) for _, row in rows.iterrows()}
        counts = f"{rows['assessed'].iloc[0]}/{rows['labelled'].iloc[0]}"
        lines.append([str(output), str(kind), *(by_metric[name] for name in METRICS), counts])
    return markdown_table(lines)


def _decisions(measured: Measured) -> str:
    lines = [["kind", "clips", "called fake", "called real", "unsure"]]
    for kind in dict.fromkeys(kind for kind, _ in measured.decisions):
        if not kind.startswith(METHOD):
            lines.append([_title(kind), *_decided(measured, kind, ("fake", "real", "unsure"))])
    return markdown_table(lines)


def _methods(measured: Measured) -> str:
    if measured.by_method.empty:
        return ""
    lines = [["method", "fakes", "AUC against genuine clips", "called fake", "unsure"]]
    for _, row in measured.by_method.iterrows():
        method = str(row["kind"])
        kind = "fake" if method == "all" else METHOD + method
        count, *shares = _decided(measured, kind, ("fake", "unsure"))
        lines.append([as_text(method), count, interval(row.to_dict()), *shares])
    return markdown_table(lines)


def _decided(measured: Measured, kind: str, decisions: Sequence[str]) -> list[str]:
    _, clips = measured.decisions[kind, "fake"]
    return [str(clips), *(percent(measured.decisions[kind, one][0]) for one in decisions)]


def _title(kind: str) -> str:
    return {"genuine": "genuine", "fake": "all fakes"}.get(kind, kind)


def stress_section(table: pd.DataFrame | None) -> str:
    """The stress table, with a sentence on the weakest cell of each output."""
    if table is None:
        return (
            f"## Stress\n\nWhat damage to the files changes is {NOT_MEASURED}, or this card was "
            "not told:\n\n    avfake stress manifest.csv --detector FOLDER --out stress\n"
            "    avfake card FOLDER --scores scores.csv --stress stress/stress.csv"
        )
    cells = [cell for cell in dict.fromkeys(table["cell"]) if cell != "untouched"]
    left_out = [cell for cell in CELLS if cell not in cells]
    shown = table.assign(cell=[one if one in CELLS else as_text(one) for one in table["cell"]])
    meanings = [f"`{cell}`: {CELLS[cell].meaning}" for cell in cells if cell in CELLS]
    parts = [
        "## Stress\n\nEvery file is rewritten as a whole for each cell and judged anew; the "
        "metrics are changes against the same files untouched. A fall of the AUC and a rise of the "
        "others are harm.",
        bullets(_comment(table, output) for output in OUTPUTS),
        render_stress(shown),
        bullets(meanings),
    ]
    if left_out:
        parts.append(f"Not run: {', '.join(left_out)}.")
    return "\n\n".join(parts)


def _comment(table: pd.DataFrame, output: str) -> str:
    """The weakest cell of an output by each metric, and whether that may be chance."""
    mine = table[table["output"] == output]
    if mine["change"].isna().all():
        return f"**{output}**: {NOT_MEASURED}; no clip with labels of both classes was assessed."
    found = weakest_cells(mine)
    if not found:
        return f"**{output}**: no cell made it worse by any metric.{_silenced(mine)}"
    first, *others = found
    name = TITLES[first.metric]
    text = (
        f"**{output}**: weakest under {_named(first.cell)}, where the {name} changes by "
        f"{signed(first.change)}; {_verdict(first.change)}."
    )
    for other in others:
        cell = "there too" if other.cell == first.cell else f"under {_named(other.cell)}"
        text += f" The {TITLES[other.metric]} suffers most {cell}: {signed(other.change)}."
    return text + _rewritten(mine, first) + _silenced(mine)


def _verdict(change: Interval) -> str:
    if change.low > 0 or change.high < 0:
        return "the interval leaves out 0, so these clips do show harm"
    return "the interval holds 0, so it may be chance"


def _rewritten(rows: pd.DataFrame, weakest: Weakest) -> str:
    """What writing the file anew does by itself, to read the weakest cell against."""
    asked = (rows["cell"] == "rewritten") & (rows["metric"] == weakest.metric)
    if weakest.cell == "rewritten" or not asked.any():
        return ""
    row = rows[asked].iloc[0]
    change = Interval(*(float(row[name]) for name in ("change", "low", "high")))
    return f" Writing the files anew changes the {TITLES[weakest.metric]} by {signed(change)}."


def _silenced(rows: pd.DataFrame) -> str:
    """Which cell keeps it from answering, if any does more than the files themselves."""
    assessed = rows.groupby("cell", sort=False)["assessed"].first()
    whole = float(assessed.get("untouched", np.nan))
    least = str(assessed.idxmin())
    if not float(assessed[least]) < whole:
        return ""
    return (
        f" It falls silent most under {_named(least)}: {100 * assessed[least]:.0f} % of the files "
        f"get an answer, of the untouched ones {100 * whole:.0f} %."
    )


def _named(cell: str) -> str:
    """A cell with what it does; this version need not know it."""
    return f"`{cell}` ({CELLS[cell].meaning})" if cell in CELLS else as_text(cell)
