"""A detector of one bundle: path or clip in, verdict out."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from avfake.calibration import ClipScores, check_prior, modality_of
from avfake.clips import Clip, ClipConfig, cut_clip, face_detector
from avfake.detector.bundle import Bundle, locate_bundle, read_bundle
from avfake.detector.contributing import strongest_contributions
from avfake.detector.defaults import torch_defaults
from avfake.detector.ensemble.folder import Combination, is_ensemble
from avfake.detector.ensemble.verdicts import operating_point_of
from avfake.detector.inference import score_clip
from avfake.detector.shifting import shift_verdict
from avfake.detector.timeline import face_segments, voice_segments, within_spans
from avfake.errors import ConfigError, MediaError, Reason
from avfake.faces import CropConfig, FaceDetector
from avfake.labels import PARTS
from avfake.shipped import DEFAULT
from avfake.verdict import FaceScore, Person, Verdict, VoiceScore, status_of


@dataclass(frozen=True)
class Switches:
    """What of a trained detector is used: the ablations of training, at prediction."""

    use_audio: bool = True
    use_visual: bool = True
    use_stacker: bool = True
    """False: the calibrated logits of the fusion head."""
    use_sync: bool = True
    """False: lips are not held against the sound, where the detector does that at all."""
    prior: float | None = None
    """Share of files taken to be forged before one is looked at; None: that of the training data.
    Moves probabilities, never decisions."""

    def __post_init__(self) -> None:
        if not (self.use_audio or self.use_visual):
            raise ConfigError("--no-audio and --no-visual together leave nothing to judge by")
        if self.prior is not None:
            check_prior(self.prior)


class Detector:
    """A trained detector, ready to judge files."""

    def __init__(self, bundle: Bundle, *, device: str | torch.device = "cpu") -> None:
        self._bundle = bundle
        self.device = torch.device(device)
        for model in bundle.models:
            model.to(self.device).eval()

    @classmethod
    @torch_defaults()
    def from_pretrained(
        cls, name: str | Path | Combination, *, device: str | None = None
    ) -> "Detector":
        """The detector in a bundle folder, in a Hugging Face Hub repository of that name, or, for
        the text "default", the one that comes with avfake.

        A folder that `write_ensemble` made, or a `Combination` of several names, gives an
        `EnsembleDetector`. Runs on the GPU where there is one, unless `device` says otherwise.
        """
        if isinstance(name, Combination) or is_ensemble(locate_bundle(name)):
            from avfake.detector.several import EnsembleDetector  # late: it is a Detector itself

            return EnsembleDetector.from_pretrained(name, device=device)
        chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
        return Detector(read_bundle(name), device=chosen)

    @classmethod
    def default(cls, *, device: str | None = None) -> "Detector":
        """The detector that comes with avfake; its card says what it can and cannot do.

        Its weights have terms of their own (`shipped.default_release`). ConfigError if it is not
        part of this installation, or not as it was released.
        """
        return Detector.from_pretrained(DEFAULT, device=device)

    @property
    def bundle(self) -> Bundle:
        """What was trained."""
        return self._bundle

    @property
    def name(self) -> str:
        """Name and content hash of the bundle."""
        return self.bundle.name

    def predict(self, path: str | Path, switches: Switches | None = None) -> Verdict:
        """The verdict on one video or sound file; an unreadable file is a verdict with a reason."""
        self.check(switches or Switches())
        try:
            clip = self.cut_clip(path)
        except MediaError as error:
            return Verdict(
                str(path), "unsure", None, None, None, "failed", (error.reason,), detector=self.name
            )
        return self.predict_clip(clip, switches, file=str(path))

    def check(self, switches: Switches) -> None:
        """ConfigError if this detector cannot be asked so."""
        if switches.prior is not None:
            self.bundle.decision_model.shifts(switches.prior)

    def predict_clip(
        self, clip: Clip, switches: Switches | None = None, *, file: str | None = None
    ) -> Verdict:
        """The verdict on a prepared clip; ConfigError if it was prepared with other settings."""
        switches = switches or Switches()
        verdict = self._verdict(clip, switches, file or clip.meta.clip_id)
        if switches.prior is None:
            return verdict
        return shift_verdict(
            verdict, self.bundle.decision_model.shifts(switches.prior), switches.prior
        )

    def _verdict(self, clip: Clip, switches: Switches, file: str) -> Verdict:
        """Under the prior of the training data."""
        scores = self.score_clip(clip, switches)
        decision_model, use_stacker = self.bundle.decision_model, switches.use_stacker
        answer = decision_model.assess(scores, use_stacker=use_stacker)
        view = modality_of(has_visual=scores.has_visual, has_audio=scores.has_audio)
        reasons = self._reasons(clip, switches)
        voice = self._voice(scores)
        return Verdict(
            file=file,
            decision=decision_model.decide(answer["overall"], use_stacker=use_stacker, view=view),
            p_fake=answer["overall"],
            p_face_fake=answer["face"],
            p_voice_fake=answer["voice"],
            status=status_of(answer["overall"], reasons),
            reasons=reasons,
            persons=_persons(clip, scores, find="face" not in decision_model.not_trained),
            voice=voice,
            operating_point=operating_point_of(
                decision_model.rule(use_stacker=use_stacker, view=view)
            ),
            detector=self.name,
            voice_segments=within_spans(voice_segments(voice), clip.meta.speech_spans),
            prior=decision_model.prior,
            trained_prior=decision_model.prior,
            contributions=strongest_contributions(
                scores, decision_model.contributions(scores, use_stacker=use_stacker)
            ),
        )

    @torch_defaults()
    def cut_clip(self, path: str | Path) -> Clip:
        """A file as this detector looks at it; MediaError if it cannot be read."""
        return cut_clip(path, self.bundle.spec.clip, self._face_detector)

    @torch_defaults()
    def score_clip(self, clip: Clip, switches: Switches | None = None) -> ClipScores:
        """What the branches say of a prepared clip, before stacking and calibration."""
        switches = switches or Switches()
        expected, found = self.bundle.spec.clip.hash, clip.meta.config_hash
        if found != expected:
            raise ConfigError(
                f"clip {clip.meta.clip_id} was prepared with settings {found}, this detector was "
                f"trained on {expected}; prepare it again with {self._settings_of_clips()}"
            )
        sampling = self.bundle.spec.whole(
            use_visual=switches.use_visual, use_audio=switches.use_audio
        )
        return score_clip(self.bundle.models, clip, sampling, use_sync=switches.use_sync)

    def _settings_of_clips(self) -> str:
        """What `avfake prepare` is to be told, in words."""
        wanted = self.bundle.spec.clip
        frames, size_px = wanted.num_frames, wanted.crop.size_px
        if ClipConfig(num_frames=frames, crop=CropConfig(size_px=size_px)).hash == wanted.hash:
            return f"avfake prepare ... --frames {frames} --size-px {size_px}"
        return "the settings in the bundle"

    @cached_property
    def _face_detector(self) -> FaceDetector:
        return face_detector(self.bundle.spec.clip, device=str(self.device))

    def _reasons(self, clip: Clip, switches: Switches) -> tuple[Reason, ...]:
        used: dict[str, bool] = {"face": switches.use_visual, "voice": switches.use_audio}
        reasons = [reason for reason in clip.meta.reasons if used.get(reason.part, True)]
        reasons += [Reason(part, "disabled") for part in PARTS if not used[part]]
        reasons += [r for r in self.bundle.decision_model.reasons if used.get(r.part, True)]
        return tuple(reasons)

    def _voice(self, scores: ClipScores) -> tuple[VoiceScore, ...]:
        if "voice" in self.bundle.decision_model.not_trained:
            return ()  # scores of an untrained branch are noise, not evidence
        return tuple(
            VoiceScore(round(float(start), 3), round(float(end), 3), float(score))
            for (start, end), score in zip(scores.window_spans, scores.window_scores, strict=True)
        )


def _persons(clip: Clip, scores: ClipScores, *, find: bool) -> tuple[Person, ...]:
    """find: segments too."""
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
