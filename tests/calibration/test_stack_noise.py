"""Features that say nothing must cost next to nothing."""

from dataclasses import replace

import numpy as np
from stack_simulation import out_of_fold

from avfake.calibration.output_model import fit_output
from avfake.calibration.probabilities import row_losses
from avfake.calibration.stacker import StackConfig, fit_stacker


def test_pure_noise_costs_next_to_nothing_over_the_share_of_fakes() -> None:
    excesses = []
    for seed in range(20):
        scored = out_of_fold(200, seed=seed)
        noise = np.random.default_rng(1000 + seed).random(scored.rows.shape).astype(np.float32)
        config = StackConfig(max_rounds=60, num_folds=3)
        fit = fit_output(replace(scored, rows=noise), "overall", config=config)
        labels = scored.labels["overall"]
        share = np.full(len(labels), labels.mean())
        assert fit.model.choice.kept != "stacker"
        excesses.append(np.mean(row_losses(fit.kept, labels) - row_losses(share, labels)))
    assert np.mean(excesses) <= 0.002
    assert np.max(excesses) <= 0.01


def test_each_fold_answers_with_the_rounds_that_all_keep() -> None:
    scored = out_of_fold(200)
    noise = np.random.default_rng(0).random(scored.rows.shape).astype(np.float32)
    scored = replace(scored, rows=noise)
    folds = scored.folds(scored.labels["overall"], num_folds=3, seed=0)
    stacker, logits = fit_stacker(scored, "overall", folds, config=StackConfig(max_rounds=200))
    # Noise is learned by heart from the second round on: 200 rounds would spread by 1 and more.
    assert np.std(stacker.logits(noise)) < 0.2
    assert np.std(logits) < 0.2
