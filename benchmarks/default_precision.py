"""How far int8 storage, int8 products and the runtime move the answers of a detector.

    python -m benchmarks default_precision --clips prepared/video --clips prepared/voices
    python -m benchmarks default_precision --clips clips/ --detector run/detector

Scores prepared clips in float32 by the networks as they are, then in the inference form: in torch,
in float32 and with int8 products where the processor has them, and in OpenVINO where that is
installed. Of the default detector, whose
frozen backbones ship in int8 (one scale a row), also in float32 with the weights that they were
rounded from, where the packages of the extra `pretrained` are installed. Prints the largest and the
mean difference of each probability of a clip, and of the score of each crop and window.
"""

import importlib.util
from contextlib import AbstractContextManager
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
from avfake.models.frozen import Frozen
from avfake.models.int8 import has_int8_products
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
    wanted = answers(detector_of(config.detector, runtime=None), clips)
    for runtime in ("torch", *(["openvino"] if importlib.util.find_spec("openvino") else [])):
        for fast in (False, True) if has_int8_products() else (False,):
            found = answers(detector_of(config.detector, runtime=runtime), clips, int8=fast)
            show(f"{runtime}, {'int8 products' if fast else 'float32'}", found, wanted)
    if config.detector != DEFAULT:
        return
    try:
        original = with_original_weights(config.detector)
    except ConfigError as error:
        print(f"int8 against the weights of the packages: not run ({error})")
        return
    found = answers(original, clips)
    show("the original weights in the place of int8", found, wanted)


def detector_of(name: str, *, runtime: str | None) -> Detector:
    """Return a detector; without a runtime, its networks run as they are."""
    detector = Detector.from_pretrained(name, device="cpu", runtime=runtime or "torch")
    models = [model for member in detector.members for model in member.models]
    for branch in [branch for model in models for branch in (model.visual, model.audio) if branch]:
        if runtime is None:
            branch.inference = None
            if branch.frozen:
                branch.frozen.inference = None
    return detector


def int8_products(use: bool) -> AbstractContextManager[object]:
    """Let frozen networks multiply in int8, or not, whatever the processor."""
    return patch("avfake.models.inference.has_int8_products", lambda: use)


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
    with patch.object(Frozen, "save_state", lambda frozen: frozen.network.state_dict()):
        original = build_model(config).frozen  # not rounded
    for branch, frozen in original.items():
        for model in detector.members[0].models:
            getattr(model, branch).frozen = frozen
    return detector


def answers(detector: Detector, clips: list[Clip], *, int8: bool = False) -> dict[str, np.ndarray]:
    """Return probability -> float64 of all clips, crops or windows; NaN where not assessed."""
    with int8_products(int8), torch.inference_mode():
        verdicts = [
            detector.predict_clip(clip) for clip in progress(clips, desc="score", unit="clip")
        ]
    found = {output: [getattr(v, name) for v in verdicts] for output, (name, _) in COLUMNS.items()}
    frames = [frame for v in verdicts for person in v.persons for frame in person.frames]
    found["each crop"] = [frame.p_fake for frame in frames]
    found["each window"] = [window.p_fake for v in verdicts for window in v.voice]
    return {name: np.array(values, np.float64) for name, values in found.items()}


def show(what: str, found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    """Print the differences of each probability."""
    for name, values in wanted.items():
        known = np.abs(found[name] - values)
        known = known[~np.isnan(known)]
        if len(known):
            most, mean = known.max(), known.mean()
            print(f"{what}, {name}: of {len(known)} at most {most:.4f}, mean {mean:.5f}")
