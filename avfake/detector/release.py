"""Make the folder that ships of a trained detector: licensed, versioned, small.

The weights may be bound by the terms of their training data, unlike the code: so they have terms of
their own, a LICENSE beside them, and the list of their sources. `shipped` reads the folder.
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import torch
import yaml
from safetensors.torch import load_file, save_file

from avfake import config as settings
from avfake.detector.bundle import CARD, checked_sums, locate_bundle, read_config, whole_folder
from avfake.detector.ensemble import is_ensemble
from avfake.detector.shipped import LICENCE, RELEASE, Release
from avfake.errors import ConfigError

MAX_BYTES = 40_000_000
"""Limit for the whole folder, which is in every clone and every wheel."""


@dataclass(frozen=True)
class Terms:
    """Terms under which weights are given away."""

    licence: str
    """One sentence, which the command line shows."""
    text: str
    """Full text, for LICENSE."""
    sources: Mapping[str, str]
    """What the weights learned from -> licence or terms of that source."""

    def __post_init__(self) -> None:
        for name in ("licence", "text", "sources"):
            if not getattr(self, name):
                raise ConfigError(f"{name} is empty; weights are not released without their terms")
        if "\n" in self.licence:
            raise ConfigError("licence is one sentence on one line; the whole of it goes into text")


RESEARCH_ONLY = (
    "weights for research use only, because of what they learned from; the code is Apache-2.0"
)


def research_only(sources: Mapping[str, str]) -> Terms:
    """Return the terms of weights whose sources allow, in part, research use only."""
    text = (
        "The weights in this folder were learned from footage and recordings of the sources that\n"
        "release.json lists, each with the terms that it states. Some of these allow research or\n"
        "other non-commercial use only, some state no terms. The weights are therefore given for\n"
        "research use alone, as they are and without any warranty; whoever wants them for other\n"
        "uses has to ask those sources. The code of avfake is under the Apache License 2.0, which\n"
        "this note does not touch."
    )
    return Terms(RESEARCH_ONLY, text, sources)


def release_detector(
    detector: str | Path, target: Path, *, version: str, terms: Terms, half: bool = False
) -> Path:
    """Copy a bundle or an ensemble into the folder that ships, replaced as a whole; return it.

    Of absolute paths among the facts only the last name is kept. The card must be there, and is
    copied with the new name, since the release changes the hash of the content. The same inputs
    give the same bytes.

    Args:
        detector: folder of a run's detector, or its Hub name
        target: `shipped.DEFAULT_FOLDER`; ConfigError if something else than a release lies there
        version: of the weights: two or three numbers, such as 1.0
        half: weights of two and more dimensions with 16 bits, read as 32 again; vectors (norms,
            biases, running statistics) stay as they are

    ConfigError if it is larger than `MAX_BYTES`.
    """
    if not re.fullmatch(r"\d+\.\d+(\.\d+)?", version):
        raise ConfigError(f"version is {version!r}; two or three numbers are needed, such as 1.0")
    source = locate_bundle(detector)
    _check_paths(source, target)
    staging = target.with_name(target.name + ".staging")
    found = _copy_detector(source, staging, half=half, licence_text=terms.text.strip() + "\n")
    release = Release(version, found, terms.licence, dict(terms.sources))
    text = json.dumps(settings.to_dict(release), indent=1, ensure_ascii=False)
    (staging / RELEASE).write_text(text + "\n", encoding="utf-8")
    _refuse_large(staging)
    shutil.rmtree(target, ignore_errors=True)
    staging.replace(target)
    return target


def _check_paths(source: Path, target: Path) -> None:
    if not (source / CARD).is_file():
        raise ConfigError(f"{source} has no {CARD}; write its card first (avfake card {source})")
    if target.exists() and not (target / RELEASE).is_file():
        raise ConfigError(f"{target} is there already and is no release; give another folder")
    here, there = source.resolve(), target.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise ConfigError(f"{target} and {source} lie in each other; give another folder")


def _copy_detector(source: Path, target: Path, *, half: bool, licence_text: str) -> str:
    """Write a bundle or an ensemble, with its card and LICENSE; return the hash of its content."""
    before = settings.fingerprint(checked_sums(source))
    with whole_folder(target) as partial:
        if is_ensemble(source):
            shutil.copyfile(source / "config.yaml", partial / "config.yaml")
            for member in sorted((source / "members").iterdir()):
                copy = partial / "members" / member.name
                _copy_detector(member, copy, half=half, licence_text=licence_text)
        else:
            _copy_bundle(source, partial, half=half)
        (partial / LICENCE).write_text(licence_text, encoding="utf-8")
    after = settings.fingerprint(checked_sums(target))
    if (source / CARD).is_file():
        card = (source / CARD).read_text(encoding="utf-8").replace(before, after)
        (target / CARD).write_text(card, encoding="utf-8")
    return after


def _copy_bundle(source: Path, target: Path, *, half: bool) -> None:
    for name in checked_sums(source):
        if half and name.endswith(".safetensors"):
            save_file(_halved(load_file(source / name)), target / name)
        else:
            shutil.copyfile(source / name, target / name)
    config = read_config(source)
    config["facts"] = _without_paths(config["facts"])
    text = yaml.safe_dump(config, sort_keys=False)
    (target / "config.yaml").write_text(text, encoding="utf-8")


def _without_paths(fact: Any) -> Any:
    """Return facts in which absolute paths, which name machines and users, are one name."""
    if isinstance(fact, dict):
        return {_without_paths(key): _without_paths(value) for key, value in fact.items()}
    if isinstance(fact, list):
        return [_without_paths(value) for value in fact]
    if isinstance(fact, str):
        for kind in (PurePosixPath, PureWindowsPath):
            if kind(fact).is_absolute():
                return kind(fact).name
    return fact


def _halved(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    # A running variance may lie outside the range of half precision, and vectors weigh nothing.
    return {
        name: w.half() if w.dtype == torch.float32 and w.ndim > 1 else w
        for name, w in weights.items()
    }


def _refuse_large(folder: Path) -> None:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MAX_BYTES:
        shutil.rmtree(folder)
        raise ConfigError(
            f"the release takes {size / 1e6:.1f} MB, at most {MAX_BYTES / 1e6:.0f} are allowed; "
            "store halves (half=True), or train fewer or smaller members"
        )
