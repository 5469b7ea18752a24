"""A detector as a classifier of scikit-learn, over paths."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from avfake.detector import Detector
from avfake.errors import ConfigError
from avfake.labels import DEFAULT


class DetectorClassifier(ClassifierMixin, BaseEstimator):
    """Probabilities of forgery of files, for metrics and curves of scikit-learn; 1 = fake.

    It is trained already: `fit` loads the detector, and looks at no label.
    """

    classes_ = np.array([0, 1])

    def __init__(self, detector: str | Path = DEFAULT, output: str = "fake") -> None:
        """
        Args:
            detector: folder, name on the Hub, or "default"
            output: fake (anything forged), face_fake or voice_fake
        """
        self.detector = detector
        self.output = output

    def fit(self, paths: Sequence[str | Path] = (), labels: Any = None) -> "DetectorClassifier":
        """Load the detector; nothing is learned of the files."""
        del paths, labels
        if self.output not in ("fake", "face_fake", "voice_fake"):
            raise ConfigError(f"output is fake, face_fake or voice_fake, got {self.output!r}")
        self.detector_ = Detector.from_pretrained(self.detector)
        return self

    def predict_proba(self, paths: Sequence[str | Path]) -> np.ndarray:
        """Return float64 [N, 2]; the row of a file that could not be assessed is NaN."""
        if not hasattr(self, "detector_"):
            self.fit()
        name = f"p_{self.output}"
        found = [getattr(self.detector_.predict(str(path)), name) for path in paths]
        p = np.array([np.nan if one is None else one for one in found], np.float64)
        return np.stack([1 - p, p], axis=1)

    def predict(self, paths: Sequence[str | Path]) -> np.ndarray:
        """Return float64 [N]: 1 from a probability of one half on, else 0; NaN as above."""
        p = self.predict_proba(paths)[:, 1]
        return np.where(np.isnan(p), np.nan, p >= 0.5)
