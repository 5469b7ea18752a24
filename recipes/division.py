"""Divide the sources of the real material once: development, and locked sources for the final test.

    python recipes/division.py --real media/        # writes recipes/results/division.csv, once

Everything that is chosen is chosen on development sources; locked sources are scored once for each
release (recipes/results/locked.csv). Sources are divided by the hash of their owner, so that the
repositories of one author stay together, within strata of medium and class. A source that an
earlier detector learned from is never locked. The table is never written again: a source that is
not in it, since it came later, belongs to development.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from avfake import cli, detector, storage
from avfake.errors import ConfigError

TABLE = Path(__file__).parent / "results" / "division.csv"
MEDIA = {"video": ".", "voice": "voice", "stills": "faces", "forged_stills": "faces_fake"}
"""Medium -> folder of its manifest.csv below --real."""
LOCKED_SHARE = 0.3


@dataclass(frozen=True)
class Config:
    """Divide the sources."""

    real: Path
    """Folder with manifest.csv, voice/, faces/ and faces_fake/."""


def main(config: Config) -> None:
    if TABLE.is_file():
        raise ConfigError(f"{TABLE} is there; sources are divided once, and never again")
    table = divide_sources(read_sources(config.real), detector.default_release().sources)
    storage.write_whole(TABLE, table.to_csv(index=False))
    print(table.groupby(["media", "classes", "part"]).size().unstack(fill_value=0).to_string())


def read_sources(real: Path) -> pd.DataFrame:
    """Return a row for each source: its owner, media and classes, each joined by "+"."""
    tables = [
        pd.read_csv(real / folder / "manifest.csv").assign(media=medium)
        for medium, folder in MEDIA.items()
    ]
    rows = pd.concat(tables, ignore_index=True).dropna(subset=["source"])
    rows["classes"] = rows["label"].str.lower()
    rows["owner"] = rows["source"].str.split("/").str[0]
    return rows.groupby(["owner", "source"])[["media", "classes"]].agg(joined).reset_index()


def divide_sources(sources: pd.DataFrame, seen: Collection[str]) -> pd.DataFrame:
    """Return the sources with `part`: in each stratum the owners of lowest hash are locked.

    `seen` names sources that are never locked, and nor are others of their owners.
    """
    owners = sources.assign(seen=sources["source"].isin(seen)).groupby("owner")
    strata = owners[["media", "classes"]].agg(joined).assign(seen=owners["seen"].any())
    locked: set[str] = set()
    for _, stratum in strata.groupby(["media", "classes"]):
        free = sorted(stratum.index[~stratum["seen"]], key=digest)
        locked.update(free[: round(LOCKED_SHARE * len(stratum))])
    parts = sources["owner"].isin(locked).map({True: "locked", False: "development"})
    return sources.assign(part=parts)


def joined(values: pd.Series) -> str:
    """Return the different values of a column, sorted and joined by "+"."""
    return "+".join(sorted({part for value in values for part in value.split("+")}))


def digest(owner: str) -> str:
    """Return the hash that decides in which order owners are locked."""
    return hashlib.sha256(f"avfake division: {owner}".encode()).hexdigest()


if __name__ == "__main__":
    cli.run_recipe(main, Config, __doc__)
