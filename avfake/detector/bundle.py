"""A trained detector as a folder: readable settings, safe weights, checksums. Nothing is unpickled.

config.yaml           input spec and model settings, and where the detector came from
member_0.safetensors  weights, one file for each fold's model
calibration.json      calibrators and decision rule
stacker_*.txt         LightGBM, where it was kept
README.md             the model card, which the Hub shows; see `report`
checksums.json        SHA-256 of every other file but the card

The card may be edited, or written again with new measurements: it is not part of the hash in the
detector's name.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from avfake import __version__
from avfake import config as settings
from avfake.calibration import DecisionModel
from avfake.clips import InputSpec
from avfake.detector import shipped
from avfake.detector.facts import BundleFacts
from avfake.errors import BundleError, ConfigError
from avfake.labels import DEFAULT
from avfake.models import AVModel, ModelConfig, build_model
from avfake.storage import replacing

logger = logging.getLogger(__name__)
FORMAT = 2
CARD = "README.md"


@dataclass(frozen=True)
class Bundle:
    """Everything that is needed to assess a file."""

    name: str
    """Folder or Hub name, with 12 digits of the checksum of its content."""
    spec: InputSpec
    models: Sequence[AVModel]
    """One model for each fold; their logits are averaged."""
    decision_model: DecisionModel
    facts: BundleFacts = field(default_factory=BundleFacts)


def write_bundle(folder: Path, bundle: Bundle) -> None:
    """Write a bundle as a whole; one that is there already is replaced at the last moment."""
    config = {
        "format": FORMAT,
        "avfake": __version__,
        "input": settings.to_dict(bundle.spec),
        "clips_hash": bundle.spec.clip.hash,
        "model": settings.to_dict(bundle.models[0].config),
        "num_members": len(bundle.models),
        "facts": settings.to_dict(bundle.facts),
    }
    with whole_folder(folder) as partial:
        text = yaml.safe_dump(config, sort_keys=False)
        (partial / "config.yaml").write_text(text, encoding="utf-8")
        for number, model in enumerate(bundle.models):
            weights = {
                name: w.detach().cpu().contiguous() for name, w in model.state_dict().items()
            }
            save_file(weights, partial / f"member_{number}.safetensors")
        bundle.decision_model.save(partial)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, which replaces `folder` at the end, with checksums.

    Of folders inside only their own checksums.json is hashed, which covers the rest. The card is
    not hashed.
    """
    with replacing(folder) as partial:
        partial.mkdir()
        yield partial
        parts = [*partial.glob("*"), *partial.glob("*/**/checksums.json")]
        sums = {
            path.relative_to(partial).as_posix(): _sha256(path)
            for path in sorted(parts)
            if path.is_file() and path.name != CARD
        }
        (partial / "checksums.json").write_text(json.dumps(sums, indent=1), encoding="utf-8")


def read_bundle(name: str | Path) -> Bundle:
    """Read a bundle: a folder, a Hugging Face Hub repository, or "default".

    BundleError if a file is missing or altered, or was written by another format.
    """
    folder = locate_bundle(name)
    sums = checked_sums(folder)
    config = read_config(folder)
    spec = settings.from_dict(InputSpec, config["input"])
    if spec.clip.hash != config["clips_hash"]:
        raise BundleError(
            f"{folder} was trained on clips prepared as {config['clips_hash']}, this version of "
            f"avfake would prepare them as {spec.clip.hash}; use avfake {config['avfake']}, or "
            "prepare and train again"
        )
    model_config = settings.from_dict(ModelConfig, config["model"])
    members = [
        _read_model(folder / f"member_{number}.safetensors", model_config)
        for number in range(config["num_members"])
    ]
    # An answer of the default detector must not show where avfake is installed.
    shown = str(name).replace(str(shipped.DEFAULT_FOLDER), DEFAULT)
    return Bundle(
        name=f"{shown}@{settings.fingerprint(sums)}",
        spec=spec,
        models=members,
        decision_model=DecisionModel.load(folder),
        facts=settings.from_dict(BundleFacts, config["facts"]),
    )


def locate_bundle(name: str | Path) -> Path:
    """Return the folder of that name, or the Hub's copy of it; BundleError if there is neither.

    "default" is the detector that comes with avfake; ConfigError if it is not whole.
    """
    if name == DEFAULT:
        return _default_folder()
    if not str(name):
        raise BundleError('a detector has the empty name; give "." for the folder you are in')
    folder = Path(name)
    if folder.is_dir():
        return folder
    if str(name).count("/") != 1 or folder.is_absolute():
        raise BundleError(f"{name} is neither a detector folder nor a Hub name like owner/name")
    from huggingface_hub import snapshot_download  # late: most runs never ask the Hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        wanted = ["*.yaml", "*.json", "*.safetensors", "*.txt", "*.md"]
        return Path(snapshot_download(str(name), allow_patterns=wanted))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise BundleError(
            f"{name} is no folder here, and the Hub did not give it: {error}"
        ) from error


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
    """Return file -> SHA-256 after checking all; BundleError names missing or altered files."""
    try:
        sums: dict[str, str] = json.loads((folder / "checksums.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder} is not a whole detector: checksums.json: {error}") from error
    missing = [name for name in sums if not (folder / name).is_file()]
    if missing:
        raise BundleError(f"{folder} lacks {', '.join(missing)}; {remedy}")
    altered = [name for name, expected in sums.items() if _sha256(folder / name) != expected]
    if altered:
        raise BundleError(f"{folder}: {', '.join(altered)} differ from their checksums; {remedy}")
    return sums


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config.yaml of a bundle without its weights; BundleError for another format."""
    config: dict[str, Any] = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    if config.get("format") != FORMAT:
        raise BundleError(
            f"{folder} has format {config.get('format')}, this avfake reads format {FORMAT}; "
            f"use avfake {config.get('avfake')}"
        )
    return config


def _read_model(path: Path, config: ModelConfig) -> AVModel:
    try:
        model = build_model(config, download=False)
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, ConfigError) as error:
        raise BundleError(f"{path} does not fit its config.yaml: {error}") from error
    return model


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
