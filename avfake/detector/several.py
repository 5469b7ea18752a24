"""Detectors that answer together: a file is cut once for each way of cutting, then combined."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from avfake import config as settings
from avfake.calibration import DecisionRule
from avfake.clips import Clip
from avfake.detector.bundle import Bundle, locate_bundle
from avfake.detector.detector import Detector, Switches
from avfake.detector.ensemble.folder import Combination, is_ensemble, read_ensemble
from avfake.detector.ensemble.verdicts import combine_verdicts
from avfake.detector.shifting import mean_shifts, shift_verdict
from avfake.errors import ConfigError, MediaError
from avfake.verdict import Verdict


class EnsembleDetector(Detector):
    """Several trained detectors that give one verdict."""

    def __init__(
        self,
        members: Sequence[Detector],
        *,
        rule: str = "mean",
        decision: DecisionRule | None = None,
    ) -> None:
        """See `combine_verdicts` for `rule` and `decision`."""
        self.members = tuple(members)
        self.combination = Combination(tuple(one.name for one in self.members), rule, decision)
        if nested := [one.name for one in self.members if isinstance(one, EnsembleDetector)]:
            raise ConfigError(f"{nested[0]} is an ensemble itself; give its members instead")
        self.device = self.members[0].device

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path | Combination | Sequence[str | Path],
        *,
        device: str | None = None,
        rule: str = "mean",
    ) -> "EnsembleDetector":
        """The detectors of these names, or those that a folder or a `Combination` names.

        rule: for a list of names; a folder and a `Combination` bring their own.
        """
        if isinstance(name, str | Path):
            folder = locate_bundle(name)
            name = read_ensemble(folder) if is_ensemble(folder) else [name]
        if not isinstance(name, Combination):
            name = Combination(tuple(map(str, name)), rule)
        members = [Detector.from_pretrained(one, device=device) for one in name.names]
        return cls(members, rule=name.rule, decision=name.decision)

    @property
    def bundle(self) -> Bundle:
        raise ConfigError(
            "one detector is needed here, and this is an ensemble; name one of its members: "
            + ", ".join(self.combination.names)
        )

    @property
    def name(self) -> str:
        """The rule, the names and content hashes of the members, the hash of the decision rule."""
        decision = self.combination.decision
        hashed = f", decided by {settings.fingerprint(decision.to_dict())}" if decision else ""
        return f"{self.combination.rule} of {' + '.join(self.combination.names)}{hashed}"

    def check(self, switches: Switches) -> None:
        """ConfigError if a member cannot be asked so."""
        for member in self.members:
            member.check(switches)

    def predict(self, path: str | Path, switches: Switches | None = None) -> Verdict:
        """The verdict on one file, which is decoded once for each way the members cut clips.

        A member for whose way of cutting the file cannot be read is silent, with the reason.
        """
        switches = switches or Switches()
        self.check(switches)
        verdicts: dict[Detector, Verdict] = {}
        for party in self._group_by_preprocessing().values():
            try:
                clip = party[0].cut_clip(path)
            except MediaError as error:
                verdicts |= {member: _failed(path, error, member) for member in party}
            else:
                verdicts |= self._ask(party, clip, switches, str(path))
        return self._combine(verdicts, switches.prior)

    def predict_clip(
        self, clip: Clip, switches: Switches | None = None, *, file: str | None = None
    ) -> Verdict:
        """The verdict on a prepared clip; ConfigError unless all members cut clips that way."""
        if len(self._group_by_preprocessing()) > 1:
            ways = (
                f"{found}: {len(party)}" for found, party in self._group_by_preprocessing().items()
            )
            raise ConfigError(
                "the members of this ensemble were trained on clips of different settings "
                f"({', '.join(ways)}), so that no prepared clip suits all: give the file itself"
            )
        switches = switches or Switches()
        return self._combine(self._ask(self.members, clip, switches, file), switches.prior)

    def _group_by_preprocessing(self) -> dict[str, list[Detector]]:
        """Hash of the settings of clips -> the members that share them."""
        parties: dict[str, list[Detector]] = {}
        for member in self.members:
            parties.setdefault(member.bundle.spec.clip.hash, []).append(member)
        return parties

    @staticmethod
    def _ask(
        members: Sequence[Detector], clip: Clip, switches: Switches, file: str | None
    ) -> dict[Detector, Verdict]:
        """Under the prior of the training data, on which a fitted decision rests."""
        asked = replace(switches, prior=None)
        return {one: one.predict_clip(clip, asked, file=file) for one in members}

    def _combine(self, verdicts: Mapping[Detector, Verdict], prior: float | None) -> Verdict:
        rule, decision = self.combination.rule, self.combination.decision
        answers = list(verdicts.values())
        combined = combine_verdicts(answers, rule, decision=decision, name=self.name)
        if prior is None:
            return combined
        shifts = [member.bundle.decision_model.shifts(prior) for member in verdicts]
        return shift_verdict(combined, mean_shifts(answers, shifts), prior)


def _failed(path: str | Path, error: MediaError, member: Detector) -> Verdict:
    return Verdict(
        str(path), "unsure", None, None, None, "failed", (error.reason,), detector=member.name
    )
