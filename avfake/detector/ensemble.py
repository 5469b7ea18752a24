"""An ensemble on disk: a folder with several bundles, which opens and uploads like a single one.

config.yaml      format, rule, decision rule, names of the members
members/0 ...    the members, whole bundles with their own checksums
checksums.json   SHA-256 of config.yaml and of each member's checksums.json
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from avfake import __version__
from avfake import config as settings
from avfake.calibration import RULES, DecisionModel, DecisionRule
from avfake.clips import InputSpec
from avfake.detector.bundle import CARD, checked_sums, locate_bundle, read_config, whole_folder
from avfake.detector.combining import RANK_MEAN
from avfake.detector.facts import BundleFacts
from avfake.errors import BundleError, ConfigError, check_choice
from avfake.evaluation import read_scores
from avfake.models import ModelConfig

FORMAT = "ensemble-1"
"""Stands where a bundle has its number, so that a reader of bundles refuses it by name."""


def check_members(names: Sequence[str | Path], combine: str) -> None:
    """Raise ConfigError for no name, a name twice, or a rule that single files do not allow."""
    if not names:
        raise ConfigError("no detector was named; give one folder or Hub name, or more")
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"a detector counts once in an ensemble; twice: {', '.join(twice)}")
    if combine == RANK_MEAN:
        raise ConfigError(
            "rank_mean needs the scores of all files at once: score them with each detector, "
            "then combine the tables with avfake ensemble"
        )
    check_choice("the rule", combine, RULES)


def fit_decision(scores: Path) -> DecisionRule:
    """Fit the decision rule of an ensemble on labelled clips that its members have not seen.

    scores: table of `avfake evaluate` (clip_id, label, p_fake, ...). ConfigError without both
    classes, since each has its own bound.
    """
    table = read_scores(scores)
    if "prior" in table and table["prior"].notna().any():
        raise ConfigError(
            f"{scores} was made with --prior, but decisions rest on probabilities under the "
            "prior of the training data; make it again without"
        )
    if "label" not in table:
        raise ConfigError(f"{scores} has no column label; make it with avfake evaluate --out")
    labels = table["label"].map({True: 1.0, False: 0.0}).to_numpy(np.float64)
    p_fake = table["p_fake"].to_numpy(np.float64)
    known = labels[~np.isnan(labels) & ~np.isnan(p_fake)]
    if not 0 < known.sum() < len(known):
        raise ConfigError(
            f"{scores} has {int(known.sum())} fakes among {len(known)} clips with a label and a "
            "probability; a decision is fitted on genuine and fake clips"
        )
    return DecisionRule.fit(p_fake, labels)


def write_ensemble(
    folder: Path,
    names: Sequence[str],
    combine: str = "mean",
    decision: DecisionRule | None = None,
) -> None:
    """Copy detectors into one folder that opens like a single one.

    decision: fitted on held-out answers of the ensemble; None = the members must agree.
    ConfigError if one is an ensemble itself, or if `folder` holds something else already.
    """
    check_members(names, combine)
    _refuse_to_overwrite(folder)
    found = [locate_bundle(name) for name in names]
    for name, bundle in zip(names, found, strict=True):
        checked_sums(bundle)
        if is_ensemble(bundle):
            raise ConfigError(f"{name} is an ensemble itself; name its members instead")
        if bundle.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(f"{name} lies in {folder}, which is to be written again")
    config = {
        "format": FORMAT,
        "avfake": __version__,
        "rule": combine,
        "members": [bundle.resolve().name for bundle in found],
        "decision": settings.to_dict(decision) if decision else None,
    }
    with whole_folder(folder) as partial:
        text = yaml.safe_dump(config, sort_keys=False)
        (partial / "config.yaml").write_text(text, encoding="utf-8")
        for number, bundle in enumerate(found):
            _copy_bundle(bundle, partial / "members" / str(number))


def read_ensemble(folder: Path) -> tuple[list[str], str, DecisionRule | None]:
    """Return the paths of the members, their rule and their decision rule.

    BundleError if a file is missing or altered.
    """
    checked_sums(folder)
    config = _read_config(folder)
    decision = settings.from_dict(DecisionRule, config["decision"]) if config["decision"] else None
    names = [str(folder / "members" / str(number)) for number in range(len(config["members"]))]
    return names, config["rule"], decision


@dataclass(frozen=True)
class FolderFacts:
    """What a detector folder holds, weights unread."""

    fingerprint: str
    """Hash of its content: the 12 digits in the detector's name."""
    num_members: int
    rule: str = ""
    """How an ensemble combines the answers of its members."""
    version: str = ""
    """Version of avfake that wrote the bundle."""
    spec: InputSpec | None = None
    """None for an ensemble, as the next two."""
    model: ModelConfig | None = None
    decision_model: DecisionModel | None = None
    facts: BundleFacts = field(default_factory=BundleFacts)


def read_folder(folder: Path) -> FolderFacts:
    """Read a bundle or an ensemble without its weights; BundleError if it is damaged."""
    fingerprint = settings.fingerprint(checked_sums(folder))
    if is_ensemble(folder):
        names, rule, _ = read_ensemble(folder)
        return FolderFacts(fingerprint, len(names), rule)
    config = read_config(folder)
    return FolderFacts(
        fingerprint,
        config["num_members"],
        version=config["avfake"],
        spec=settings.from_dict(InputSpec, config["input"]),
        model=settings.from_dict(ModelConfig, config["model"]),
        decision_model=DecisionModel.load(folder),
        facts=settings.from_dict(BundleFacts, config["facts"]),
    )


def is_ensemble(folder: Path) -> bool:
    """Return whether `write_ensemble` made a folder; what it lacks, its reader reports."""
    return _read_config(folder).get("format") == FORMAT


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BundleError(f"{folder / 'config.yaml'} cannot be read: {error}") from error
    return config if isinstance(config, dict) else {}


def _copy_bundle(bundle: Path, target: Path) -> None:
    """Copy the files that the checksums name and the card, no others."""
    card = [CARD] if (bundle / CARD).is_file() else []
    for name in (*checked_sums(bundle), "checksums.json", *card):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / name, target / name)


def _refuse_to_overwrite(folder: Path) -> None:
    """Raise ConfigError for a folder that is no ensemble, or to which files were added since."""
    if not folder.exists():
        return
    if not (folder.is_dir() and is_ensemble(folder)):
        raise ConfigError(f"{folder} is there already and is no ensemble; give another folder")
    ours = {*checked_sums(folder), "checksums.json", CARD, "members"}
    others = sorted(path.name for path in folder.iterdir() if path.name not in ours)
    if others:
        raise ConfigError(
            f"{folder} is to be written again and holds {', '.join(others[:3])}, which would be "
            "lost; move it away, or give another folder"
        )
