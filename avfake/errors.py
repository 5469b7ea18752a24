"""All errors that a user can meet, and the reasons why something was not assessed.

A reason is a code from `REASONS`, never free text alone, so that tables can be filtered by it.
"""

import difflib
import errno
import importlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from avfake.labels import Part

REASONS = {
    "file_missing": "the file does not exist",
    "unreachable": "the file could not be fetched from its store",
    "empty_file": "the file has no bytes",
    "not_media": "the file is not a video or sound file that can be read",
    "decode_error": "the stream is damaged and could not be decoded",
    "truncated": "the file ends early; what was there was used",
    "damaged": "parts of the stream are damaged and were left out",
    "left_out": "parts of the file were not examined",
    "clock_restarts": "the time stamps start again; the parts were read one after the other",
    "clock_jumps": "the time stamps jump; what lies on both sides was joined",
    "no_clock": "the stream has no time stamps; its times follow from a frame rate",
    "scaled_samples": "the samples lie beyond full scale and were scaled down to it",
    "not_numbers": "samples of the sound are no numbers",
    "one_channel": "the channels cancel each other; the loudest was used alone",
    "other_track": "the sound track that a player starts with holds no sound; another was used",
    "no_video": "the file has no picture",
    "no_audio": "the file has no sound track",
    "silent_audio": "the sound track is digital silence",
    "no_speech": "no speech was found in the sound",
    "sound_left_out": "not all of the sound was examined",
    "persons_left_out": "not all persons were examined",
    "no_face": "no face was found in the sampled frames",
    "still_picture": "the sampled frames show one still picture of the face",
    "too_short": "there is too little material to assess",
    "few_frames": "only one or two frames could be examined; the answer rests on them alone",
    "not_trained": "this detector was not trained for this part",
    "disabled": "switched off by the user",
    "skipped": "not examined, because the rest decides (profile fast)",
    "no_row": "a table of the ensemble has no row for this file",
    "crashed": "the worker process died on this file",
    "too_long": "the file is longer than is allowed",
    "too_large": "a picture of the file, or what it unpacks to, is larger than is allowed",
    "too_many": "the file has more streams or members than is allowed",
    "timed_out": "the file took longer than the time limit",
    "out_of_memory": "there was too little memory for this file",
}
"""Code -> its meaning in words for a user."""
UNREADABLE = frozenset(
    {
        *("file_missing", "unreachable", "empty_file", "not_media", "decode_error"),
        *("crashed", "timed_out", "out_of_memory"),
    }
)
"""Codes of a file of which nothing could be read."""
TRANSIENT = frozenset({"file_missing", "unreachable", "crashed", "timed_out", "out_of_memory"})
"""Codes that may no longer hold when the same file is read again."""
NOTHING_LOST = frozenset(
    {
        *("clock_restarts", "clock_jumps", "no_clock", "scaled_samples", "one_channel"),
        *("other_track", "still_picture"),
    }
)
"""Codes about a stream that was read completely: they do not change the status of a file."""
NEVER_REAL = frozenset({"no_face", "still_picture"})
"""Codes of a picture that may hide a forgery, or proves nothing: the file is not called real."""

TRACEBACKS = "AVFAKE_TRACEBACK"
"""Environment variable that adds, to an error or a reason, where in the code it arose."""


@dataclass(frozen=True)
class Reason:
    """Why a part of a file (face, voice, or the whole file) was not, or not fully, assessed."""

    part: Literal["file"] | Part
    code: str
    """A key of `REASONS`."""
    detail: str = ""
    """Message of the decoder or the operating system, if there is one."""

    def __post_init__(self) -> None:
        if self.code not in REASONS:
            raise ValueError(f"reason code {self.code!r} is unknown; known: {', '.join(REASONS)}")

    def __str__(self) -> str:
        return f"{self.part}:{self.code}"

    @property
    def short(self) -> str:
        """Return the reason for a table cell: part, code, and the detail in brackets."""
        return f"{self} ({self.detail})" if self.detail else str(self)

    @property
    def sentence(self) -> str:
        """Return the reason in words, with the detail in brackets."""
        return f"{self.part}: {REASONS[self.code]}" + (f" ({self.detail})" if self.detail else "")


