"""An ensemble on disk: a folder with several bundles, which opens and uploads like a single one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avfake import __version__
from avfake import config as settings
from avfake.calibration import RULES, DecisionModel, DecisionRule
from avfake.detector.combining import RANK_MEAN
from avfake.detector.facts import BundleSettings
from avfake.detector.folders import (
    CARD,
    ENSEMBLE_FORMAT,
    SUMS,
    checked_sums,
    copy_files,
    is_ensemble,
    locate_bundle,
    read_bundle_config,
    read_config,
    whole_folder,
    write_config,
)
from avfake.errors import BundleError, ConfigError, check_choice


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
    from avfake.evaluation import read_scores  # late: it imports pandas

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
    groups = table["group"].astype(str).tolist() if "group" in table else None
    return DecisionRule.fit(p_fake, labels, groups)


def write_ensemble(
    folder: Path,
    names: Sequence[str],
    combine: str = "mean",
    held_out: Path | None = None,
) -> None:
    """Copy detectors into one folder that opens like a single one.

    held_out: table of `avfake evaluate` with the scores of this ensemble, on which its decision is
        fitted (`fit_decision`); None = the members must agree.
    ConfigError if one is an ensemble itself, or if `folder` holds something else already.
    """
    decision = fit_decision(held_out) if held_out else None
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
        "format": ENSEMBLE_FORMAT,
        "avfake": __version__,
        "rule": combine,
        "members": [bundle.resolve().name for bundle in found],
        "decision": settings.to_dict(decision) if decision else None,
    }
    with whole_folder(folder) as partial:
        write_config(partial, config)
        for number, bundle in enumerate(found):
            copy_files(bundle, partial / "members" / str(number))


def read_ensemble(folder: Path) -> tuple[list[str], str, DecisionRule | None]:
    """Return the paths of the members, their rule and their decision rule.

    BundleError if a file is missing or altered.
    """
    checked_sums(folder)
    config = read_config(folder)
    try:
        found, rule = config["decision"], config["rule"]
        decision = settings.from_dict(DecisionRule, found) if found else None
        count = len(config["members"])
        check_choice("combine", rule, RULES)
    except (KeyError, TypeError, ConfigError) as error:
        raise BundleError(f"{folder / 'config.yaml'} is not what avfake wrote: {error}") from error
    return [str(folder / "members" / str(number)) for number in range(count)], rule, decision


@dataclass(frozen=True)
class FolderFacts:
    """What a detector folder holds, weights unread."""

    fingerprint: str
    """Hash of its content: the 12 digits in the detector's name."""
    num_members: int
    rule: str = ""
    """How an ensemble combines the answers of its members."""
    config: BundleSettings | None = None
    """None for an ensemble, as the next."""
    decision_model: DecisionModel | None = None

    @classmethod
    def read(cls, folder: Path) -> "FolderFacts":
        """Read a bundle or an ensemble without its weights; BundleError if it is damaged."""
        fingerprint = settings.fingerprint(checked_sums(folder))
        if is_ensemble(folder):
            names, rule, _ = read_ensemble(folder)
            return cls(fingerprint, len(names), rule)
        config, decision_model = read_bundle_config(folder), DecisionModel.load(folder)
        return cls(fingerprint, config.num_members, config=config, decision_model=decision_model)


def _refuse_to_overwrite(folder: Path) -> None:
    """Raise ConfigError for a folder that is no ensemble, or to which files were added since."""
    if not folder.exists():
        return
    if not (folder.is_dir() and is_ensemble(folder)):
        raise ConfigError(f"{folder} is there already and is no ensemble; give another folder")
    ours = {*checked_sums(folder), SUMS, CARD, "members"}
    others = sorted(path.name for path in folder.iterdir() if path.name not in ours)
    if others:
        raise ConfigError(
            f"{folder} is to be written again and holds {', '.join(others[:3])}, which would be "
            "lost; move it away, or give another folder"
        )
