"""A calibrator for each view of a clip: an answer from half of a file means something else."""

from collections.abc import Sequence

import numpy as np

from avfake.calibration.booster import StackConfig
from avfake.calibration.calibrators import (
    FITS,
    Calibrator,
    ClippedCalibrator,
    choose_fit,
    cross_fit_by,
)
from avfake.calibration.clipping import fit_epsilon, squeeze
from avfake.calibration.folds import OutOfFold, group_folds
from avfake.calibration.modalities import MODALITIES, Modality, modalities_of


def calibrate_modalities(
    logits: np.ndarray, labels: np.ndarray, scored: OutOfFold, config: StackConfig
) -> tuple[dict[Modality, Calibrator], np.ndarray]:
    """View -> its calibrator, and what calibrators give rows [N] that they did not see.

    A view with too few groups to hold any out has that of all rows, and one without a labelled row
    has none, but "whole".

    Args:
        logits: [N], NaN where unknown
        labels: [N] 1, 0 or NaN, of the output that is calibrated
    """

    def folds_of(labels: np.ndarray) -> np.ndarray | None:
        return group_folds(labels, scored.groups, num_folds=config.num_folds, seed=config.seed)

    views = modalities_of(scored.rows)
    of_all, probabilities = _calibrate(logits, labels, scored.groups, folds_of(labels))
    labelled = [view for view in MODALITIES if not np.isnan(labels[views == view]).all()]
    found: dict[Modality, Calibrator] = dict.fromkeys(["whole", *labelled], of_all)
    for view in labelled:
        of_view = np.where(views == view, labels, np.nan)
        folds = folds_of(of_view)
        if folds is not None:
            found[view], answers = _calibrate(logits, of_view, scored.groups, folds)
            probabilities = np.where(views == view, answers, probabilities)
    return found, probabilities


def _calibrate(
    logits: np.ndarray, labels: np.ndarray, groups: Sequence[str], folds: np.ndarray | None
) -> tuple[Calibrator, np.ndarray]:
    """The calibrator of the kind chosen out of fold, and what it gives rows it did not see.

    The clip is learned from the latter; without folds there are none, and it is left out.
    """
    known = ~np.isnan(labels)
    kind = choose_fit(
        logits[known],
        labels[known],
        np.asarray(groups)[known].tolist(),
        folds[known] if folds is not None else None,
    )
    fit = FITS[kind]
    calibrator = fit(logits[known], labels[known])
    probabilities = cross_fit_by(fit, logits, labels, folds)
    if folds is None:
        return calibrator, probabilities
    epsilon = fit_epsilon(probabilities[known], labels[known])
    return ClippedCalibrator(calibrator, epsilon), squeeze(probabilities, epsilon)
