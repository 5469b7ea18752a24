"""Checks of flags: values out of range, flags without effect, and the choice of detectors."""

import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from avfake.errors import ConfigError
from avfake.labels import DEFAULT

if TYPE_CHECKING:
    from avfake.detector import PredictOptions

BELONGING = {
    "audio": ("--audio.", "--augment.sound", "--augment.forge.voice-"),
    "visual": ("--visual.", "--augment.picture", "--augment.forge.face-", "--augment.mix."),
    "sync": ("--sync.", "--loss.sync"),
}
"""Branch -> prefixes of the flags that concern only it."""


def refuse_idle(given: Mapping[str, object], because: str) -> None:
    """Raise ConfigError for flags that were given (neither None nor False) and have no effect."""
    idle = [flag for flag, value in given.items() if value is not None and value is not False]
    if idle:
        verb = "does" if len(idle) == 1 else "do"
        raise ConfigError(f"{' and '.join(idle)} {verb} nothing here: {because}")


def at_least(least: float, **flags: float | None) -> None:
    """Raise ConfigError for a value below the least, or NaN; None = not given.

    flags: name of the variable -> value; time_limit is --time-limit.
    """
    for name, value in flags.items():
        if value is not None and (math.isnan(value) or value < least):
            flag = name.replace("_", "-")
            raise ConfigError(f"--{flag} is {value:g}; allowed: {least:g} or more")


def check_spread(workers: int | None, engine: str, ray_address: str | None) -> None:
    """Raise ConfigError for flags that the chosen engine does not use."""
    at_least(0, workers=workers)
    if engine == "ray":
        refuse_idle({"--workers": workers}, "a Ray cluster uses all of its cores")
    else:
        refuse_idle({"--ray-address": ray_address}, "add --engine ray")


def idle_settings(config: Any, flags: Sequence[str]) -> dict[str, list[str]]:
    """Return, for each branch that a recipe's settings switch off, the given flags without effect.

    ConfigError for --sync where picture or sound is switched off.
    """
    names = [flag.partition("=")[0].replace("_", "-") for flag in flags if flag.startswith("--")]
    found: dict[str, list[str]] = {}
    for part in (config, *vars(config).values()):
        on = {branch: getattr(part, f"use_{branch}", None) for branch in BELONGING}
        if None in on.values():
            continue
        if "--sync" in names and not (on["audio"] and on["visual"]):
            raise ConfigError("--sync compares picture and sound, and one of them is left out")
        for branch, prefixes in BELONGING.items():
            idle = [name for name in names if name.startswith(prefixes)]
            if idle and not on[branch]:
                found[branch] = idle
    return found


def choose(detectors: Sequence[str], combine: str | None = None) -> tuple[str, ...]:
    """Return the names for `Detector.from_pretrained`; print the notice of the default on stderr.

    combine: how several answer together; ConfigError if it is given for one.
    """
    names = tuple(detectors) or (DEFAULT,)
    if len(names) == 1:
        refuse_idle({"--combine": combine}, "one detector answers alone; name another, too")
    if DEFAULT in names:
        from avfake.detector import default_release  # late: importing torch takes seconds

        print(default_release().notice, file=sys.stderr)
    return names


def report_flags(detectors: Sequence[str], combine: str | None, options: "PredictOptions") -> str:
    """Return the flags with which `avfake report` answers as `avfake predict` did with these."""
    words = [word for one in detectors for word in ("--detector", one)]
    words += ["--combine", combine] if combine else []
    words += ["--no-audio"] * (not options.use_audio) + ["--no-visual"] * (not options.use_visual)
    words += ["--prior", f"{options.prior:g}"] if options.prior is not None else []
    return shlex.join(words)
