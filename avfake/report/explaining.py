"""The crops and windows of a clip that contributed most, with maps of what in them mattered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from avfake.clips import Clip, SampleConfig, Sampled
from avfake.detector import run_models
from avfake.errors import ConfigError
from avfake.models import AVModel, ModelOutput
from avfake.report.occlusion import face_heat, sound_saliency


@dataclass(frozen=True)
class FaceEvidence:
    """One face crop and where in it the models saw a forgery."""

    person_id: int
    seconds: float
    """Seconds from the start of the file."""
    score: float
    """Probability of a forged face by this crop alone; uncalibrated."""
    share: float
    """Share of the attention that all crops of the clip get."""
    crop: np.ndarray
    """uint8 [S, S, 3] RGB."""
    heat: np.ndarray
    """float32 [S, S], 0 and up: evidence of forgery, on one scale within an explanation."""


@dataclass(frozen=True)
class VoiceEvidence:
    """One window of sound and which of its bands and times were evidence of a forgery."""

    start_seconds: float
    end_seconds: float
    score: float
    """Probability of a forged voice by this window alone; uncalibrated."""
    share: float
    """Share of the attention that all windows of the clip get."""
    spectrogram: np.ndarray
    """float32 [bands, times], log power in nats, lowest band first."""
    saliency: np.ndarray
    """float32 [bands, times]: what the window's logit loses when a band is attenuated at a time;
    below zero for evidence of a genuine voice."""
    band_hz: np.ndarray
    """float32 [bands]: the middle of each band."""
    pause_seconds: float = 0.0
    """Pauses between start and end that are not part of the window."""


def explain_clip(
    models: Sequence[AVModel],
    clip: Clip,
    sampling: SampleConfig,
    *,
    top: int = 4,
    features: Mapping[str, Tensor] = MappingProxyType({}),
) -> tuple[tuple[FaceEvidence, ...], tuple[VoiceEvidence, ...]]:
    """Return the `top` crops and windows with most weight, strongest first, with maps of them.

    Scores, shares and maps are averaged over the models.

    Args:
        models: of one configuration, as a bundle holds them
        sampling: as for `score_clip`; a branch that the models lack is left out
        features: what frozen backbones made of the clip, where it is known
    """
    if top < 1:
        raise ConfigError(f"top must be 1 or more, got {top}")
    with torch.no_grad():
        sampled, outputs = run_models(models, clip, sampling, use_sync=False, features=features)
        faces = _faces(models, clip, sampled, outputs, top)
        return faces, _voice(models, sampled, outputs, top)


def _faces(
    models: Sequence[AVModel],
    clip: Clip,
    sampled: Sampled,
    outputs: Sequence[ModelOutput],
    top: int,
) -> tuple[FaceEvidence, ...]:
    frames = [(output.frame_logits, output.frame_shares) for output in outputs]
    scores, shares, chosen = _strongest(frames, top)
    if not chosen:
        return ()
    faces = _on_device(sampled.faces[chosen].transpose(0, 3, 1, 2), models)
    branches = [model.visual for model in models if model.visual is not None]
    heats = face_heat(branches, faces).cpu().numpy()
    return tuple(
        FaceEvidence(
            person_id=clip.meta.persons[sampled.picks[i][0]].person_id,
            seconds=float(sampled.crop_seconds[i]),
            score=float(scores[i]),
            share=float(shares[i]),
            crop=sampled.faces[i],
            heat=heat,
        )
        for i, heat in zip(chosen, heats, strict=True)
    )


def _voice(
    models: Sequence[AVModel], sampled: Sampled, outputs: Sequence[ModelOutput], top: int
) -> tuple[VoiceEvidence, ...]:
    windows = [(output.window_logits, output.window_shares) for output in outputs]
    scores, shares, chosen = _strongest(windows, top)
    branches = [model.audio for model in models if model.audio is not None]
    if not chosen or not branches:
        return ()
    sound = _on_device(sampled.sound[chosen], models)
    saliencies = sound_saliency(branches, sound).cpu().numpy()
    powers = branches[0].spectrogram.log_power(sound)[:, 0].cpu().numpy()
    starts, ends = sampled.window_spans.T
    pauses = (ends - starts - sampled.sound.shape[1] / sampled.sample_rate).clip(0)
    return tuple(
        VoiceEvidence(
            start_seconds=float(starts[i]),
            end_seconds=float(ends[i]),
            score=float(scores[i]),
            share=float(shares[i]),
            spectrogram=power,
            saliency=saliency,
            band_hz=branches[0].spectrogram.band_hz.cpu().numpy(),
            pause_seconds=round(float(pauses[i]), 2),
        )
        for i, power, saliency in zip(chosen, powers, saliencies, strict=True)
    )


def _strongest(
    items: Sequence[tuple[Tensor | None, Tensor | None]], top: int
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return mean scores and shares over the models, and the items with the most of both.

    items: the logits and shares of each model
    """
    scores = 1 / (1 + np.exp(-_mean([logits for logits, _ in items])))
    shares = _mean([share for _, share in items])
    return scores, shares, np.argsort(-scores * shares, kind="stable")[:top].tolist()


def _on_device(array: np.ndarray, models: Sequence[AVModel]) -> Tensor:
    return torch.from_numpy(array).to(next(models[0].parameters()).device)


def _mean(tensors: Sequence[Tensor | None]) -> np.ndarray:
    """Return the mean of tensors [1, ...] over the models; empty where no model has one."""
    given = [tensor[0] for tensor in tensors if tensor is not None]
    mean: np.ndarray = torch.stack(given).mean(0).cpu().numpy() if given else np.zeros(0)
    return mean
