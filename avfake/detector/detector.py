"""A detector of one or more members: path or clip in, verdict out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from avfake import config as settings
from avfake.calibration import DecisionRule, shifted
from avfake.clips import Clip
from avfake.detector.branch_scores import torch_defaults
from avfake.detector.bundle import Bundle, Features
from avfake.detector.combining import combine_verdicts
from avfake.detector.ensemble import check_members, read_ensemble
from avfake.detector.folders import checked_sums, is_ensemble, locate_bundle, read_card
from avfake.detector.hub import upload
from avfake.detector.options import PredictOptions
from avfake.detector.profiles import Cuts, predict_cuts
from avfake.errors import ConfigError, MediaError
from avfake.labels import COLUMNS, DEFAULT
from avfake.limits import limited
from avfake.verdict import Verdict


class Detector:
    """One or more trained bundles that give one verdict."""

    def __init__(
        self,
        members: Bundle | Sequence[Bundle],
        *,
        combine: str = "mean",
        decision: DecisionRule | None = None,
        device: str | torch.device = "cpu",
        runtime: str | None = None,
        card: str = "",
    ) -> None:
        """See `combine_verdicts` for `combine` and `decision`, which matter for several members.

        Args:
            runtime: as for `from_pretrained`
            card: text of the model card of the whole; "" where there is none
        """
        self.members = (members,) if isinstance(members, Bundle) else tuple(members)
        check_members([member.name for member in self.members], combine)
        for member in self.members:
            for model in member.models:
                model.to(device).eval().prepare_inference(runtime)
        self.combine, self.decision, self.card = combine, decision, card
        self.folder: Path | None = None
        """Folder that it was loaded from; None for several, or for one made in memory."""

    @classmethod
    @torch_defaults()
    def from_pretrained(
        cls,
        names: str | Path | Sequence[str | Path],
        *,
        combine: str = "mean",
        device: str | None = None,
        runtime: str | None = None,
        revision: str | None = None,
        token: str | None = None,
    ) -> "Detector":
        """Load detectors from bundle folders or Hugging Face Hub repositories.

        Args:
            names: of one detector or of several that answer together; a folder that
                `write_ensemble` made counts as one name and must be the only one. "default" is the
                detector that comes with avfake.
            combine: rule for the probabilities of several (`calibration.RULES`)
            device: where it runs; None = the GPU where there is one
            runtime: of networks on the CPU: torch; openvino, which is for convolutional networks
                and converts each once, into the cache; auto = openvino where it is installed.
                None = the environment variable AVFAKE_RUNTIME, or auto
            revision: branch, tag or commit on the Hub; None = the newest
            token: for the Hub; None = that of HF_TOKEN, or of the login on this machine

        BundleError if one is not there, cannot be reached, or is damaged.
        """
        names = [names] if isinstance(names, str | Path) else list(names)
        check_members(names, combine)
        folders = [locate_bundle(name, revision=revision, token=token) for name in names]
        decision = None
        nested = [name for name, folder in zip(names, folders, strict=True) if is_ensemble(folder)]
        if nested and len(names) > 1:
            raise ConfigError(f"{nested[0]} is an ensemble itself; give its members instead")
        if nested:
            names, combine, decision = read_ensemble(folders[0])
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        located = [None] * len(names) if nested else folders
        bundles = [Bundle.read(*one) for one in zip(names, located, strict=True)]
        card = read_card(folders[0]) if len(folders) == 1 else ""
        given: dict[str, Any] = {"combine": combine, "decision": decision, "device": device}
        detector = cls(bundles, **given, runtime=runtime, card=card)
        detector.folder = folders[0] if len(folders) == 1 else None
        return detector

    def push_to_hub(
        self,
        name: str,
        *,
        private: bool = True,
        revision: str | None = None,
        message: str | None = None,
        token: str | None = None,
    ) -> str:
        """Upload this detector, with its card, as one commit to the Hugging Face Hub.

        `from_pretrained(name)` loads it from there. Return the address of the commit.

        Args:
            name: owner/name; a repository that is not there is made
            private: whether a new repository is for its owner alone; an old one stays as it is
            revision: branch, which must be there; None = main
            message: of the commit
            token: one that may write; None = that of HF_TOKEN, or of the login on this machine

        ConfigError if it was not loaded from one folder, has no card or no licence in it (`avfake
        card`), and if the Hub cannot be reached or does not take it; BundleError if it is damaged.
        """
        if self.folder is None:
            raise ConfigError(
                "only a detector that was loaded from one folder is uploaded; of several make one "
                "with write_ensemble, or save the bundle, and write its card (avfake card)"
            )
        checked_sums(self.folder)
        return upload(
            self.folder, name, private=private, revision=revision, message=message, token=token
        )

    @classmethod
    def default(cls, *, device: str | None = None) -> "Detector":
        """Load the detector that comes with avfake; its card says what it can and cannot do.

        Its weights have terms of their own (`default_release`). ConfigError if it is not part of
        this installation, or not as it was released.
        """
        return cls.from_pretrained(DEFAULT, device=device)

    @property
    def name(self) -> str:
        """Names and content hashes of the members; of several, their rule and the hash of their
        decision rule too."""
        if len(self.members) == 1 and not self.decision:
            return self.members[0].name
        hashed = ""
        if self.decision:
            hashed = f", decided by {settings.fingerprint(settings.to_dict(self.decision))}"
        names = " + ".join(member.name for member in self.members)
        return f"{self.combine} of {names}{hashed}"

    def check(self, options: PredictOptions) -> None:
        """Raise ConfigError if a member does not support these options."""
        if options.prior is not None:
            for member in self.members:
                member.decision_model.shifts(options.prior)

    def predict(
        self, path: str | Path, options: PredictOptions | None = None, **changes: Any
    ) -> Verdict:
        """Return the verdict on one video or sound file; a file that cannot be read gets one with
        the reason.

        The file is decoded once for each preprocessing of the members. Keyword arguments change
        single `PredictOptions`, for example use_audio=False or prior=0.01.
        """
        options = replace(options or PredictOptions(), **changes)
        self.check(options)
        cuts: dict[str, Cuts] = {}
        verdicts = []
        for member in self.members:
            one = cuts.setdefault(member.spec.clip.hash, Cuts(member, path))
            try:
                with limited(options.limits):
                    verdicts.append(predict_cuts(member, one, options, str(path)))
            except MediaError as error:
                verdicts.append(Verdict.failed(path, error.reason, detector=member.name))
        return self._combined(verdicts, options)

    def predict_clip(
        self,
        clip: Clip,
        options: PredictOptions | None = None,
        *,
        file: str | None = None,
        features: Mapping[str, Features] = MappingProxyType({}),
        **changes: Any,
    ) -> Verdict:
        """Return the verdict on a prepared clip.

        ConfigError unless all members were trained on clips that were prepared so.

        features: name of a member -> what its frozen backbones made of the clip, where it is known
        """
        options = replace(options or PredictOptions(), **changes)
        ways = [member.spec.clip.hash for member in self.members]
        if len(set(ways)) > 1:
            counts = ", ".join(f"{way}: {ways.count(way)}" for way in dict.fromkeys(ways))
            raise ConfigError(
                "the members of this ensemble were trained on clips of different settings "
                f"({counts}), so that no prepared clip suits all: give the file itself"
            )
        name = file or clip.meta.clip_id
        verdicts = [
            member.predict_clip(clip, options, file=name, features=features.get(member.name, {}))
            for member in self.members
        ]
        return self._combined(verdicts, options)

    def _combined(self, verdicts: Sequence[Verdict], options: PredictOptions) -> Verdict:
        """Return one verdict, decided under the prior of the training data, then corrected."""
        verdict, prior = verdicts[0], options.prior
        if len(verdicts) > 1 or self.decision:
            verdict = combine_verdicts(
                verdicts, self.combine, decision=self.decision, name=self.name
            )
        if prior is None or (verdict.p_fake is None and verdict.trained_prior is None):
            return verdict
        shifts = [member.decision_model.shifts(prior) for member in self.members]
        return correct_prior(verdict, mean_shifts(verdicts, shifts), prior)


def correct_prior(verdict: Verdict, shifts: Mapping[str, float], prior: float) -> Verdict:
    """Return the verdict corrected for another share of fakes (Saerens et al. 2002).

    The decision stays: it rests on rates within each class, which no prior changes, so the
    threshold moves along with the probability. No part is ever above the whole: as the prior
    falls, the logit of a part falls by less.

    Args:
        shifts: output -> the change of its logits (`DecisionModel.shifts`)
    """
    known = {name: getattr(verdict, name) for name, _ in COLUMNS.values()}
    moved = {
        name: None if known[name] is None else float(shifted(known[name], shifts[output]))
        for output, (name, _) in COLUMNS.items()
    }
    most = 1.0 if moved["p_fake"] is None else moved["p_fake"]
    capped: dict[str, Any] = {
        name: None if p is None else min(p, most) for name, p in moved.items()
    }
    point = verdict.operating_point
    if point and "overall" in shifts:
        point = replace(point, threshold=float(shifted(point.threshold, shifts["overall"])))
    return replace(verdict, **capped, operating_point=point, prior=prior)


def mean_shifts(
    verdicts: Sequence[Verdict], shifts: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """Return output -> mean shift over the members that answered, or over all where none did.

    Members that were calibrated on one share of fakes, as those of one recipe are, give the exact
    shift of any combination that keeps their calibration. For others, it is that of the mean logit.
    """
    found = {}
    for output, (name, _) in COLUMNS.items():
        having = [(v, by[output]) for v, by in zip(verdicts, shifts, strict=True) if output in by]
        answered = [shift for verdict, shift in having if getattr(verdict, name) is not None]
        if having:
            found[output] = float(np.mean(answered or [shift for _, shift in having]))
    return found
