"""One bundle on a device: it cuts files into clips, scores them and answers alone."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from math import isnan
from pathlib import Path

import numpy as np
import torch

from avfake.calibration import FEATURES, ClipScores, DecisionModel
from avfake.clips import (
    Clip,
    ClipConfig,
    SampleConfig,
    Sampled,
    batch_of,
    cut_clip,
    face_detector,
    sample_clip,
)
from avfake.detector.bundle import Bundle
from avfake.detector.timeline import face_segments, voice_segments, within_spans
from avfake.errors import ConfigError, Reason
from avfake.faces import CropConfig, FaceDetector
from avfake.labels import OUTPUTS, PARTS
from avfake.models import AVModel, ModelOutput
from avfake.verdict import Contribution, FaceScore, Person, Verdict, VoiceScore, status_of

NUM_CONTRIBUTIONS = 5
"""Contributions shown for each output."""


@dataclass(frozen=True)
class PredictOptions:
    """Which parts of a trained detector answer: the ablations of training, at prediction."""

    use_audio: bool = True
    use_visual: bool = True
    use_stacker: bool = True
    """False: the calibrated logits of the fusion head."""
    use_sync: bool = True
    """False: lips and sound are not compared, where the detector does that at all."""
    prior: float | None = None
    """Share of files taken to be forged before one is examined; None: that of the training data.
    Moves probabilities, never decisions."""

    def __post_init__(self) -> None:
        if not (self.use_audio or self.use_visual):
            raise ConfigError("--no-audio and --no-visual together leave nothing to assess")
        if self.prior is not None and not 0 < self.prior < 1:  # nor is NaN
            raise ConfigError(
                f"prior is {self.prior}; it is the share of files taken to be forged before one is "
                "examined, above 0 and below 1, such as 0.01 for one in a hundred"
            )


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Set torch's own defaults inside: float32, the CPU, no autocast; a decorator, too.

    Another default type would build other models from the same weights. The caller's settings are
    restored at the end.
    """
    with ExitStack() as undone:
        if (dtype := torch.get_default_dtype()) != torch.float32:
            torch.set_default_dtype(torch.float32)
            undone.callback(torch.set_default_dtype, dtype)
        if torch.get_default_device().type != "cpu":
            undone.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                undone.enter_context(torch.autocast(kind, enabled=False))
        yield


class Member:
    """A bundle whose models are ready on a device."""

    def __init__(self, bundle: Bundle, *, device: str | torch.device = "cpu") -> None:
        self.bundle, self.device = bundle, torch.device(device)
        for model in bundle.models:
            model.to(self.device).eval()

    @property
    def name(self) -> str:
        """Name and content hash of the bundle."""
        return self.bundle.name

    @torch_defaults()
    def cut_clip(self, path: str | Path) -> Clip:
        """Return the clip of a file as this bundle needs it; MediaError if it cannot be read."""
        return cut_clip(path, self.bundle.spec.clip, self._face_detector)

    @torch_defaults()
    def score_clip(self, clip: Clip, options: PredictOptions | None = None) -> ClipScores:
        """Return the scores of the branches on a prepared clip, before stacking and calibration.

        ConfigError if the clip was prepared with other settings.
        """
        options = options or PredictOptions()
        expected, found = self.bundle.spec.clip.hash, clip.meta.config_hash
        if found != expected:
            raise ConfigError(
                f"clip {clip.meta.clip_id} was prepared with settings {found}, this detector was "
                f"trained on {expected}; prepare it again with {self._settings_of_clips()}"
            )
        sampling = self.bundle.spec.whole(
            use_visual=options.use_visual, use_audio=options.use_audio
        )
        return score_clip(self.bundle.models, clip, sampling, use_sync=options.use_sync)

    def predict_clip(self, clip: Clip, options: PredictOptions, *, file: str) -> Verdict:
        """Return the verdict on a prepared clip under the prior of the training data."""
        scores = self.score_clip(clip, options)
        model, use_stacker = self.bundle.decision_model, options.use_stacker
        row = scores.row()
        answer = model.assess(row, use_stacker=use_stacker)
        rule = model.rule(use_stacker=use_stacker, modality=scores.modality)
        reasons = self._reasons(clip, options)
        # Scores of an untrained branch are noise, not evidence.
        voice = _voice(scores) if "voice" not in model.not_trained else ()
        return Verdict(
            file=file,
            decision=rule.decide(answer["overall"]) if rule else "unsure",
            p_fake=answer["overall"],
            p_face_fake=answer["face"],
            p_voice_fake=answer["voice"],
            status=status_of(answer["overall"], reasons),
            reasons=reasons,
            persons=_persons(clip, scores, find="face" not in model.not_trained),
            voice=voice,
            operating_point=rule.operating_point if rule else None,
            detector=self.name,
            voice_segments=within_spans(voice_segments(voice), clip.meta.speech_spans),
            prior=model.prior,
            trained_prior=model.prior,
            contributions=_strongest(row, model, use_stacker=use_stacker),
        )

    def _settings_of_clips(self) -> str:
        """Return the arguments of `avfake prepare` that make clips for this bundle."""
        wanted = self.bundle.spec.clip
        frames, size_px = wanted.num_frames, wanted.crop.size_px
        if ClipConfig(num_frames=frames, crop=CropConfig(size_px=size_px)).hash == wanted.hash:
            return f"avfake prepare ... --frames {frames} --size-px {size_px}"
        return "the settings in the bundle"

    @cached_property
    def _face_detector(self) -> FaceDetector:
        return face_detector(self.bundle.spec.clip, device=str(self.device))

    def _reasons(self, clip: Clip, options: PredictOptions) -> tuple[Reason, ...]:
        used: dict[str, bool] = {"face": options.use_visual, "voice": options.use_audio}
        reasons = [reason for reason in clip.meta.reasons if used.get(reason.part, True)]
        reasons += [Reason(part, "disabled") for part in PARTS if not used[part]]
        reasons += [r for r in self.bundle.decision_model.reasons if used.get(r.part, True)]
        return tuple(reasons)


