"""Labels of a whole manifest, from the comparison of each fake with its original.

Unknown labels are filled where a comparison is clear; a label that was there stays, and where the
comparison contradicts it, that is reported.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from avfake.audit.labels.pair import PairConfig, compare_pair
from avfake.datasets import Manifest, Row, save_manifest
from avfake.errors import ConfigError
from avfake.parallel import Failure, Journal, map_into_journal
from avfake.storage import (
    AnyPath,
    Output,
    as_path,
    fitting,
    has_changed,
    states_of,
    write_table,
)

_log = logging.getLogger(__name__)
TIME_LIMIT_SECONDS = 300.0
JOURNAL = "journal.jsonl"
WRITTEN = ("derived.csv", "manifest.csv", "manifest.csv.json", JOURNAL, "masks")
RUN = "#run"
"""Key of the journal line with the settings that the other lines were made with."""
FAILED = {"unreadable", "failed"}
"""Reasons that may have gone when the same pair is compared again."""


NO_LABEL_REASONS = {
    "no_original": "the manifest names no original",
    "original_missing": "the original is not among the files",
    "unreadable": "one of the two files could not be read",
    "no_audio": "the file has no sound track",
    "original_no_audio": "the original has no sound track",
    "silent": "one of the two sound tracks is digital silence",
    "too_short": "the two have too little in common in time",
    "no_video": "one of the two has no picture",
    "no_face": "no face was found in the original",
    "other_size": "the two pictures differ in size",
    "not_aligned": "the two pictures are shifted too far against each other",
    "other_picture": "the two differ around the face as well: another scene, time or crop",
    "no_surroundings": "the face fills the picture; there is nothing to compare it with",
    "face_too_small": "the face is too small to be compared",
    "partly": "the sound goes on where its original has none; what both have is alike",
    "undecided": "the distance lies between that of copies and that of forgeries",
    "failed": "the worker died, ran out of time, or met a bug on this pair",
}
"""Code -> why a label could not be derived, in words."""


@dataclass(frozen=True)
class DerivedRow:
    """The comparison of one fake with its original; a row of derived.csv."""

    clip_id: str
    face_fake: bool | None = None
    voice_fake: bool | None = None
    has_audio: bool | None = None
    """None where the file could not be opened."""
    no_visible_change: bool | None = None
    """The picture is like the original's and the sound not changed: perhaps no fake at all."""
    face_why: str | None = None
    """Why `face_fake` is unknown, a code of `NO_LABEL_REASONS`."""
    voice_why: str | None = None
    face_distance: float | None = None
    ssim_inside: float | None = None
    ssim_outside: float | None = None
    residual_db: float | None = None
    worst_residual_db: float | None = None
    spectral_distance_db: float | None = None
    offset_seconds: float | None = None
    detail: str = ""
    """The message of the decoder, if there was one."""

    def __post_init__(self) -> None:
        if not {self.face_why, self.voice_why} <= {None, *NO_LABEL_REASONS}:
            raise ValueError(f"unknown reason: {self.face_why}, {self.voice_why}")


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


@dataclass(frozen=True)
class _Pair:
    fake: Row
    original: Row


def derive_labels(
    manifest: Manifest,
    out: str | Path,
    config: PairConfig | None = None,
    *,
    workers: int | None = None,
    masks: bool = False,
    inputs: Collection[AnyPath] = (),
) -> Derived:
    """Compare every fake with its original; write derived.csv and manifest.csv into `out`.

    A run that was stopped goes on; pairs that failed or have changed are compared again.
    ConfigError for a folder that holds something else, or labels of other clips.

    masks: also write masks/<clip_id>.npz, the SSIM differences.
    inputs: what else the command reads, which `out` may not be
    """
    out, config = Path(out), config or PairConfig()
    mark = str(config)
    fakes = [row for row in manifest.rows if row.label]
    Output(out, "OUT", inputs).check_folder(JOURNAL, WRITTEN)
    table = Output(out / "derived.csv", "OUT")
    table.check_table(COLUMNS, lambda: [row.clip_id for row in fakes])
    journal = Journal(out / JOURNAL, "clip_id")
    journal.begin({"clip_id": RUN, "settings": mark})
    if any(line.get("settings") != mark for line in journal.done.values()):
        raise ConfigError(f"{out} was made with other settings; choose another folder")
    pairs, derived = _pairs(manifest, fakes)
    states = states_of([as_path(row.path) for pair in pairs for row in (pair.fake, pair.original)])
    into = out / "masks" if masks else None
    todo = [pair for pair in pairs if not _is_settled(journal.done, pair, states, into)]

    def line_of(pair: _Pair, result: dict[str, Any] | Failure) -> dict[str, Any]:
        clip_id = pair.fake.clip_id
        if isinstance(result, Failure):
            _log.warning("%s: %s", clip_id, result.detail or result.code)
            detail = f"{result.code}: {result.detail}"
            result = {"face_why": "failed", "voice_why": "failed", "detail": detail}
        made_of = {"clip_id": clip_id, "settings": mark, "states": _states(pair, states)}
        return made_of | result

    function = partial(_derive_one, config, into)
    bar = {"total": len(pairs), "unit": "pair", "desc": "labels"}
    limits = {"workers": workers, "time_limit_seconds": TIME_LIMIT_SECONDS}
    map_into_journal(function, todo, journal, line_of, bar=bar, **limits)
    for pair in pairs:
        entry = journal.done[pair.fake.clip_id]
        known = {name: value for name, value in entry.items() if name in COLUMNS}
        derived[pair.fake.clip_id] = DerivedRow(**known)
    return _written(manifest, tuple(derived[row.clip_id] for row in fakes), out)


