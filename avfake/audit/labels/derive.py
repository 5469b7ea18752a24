"""Labels of a whole manifest, from the comparison of each fake with its original.

Unknown labels are filled where a comparison is clear; a label that was there stays, and where the
comparison contradicts it, that is reported.
"""

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from avfake.audit.labels.pair import NO_LABEL_REASONS, NUM_FRAMES, DerivedRow, compare_pair
from avfake.datasets import Manifest, Row
from avfake.errors import ConfigError
from avfake.parallel import Failure, Journal, map_into_journal
from avfake.storage import (
    AnyPath,
    Output,
    as_path,
    fitting,
    has_changed,
    remove_partials,
    states_of,
    write_table,
)

_log = logging.getLogger(__name__)
_PARTS = ("face", "voice")
_Pair = tuple[Row, Row]
"""A fake and its original."""
TIME_LIMIT_SECONDS = 300.0
JOURNAL = "journal.jsonl"
WRITTEN = ("derived.csv", "manifest.csv", "manifest.csv.json", JOURNAL, "masks")
VERSION = 1
"""Version of how pairs are compared; labels of another version are not mixed with these."""
RUN = "#run"
"""Key of the journal line with the settings that the other lines were made with."""
FAILED = {"unreadable", "failed"}
"""Reasons that may have gone when the same pair is compared again."""
COLUMNS = tuple(field.name for field in fields(DerivedRow))
"""Columns of derived.csv."""


@dataclass(frozen=True)
class Derived:
    """The derived labels of a manifest."""

    rows: tuple[DerivedRow, ...]
    manifest: Manifest
    """The manifest with its unknown labels filled."""
    contradictions: tuple[str, ...]
    """Sentences that name the clip."""

    @property
    def is_complete(self) -> bool:
        """Whether all files could be read and compared."""
        return not any({row.face_why, row.voice_why} & FAILED for row in self.rows)

    def __str__(self) -> str:
        words = {True: "changed", False: "unchanged", None: "unknown"}
        lines = [f"{len(self.rows)} fakes"]
        for part in _PARTS:
            found = Counter(words[getattr(row, f"{part}_fake")] for row in self.rows)
            counts = ", ".join(f"{found[word]} {word}" for word in words.values())
            lines.append(f"  {part}: {counts}")
            whys = Counter(why for row in self.rows if (why := getattr(row, f"{part}_why")))
            lines += [f"    unknown, {n}: {NO_LABEL_REASONS[why]}" for why, n in whys.most_common()]
        unchanged = sum(row.no_visible_change is True for row in self.rows)
        lines.append(f"  no visible change: {unchanged}")
        return "\n".join([*lines, *(f"  note: {text}" for text in self.contradictions)])


def derive_labels(
    manifest: Manifest,
    out: str | Path,
    *,
    num_frames: int = NUM_FRAMES,
    workers: int | None = None,
    masks: bool = False,
    inputs: Collection[AnyPath] = (),
) -> Derived:
    """Compare every fake with its original; write derived.csv and manifest.csv into `out`.

    A run that was stopped goes on; pairs that failed or have changed are compared again.
    ConfigError for a folder that holds something else, or labels of other clips.

    num_frames: compared of each pair, see `compare_pair`.
    masks: also write masks/<clip_id>.npz, the SSIM differences.
    inputs: what else the command reads, which `out` may not be
    """
    out, mark = Path(out), f"version {VERSION}, {num_frames} frames"
    fakes = [row for row in manifest.rows if row.label]
    Output(out, "OUT", inputs).check_folder(JOURNAL, WRITTEN)
    table = Output(out / "derived.csv", "OUT")
    table.check_table(COLUMNS, lambda: [row.clip_id for row in fakes])
    remove_partials(out)
    journal = Journal(out / JOURNAL, "clip_id")
    journal.begin({"clip_id": RUN, "settings": mark})
    if any(line.get("settings") != mark for line in journal.done.values()):
        raise ConfigError(f"{out} was made with other settings; choose another folder")
    pairs, derived = _pairs(manifest, fakes)
    state_of = states_of([as_path(row.path) for pair in pairs for row in pair])
    states = {pair[0].clip_id: [state_of[as_path(row.path)] for row in pair] for pair in pairs}
    into = out / "masks" if masks else None

    def line_of(pair: _Pair, result: DerivedRow | Failure) -> dict[str, Any]:
        clip_id = pair[0].clip_id
        if isinstance(result, Failure):
            _log.warning("%s: %s", clip_id, result.detail or result.code)
            detail = f"{result.code}: {result.detail}"
            result = DerivedRow(clip_id, face_why="failed", voice_why="failed", detail=detail)
        return vars(result) | {"settings": mark, "states": states[clip_id]}

    todo = [p for p in pairs if not _is_settled(journal.done, p[0], states[p[0].clip_id], into)]
    bar = {"total": len(pairs), "unit": "pair", "desc": "labels"}
    limits = {"workers": workers, "time_limit_seconds": TIME_LIMIT_SECONDS}
    compare = partial(_compare, num_frames=num_frames, masks=into)
    map_into_journal(compare, todo, journal, line_of, bar=bar, **limits)
    for fake, _ in pairs:
        line = journal.done[fake.clip_id]
        derived[fake.clip_id] = DerivedRow(**{n: line[n] for n in COLUMNS if n in line})
    rows = tuple(derived[row.clip_id] for row in fakes)
    filled, contradictions = fill(manifest, rows)
    write_table(table.path, COLUMNS, [_cells(row) for row in rows])
    replace(filled, warnings=filled.warnings + contradictions).save(out / "manifest.csv")
    return Derived(rows, filled, contradictions)


