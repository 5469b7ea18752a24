"""What a spec expects of a complete copy of its dataset, compared with what was found."""

import posixpath
from collections import Counter
from typing import Any

from avfake.data.rows import Row
from avfake.data.scan import some
from avfake.data.spec import DatasetSpec


def check_expectations(spec: DatasetSpec, rows: list[Row]) -> list[str]:
    """A warning for each expectation that is not met."""
    warnings = []
    counts = {
        "rows": len(rows),
        "real": sum(row.label is False for row in rows),
        "fake": sum(row.label is True for row in rows),
        **Counter(row.split for row in rows if row.split),
    }
    for name, wanted in spec.expect.items():
        if name == "unique_names":
            warnings += _repeated_names(rows)
        elif name not in ("by", "when") and not _is_within(counts.get(name, 0), wanted):
            least_most = " to ".join(map(str, wanted)) if isinstance(wanted, list) else wanted
            warnings.append(
                f"expected {least_most} {name}, found {counts.get(name, 0)}: "
                "is the copy of the dataset complete?"
            )
    return warnings


def _is_within(count: int, wanted: Any) -> bool:
    least, most = wanted if isinstance(wanted, list) else (wanted, wanted)
    return bool(least <= count <= most)


def _repeated_names(rows: list[Row]) -> list[str]:
    counts = Counter(posixpath.basename(row.clip_id) for row in rows)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if not twice:
        return []
    return [f"{len(twice)} file names occur in more than one folder: {some(twice)}"]
