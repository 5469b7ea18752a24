"""The whole audit of a manifest: leaks between splits, near-duplicates, shortcuts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from avfake.audit.fingerprints import near_duplicates
from avfake.audit.leaks import TIES, Leak, find_leaks, splits_of
from avfake.audit.measuring import Measured, measure_files
from avfake.audit.probes import Probe, run_probes
from avfake.datasets import Manifest, rows_together
from avfake.errors import ManifestError

LabelName = Literal["label", "face_fake", "voice_fake"]


@dataclass(frozen=True)
class AuditReport:
    """Leaks, shortcuts, and the files that could not be read."""

    num_files: int
    splits: tuple[str, ...]
    leaks: tuple[Leak, ...]
    """With near-duplicates in different splits."""
    ungrouped: tuple[str, ...]
    """Near-duplicates in one split (or without any) that share no group: a note, not a leak."""
    probes: tuple[Probe, ...]
    problems: tuple[str, ...]
    """Files that could not be read, with the reason."""

    @property
    def findings(self) -> tuple[str, ...]:
        """A sentence for each finding; empty if the data passes."""
        found = [f"leak: {leak}" for leak in self.leaks]
        return (*found, *(f"shortcut: {probe}" for probe in self.probes if probe.is_shortcut))

    @property
    def passes(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        splits = ", ".join(self.splits) or "none named, so no leaks looked for"
        lines = [f"{self.num_files} files; splits: {splits}", "", *_probe_lines(self.probes)]
        lines += _listed("could not be read", self.problems)
        lines += _listed("note: near-duplicates that no group joins", self.ungrouped)
        lines += ["", *(self.findings or ("nothing found",))]
        return "\n".join(lines)


def audit_manifest(
    manifest: Manifest,
    journal: str | Path,
    *,
    plan: str | Path | None = None,
    label: LabelName = "label",
    limit: float = 0.6,
    parts: bool = True,
    clips: str | Path | None = None,
    workers: int | None = None,
    show_progress: bool = True,
) -> AuditReport:
    """Find leaks and shortcuts to the label; each file is opened once (see `measure_files`).

    journal: file that keeps what was measured. limit: AUC above which a probe fails. parts: rows of
    one part must stay together.
    """
    rows = manifest.rows
    truth = {row.clip_id: getattr(row, label) for row in rows}
    _check_classes(truth.values(), label)
    splits = splits_of(rows, plan)
    ties = [tie for tie in TIES if parts or tie != "part"]
    measured = measure_files(
        rows,
        Path(journal),
        clips=Path(clips) if clips else None,
        workers=workers,
        show_progress=show_progress,
    )
    group_of = {row.clip_id: tied[0].clip_id for tied in rows_together(rows) for row in tied}
    duplicates, ungrouped = _duplicates(measured, splits, group_of)
    probed = [one for one in measured if one.is_readable and truth[one.clip_id] is not None]
    labels = [truth[one.clip_id] for one in probed]
    _check_classes(labels, label)
    groups = [group_of[one.clip_id] for one in probed]
    probes = run_probes([one.facts for one in probed], np.array(labels, float), groups, limit=limit)
    return AuditReport(
        num_files=len(measured),
        splits=tuple(sorted(set(splits.values()))),
        leaks=(*find_leaks(rows, splits, ties=ties), *duplicates),
        ungrouped=tuple(ungrouped),
        probes=tuple(probes),
        problems=tuple(f"{one.clip_id}: {one.problem}" for one in measured if one.problem),
    )


def _duplicates(
    measured: Sequence[Measured], splits: Mapping[str, str], group_of: Mapping[str, str]
) -> tuple[list[Leak], list[str]]:
    """Return the near-duplicates across splits, and those that share no group."""
    leaks, ungrouped = [], []
    for pair in near_duplicates([one.print for one in measured]):
        names = [measured[index].clip_id for index in (pair.first, pair.second)]
        sides = [splits.get(name, "") for name in names]
        alike = f"{pair.difference:.0%} of bits differ"
        if all(sides) and sides[0] != sides[1]:
            leaks.append(Leak(pair.kind, alike, tuple(zip(names, sides, strict=True))))
        elif group_of[names[0]] != group_of[names[1]]:
            ungrouped.append(f"{names[0]} and {names[1]} by {pair.kind} ({alike})")
    return leaks, ungrouped


def _check_classes(labels: Iterable[bool | None], label: LabelName) -> None:
    known = [one for one in labels if one is not None]
    if len(set(known)) < 2:
        raise ManifestError(
            f"{label} is known for {len(known)} readable files, and not both fake and genuine: "
            "there is nothing to probe; --label names another column"
        )


def _probe_lines(probes: Sequence[Probe]) -> list[str]:
    """Return a text table with a line for each probe: its AUC, and both classes in words."""
    rows = [("probe", "AUC [95 %]", "clips", "", "")]
    for one in probes:
        finding = "SHORTCUT" if one.is_shortcut else ""
        rows.append((one.name, str(one.auc), str(one.num_clips), finding, one.note))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _listed(title: str, names: Sequence[str], limit: int = 5) -> list[str]:
    if not names:
        return []
    more = [f"  and {len(names) - limit} more"] if len(names) > limit else []
    return ["", f"{title}: {len(names)}", *(f"  {name}" for name in names[:limit]), *more]
