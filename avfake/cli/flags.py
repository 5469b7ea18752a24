"""Flags that are out of range, or that would do nothing where they were given."""

import math
from collections.abc import Mapping

from avfake.errors import ConfigError


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
