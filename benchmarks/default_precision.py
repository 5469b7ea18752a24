"""How far int8 storage and bfloat16 arithmetic move the answers of the default detector.

    python -m benchmarks default_precision --clips prepared/video --clips prepared/voices

Scores prepared clips with the frozen backbones as they ship (int8, one scale a row), in float32 and
in bfloat16, and, where the packages of the extra `pretrained` are installed, with the weights that
they were rounded from. Prints the largest and the mean difference of each probability.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated
from unittest.mock import patch

import numpy as np
import torch
import tyro

from avfake.clips.archive import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector.detector import Detector
from avfake.detector.folders import locate_bundle, read_bundle_config
from avfake.errors import ConfigError
from avfake.labels import COLUMNS, DEFAULT
from avfake.models.av_model import build_model
from avfake.parallel.resume import progress


@dataclass(frozen=True)
class Config:
    """What is compared."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folders that were prepared with the detector's settings; repeat it."""
    detector: str = DEFAULT
    num_clips: int = 40
    """Number of clips of each folder, evenly spread over it."""


def main(config: Config) -> None:
    clips = [clip for folder in config.clips for clip in spread(folder, config.num_clips)]
    shipped = Detector.from_pretrained(config.detector, device="cpu")
    exact = answers(shipped, clips, fast=False)
    show("bfloat16 against float32", answers(shipped, clips, fast=True), exact)
    try:
        original = with_original_weights(config.detector)
    except ConfigError as error:
        print(f"int8 against the weights of the packages: not run ({error})")
        return
    show("int8 against the original weights", exact, answers(original, clips, fast=False))


def spread(folder: str, count: int) -> list[Clip]:
    """Return clips of a prepared folder, evenly spread."""
    clips = PreparedFolder(folder).clips
    chosen = np.unique(np.linspace(0, len(clips) - 1, min(count, len(clips))).astype(int))
    return [Clip.open(clips[number].archive) for number in chosen]


def with_original_weights(name: str) -> Detector:
    """Return the detector with the backbones of the packages in place of those that ship."""
    detector = Detector.from_pretrained(name, device="cpu")
    # The config of a model that was read names no weights: they came from the folder.
    config = read_bundle_config(locate_bundle(name)).model
    for branch, frozen in build_model(config).frozen.items():
        for model in detector.members[0].models:
            getattr(model, branch).frozen = frozen
    return detector


@contextmanager
def bfloat16(use: bool) -> Iterator[None]:
    """Let frozen backbones run in bfloat16, or not, whatever the processor."""
    with patch("avfake.models.frozen.has_fast_bfloat16", lambda _: use):
        yield


def answers(detector: Detector, clips: list[Clip], *, fast: bool) -> np.ndarray:
    """Return float64 [N, 3] in the order of `COLUMNS`; NaN where not assessed."""
    with bfloat16(fast), torch.inference_mode():
        verdicts = [
            detector.predict_clip(clip) for clip in progress(clips, desc="score", unit="clip")
        ]
    return np.array([[getattr(v, p) for p, _ in COLUMNS.values()] for v in verdicts], np.float64)


def show(what: str, found: np.ndarray, wanted: np.ndarray) -> None:
    """Print the differences of each output."""
    for output, column in zip(COLUMNS, np.abs(found - wanted).T, strict=True):
        known = column[~np.isnan(column)]
        if len(known):
            print(f"{what}, {output}: at most {known.max():.4f}, mean {known.mean():.5f}")
