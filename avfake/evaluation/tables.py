"""Score files in; tidy tables of metrics with intervals, and the same as Markdown, out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class Answers:
    """Scores and labels of one output, for the clips of a table that have both."""

    output: str
    """overall, face or voice."""
    scores: np.ndarray
    """float64 [N]."""
    labels: np.ndarray
    """float64 [N], 1 = fake."""
    groups: list[str]
    num_not_assessed: int
    """Clips with a label and no probability."""

    @classmethod
    def read(cls, table: pd.DataFrame, output: str) -> "Answers":
        """Return those of a table as `ablation_table` takes it; without groups each clip is one."""
        probability, label = COLUMNS[output]
        scores, labels = numbers(table[probability]), numbers(table[label])
        known = ~np.isnan(labels)
        both = known & ~np.isnan(scores)
        groups = table["group" if "group" in table else "clip_id"][both].astype(str).tolist()
        return cls(output, scores[both], labels[both], groups, int(known.sum() - both.sum()))

    def measure(self, metric: str, **options: Any) -> Interval:
        """Return one of `METRICS` with its interval; options: as for `bootstrap`."""
        return bootstrap(METRICS[metric], self.scores, self.labels, self.groups, **options)


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
            | asdict(answers.measure(metric, num_resamples=num_resamples))
            | {"assessed": len(answers.labels), "labelled": len(rows)}
            for name, scores in detectors
            for output, kind, rows in _slices(add_kind(scores), methods_of)
            for answers in [Answers.read(rows, output)]
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
        both = joined.dropna(subset=[probability, f"{probability}_second", label])
        answers, others = Answers.read(both, output), numbers(both[f"{probability}_second"])
        for metric in metrics:
            change = answers.measure(metric, against=others, num_resamples=num_resamples)
            one = {"output": output, "metric": metric, **asdict(change), "compared": len(both)}
            records.append(one)
    return pd.DataFrame(records)


def render(table: pd.DataFrame, titles: Mapping[str, str] | None = None) -> str:
    """The table of `ablation_table` as aligned Markdown, one line for each detector and kind.

    titles: metric -> heading of its column. A detector without a name has no column.
    """
    metrics = list(dict.fromkeys(table["metric"]))
    keys = ["detector", "output", "kind"] if any(table["detector"]) else ["output", "kind"]
    lines = [[*keys, *((titles or {}).get(metric, metric) for metric in metrics), "assessed"]]
    for key, rows in table.groupby(keys, sort=False):
        cells = {row["metric"]: str(Interval.of(row)) for _, row in rows.iterrows()}
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
    offenders = list(dict.fromkeys(map(str, clip_ids)))
    if offenders:
        more = ", ..." if len(offenders) > 5 else ""
        raise AvfakeError(f"{path}: {why}: {len(offenders)} ({', '.join(offenders[:5])}{more})")
