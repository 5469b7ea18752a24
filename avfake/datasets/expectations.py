"""Checks of a manifest against what its spec expects of a complete copy of the dataset."""

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from avfake.datasets.folders import note
from avfake.datasets.manifest import Row
from avfake.datasets.schema import DatasetSpec
from avfake.datasets.values import as_text

ASK = ": is the copy of the dataset complete?"


def check_expectations(
    spec: DatasetSpec, rows: Sequence[Row], names: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return a warning for each expectation that is not met; `names` are the captures of each row.

    Where counts are expected, any of these warnings begins with "expected": without one, the copy
    is as complete as counts can show.
    """
    expect, warnings = dict(spec.expect), _missing_class(spec, rows)
    repeated: list[str] = []
    if spec.unique_names:
        seen = Counter(posixpath.basename(row.clip_id) for row in rows)
        twice = sorted(name for name, count in seen.items() if count > 1)
        repeated = note(twice, "file names occur in more than one folder")
    warnings += repeated
    media = expect.pop("when", {}).get("media")
    meant = [n for n, known in enumerate(names) if media is None or known["media"] in media]
    for name, values in expect.pop("by", {}).items():
        found = Counter(as_text(names[n].get(name)) for n in meant)
        for value, wanted in values.items():
            warnings += _compared(f"rows with {name} {value}", wanted, found[value])
    labels = Counter(rows[n].label for n in meant)
    counts = Counter(split for n in meant if (split := rows[n].split))
    counts["rows"], counts["real"], counts["fake"] = len(meant), labels[False], labels[True]
    for name, wanted in expect.items():
        warnings += _compared(name, wanted, counts[name])
    gone = sum(rows[n].status == "missing" for n in meant)
    if spec.expect and gone:
        warnings.append(f"expected a file for each of {len(meant)} rows, {gone} have none{ASK}")
    if spec.expect and repeated:
        warnings.append(f"expected each file name once{ASK}")
    return warnings


def _missing_class(spec: DatasetSpec, rows: Sequence[Row]) -> list[str]:
    """Return a warning where the genuine class is another corpus, so that all rows are fakes."""
    lacking = {n: entry for n, entry in spec.external.items() if entry["role"] == "real_class"}
    if not lacking or any(row.label is False for row in rows):
        return []
    ways = dict.fromkeys(
        " ".join(
            ["avfake prepare", entry["spec"], "ROOT", "OUT"]
            + [f"--set params.{key}={value}" for key, value in entry["params"].items()]
        )
        for entry in lacking.values()
    )
    return [
        f"fakes only; join a folder of genuine clips, {' and '.join(lacking)}, which "
        f"{spec.name} was made from: a detector cannot learn from one class. Prepare it with "
        f"{' or '.join(ways)}, and train with --clips for each of the two folders"
    ]


def _compared(what: str, wanted: Any, found: int) -> list[str]:
    least, most = wanted if isinstance(wanted, list) else (wanted, wanted)
    number = str(least) if least == most else f"{least} to {most}"
    if not least <= found <= most:
        return [f"expected {number} {what}, found {found}{ASK}"]
    if least < found < most:
        return [f"expected {number} {what}, found {found}: a copy in that range may lack files"]
    return []
