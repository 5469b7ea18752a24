"""The detector that comes with avfake: where it lies, and what it says of its own release.

avfake/default_detector/   a bundle, or an ensemble of some (see `bundle`, `ensemble`), and in it
    release.json           version, content hash, licence and sources of the weights
    LICENSE                the terms of the weights in full

`release` writes such a folder; whoever opens it checks it against its release.json first.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from avfake import config as settings
from avfake.errors import ConfigError

DEFAULT = "default"
"""Its name wherever a detector is named. A folder called so is ./default."""
PLACE = Path(__file__).parent / "default_detector"
RELEASE, LICENCE = "release.json", "LICENSE"
REMEDY = "install avfake again, or name another detector (--detector FOLDER)"


@dataclass(frozen=True)
class Release:
    """What release.json says."""

    version: str
    """Of the weights, not of avfake: two or three numbers."""
    detector: str
    """12 digits of the checksum of its content, as in the detector's name."""
    licence: str
    """What the weights may be used for, in one sentence; LICENSE says it in full."""
    sources: Mapping[str, str]
    """What the weights learned from -> licence or terms of that source."""

    @property
    def notice(self) -> str:
        """For people who get an answer of this detector without having named it."""
        return (
            f"default detector {self.version} ({self.detector}): {self.licence}\n"
            f"what it can and cannot do: {PLACE / 'README.md'}; terms: {PLACE / LICENCE}"
        )


def default_release() -> Release:
    """Of the detector that comes with avfake; ConfigError if it did not come along."""
    if not (PLACE / RELEASE).is_file():
        raise ConfigError(
            f"this installation has no default detector: {PLACE / RELEASE} is not there (was "
            f"avfake built or copied without its package data?); {REMEDY}"
        )
    return read_release(PLACE)


def read_release(folder: Path) -> Release:
    """What release.json of a folder says; ConfigError if it cannot be read."""
    path = folder / RELEASE
    try:
        return settings.from_dict(Release, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AttributeError, ConfigError) as error:
        raise ConfigError(f"{path} is no record of a release ({error}); {REMEDY}") from error
