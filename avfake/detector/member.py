"""One bundle on a device: it cuts files into clips, scores them and answers alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from pathlib import Path

import numpy as np
import torch

from avfake.calibration import FEATURES, ClipScores, LogitParts, check_prior, stack_row
from avfake.clips import Clip, ClipConfig, cut_clip, face_detector
from avfake.detector.bundle import Bundle
from avfake.detector.inference import score_clip, torch_defaults
from avfake.detector.timeline import face_segments, voice_segments, within_spans
from avfake.errors import ConfigError, Reason
from avfake.faces import CropConfig, FaceDetector
from avfake.labels import OUTPUTS, PARTS
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
        if self.prior is not None:
            check_prior(self.prior)


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
        row = stack_row(scores)
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
            contributions=_strongest(row, model.contributions(row, use_stacker=use_stacker)),
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


def _strongest(row: np.ndarray, sums: Mapping[str, LogitParts]) -> tuple[Contribution, ...]:
    """Return the largest parts of each logit, largest first.

    Columns that no tree of a stacker reads are left out. All scores that a baseline compared are
    there, also those that did not count.
    """
    values = dict(zip(FEATURES, row.tolist(), strict=True))
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
