"""What the audit found, as a text table and as sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from avfake.audit.leaks import Leak
from avfake.audit.probes import Probe


@dataclass(frozen=True)
class AuditReport:
    """Leaks, shortcuts, and what could not be looked at."""

    label: str
    """Which column the probes were asked for."""
    num_files: int
    splits: tuple[str, ...]
    leaks: tuple[Leak, ...]
    duplicates: tuple[Leak, ...]
    """Near-duplicates in different splits."""
    untold: tuple[str, ...]
    """Near-duplicates in one split (or without any) that no group joins: a note, not a leak."""
    probes: tuple[Probe, ...]
    problems: tuple[str, ...]
    """Files that could not be read, with the reason."""

    @property
    def findings(self) -> tuple[str, ...]:
        """Each a sentence; empty if the data passes."""
        found = [f"leak: {leak}" for leak in (*self.leaks, *self.duplicates)]
        return (*found, *(f"shortcut: {probe}" for probe in self.probes if probe.is_shortcut))

    @property
    def passes(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        splits = ", ".join(self.splits) or "none named, so no leaks looked for"
        lines = [f"{self.num_files} files; splits: {splits}", "", probe_table(self.probes)]
        lines += _listed("could not be read", self.problems)
        lines += _listed("note: near-duplicates that no group joins", self.untold)
        lines += ["", *(self.findings or ("nothing found",))]
        return "\n".join(lines)


def probe_table(probes: Sequence[Probe]) -> str:
    """One line a probe: AUC with its interval, what both sides look like."""
    rows = [["probe", "AUC [95 %]", "clips", "", ""]]
    for probe in probes:
        verdict = "SHORTCUT" if probe.is_shortcut else ""
        rows.append([probe.name, str(probe.auc), str(probe.num_clips), verdict, probe.note])
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = (
        "  ".join(f"{cell:{w}}" for cell, w in zip(row, [*widths, 0], strict=True)) for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _listed(title: str, names: Sequence[str], limit: int = 5) -> list[str]:
    if not names:
        return []
    more = [f"  and {len(names) - limit} more"] if len(names) > limit else []
    return ["", f"{title}: {len(names)}", *(f"  {name}" for name in names[:limit]), *more]
