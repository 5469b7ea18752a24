"""Folders of detectors: found by name, checked, written whole, copied. Nothing is unpickled.

Of a bundle:

config.yaml           input spec and model settings, and where the detector came from
member_0.safetensors  weights, one file for each fold's model
frozen_*.safetensors  frozen backbones, which these models share: their weights rounded to int8
calibration.json      calibrators and decision rule
stacker_*.txt         LightGBM, where it was kept
README.md             the model card, which the Hub shows; see `report`
checksums.json        SHA-256 of every other file but the card

Of an ensemble, which opens and uploads like a bundle:

config.yaml           format, rule, decision rule, names of the members
members/0 ...         the members, whole bundles with their own checksums
README.md             the model card
checksums.json        SHA-256 of config.yaml and of each member's checksums.json

The card may be edited, or written again with new measurements: it is not part of the hash in the
detector's name.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError

from avfake import config as settings
from avfake.detector import shipped
from avfake.detector.facts import BundleSettings
from avfake.detector.hub import fetch
from avfake.errors import BundleError, ConfigError
from avfake.labels import DEFAULT
from avfake.storage import fitting, replacing

FORMAT = 2
ENSEMBLE_FORMAT = "ensemble-1"
"""Stands where a bundle has its number, so that a reader of bundles refuses it by name."""
CARD = "README.md"
SUMS = "checksums.json"
READ = ("config.yaml", "calibration.json", "*.safetensors", "stacker_*.txt")
"""Files that opening a detector may read: none of them may be there without a checksum."""
# libyaml's is ten times as fast, and as safe.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, which replaces `folder` at the end, with checksums.

    Of folders inside only their own checksums.json is hashed, which covers the rest. The card is
    not hashed.
    """
    with replacing(folder) as partial:
        partial.mkdir()
        try:
            yield partial
        except SafetensorError as error:  # a full disk, said in its own way
            raise OSError(str(error)) from error
        (partial / SUMS).unlink(missing_ok=True)
        parts = [*partial.glob("*"), *partial.glob(f"*/**/{SUMS}")]
        sums = {
            path.relative_to(partial).as_posix(): _sha256(path)
            for path in sorted(parts)
            if path.is_file() and path.name != CARD
        }
        (partial / SUMS).write_text(json.dumps(sums, indent=1), encoding="utf-8")


def read_card(folder: Path) -> str:
    """Return the text of the model card in a detector's folder; "" where there is none."""
    card = folder / CARD
    return card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""


def locate_bundle(
    name: str | Path, *, revision: str | None = None, token: str | None = None
) -> Path:
    """Return the folder of that name, or the Hub's copy of it; BundleError if there is neither.

    "default" is the detector that comes with avfake; ConfigError if it is not whole. The others as
    of `hub.fetch`; they count for the Hub alone.
    """
    if name == DEFAULT:
        return _default_folder()
    if not str(name):
        raise BundleError('a detector has the empty name; give "." for the folder you are in')
    folder = Path(name)
    if folder.is_dir():
        return folder
    return fetch(str(name), revision=revision, token=token)


def _default_folder() -> Path:
    release, folder = shipped.default_release(), shipped.DEFAULT_FOLDER
    try:
        found = settings.fingerprint(checked_sums(folder, remedy=shipped.REMEDY))
    except BundleError as error:
        raise ConfigError(f"the default detector is not whole: {error}") from error
    if found != release.detector:
        raise ConfigError(
            f"the default detector is not the one that was released: its content is {found}, "
            f"{shipped.RELEASE} expects {release.detector}; {shipped.REMEDY}"
        )
    return folder


def checked_sums(folder: Path, *, remedy: str = "copy it again, or train again") -> dict[str, str]:
    """Return file -> SHA-256 after checking all.

    BundleError names files that are missing or altered, or would be read and are not listed.
    """
    sums = _read_sums(folder)
    missing = [name for name in sums if not (folder / name).is_file()]
    if missing:
        raise BundleError(f"{folder} lacks {', '.join(missing)}; {remedy}")
    altered = [name for name, expected in sums.items() if _sha256(folder / name) != expected]
    if altered:
        raise BundleError(f"{folder}: {', '.join(altered)} differ from their checksums; {remedy}")
    added = sorted({path.name for one in READ for path in folder.glob(one)} - set(sums))
    if added:
        raise BundleError(f"{folder}: {SUMS} does not list {', '.join(added)}; {remedy}")
    return sums


def _read_sums(folder: Path) -> dict[str, str]:
    """Return the content of checksums.json; BundleError unless it names files of the folder."""
    try:
        sums: Any = json.loads((folder / SUMS).read_text(encoding="utf-8"))
        if not isinstance(sums, dict) or not all(isinstance(one, str) for one in sums.values()):
            raise ConfigError("it is no table of files and their SHA-256")
        for name in sums:
            fitting(name)
    except (OSError, ValueError, RecursionError, ConfigError) as error:
        raise BundleError(f"{folder} is not a whole detector: {SUMS}: {error}") from error
    return sums


def read_config(folder: Path) -> dict[str, Any]:
    """Return the content of config.yaml, empty where there is none; BundleError if unreadable."""
    path = folder / "config.yaml"
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    return config if isinstance(config, dict) else {}


def write_config(folder: Path, config: Any) -> None:
    """Write config.yaml."""
    text = yaml.safe_dump(config, sort_keys=False)
    (folder / "config.yaml").write_text(text, encoding="utf-8")


def is_ensemble(folder: Path) -> bool:
    """Return whether `write_ensemble` made a folder; what it lacks, its reader reports."""
    return read_config(folder).get("format") == ENSEMBLE_FORMAT


def read_bundle_config(folder: Path) -> BundleSettings:
    """Return the config.yaml of a bundle; BundleError for another format."""
    config = read_config(folder)
    if config.get("format") != FORMAT:
        raise BundleError(
            f"{folder} has format {config.get('format')}, this avfake reads format {FORMAT}; "
            f"use avfake {config.get('avfake')}"
        )
    try:
        return settings.from_dict(BundleSettings, config)
    except ConfigError as error:
        raise BundleError(f"{folder / 'config.yaml'} is not what avfake wrote: {error}") from error


def copy_files(source: Path, target: Path) -> None:
    """Copy the files that the checksums of a folder name, these and the card, no others."""
    card = [CARD] if (source / CARD).is_file() else []
    for name in (*checked_sums(source), SUMS, *card):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)


def _sha256(path: Path) -> str:
    # Opening a detector checks it more than once, and 80 MB take a while.
    state = path.stat()
    return _hashed(path.absolute(), (state.st_ino, state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=256)
def _hashed(path: Path, _: tuple[int, int, int]) -> str:
    """Return the SHA-256 of a file in this state (inode, bytes, time of the last change)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