def _voice(scores: ClipScores) -> tuple[VoiceScore, ...]:
    return tuple(
        VoiceScore(round(float(start), 3), round(float(end), 3), float(score))
        for (start, end), score in zip(scores.window_spans, scores.window_scores, strict=True)
    )


def _persons(clip: Clip, scores: ClipScores, *, find: bool) -> tuple[Person, ...]:
    """Return the scored faces of each person; find: with their forged segments."""
    if not scores.has_visual:
        return ()
    persons = []
    for meta in clip.meta.persons:
        mine = scores.frame_scores[scores.frame_persons == meta.person_id]
        frames = tuple(
            FaceScore(clip.meta.frame_seconds[index], (box[0], box[1], box[2], box[3]), float(p))
            for index, box, p in zip(meta.frame_indices, meta.boxes, mine, strict=True)
        )
        segments = face_segments(frames) if find else ()
        persons.append(Person(meta.person_id, float(mine.mean()), frames, segments))
    return tuple(persons)


def _strongest(
    row: np.ndarray, model: DecisionModel, *, use_stacker: bool
) -> tuple[Contribution, ...]:
    """Return the largest parts of each logit, largest first.

    Columns that no tree of a stacker reads are left out. All scores that a baseline compared are
    there, also those that did not count.
    """
    values = dict(zip(FEATURES, row.tolist(), strict=True))
    sums = model.contributions(row, use_stacker=use_stacker)
    return tuple(
        Contribution(
            output,
            name,
            None if isnan(values[name]) else values[name],  # JSON has no NaN
            logit,
            sums[output].by,
        )
        for output in OUTPUTS
        if output in sums
        for name, logit in sums[output].strongest(NUM_CONTRIBUTIONS).items()
        if logit or sums[output].by != "stacker"
    )


@torch.inference_mode()
def score_clip(
    models: Sequence[AVModel], clip: Clip, sampling: SampleConfig, *, use_sync: bool = True
) -> ClipScores:
    """Return the scores of one clip, with the models' logits averaged.

    Scores are empty where a stream is absent or the models have no branch for it.
    """
    sampled, outputs = run_models(models, clip, sampling, use_sync=use_sync)
    return _clip_scores(clip, sampled, outputs) if outputs else ClipScores(clip.meta.clip_id)


def run_models(
    models: Sequence[AVModel], clip: Clip, sampling: SampleConfig, *, use_sync: bool
) -> tuple[Sampled, list[ModelOutput]]:
    """Return what the models see of a clip, and the output of each; none where they see nothing."""
    config = models[0].config
    sync = config.sync if use_sync else None
    sampling = replace(
        sampling,
        use_visual=sampling.use_visual and (config.visual or sync) is not None,
        use_audio=sampling.use_audio and (config.audio or sync) is not None,
        crop_sound_seconds=sync.sound_seconds if sync else 0.0,
    )
    sampled = sample_clip(clip, sampling)
    batch = batch_of(sampled)
    if not batch:
        return sampled, []
    device = next(models[0].parameters()).device
    batch = {key: value.to(device, non_blocking=True) for key, value in batch.items()}
    return sampled, [model.eval()(batch) for model in models]


def _clip_scores(clip: Clip, sampled: Sampled, outputs: Sequence[ModelOutput]) -> ClipScores:
    # Crops and sound that are there for the comparison of both alone have no scores.
    picks = sampled.picks if outputs[0].frame_logits is not None else []
    has_windows = outputs[0].window_logits is not None
    spans = sampled.window_spans if has_windows else np.zeros((0, 2), np.float32)
    persons = [clip.meta.persons[person] for person, _ in picks]
    positions = [position for _, position in picks]
    boxes = np.array([p.boxes[i] for p, i in zip(persons, positions, strict=True)]).reshape(-1, 4)
    times = np.array(clip.meta.frame_seconds)
    indices = [p.frame_indices[i] for p, i in zip(persons, positions, strict=True)]
    confidences = [p.confidences[i] for p, i in zip(persons, positions, strict=True)]
    logits = torch.stack([output.logits for output in outputs]).mean(0)[0]  # [3]
    probabilities = torch.sigmoid(logits.float()).tolist()
    valid = outputs[0].valid[0].tolist()
    return ClipScores(
        clip_id=clip.meta.clip_id,
        frame_scores=_mean_scores([output.frame_logits for output in outputs], len(positions)),
        frame_persons=np.array([p.person_id for p in persons], np.int64),
        frame_seconds=times[indices].astype(np.float32) if indices else np.zeros(0, np.float32),
        face_px=(boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0).astype(np.float32),
        face_confidences=np.array(confidences, np.float32),
        num_frames_sampled=len(times),
        window_scores=_mean_scores([output.window_logits for output in outputs], len(spans)),
        window_spans=spans,
        fused={
            name: probability if ok else None
            for name, probability, ok in zip(OUTPUTS, probabilities, valid, strict=True)
        },
        voice_statistics=clip.meta.voice_statistics if len(spans) else {},
        sync_statistics=_sync_statistics(outputs),
    )


def _mean_scores(logits: Sequence[torch.Tensor | None], count: int) -> np.ndarray:
    given = [tensor[0, :count] for tensor in logits if tensor is not None]
    if not given or not count:
        return np.zeros(0, np.float32)
    scores: np.ndarray = torch.sigmoid(torch.stack(given).mean(0).float()).cpu().numpy()
    return scores


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