class AvfakeError(Exception):
    """Base of all errors that lie in the input or its use, never in avfake itself."""


class MediaError(AvfakeError):
    """A file that cannot be read, with its path and the reason code for the status table."""

    def __init__(self, path: str | Path, code: str, detail: str = "") -> None:
        self.path, self.reason = str(path), Reason("file", code, detail)
        super().__init__(f"{path}: {REASONS[code]}" + (f" ({detail})" if detail else ""))

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        # Exceptions cross process borders; the default would replay the message as `path`.
        return type(self), (self.path, self.reason.code, self.reason.detail)


class StoreError(AvfakeError):
    """A failed request to a store behind a URL; `is_missing`: there is no such file."""

    def __init__(self, url: str, message: str, *, is_missing: bool = False) -> None:
        self.url, self.message, self.is_missing = url, message, is_missing
        super().__init__(f"{url}: {'there is no such file' if is_missing else message}")

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), is_missing=self.is_missing), (self.url, self.message)


class SpecError(AvfakeError):
    """A data spec, or the folder it describes, is not what it must be."""


class ManifestError(AvfakeError):
    """A manifest or a split that cannot be used; names the offending rows."""


class ConfigError(AvfakeError):
    """A setting outside what is allowed."""


class BundleError(AvfakeError):
    """A detector folder that is incomplete, altered, or made for other preprocessing."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out: Python, numpy, torch and the decoder report it differently."""
    message = str(error) if isinstance(error, RuntimeError) else ""
    return (
        isinstance(error, MemoryError)
        or getattr(error, "errno", None) == errno.ENOMEM
        or any(words in message for words in ("allocate memory", "out of memory", "bad_alloc"))
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return " (did you mean ...?)" for a misspelt name; empty when no known name is near."""
    near = [repr(one) for one in difflib.get_close_matches(name, list(known), n=3)]
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def check_choice(name: str, found: str, allowed: Collection[str]) -> None:
    """Raise ConfigError, with the nearest names, unless `found` is among the allowed ones."""
    if found not in allowed:
        raise ConfigError(
            f"{name} must be one of {', '.join(allowed)}, got {found!r}{nearest(found, allowed)}"
        )


def check_ranges(config: Any, prefix: str, **intervals: str) -> None:
    """Raise ConfigError unless the fields of a config lie in their intervals.

    intervals: field name -> its interval in the usual notation, such as "[0, 1)" or "(0, inf)"
    """
    for name, interval in intervals.items():
        value = getattr(config, name)
        low, high = (float(bound) for bound in interval[1:-1].split(","))
        is_above = value > low if interval.startswith("(") else value >= low
        is_below = value < high if interval.endswith(")") else value <= high
        if not (is_above and is_below):
            allowed = f"in {interval}"
            if high == float("inf"):
                allowed = f"{low:g} or more" if interval.startswith("[") else f"above {low:g}"
            raise ConfigError(f"{prefix}.{name} must be {allowed}, got {value:g}")


EXTRAS = {
    "train": "training",
    "report": "a report or a figure",
    "web": "the web page",
    "export": "exporting a detector",
    "pretrained": "reading the weights of a package",
    "openvino": "the runtime openvino",
}
"""Extra of setup.cfg -> what needs it."""


def require(module: str, extra: str) -> ModuleType:
    """Import an optional module; ConfigError, with what to install, where it is missing."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package, purpose = module.partition(".")[0], EXTRAS.get(extra, "this")
        raise ConfigError(f"{purpose} needs {package}: pip install 'avfake[{extra}]'") from error
