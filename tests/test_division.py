"""Division of sources: by hash within strata, owners whole, sources seen before never locked."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

RECIPE = Path(__file__).parents[1] / "recipes" / "division.py"


@pytest.fixture(scope="module")
def division() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recipe_division", RECIPE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sources() -> pd.DataFrame:
    rows = [(f"owner{n}", f"owner{n}/clips", "video", "fake") for n in range(20)]
    rows += [(f"owner{n}", f"owner{n}/more", "video", "fake") for n in range(5)]
    rows += [(f"voice{n}", f"voice{n}/speech", "voice", "real") for n in range(10)]
    return pd.DataFrame(rows, columns=["owner", "source", "media", "classes"])


def test_three_in_ten_owners_of_each_stratum_are_locked(
    division: ModuleType, sources: pd.DataFrame
) -> None:
    found = division.divide_sources(sources, [])
    locked = found[found["part"] == "locked"].groupby("media")["owner"].nunique()
    assert locked.to_dict() == {"video": 6, "voice": 3}
    assert found.groupby("owner")["part"].nunique().max() == 1


def test_a_source_that_was_seen_is_never_locked_nor_its_owner(
    division: ModuleType, sources: pd.DataFrame
) -> None:
    first = division.divide_sources(sources, [])
    seen = first[first["part"] == "locked"]["source"].iloc[0]
    again = division.divide_sources(sources, [seen]).set_index("source")
    owner = again.loc[seen, "owner"]
    assert set(again[again["owner"] == owner]["part"]) == {"development"}
    assert (again["part"] == "locked").any()


def test_the_order_of_the_sources_does_not_matter(
    division: ModuleType, sources: pd.DataFrame
) -> None:
    found = division.divide_sources(sources, []).set_index("source")["part"]
    mixed = division.divide_sources(sources.sample(frac=1, random_state=1), [])
    assert mixed.set_index("source")["part"].sort_index().equals(found.sort_index())


def test_the_division_that_is_kept_locks_nothing_the_detector_that_ships_learned_from(
    division: ModuleType,
) -> None:
    from avfake.detector import default_release

    table = pd.read_csv(division.TABLE)
    locked = set(table[table["part"] == "locked"]["source"])
    assert len(locked) > 40
    assert not locked & set(default_release().sources)
