"""Detectors that answer together: a file is cut once for each way of cutting, then combined."""

from collections.abc import Sequence
from pathlib import Path

from avfake import settings
from avfake.bundle import Bundle, locate_bundle
from avfake.clips import Clip
from avfake.detector.single import Detector, Switches
from avfake.ensemble import Combination, combine_verdicts, is_ensemble, read_ensemble
from avfake.errors import ConfigError, MediaError
from avfake.stack import DecisionRule
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

    def predict(self, path: str | Path, switches: Switches | None = None) -> Verdict:
        """The verdict on one file, which is decoded once for each way the members cut clips.

        A member for whose way of cutting the file cannot be read is silent, with the reason.
        """
        verdicts = []
        for party in self._parties().values():
            try:
                clip = party[0].cut_clip(path)
            except MediaError as error:
                verdicts += [_failed(path, error, member) for member in party]
            else:
                verdicts += [one.predict_clip(clip, switches, file=str(path)) for one in party]
        return self._combine(verdicts)

    def predict_clip(
        self, clip: Clip, switches: Switches | None = None, *, file: str | None = None
    ) -> Verdict:
        """The verdict on a prepared clip; ConfigError unless all members cut clips that way."""
        if len(self._parties()) > 1:
            ways = (f"{found}: {len(party)}" for found, party in self._parties().items())
            raise ConfigError(
                "the members of this ensemble were trained on clips of different settings "
                f"({', '.join(ways)}), so that no prepared clip suits all: give the file itself"
            )
        return self._combine([one.predict_clip(clip, switches, file=file) for one in self.members])

    def _parties(self) -> dict[str, list[Detector]]:
        """Hash of the settings of clips -> the members that share them."""
        parties: dict[str, list[Detector]] = {}
        for member in self.members:
            parties.setdefault(member.bundle.clip_config.hash, []).append(member)
        return parties

    def _combine(self, verdicts: Sequence[Verdict]) -> Verdict:
        rule, decision = self.combination.rule, self.combination.decision
        return combine_verdicts(verdicts, rule, decision=decision, name=self.name)


def _failed(path: str | Path, error: MediaError, member: Detector) -> Verdict:
    return Verdict(
        str(path), "unsure", None, None, None, "failed", (error.reason,), detector=member.name
    )
