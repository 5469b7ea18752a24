"""Shares of decisions with intervals, and names that Markdown shows as they are."""

import numpy as np
import pandas as pd
import pytest

from avfake.errors import AvfakeError
from avfake.evaluation.markdown import markdown_table
from avfake.evaluation.shares import decision_table, share
from avfake.report.card.tables import as_text


def test_a_share_of_none_or_all_has_the_exact_interval_over_groups() -> None:
    groups = [f"g{k // 4}" for k in range(40)]
    never, always = share(np.zeros(40, bool), groups), share(np.ones(40, bool), groups)
    edge = 1 - 0.025 ** (1 / 10)  # Clopper and Pearson, none of ten
    assert (never.value, never.low) == (0, 0)
    assert never.high == pytest.approx(edge)
    assert (always.value, always.high) == (1, 1)
    assert always.low == pytest.approx(1 - edge)
    assert np.isnan(share(np.zeros(0, bool), []).value)


def test_the_interval_of_a_share_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    groups = [f"g{k}" for k in range(100)]
    held = 0
    for seed in range(200):
        found = share(rng.random(100) < 0.3, groups, num_resamples=200, seed=seed)
        held += found.low <= 0.3 <= found.high
    assert 0.9 <= held / 200 <= 0.99


def test_decisions_are_counted_by_kind_and_method() -> None:
    rows = [
        *[("a", False, False, False, None, d) for d in ("real", "real", "fake", "unsure")],
        *[("b", True, True, False, "swap", d) for d in ("fake", "fake", "unsure")],
        ("c", True, False, True, "vocoder", "real"),
        ("d", None, None, None, None, "fake"),
    ]
    names = ["group", "label", "face_fake", "voice_fake", "method", "decision"]
    scores = pd.DataFrame(rows, columns=names)
    table = decision_table(scores, num_resamples=20).set_index(["kind", "decision"])
    assert table["clips"].groupby("kind").first().to_dict() == {
        "genuine": 4,
        "fake": 4,
        "face only": 3,
        "voice only": 1,
        "method: swap": 3,
        "method: vocoder": 1,
    }
    assert table.loc[("genuine", "fake"), "value"] == 0.25
    assert table.loc[("fake", "fake"), "value"] == 0.5
    assert table.loc[("face only", "unsure"), "value"] == pytest.approx(1 / 3)
    assert table.loc[("voice only", "real"), "value"] == 1
    assert (table["value"].groupby("kind").sum() == 1).all()
    with pytest.raises(AvfakeError, match="got perhaps"):
        decision_table(scores.assign(decision="perhaps"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("face_swap", "face_swap"),
        ("__init__", r"\_\_init\_\_"),
        ("a|b\n`c`", r"a\|b \`c\`"),
        ("<b>[x](http://y)", r"\<b\>\[x\](http\://y)"),
        ("\udcff\u202ex", "? x"),
    ],
)
def test_names_are_shown_as_they_are(name: str, shown: str) -> None:
    assert as_text(name) == shown


def test_a_table_is_aligned() -> None:
    assert markdown_table([["a", "long"], ["b", "c"]]).splitlines() == [
        "| a   | long |",
        "| --- | ---- |",
        "| b   | c    |",
    ]


def test_groups_can_count_alike_however_large() -> None:
    hits = np.r_[np.ones(90, bool), np.zeros(10, bool)]
    groups = [*["large"] * 90, *[f"small {i}" for i in range(10)]]
    assert share(hits, groups).value == pytest.approx(0.9)
    found = share(hits, groups, groups_alike=True)
    assert found.value == pytest.approx(1 / 11)
    assert 0 <= found.low <= found.value <= found.high < 0.5
