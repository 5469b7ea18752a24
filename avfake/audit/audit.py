"""The whole audit of a manifest: leaks between splits, near-duplicates, shortcuts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from avfake.audit.fingerprints import near_duplicates
from avfake.audit.leaks import TIES, Leak, find_leaks, splits_of
from avfake.audit.measuring import Measured, measure_files
from avfake.audit.probes import Probe, ProbeConfig, run_probes
from avfake.datasets import Manifest, Row, rows_together
from avfake.errors import ManifestError

LabelName = Literal["label", "face_fake", "voice_fake"]


@dataclass(frozen=True)
class AuditReport:
    """Leaks, shortcuts, and the files that could not be read."""

    label: str
    """The column that the probes predict."""
    num_files: int
    splits: tuple[str, ...]
    leaks: tuple[Leak, ...]
    duplicates: tuple[Leak, ...]
    """Near-duplicates in different splits."""
    ungrouped: tuple[str, ...]
    """Near-duplicates in one split (or without any) that share no group: a note, not a leak."""
    probes: tuple[Probe, ...]
    problems: tuple[str, ...]
    """Files that could not be read, with the reason."""

    @property
    def findings(self) -> tuple[str, ...]:
        """A sentence for each finding; empty if the data passes."""
        found = [f"leak: {leak}" for leak in (*self.leaks, *self.duplicates)]
        return (*found, *(f"shortcut: {probe}" for probe in self.probes if probe.is_shortcut))

    @property
    def passes(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        splits = ", ".join(self.splits) or "none named, so no leaks looked for"
        lines = [f"{self.num_files} files; splits: {splits}", "", probe_lines(self.probes)]
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
    parts: bool = True,
    clips: str | Path | None = None,
    config: ProbeConfig | None = None,
    workers: int | None = None,
    show_progress: bool = True,
) -> AuditReport:
    """Find leaks and shortcuts to the label; each file is opened once (see `measure_files`).

    journal: file that keeps what was measured. parts: rows of one part must stay together.
    """
    _check_classes([getattr(row, label) for row in manifest.rows], label)
    splits = splits_of(manifest.rows, plan)
    ties = [tie for tie in TIES if parts or tie != "part"]
    measured = measure_files(
        manifest.rows,
        Path(journal),
        clips=Path(clips) if clips else None,
        workers=workers,
        show_progress=show_progress,
    )
    sets = rows_together(manifest.rows)
    group_of = {row.clip_id: together[0].clip_id for together in sets for row in together}
    duplicates, ungrouped = _duplicates(measured, splits, group_of)
    return AuditReport(
        label=label,
        num_files=len(measured),
        splits=tuple(sorted(set(splits.values()))),
        leaks=tuple(find_leaks(manifest.rows, splits, ties=ties)),
        duplicates=tuple(duplicates),
        ungrouped=tuple(ungrouped),
        probes=tuple(_probes(manifest.rows, measured, group_of, label, config)),
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


def _probes(
    rows: Sequence[Row],
    measured: Sequence[Measured],
    group_of: Mapping[str, str],
    label: LabelName,
    config: ProbeConfig | None,
) -> list[Probe]:
    truth = {row.clip_id: getattr(row, label) for row in rows}
    used = [one for one in measured if one.is_readable and truth[one.clip_id] is not None]
    _check_classes([truth[one.clip_id] for one in used], label)
    labels = np.array([float(truth[one.clip_id]) for one in used])
    groups = [group_of[one.clip_id] for one in used]
    return run_probes([one.facts for one in used], labels, groups, config)


def _check_classes(labels: Sequence[bool | None], label: LabelName) -> None:
    known = [one for one in labels if one is not None]
    if len(set(known)) < 2:
        raise ManifestError(
            f"{label} is known for {len(known)} readable files, and not both fake and genuine: "
            "there is nothing to probe; --label names another column"
        )


def probe_lines(probes: Sequence[Probe]) -> str:
    """Return a text table with a line for each probe: its AUC, and both classes in words."""
    rows = [["probe", "AUC [95 %]", "clips", "", ""]]
    for probe in probes:
        finding = "SHORTCUT" if probe.is_shortcut else ""
        rows.append([probe.name, str(probe.auc), str(probe.num_clips), finding, probe.note])
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
