"""The detector as a classifier of scikit-learn."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.metrics import roc_auc_score

from avfake import Detector, DetectorClassifier
from avfake.errors import ConfigError


def test_probabilities_of_files_feed_a_metric(
    detector_folder: Path, studio_root: Path, tmp_path: Path
) -> None:
    files = sorted(studio_root.glob("*.mp4"))[:2]
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    classifier = clone(DetectorClassifier(detector_folder)).fit()
    assert is_classifier(classifier)
    p = classifier.predict_proba([*files, broken])
    assert p.shape == (3, 2)
    assert classifier.classes_.tolist() == [0, 1]
    assert p[0, 1] == Detector.from_pretrained(detector_folder).predict(files[0]).p_fake
    np.testing.assert_allclose(p[:2].sum(axis=1), 1)
    assert np.isnan(p[2]).all()
    assert np.isnan(classifier.predict([broken])).all()
    assert roc_auc_score([0, 1], p[:2, 1]) in (0.0, 0.5, 1.0)


def test_an_unknown_output_is_refused(detector_folder: Path) -> None:
    with pytest.raises(ConfigError, match="face_fake or voice_fake, got 'mouth'"):
        DetectorClassifier(detector_folder, output="mouth").fit()
