"""What is reported of answers out of fold, against numbers worked out by hand."""

from math import log

import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from avfake.errors import AvfakeError
from avfake.evaluation.cross_validation import cross_validated


@pytest.fixture
def table() -> pd.DataFrame:
    """The second fold scores all its clips higher; within each fold the order is perfect."""
    scores = [0.1, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9]
    labels = [0, 1, 1, 0, 0, 1, 1]
    whole = pd.DataFrame(
        {
            "clip_id": [f"c{n}" for n in range(7)],
            "group": ["a", "b", "b", "c", "d", "e", "f"],
            "fold": [0, 0, 0, 1, 1, 1, 1],
            "view": "whole",
            "label": labels,
            "face_fake": [0, None, 0, None, None, None, 0],
            "voice_fake": labels,
            "p_fake": scores,
            "p_face_fake": scores,
            "p_voice_fake": [None, *scores[1:]],
        }
    )
    hidden = whole.assign(view="sound", p_fake=0.99)
    return pd.concat([whole, hidden], ignore_index=True)


def test_folds_that_score_higher_throughout_are_not_held_against_it(table: pd.DataFrame) -> None:
    overall, voice = cross_validated(table).to_dict("records")
    assert (overall["output"], overall["clips"], overall["fakes"]) == ("overall", 7, 4)
    assert overall["auc_in_folds"] == 1.0
    whole = table.drop_duplicates("clip_id")
    assert overall["auc"] == pytest.approx(roc_auc_score(whole["label"], whole["p_fake"]))
    assert overall["auc"] == pytest.approx(8 / 12)
    assert overall["log_loss"] == pytest.approx(log_loss(whole["label"], whole["p_fake"]))
    assert overall["low"] <= overall["auc"] <= overall["high"]
    # Of the first fold's clips one was not assessed: there is no genuine voice left in it.
    assert (voice["output"], voice["clips"], voice["auc_in_folds"]) == ("voice", 6, 1.0)


def test_the_prior_is_the_share_of_the_other_folds(table: pd.DataFrame) -> None:
    overall = cross_validated(table).iloc[0]
    first = -(log(1 / 2) + 2 * log(1 / 2))
    second = -(2 * log(1 / 3) + 2 * log(2 / 3))
    assert overall["prior_log_loss"] == pytest.approx((first + second) / 7)


def test_an_output_of_one_class_has_no_row(table: pd.DataFrame) -> None:
    assert cross_validated(table)["output"].tolist() == ["overall", "voice"]


def test_a_table_without_folds_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(AvfakeError, match="lacks fold"):
        cross_validated(table.drop(columns="fold"))
