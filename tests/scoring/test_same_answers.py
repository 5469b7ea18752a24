"""The same file and detector give the same verdict, bit for bit, whatever else is scored."""

from functools import partial
from pathlib import Path

import pytest
import torch

from avfake.detector.detector import Detector
from avfake.detector.options import PredictOptions
from avfake.parallel.pool import map_items
from avfake.scoring.files import _predict_one
from avfake.verdict import Verdict


@pytest.fixture(scope="module")
def files(studio_root: Path) -> list[Path]:
    return sorted(studio_root.glob("*.mp4"))[:4]


def answers(files: list[Path], detector: str, *, workers: int) -> dict[Path, str]:
    """File -> its whole verdict as JSON, from workers of one thread each."""
    function = partial(_predict_one, (detector,), "mean", PredictOptions(), None)
    found = {}
    for index, result in map_items(function, files, workers=workers, threads=1):
        assert isinstance(result, Verdict), result
        found[files[index]] = result.to_json()
    return found


def test_order_repetition_and_workers_change_no_bit(
    files: list[Path], detector_folder: Path
) -> None:
    detector = str(detector_folder)
    alone = {
        file: Detector.from_pretrained(detector, device="cpu").predict(file).to_json()
        for file in files
    }
    assert len(set(alone.values())) == len(files)
    assert answers(files, detector, workers=0) == alone
    assert answers([*reversed(files)], detector, workers=0) == alone
    assert answers(files, detector, workers=1) == alone
    assert answers([*files[2:], *files[:2]], detector, workers=2) == alone


@pytest.mark.slow
def test_order_and_repetition_change_no_bit_of_the_default_detector(files: list[Path]) -> None:
    detector = Detector.default(device="cpu")
    once = [detector.predict(file).to_json() for file in files]
    assert [detector.predict(file).to_json() for file in reversed(files)] == once[::-1]
    again = Detector.default(device="cpu")
    assert again.predict(files[-1]).to_json() == once[-1]
    state = torch.get_rng_state()
    torch.manual_seed(1)
    assert again.predict(files[0]).to_json() == once[0]
    torch.set_rng_state(state)
