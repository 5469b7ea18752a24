"""The exact versions of constraints.txt, the bounds of setup.cfg and what is installed agree."""

import configparser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]


NOT_BY_MAKE = {"blazeface"}
"""Extras that no target of the Makefile installs, so that no constraint counts for them."""


def pins() -> dict[str, Requirement]:
    """Return name -> the line of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {canonicalize_name(one.name): one for one in found}


def bounds() -> dict[str, Requirement]:
    """Return "extra: requirement" -> each requirement of setup.cfg but avfake's own extras."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lists = {"": config["options"]["install_requires"], **config["options.extras_require"]}
    found = {
        f"{extra}: {line}": Requirement(line)
        for extra, text in lists.items()
        for line in text.split("\n")
        if line.strip()
    }
    return {
        where: one
        for where, one in found.items()
        if one.name != "avfake" and where.partition(":")[0] not in NOT_BY_MAKE
    }


def pinned(requirement: Requirement) -> Version:
    """Return the one version that a line of constraints.txt allows."""
    (only,) = requirement.specifier
    assert only.operator == "==", f"{requirement} is no exact version"
    assert "*" not in only.version, f"{requirement} is no exact version"
    return Version(only.version)


def test_every_line_of_the_constraints_is_one_exact_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert len(pins()) == len([line for line in lines if line.strip() and line[0] != "#"])
    for requirement in pins().values():
        pinned(requirement)
        assert requirement.url is None


@pytest.mark.parametrize("where", bounds())
def test_the_pinned_version_lies_within_the_bounds(where: str) -> None:
    requirement = bounds()[where]
    name = canonicalize_name(requirement.name)
    if name not in pins() and str(requirement.specifier).startswith("=="):
        return  # exact where it is asked for
    assert name in pins(), f"setup.cfg needs {name}, constraints.txt has no version of it"
    assert requirement.specifier.contains(pinned(pins()[name]), prereleases=True)


@pytest.mark.parametrize("name", sorted({canonicalize_name(r.name) for r in bounds().values()}))
def test_what_is_installed_is_what_is_pinned(name: str) -> None:
    if name not in pins():
        pytest.skip("exact in setup.cfg")
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        pytest.skip("not installed")
    assert Version(installed).public == pinned(pins()[name]).public