def _compare(pair: _Pair, *, num_frames: int, masks: Path | None) -> DerivedRow:
    fake, original = pair
    into = None if masks is None else _mask_path(masks, fake)
    return compare_pair(fake.clip_id, fake.path, original.path, num_frames=num_frames, masks=into)


def _is_settled(
    done: Mapping[str, dict[str, Any]], fake: Row, states: list[str | None], masks: Path | None
) -> bool:
    """Return False for a pair that failed, has changed, or lacks the masks that are asked for."""
    line = done.get(fake.clip_id)
    if line is None or {line.get("face_why"), line.get("voice_why")} & FAILED:
        return False
    if line.get("face_why") is None and masks and not _mask_path(masks, fake).is_file():
        return False
    return not any(map(has_changed, line.get("states", [None, None]), states))


def _mask_path(masks: Path, fake: Row) -> Path:
    return masks / fitting(f"{fake.clip_id}.npz")


def _pairs(manifest: Manifest, fakes: list[Row]) -> tuple[list[_Pair], dict[str, DerivedRow]]:
    """Return the pairs that can be compared, and the rows that are unknown from the start."""
    by_id = {row.clip_id: row for row in manifest.rows}
    pairs, unknown = [], {}
    for row in fakes:
        original = by_id.get(row.original or "")
        if row.status == "missing":
            why = "unreadable"
        elif original is None or original.status == "missing":
            why = "original_missing" if row.original else "no_original"
        else:
            pairs.append((row, original))
            continue
        unknown[row.clip_id] = DerivedRow(row.clip_id, face_why=why, voice_why=why)
    return pairs, unknown


def fill(manifest: Manifest, rows: tuple[DerivedRow, ...]) -> tuple[Manifest, tuple[str, ...]]:
    """Return the manifest with its unknown labels filled, and what contradicts known ones."""
    found = {row.clip_id: row for row in rows}
    contradictions: list[str] = []
    filled = [
        _filled(row, found[row.clip_id], contradictions) if row.clip_id in found else row
        for row in manifest.rows
    ]
    return replace(manifest, rows=tuple(filled)), tuple(contradictions)


def _filled(row: Row, derived: DerivedRow, contradictions: list[str]) -> Row:
    labels: dict[str, Any] = {}
    for part in _PARTS:
        name = f"{part}_fake"
        known, measured = getattr(row, name), getattr(derived, name)
        labels[name] = measured if known is None else known
        if None not in (known, measured) and known != measured:
            relation = "differs from" if measured else "is"
            contradictions.append(
                f"{row.clip_id}: its {part} {relation} its original's, but {name} is "
                f"{str(known).lower()}"
            )
    has_audio = derived.has_audio if row.has_audio is None else row.has_audio
    if labels["face_fake"] is False and (labels["voice_fake"] is False or has_audio is False):
        contradictions.append(f"{row.clip_id}: nothing in it was changed, but label is true")
        labels = {}
    return replace(row, has_audio=has_audio, **labels)


def _cells(row: DerivedRow) -> dict[str, Any]:
    def cell(value: Any) -> Any:
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:.6g}" if isinstance(value, float) else value

    return {name: cell(value) for name, value in vars(row).items()}
