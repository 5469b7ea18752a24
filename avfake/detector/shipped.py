"""The detector that comes with avfake: its folder and the record of its release.

avfake/default_detector/   a bundle, or an ensemble of bundles (see `bundle`, `ensemble`), and in it
    release.json           version, content hash, licence and sources of the weights
    LICENSE                the terms of the weights in full

`release_detector` writes such a folder; opening it checks it against its release.json.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from avfake import config as settings
from avfake.errors import ConfigError

DEFAULT_FOLDER = Path(__file__).parents[1] / "default_detector"
RELEASE, LICENCE = "release.json", "LICENSE"
REMEDY = "install avfake again, or name another detector (--detector FOLDER)"


@dataclass(frozen=True)
class Release:
    """The content of release.json."""

    version: str
    """Version of the weights, not of avfake: two or three numbers."""
    detector: str
    """12 digits of the checksum of its content, as in the detector's name."""
    licence: str
    """What the weights may be used for, in one sentence; LICENSE has the full text."""
    sources: Mapping[str, str]
    """What the weights learned from -> licence or terms of that source."""

    @property
    def notice(self) -> str:
        """One line for users who get an answer of this detector without having named it."""
        in_short = re.split("[,;]", self.licence)[0]
        return f"default detector {self.version}: {in_short}; terms: {DEFAULT_FOLDER / LICENCE}"


def default_release() -> Release:
    """Return the release that comes with avfake; ConfigError if it is not installed."""
    if not (DEFAULT_FOLDER / RELEASE).is_file():
        raise ConfigError(
            f"this installation has no default detector: {DEFAULT_FOLDER / RELEASE} is not there "
            f"(was avfake built or copied without its package data?); {REMEDY}"
        )
    return read_release(DEFAULT_FOLDER)


def read_release(folder: Path) -> Release:
    """Return the release.json of a folder; ConfigError if it cannot be read."""
    path = folder / RELEASE
    try:
        return settings.from_dict(Release, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AttributeError, ConfigError) as error:
        raise ConfigError(f"{path} is no record of a release ({error}); {REMEDY}") from error
