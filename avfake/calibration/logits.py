"""Probability <-> logit, with a clip so that a certain branch does not become infinite."""

import numpy as np

CLIP = 1e-6


def to_logits(probabilities: np.ndarray | float) -> np.ndarray:
    """float64, same shape; NaN stays NaN."""
    clipped = np.clip(np.asarray(probabilities, np.float64), CLIP, 1 - CLIP)
    return np.log(clipped) - np.log1p(-clipped)


def to_probabilities(logits: np.ndarray) -> np.ndarray:
    """float64, same shape; NaN stays NaN."""
    # tanh does not overflow, unlike exp(-x).
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(logits, np.float64)))


def row_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64 [N]: log-loss of each row."""
    clipped = np.clip(probabilities, CLIP, 1 - CLIP)
    return -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))
