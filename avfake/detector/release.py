"""Make the folder that ships of a trained detector: licensed, versioned, small.

The weights may be bound by the terms of their training data, unlike the code: so they have terms of
their own, a LICENSE beside them, and the list of their sources. `shipped` reads the folder.
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from avfake import config as settings
from avfake.detector import shipped
from avfake.detector.folders import (
    CARD,
    checked_sums,
    copy_files,
    locate_bundle,
    read_config,
    whole_folder,
    write_config,
)
from avfake.detector.shipped import LICENCE, RELEASE, Release
from avfake.errors import ConfigError

MAX_BYTES = 96_000_000
"""Limit for the whole folder, which is in every clone and every wheel."""


RESEARCH_ONLY = (
    "weights for research use only, because of what they learned from; the code is Apache-2.0"
)
RESEARCH_TERMS = """\
The weights in this folder were learned from footage and recordings of the sources that
release.json lists, each with the terms that it states. Some of these allow research or
other non-commercial use only, some state no terms. The weights are therefore given for
research use alone, as they are and without any warranty; whoever wants them for other
uses has to ask those sources. The code of avfake is under the Apache License 2.0, which
this note does not touch."""


def release_detector(
    detector: str | Path,
    target: Path | None = None,
    *,
    version: str,
    sources: Mapping[str, str],
    licence: str = RESEARCH_ONLY,
    terms: str = RESEARCH_TERMS,
    half: bool = False,
) -> Path:
    """Copy a bundle or an ensemble into the folder that ships, replaced as a whole; return it.

    Of absolute paths among the facts only the last name is kept. The card must be there, and is
    copied with the new name, since the release changes the hash of the content. The same inputs
    give the same bytes.

    Args:
        detector: folder of a run's detector, or its Hub name
        target: None = `shipped.DEFAULT_FOLDER`; ConfigError if something else than a release lies
            there
        version: of the weights: two or three numbers, such as 1.0
        sources: what the weights learned from -> licence or terms of that source
        licence: terms of the weights in one sentence, which the command line shows
        terms: the same in full, for LICENSE
        half: weights of two and more dimensions with 16 bits, read as 32 again; vectors (norms,
            biases, running statistics) stay as they are

    ConfigError if it is larger than `MAX_BYTES`.
    """
    if not re.fullmatch(r"\d+\.\d+(\.\d+)?", version):
        raise ConfigError(f"version is {version!r}; two or three numbers are needed, such as 1.0")
    for name, given in (("licence", licence), ("terms", terms), ("sources", sources)):
        if not given:
            raise ConfigError(f"{name} is empty; weights are not released without their terms")
    if "\n" in licence:
        raise ConfigError("licence is one sentence on one line; the whole of it goes into terms")
    source, target = locate_bundle(detector), target or shipped.DEFAULT_FOLDER
    _check_paths(source, target)
    staging = target.with_name(target.name + ".staging")
    found = _copy_detector(source, staging, half=half, terms=terms)
    release = Release(version, found, licence, dict(sources))
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


def _copy_detector(source: Path, target: Path, *, half: bool, terms: str) -> str:
    """Write a bundle or an ensemble, with its card and LICENSE; return the hash of its content."""
    before = settings.fingerprint(checked_sums(source))
    with whole_folder(target) as partial:
        copy_files(source, partial)
        for member in sorted(source.glob("members/*")):
            _copy_detector(member, partial / "members" / member.name, half=half, terms=terms)
        for path in source.glob("*.safetensors") if half else ():
            save_file(_halved(load_file(path)), partial / path.name)
        config = read_config(source)
        if "facts" in config:
            write_config(partial, config | {"facts": _without_paths(config["facts"])})
        (partial / LICENCE).write_text(terms.strip() + "\n", encoding="utf-8")
    after = settings.fingerprint(checked_sums(target))
    if (card := target / CARD).is_file():
        text = card.read_text(encoding="utf-8").replace(before, after)
        card.write_text(text, encoding="utf-8")
    return after


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