def _is_settled(
    done: Mapping[str, dict[str, Any]],
    pair: _Pair,
    states: Mapping[AnyPath, str | None],
    masks: Path | None,
) -> bool:
    """Return False for a pair that failed, has changed, or lacks the masks that are asked for."""
    entry = done.get(pair.fake.clip_id)
    if entry is None or {entry.get("face_why"), entry.get("voice_why")} & FAILED:
        return False
    if entry.get("face_why") is None and masks and not _mask_path(masks, pair.fake).is_file():
        return False
    before = entry.get("states", [None, None])
    return not any(map(has_changed, before, _states(pair, states)))


def _states(pair: _Pair, states: Mapping[AnyPath, str | None]) -> list[str | None]:
    return [states[as_path(row.path)] for row in (pair.fake, pair.original)]


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
            pairs.append(_Pair(row, original))
            continue
        unknown[row.clip_id] = DerivedRow(row.clip_id, face_why=why, voice_why=why)
    return pairs, unknown


def fill(manifest: Manifest, rows: tuple[DerivedRow, ...]) -> tuple[Manifest, tuple[str, ...]]:
    """Return the manifest with its unknown labels filled, and what contradicts known ones."""
    found = {row.clip_id: row for row in rows}
    contradictions: list[str] = []
    filled = []
    for row in manifest.rows:
        derived = found.get(row.clip_id)
        filled.append(row if derived is None else _filled(row, derived, contradictions))
    return replace(manifest, rows=tuple(filled)), tuple(contradictions)


def _filled(row: Row, derived: DerivedRow, contradictions: list[str]) -> Row:
    labels: dict[str, bool | None] = {}
    for part, name in (("face", "face_fake"), ("voice", "voice_fake")):
        known, measured = getattr(row, name), getattr(derived, name)
        labels[name] = measured if known is None else known
        if None not in (known, measured) and known != measured:
            words = ("differs from", "is") if measured else ("is", "differs from")
            contradictions.append(
                f"{row.clip_id}: its {part} {words[0]} its original's, but {name} is "
                f"{str(known).lower()}"
            )
    has_audio = derived.has_audio if row.has_audio is None else row.has_audio
    face, voice = labels["face_fake"], labels["voice_fake"]
    if face is False and (voice is False or has_audio is False):
        contradictions.append(f"{row.clip_id}: nothing in it was changed, but label is true")
        return replace(row, has_audio=has_audio)
    return replace(row, has_audio=has_audio, face_fake=face, voice_fake=voice)


def _derive_one(config: PairConfig, masks: Path | None, pair: _Pair) -> dict[str, Any]:
    into = None if masks is None else _mask_path(masks, pair.fake)
    found = compare_pair(pair.fake.path, pair.original.path, config, masks=into)
    picture, sound = found.picture, found.sound
    same = {name: getattr(sound, name) for name in COLUMNS if hasattr(sound, name)}
    return same | {
        "face_fake": picture.changed,
        "voice_fake": sound.changed,
        "has_audio": found.has_audio,
        "no_visible_change": None
        if picture.changed is None
        else not picture.changed and not sound.changed,
        "face_why": picture.why,
        "voice_why": sound.why,
        "face_distance": picture.distance,
        "ssim_inside": picture.ssim_inside,
        "ssim_outside": picture.ssim_outside,
        "detail": found.detail,
    }


def _written(manifest: Manifest, rows: tuple[DerivedRow, ...], out: Path) -> Derived:
    filled, contradictions = fill(manifest, rows)
    write_table(out / "derived.csv", COLUMNS, [_cells(row) for row in rows])
    save_manifest(replace(filled, warnings=filled.warnings + contradictions), out / "manifest.csv")
    return Derived(rows, filled, contradictions)


def _cells(row: DerivedRow) -> dict[str, Any]:
    def cell(value: Any) -> Any:
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:.6g}" if isinstance(value, float) else value

    return {field.name: cell(getattr(row, field.name)) for field in fields(row)}
