"""Flags that are out of range, or that would do nothing where they were given."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from avfake.errors import ConfigError

BELONGING = {
    "audio": ("--audio.", "--augment.sound", "--augment.forge.voice-"),
    "visual": ("--visual.", "--augment.picture", "--augment.forge.face-", "--augment.mix."),
    "sync": ("--sync.", "--loss.sync"),
}
"""Branch -> how the flags begin that only it listens to."""


def refuse_idle(given: Mapping[str, object], because: str) -> None:
    """ConfigError that names the flags that were given (neither None nor False) and do nothing."""
    idle = [flag for flag, value in given.items() if value is not None and value is not False]
    if idle:
        verb = "does" if len(idle) == 1 else "do"
        raise ConfigError(f"{' and '.join(idle)} {verb} nothing here: {because}")


def at_least(least: float, **flags: float | None) -> None:
    """ConfigError for a flag below the least that makes sense, or that is no number; None = unset.

    Flags are named as their variables are.
    """
    for name, value in flags.items():
        if value is not None and (math.isnan(value) or value < least):
            flag = name.replace("_", "-")
            raise ConfigError(f"--{flag} is {value:g}; allowed: {least:g} or more")


def check_spread(workers: int | None, engine: str, ray_address: str | None) -> None:
    """ConfigError for flags of an engine that is not the one that works."""
    at_least(0, workers=workers)
    if engine == "ray":
        refuse_idle({"--workers": workers}, "a Ray cluster uses all of its cores")
    else:
        refuse_idle({"--ray-address": ray_address}, "add --engine ray")


def idle_settings(config: Any, flags: Sequence[str]) -> dict[str, list[str]]:
    """Branch that a recipe's settings leave out -> the flags given that only it listens to.

    ConfigError for --sync itself where there is nothing to compare.
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
