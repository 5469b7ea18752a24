"""The crops and windows of a clip that contributed most, with their maps."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from avfake.clips import Clip, SampleConfig, Sampled, batch_of, sample_clip
from avfake.errors import ConfigError
from avfake.models import AVModel, ModelOutput
from avfake.report.explain.heat import face_heat
from avfake.report.explain.saliency import sound_saliency
from avfake.report.explain.types import Explanation, FaceEvidence, VoiceEvidence


def explain_clip(
    models: Sequence[AVModel], clip: Clip, sampling: SampleConfig, *, top: int = 4
) -> Explanation:
    """Return the crops and windows with most weight, and maps of them. Scores, shares and maps are
    averaged over the models; maps are made for the `top` crops and windows only.

    Args:
        models: of one configuration, as a bundle holds them
        sampling: as for `inference.score_clip`; a branch that the models lack is left out
    """
    if top < 1:
        raise ConfigError(f"top must be 1 or more, got {top}")
    config = models[0].config
    sampled = sample_clip(
        clip,
        replace(
            sampling,
            use_visual=sampling.use_visual and config.visual is not None,
            use_audio=sampling.use_audio and config.audio is not None,
        ),
    )
    batch = batch_of(sampled)
    if not batch:
        return Explanation(clip.meta.clip_id)
    device = next(models[0].parameters()).device
    batch = {key: value.to(device) for key, value in batch.items()}
    with torch.no_grad():
        outputs = [model.eval()(batch) for model in models]
    return Explanation(
        clip.meta.clip_id,
        _faces(models, clip, sampled, outputs, top),
        _voice(models, sampled, outputs, top),
    )


def _faces(
    models: Sequence[AVModel],
    clip: Clip,
    sampled: Sampled,
    outputs: Sequence[ModelOutput],
    top: int,
) -> tuple[FaceEvidence, ...]:
    scores = _mean_score([output.frame_logits for output in outputs])
    shares = _mean([output.frame_shares for output in outputs])
    chosen = np.argsort(-scores * shares, kind="stable")[:top]
    if not len(chosen):
        return ()
    device = next(models[0].parameters()).device
    faces = torch.from_numpy(sampled.faces[chosen]).to(device)
    heats = _mean([face_heat(m.visual, faces)[None] for m in models if m.visual is not None])
    return tuple(
        FaceEvidence(
            person_id=clip.meta.persons[sampled.picks[i][0]].person_id,
            seconds=float(sampled.crop_seconds[i]),
            score=float(scores[i]),
            share=float(shares[i]),
            crop=sampled.faces[i].transpose(1, 2, 0),
            heat=heat,
        )
        for i, heat in zip(chosen.tolist(), heats, strict=True)
    )


def _voice(
    models: Sequence[AVModel],
    sampled: Sampled,
    outputs: Sequence[ModelOutput],
    top: int,
) -> tuple[VoiceEvidence, ...]:
    scores = _mean_score([output.window_logits for output in outputs])
    shares = _mean([output.window_shares for output in outputs])
    chosen = np.argsort(-scores * shares, kind="stable")[:top]
    branches = [model.audio for model in models if model.audio is not None]
    if not len(chosen) or not branches:
        return ()
    sound = torch.from_numpy(sampled.sound[chosen]).to(next(models[0].parameters()).device)
    saliencies = _mean([sound_saliency(branch, sound)[None] for branch in branches])
    with torch.no_grad():
        powers = branches[0].spectrogram.log_power(sound)[:, 0].cpu().numpy()
        band_hz = branches[0].spectrogram.band_hz.cpu().numpy()
    lasting = sampled.window_spans[:, 1] - sampled.window_spans[:, 0]
    pauses = (lasting - sampled.sound.shape[1] / sampled.sample_rate).clip(0)
    return tuple(
        VoiceEvidence(
            start_seconds=float(sampled.window_spans[i, 0]),
            end_seconds=float(sampled.window_spans[i, 1]),
            score=float(scores[i]),
            share=float(shares[i]),
            spectrogram=power,
            saliency=saliency,
            band_hz=band_hz,
            pause_seconds=round(float(pauses[i]), 2),
        )
        for i, power, saliency in zip(chosen.tolist(), powers, saliencies, strict=True)
    )


def _mean(tensors: Sequence[Tensor | None]) -> np.ndarray:
    """Return the mean of tensors [1, ...] over the models; empty where no model has one."""
    given = [tensor[0] for tensor in tensors if tensor is not None]
    mean: np.ndarray = torch.stack(given).mean(0).cpu().numpy() if given else np.zeros(0)
    return mean


def _mean_score(logits: Sequence[Tensor | None]) -> np.ndarray:
    """Return the probability of the models' mean logit."""
    return 1 / (1 + np.exp(-_mean(logits)))
