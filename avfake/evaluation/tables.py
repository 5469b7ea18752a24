"""Score files in; tidy tables of metrics with intervals, and the same as Markdown, out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avfake.errors import AvfakeError
from avfake.evaluation.bootstrap import Interval, bootstrap
from avfake.evaluation.markdown import markdown_table
from avfake.evaluation.metrics import METRICS
from avfake.evaluation.slices import add_kind, fakes_by, numbers
from avfake.labels import COLUMNS

DEFAULT_METRICS = ("auc", "log_loss", "eer")
_TRUTH = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def read_scores(path: Path) -> pd.DataFrame:
    """The table of a score file; empty cells are "not assessed" or "unknown"."""
    table = _read_csv(path, "score table", {"clip_id", "p_fake"})
    for name in [probability for probability, _ in COLUMNS.values() if probability in table]:
        table[name] = _probabilities(table, name, path)
    for name in [label for _, label in COLUMNS.values() if label in table]:
        table[name] = _labels(table, name, path)
    _refuse(table["clip_id"][table["clip_id"].duplicated()], path, "clip_id occurs twice")
    return table


def read_plan(path: Path) -> dict[str, str]:
    """Return clip_id -> split of the plan.csv of a training run; AvfakeError if it is none."""
    plan = _read_csv(path, "plan", {"clip_id", "split"})
    return dict(zip(plan["clip_id"], plan["split"], strict=True))


def _read_csv(path: Path, what: str, columns: set[str]) -> pd.DataFrame:
    """Return all cells as text, empty ones as NaN; names of files need not be UTF-8."""
    text: dict[str, Any] = {"encoding": "utf-8-sig", "encoding_errors": "surrogateescape"}
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], **text)
    except (OSError, ValueError) as error:
        raise AvfakeError(f"{path}: cannot be read as a {what}: {error}") from error
    if missing := columns - set(table.columns):
        raise AvfakeError(f"{path}: column {' and '.join(sorted(missing))} is missing")
    return table


def ablation_table(
    detectors: Sequence[tuple[str, pd.DataFrame]],
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    methods_of: str | None = None,
    num_resamples: int = 1000,
) -> pd.DataFrame:
    """Return one row for each detector, output, kind of forgery and metric: value, low, high,
    assessed.

    Each frame has clip_id, group, label, face_fake, voice_fake, p_fake, p_face_fake,
    p_voice_fake. A clip without a probability is left out of the metric and of "assessed", which
    stands beside "labelled": a detector that skips the hard clips is seen to do so.

    methods_of: an output, of which alone there are rows then, with each method of forging (column
        "method") in place of kinds
    """
    if unknown := set(metrics) - set(METRICS):
        raise AvfakeError(f"metrics {sorted(unknown)} are unknown; known: {', '.join(METRICS)}")
    return pd.DataFrame(
        [
            {"detector": name, "output": output, "kind": kind, "metric": metric}
            | _measure(rows, output, metric, num_resamples=num_resamples)
            for name, scores in detectors
            for output, kind, rows in _slices(add_kind(scores), methods_of)
            for metric in metrics
        ]
    )


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    num_resamples: int = 1000,
) -> pd.DataFrame:
    """One row for each output and metric: first minus second, low, high, clips compared.

    Both frames are as `ablation_table` takes them. Only clips that both assessed are compared;
    labels and groups are those of the first.
    """
    joined = first.merge(second, on="clip_id", suffixes=("", "_second"), validate="one_to_one")
    if joined.empty:
        raise AvfakeError("the two detectors have no clip in common")
    records = []
    for output, (probability, label) in COLUMNS.items():
        scores = np.stack([numbers(joined[probability]), numbers(joined[f"{probability}_second"])])
        labels = numbers(joined[label])
        usable = ~np.isnan(scores).any(axis=0) & ~np.isnan(labels)
        (first_p, second_p), truth = scores[:, usable], labels[usable]
        groups = joined["group"][usable].astype(str).tolist()
        counts = {"compared": int(usable.sum())}
        for metric in metrics:
            difference = bootstrap(
                METRICS[metric],
                first_p,
                truth,
                groups,
                against=second_p,
                num_resamples=num_resamples,
            )
            records.append({"output": output, "metric": metric, **asdict(difference), **counts})
    return pd.DataFrame(records)


def render(table: pd.DataFrame) -> str:
    """The table of `ablation_table` as aligned Markdown, one line for each detector and kind."""
    metrics = list(dict.fromkeys(table["metric"]))
    lines = [["detector", "output", "kind", *metrics, "assessed"]]
    keys = ["detector", "output", "kind"]
    for key, rows in table.groupby(keys, sort=False):
        bounds = (numbers(rows[name]) for name in ("value", "low", "high"))
        intervals = (str(Interval(*one)) for one in zip(*bounds, strict=True))
        cells = dict(zip(rows["metric"], intervals, strict=True))
        counts = f"{rows['assessed'].iloc[0]}/{rows['labelled'].iloc[0]}"
        lines.append([*map(str, key), *(cells.get(metric, "-") for metric in metrics), counts])
    return markdown_table(lines)


def _slices(
    scores: pd.DataFrame, methods_of: str | None
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield output, name and rows: all labelled ones, then each kind of fake with all genuine."""
    column, divided = ("method", methods_of) if methods_of else ("kind", "overall")
    for output in [methods_of] if methods_of else COLUMNS:
        probability, label = COLUMNS[output]
        if probability not in scores:
            continue
        truth = numbers(scores[label])
        yield output, "all", scores[~np.isnan(truth)]
        for name, fakes in fakes_by(column, scores, label) if output == divided else ():
            yield output, name, scores[fakes | (truth == 0)]


def _measure(
    rows: pd.DataFrame, output: str, metric: str, *, num_resamples: int
) -> dict[str, float]:
    probability, label = COLUMNS[output]
    p = numbers(rows[probability])
    assessed = ~np.isnan(p)
    interval = bootstrap(
        METRICS[metric],
        p[assessed],
        numbers(rows[label])[assessed],
        rows["group"][assessed].astype(str).tolist(),
        num_resamples=num_resamples,
    )
    return asdict(interval) | {"assessed": int(assessed.sum()), "labelled": len(rows)}


def _probabilities(table: pd.DataFrame, name: str, path: Path) -> pd.Series:
    values = pd.to_numeric(table[name], errors="coerce")
    is_given = table[name].notna()
    _refuse(table["clip_id"][is_given & ~values.between(0, 1)], path, f"{name} is not in [0, 1]")
    return values.astype(np.float64)


def _labels(table: pd.DataFrame, name: str, path: Path) -> pd.Series:
    values = table[name].str.lower().map(_TRUTH)
    is_wrong = table[name].notna() & values.isna()
    _refuse(table["clip_id"][is_wrong], path, f"{name} is neither true nor false")
    return pd.Series([None if pd.isna(one) else bool(one) for one in values], dtype=object)


def _refuse(clip_ids: Iterable[str], path: Path, why: str) -> None:
    offenders = list(dict.fromkeys(clip_ids))
    if offenders:
        more = ", ..." if len(offenders) > 5 else ""
        raise AvfakeError(f"{path}: {why}: {len(offenders)} ({', '.join(offenders[:5])}{more})")
