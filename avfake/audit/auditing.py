"""The whole audit of a manifest: leaks between splits, near-duplicates, shortcuts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from avfake.audit.fingerprints import near_duplicates
from avfake.audit.leaks import TIES, Leak, find_leaks, splits_of
from avfake.audit.measuring import Measured, measure_files
from avfake.audit.probes import Probe, ProbeConfig, run_probes
from avfake.audit.report import AuditReport
from avfake.datasets import Manifest, Row, rows_together
from avfake.errors import ManifestError

LabelName = Literal["label", "face_fake", "voice_fake"]


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
    """What leaks and what gives the label away; each file is opened once (see `measure_files`).

    journal: file that keeps what was measured. parts: parts of the dataset may not be parted.
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
    together = names_together(manifest.rows)
    duplicates, untold = _duplicates(measured, splits, together)
    return AuditReport(
        label=label,
        num_files=len(measured),
        splits=tuple(sorted(set(splits.values()))),
        leaks=tuple(find_leaks(manifest.rows, splits, ties=ties)),
        duplicates=tuple(duplicates),
        untold=tuple(untold),
        probes=tuple(_probes(manifest.rows, measured, together, label, config)),
        problems=tuple(f"{one.clip_id}: {one.problem}" for one in measured if one.problem),
    )


def names_together(rows: Sequence[Row]) -> dict[str, str]:
    """clip_id -> a name shared by all rows that no split may part."""
    return {row.clip_id: some[0].clip_id for some in rows_together(rows) for row in some}


def _duplicates(
    measured: Sequence[Measured], splits: Mapping[str, str], together: Mapping[str, str]
) -> tuple[list[Leak], list[str]]:
    """(those across splits, those that no group joins)."""
    leaks, untold = [], []
    for pair in near_duplicates([one.print for one in measured]):
        names = [measured[index].clip_id for index in (pair.first, pair.second)]
        sides = [splits.get(name, "") for name in names]
        alike = f"{pair.difference:.0%} of bits differ"
        if all(sides) and sides[0] != sides[1]:
            leaks.append(Leak(pair.kind, alike, tuple(zip(names, sides, strict=True))))
        elif together[names[0]] != together[names[1]]:
            untold.append(f"{names[0]} and {names[1]} by {pair.kind} ({alike})")
    return leaks, untold


def _probes(
    rows: Sequence[Row],
    measured: Sequence[Measured],
    together: Mapping[str, str],
    label: LabelName,
    config: ProbeConfig | None,
) -> list[Probe]:
    truth = {row.clip_id: getattr(row, label) for row in rows}
    used = [one for one in measured if one.is_readable and truth[one.clip_id] is not None]
    labels = np.array([float(truth[one.clip_id]) for one in used])
    _check_classes([truth[one.clip_id] for one in used], label)
    groups = [together[one.clip_id] for one in used]
    return run_probes([one.facts for one in used], labels, groups, config)


def _check_classes(labels: Sequence[bool | None], label: LabelName) -> None:
    known = [one for one in labels if one is not None]
    if len(set(known)) < 2:
        raise ManifestError(
            f"{label} is known for {len(known)} readable files, and not both fake and genuine: "
            "there is nothing to probe; --label names another column"
        )
