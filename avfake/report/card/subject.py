"""What a detector folder says of itself, weights unread."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avfake.calibration import DecisionModel
from avfake.detector import read_folder
from avfake.errors import ConfigError
from avfake.labels import OUTPUTS, Output


@dataclass(frozen=True)
class Subject:
    """A bundle, or an ensemble of bundles."""

    folder: Path
    fingerprint: str
    """Of its content: the 12 digits in the detector's name."""
    config: Mapping[str, Any]
    """config.yaml of a bundle; empty for an ensemble, whose members have their own cards."""
    decision_model: DecisionModel | None
    """None for an ensemble."""
    num_members: int
    rule: str = ""
    """How the answers of the members become one."""

    @classmethod
    def read(cls, folder: Path) -> "Subject":
        """ConfigError for what is no folder, BundleError for one that is damaged."""
        if not folder.is_dir():
            raise ConfigError(f"{folder} is no folder; a card is written into a detector's folder")
        found = read_folder(folder)
        return cls(
            folder,
            found.fingerprint,
            found.config,
            found.decision_model,
            found.num_members,
            found.rule,
        )

    @property
    def name(self) -> str:
        return f"avfake detector {self.fingerprint}"

    @property
    def facts(self) -> Mapping[str, Any]:
        """Keys as in `assembly.bundle_facts`; bundles made before 2026-11-21 have fewer."""
        facts: Mapping[str, Any] = self.config.get("facts", {})
        return facts

    @property
    def held_out(self) -> Mapping[str, Any]:
        """What was measured out of fold; empty where it was not."""
        found: Mapping[str, Any] = self.facts.get("held_out", {})
        return found

    @property
    def not_judged(self) -> dict[Output, str]:
        """Output -> why it is never answered."""
        return {**self.decision_model.not_trained} if self.decision_model else {}

    @property
    def judged(self) -> tuple[str, ...]:
        """Outputs that are answered."""
        return tuple(name for name in OUTPUTS if name not in self.not_judged)
