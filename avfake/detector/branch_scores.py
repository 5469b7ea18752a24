"""The scores of a clip by the models of one detector, before stacking and calibration."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import torch

from avfake.calibration import ClipScores
from avfake.clips import (
    Clip,
    SampleConfig,
    Sampled,
    collate,
)
from avfake.errors import BundleError
from avfake.labels import OUTPUTS
from avfake.models import AVModel, ModelConfig, ModelOutput
from avfake.threads import one_thread


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Set torch's own defaults inside: float32, the CPU, no autocast; a decorator, too.

    Another default type would build other models from the same weights, another number of threads
    give other last digits (`threads.run_each` still uses them all). The caller's settings are
    restored at the end.
    """
    with ExitStack() as undone:
        undone.enter_context(one_thread())
        if (dtype := torch.get_default_dtype()) != torch.float32:
            torch.set_default_dtype(torch.float32)
            undone.callback(torch.set_default_dtype, dtype)
        if torch.get_default_device().type != "cpu":
            undone.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                undone.enter_context(torch.autocast(kind, enabled=False))
        yield


@torch.inference_mode()
def score_clip(
    models: Sequence[AVModel],
    clip: Clip,
    sampling: SampleConfig,
    *,
    use_sync: bool = True,
    features: Mapping[str, torch.Tensor] = MappingProxyType({}),
) -> ClipScores:
    """Return the scores of one clip, with the models' logits averaged.

    Scores are empty where a stream is absent or the models have no branch for it.

    Args:
        features: what frozen backbones made of the whole clip, if known: key in a batch -> [M, F]
    """
    sampled, outputs = run_models(models, clip, sampling, use_sync=use_sync, features=features)
    return _clip_scores(clip, sampled, outputs) if outputs else ClipScores(clip.meta.clip_id)


def sampling_for(model: ModelConfig, sampling: SampleConfig) -> SampleConfig:
    """Return the same sampling without the streams that the model has no branch for."""
    return replace(
        sampling,
        use_visual=sampling.use_visual and (model.visual or model.sync) is not None,
        use_audio=sampling.use_audio and (model.audio or model.sync) is not None,
        crop_sound_seconds=model.sync.sound_seconds if model.sync else 0.0,
    )


def run_models(
    models: Sequence[AVModel],
    clip: Clip,
    sampling: SampleConfig,
    *,
    use_sync: bool,
    features: Mapping[str, torch.Tensor] = MappingProxyType({}),
) -> tuple[Sampled, list[ModelOutput]]:
    """Return what the models see of a clip, and the output of each; none where they see nothing."""
    config = models[0].config if use_sync else replace(models[0].config, sync=None)
    sampled = Sampled.of(clip, sampling_for(config, sampling))
    batch = collate([sampled.item()])
    if not batch:
        return sampled, []
    batch |= {k: v for k, v in features.items() if k.removesuffix("_features") in batch}
    device = next(models[0].parameters()).device
    batch = {key: value.to(device, non_blocking=True) for key, value in batch.items()}
    for model in models:
        model.eval()
    batch = models[0].with_features(batch)
    return sampled, [model(batch) for model in models]


@torch.inference_mode()
def frozen_features(
    models: Sequence[AVModel],
    clip: Clip,
    sampling: SampleConfig,
    crops: Sequence[int] | None = None,
) -> dict[str, torch.Tensor]:
    """Return what frozen backbones make of a clip: key in a batch -> [M, F]; {} without any.

    crops: numbers of those that pass; None = all
    """
    sampled = Sampled.of(clip, sampling_for(models[0].config, sampling))
    device = next(models[0].parameters()).device
    batch = {key: value.to(device) for key, value in collate([sampled.item()]).items()}
    if crops is not None:
        batch |= {key: batch[key][:, list(crops)] for key in ("faces", "faces_mask")}
    models[0].eval()
    found = models[0].with_features(batch) if batch else {}
    return {key: value for key, value in found.items() if key not in batch}


def _clip_scores(clip: Clip, sampled: Sampled, outputs: Sequence[ModelOutput]) -> ClipScores:
    # Crops and sound that are there for the comparison of both alone have no scores.
    picks = sampled.picks if outputs[0].frame_logits is not None else []
    has_windows = outputs[0].window_logits is not None
    spans = sampled.window_spans if has_windows else np.zeros((0, 2), np.float32)
    faces = [(clip.meta.persons[person], position) for person, position in picks]
    boxes = np.array([person.boxes[i] for person, i in faces]).reshape(-1, 4)
    logits = torch.stack([output.logits for output in outputs]).mean(0)[0]  # [3]
    valid = outputs[0].valid[0].tolist()
    probabilities = torch.sigmoid(logits.float()).cpu().numpy()
    _check_numbers(probabilities[valid])
    return ClipScores(
        clip_id=clip.meta.clip_id,
        frame_scores=_mean_scores([output.frame_logits for output in outputs], len(faces)),
        frame_persons=np.array([person.person_id for person, _ in faces], np.int64),
        frame_seconds=sampled.crop_seconds[: len(faces)],
        face_px=(boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0).astype(np.float32),
        face_confidences=np.array([person.confidences[i] for person, i in faces], np.float32),
        num_frames_sampled=len(clip.meta.frame_seconds),
        window_scores=_mean_scores([output.window_logits for output in outputs], len(spans)),
        window_spans=spans,
        fused={
            name: probability if ok else None
            for name, probability, ok in zip(OUTPUTS, probabilities.tolist(), valid, strict=True)
        },
        voice_statistics=clip.meta.voice_statistics if len(spans) else {},
        sync_statistics=_sync_statistics(outputs),
    )


def _mean_scores(logits: Sequence[torch.Tensor | None], count: int) -> np.ndarray:
    given = [tensor[0, :count] for tensor in logits if tensor is not None]
    if not given or not count:
        return np.zeros(0, np.float32)
    scores: np.ndarray = torch.sigmoid(torch.stack(given).mean(0).float()).cpu().numpy()
    _check_numbers(scores)
    return scores


def _check_numbers(scores: np.ndarray) -> None:
    if not np.isfinite(scores).all():
        raise BundleError(
            "the networks of this detector give no numbers; copy it or train it again"
        )


def _sync_statistics(outputs: Sequence[ModelOutput]) -> dict[str, float]:
    """Return statistics of the models' mean curve over the shifts; empty without a comparison."""
    found = [output.sync for output in outputs if output.sync and output.sync.present[0]]
    if not found:
        return {}
    similarity = torch.stack([sync.similarity[0] for sync in found]).mean(0)  # [K]
    chances = torch.stack([sync.log_probabilities[0].exp() for sync in found]).mean(0)
    return {
        "sync_confidence": float(similarity.max() - similarity.median()),
        "sync_offset": float(found[0].shifts[similarity.argmax()]),
        "sync_similarity": float(similarity[len(similarity) // 2]),
        "sync_entropy": float(torch.special.entr(chances).sum()),
    }
