"""How often clips of large groups come; the labels of copies without a stream."""

import numpy as np
import pytest

from avfake.clips import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector import score_clip
from avfake.errors import ConfigError
from avfake.labels import Labels
from avfake.training.config import DataConfig, TrainingConfig
from avfake.training.member import score_held_back, score_out_of_fold, train_member
from avfake.training.pipeline import _run_of, plan_of
from avfake.training.sampling import draw_rows, group_weights

GROUPS = np.array(["large"] * 16 + ["small"] * 4 + ["one"])


def test_a_clip_of_a_large_group_comes_less_often() -> None:
    weights = group_weights(GROUPS, 0.5)
    assert weights.mean() == pytest.approx(1)
    large, small, one = weights[0], weights[16], weights[20]
    assert small / large == pytest.approx(2)  # (16 / 4) ** 0.5
    assert one / small == pytest.approx(2)
    assert (group_weights(GROUPS, 0.0) == 1).all()
    all_alike = group_weights(GROUPS, 1.0)
    assert all_alike[:16].sum() == pytest.approx(all_alike[20])


def test_epochs_follow_the_weights() -> None:
    weights = group_weights(GROUPS, 1.0)
    drawn = np.concatenate([draw_rows(weights, epoch=e, seed=0) for e in range(40)])
    counts = np.bincount(drawn, minlength=21)
    assert counts[20] == pytest.approx(40 * weights[20], rel=0.05)
    assert counts[:16].sum() == pytest.approx(counts[20], rel=0.15)


def test_a_power_beyond_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="group_power"):
        DataConfig(group_power=1.5)


def test_a_copy_without_a_stream_is_labelled_by_what_is_left(
    prepared: PreparedFolder, tiny_config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("hidden")
    run = _run_of([prepared], tiny_config, plan_of([prepared], tiny_config), out)
    folds = range(tiny_config.data.num_folds)
    models = [train_member(run, fold=n, folder=out / f"member_{n}") for n in folds]
    scored = score_out_of_fold(run, models)
    held_back = score_held_back(run, models)
    assert held_back is not None
    assert set(held_back.clip_ids) == {e.row.clip_id for e in run.plan.splits["val"]}
    assert not set(held_back.groups) & {e.row.group for e in run.plan.splits["train"]}
    clip = Clip.open(run.plan.splits["val"][0].archive)
    averaged = score_clip(models, clip, run.spec.whole()).row()
    np.testing.assert_array_equal(held_back.rows[0], averaged)
    for modality, part in (("picture", "face"), ("sound", "voice")):
        rows = scored.modalities == modality
        assert rows.any()
        np.testing.assert_array_equal(scored.labels["overall"][rows], scored.labels[part][rows])
    whole = scored.modalities == "whole"
    either = np.fmax(scored.labels["face"], scored.labels["voice"])
    np.testing.assert_array_equal(scored.labels["overall"][whole], either[whole])
    assert Labels._fields == ("overall", "face", "voice")
