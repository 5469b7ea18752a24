"""A trained detector that answers alone: it cuts a file into a clip, scores it and decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from avfake import __version__
from avfake import config as settings
from avfake.calibration import ClipScores, DecisionModel
from avfake.clips import Clip, ClipConfig, InputSpec, cut_clip
from avfake.detector import shipped
from avfake.detector.branch_scores import (
    frozen_features,
    score_clip,
    torch_defaults,
)
from avfake.detector.details import scored_persons, strongest, voice_scores
from avfake.detector.doubts import allowed, picture_doubts
from avfake.detector.facts import BundleFacts, BundleSettings
from avfake.detector.folders import (
    FORMAT,
    checked_sums,
    locate_bundle,
    read_bundle_config,
    whole_folder,
    write_config,
)
from avfake.detector.options import PredictOptions
from avfake.detector.timeline import voice_segments, within_spans
from avfake.errors import BundleError, ConfigError, Reason
from avfake.faces import CropConfig, FaceDetector
from avfake.labels import DEFAULT, PARTS, Decision, Part
from avfake.models import AVModel, Frozen, ModelConfig, build_model
from avfake.verdict import (
    Spent,
    Verdict,
    status_of,
)

Features = Mapping[str, Tensor]
"""What frozen backbones made of a clip: key in a batch -> [M, F]."""


@dataclass(frozen=True)
class Bundle:
    """Everything that is needed to assess a file."""

    name: str
    """Folder or Hub name, with 12 digits of the checksum of its content."""
    spec: InputSpec
    models: Sequence[AVModel]
    """One model for each fold; their logits are averaged."""
    decision_model: DecisionModel
    facts: BundleFacts = field(default_factory=BundleFacts)

    def save(self, folder: Path) -> None:
        """Write a folder as a whole; one that is there already is replaced at the last moment."""
        config = BundleSettings(
            FORMAT,
            __version__,
            input=self.spec,
            clips_hash=self.spec.clip.hash,
            model=self.models[0].config,
            num_members=len(self.models),
            facts=self.facts,
        )
        with whole_folder(folder) as partial:
            write_config(partial, settings.to_dict(config))
            for number, model in enumerate(self.models):
                weights = {
                    name: w.detach().cpu().contiguous() for name, w in model.state_dict().items()
                }
                save_file(weights, partial / f"member_{number}.safetensors")
            for branch, frozen in self.models[0].frozen.items():
                save_file(frozen.save_state(), partial / frozen_name(branch))
            self.decision_model.save(partial)

    @classmethod
    def read(cls, name: str | Path, folder: Path | None = None) -> "Bundle":
        """Read a bundle: a folder, a Hugging Face Hub repository, or "default".

        folder: where it lies, if it was located before

        BundleError if a file is missing or altered, or was written by another format.
        """
        folder = folder or locate_bundle(name)
        sums = checked_sums(folder)
        config = read_bundle_config(folder)
        clips_hash = config.input.clip.hash
        if clips_hash != config.clips_hash:
            raise BundleError(
                f"{folder} was trained on clips prepared as {config.clips_hash}, this version of "
                f"avfake would prepare them as {clips_hash}; use the avfake that trained it "
                f"({config.avfake}), or prepare and train again"
            )
        models: list[AVModel] = []
        for number in range(config.num_members):
            shared = models[0].frozen if models else {}
            models.append(_read_model(folder, number, config.model, shared))
        # An answer of the default detector must not show where avfake is installed.
        shown = str(name).replace(str(shipped.DEFAULT_FOLDER), DEFAULT)
        return cls(
            name=f"{shown}@{settings.fingerprint(sums)}",
            spec=config.input,
            models=models,
            decision_model=DecisionModel.load(folder),
            facts=config.facts,
        )

    @torch_defaults()
    def cut_clip(
        self, path: str | Path, *, use_picture: bool = True, frames_factor: int = 1
    ) -> Clip:
        """Return the clip of a file as this bundle needs it; MediaError if it cannot be read.

        Args:
            use_picture: False leaves the picture out
            frames_factor: times the frames that the bundle was trained with
        """
        config, frames = self.spec.clip, self.spec.clip.num_frames * frames_factor
        # The hash of the settings stays: crops are cut the same way.
        return cut_clip(path, config, self._face_detector, num_frames=use_picture * frames)

    @torch_defaults()
    def features(
        self,
        clip: Clip,
        options: PredictOptions | None = None,
        crops: Sequence[int] | None = None,
    ) -> Features:
        """Return what frozen backbones make of a prepared clip, for all that is asked about it.

        crops: numbers of those that pass; None = all
        """
        options = options or PredictOptions()
        sampling = self.spec.whole(use_visual=options.use_visual, use_audio=options.use_audio)
        return frozen_features(self.models, clip, sampling, crops)

    @torch_defaults()
    def score_clip(
        self,
        clip: Clip,
        options: PredictOptions | None = None,
        features: Features = MappingProxyType({}),
        *,
        num_crops: int | None = None,
    ) -> ClipScores:
        """Return the scores of the branches on a prepared clip, before stacking and calibration.

        ConfigError if the clip was prepared with other settings.

        Args:
            features: of all crops and windows of the same clip and options, where they are known
            num_crops: evenly spread; None = all
        """
        options = options or PredictOptions()
        expected, found = self.spec.clip.hash, clip.meta.config_hash
        if found != expected:
            raise ConfigError(
                f"clip {clip.meta.clip_id} was prepared with settings {found}, this detector was "
                f"trained on {expected}; prepare it again with {self._settings_of_clips()}"
            )
        sampling = self.spec.whole(use_visual=options.use_visual, use_audio=options.use_audio)
        sampling = replace(sampling, num_frames=num_crops)
        use_sync = options.use_sync
        return score_clip(self.models, clip, sampling, use_sync=use_sync, features=features)

    def predict_clip(
        self,
        clip: Clip,
        options: PredictOptions,
        *,
        file: str,
        features: Features = MappingProxyType({}),
        num_crops: int | None = None,
    ) -> Verdict:
        """Return the verdict on a prepared clip under the prior of the training data.

        features, num_crops: as of `score_clip`
        """
        scores = self.score_clip(clip, options, features, num_crops=num_crops)
        model, use_stacker = self.decision_model, options.use_stacker
        row = scores.row()
        answer = model.assess(row, use_stacker=use_stacker)
        rule = model.rule(use_stacker=use_stacker, modality=scores.modality)
        reasons = self._reasons(clip, options)
        # Scores of an untrained branch are noise, not evidence.
        voice = voice_scores(scores) if "voice" not in model.not_trained else ()
        decision = rule.decide(answer["overall"]) if rule else "unsure"
        verdict = Verdict(
            file=file,
            decision=allowed(decision, reasons),
            p_fake=answer["overall"],
            p_face_fake=answer["face"],
            p_voice_fake=answer["voice"],
            status=status_of(answer["overall"], reasons),
            reasons=reasons,
            persons=scored_persons(clip, scores, find="face" not in model.not_trained),
            voice=voice,
            operating_point=rule.operating_point if rule else None,
            detector=self.name,
            voice_segments=within_spans(voice_segments(voice), clip.meta.speech_spans),
            prior=model.prior,
            trained_prior=model.prior,
            contributions=strongest(row, model, use_stacker=use_stacker),
            spent=Spent(
                len(clip.meta.frame_seconds), len(scores.frame_scores), len(scores.window_scores)
            ),
        )
        return replace(
            verdict,
            face_decision=self._part_decision(verdict, "face"),
            voice_decision=self._part_decision(verdict, "voice"),
        )

    def _part_decision(self, verdict: Verdict, part: Part) -> Decision | None:
        """Return the decision on a part, which the decision on the file does not contradict."""
        p_part = verdict.p_face_fake if part == "face" else verdict.p_voice_fake
        if p_part is None:
            return None
        if verdict.is_about(part) or verdict.decision == "real":
            return verdict.decision
        rule = self.decision_model.part_rules.get(part)
        decided = rule.decide(p_part) if rule else "unsure"
        return "unsure" if decided == "fake" else allowed(decided, verdict.reasons, part)

    def _settings_of_clips(self) -> str:
        """Return the arguments of `avfake prepare` that make clips for this bundle."""
        wanted = self.spec.clip
        frames, size_px = wanted.num_frames, wanted.crop.size_px
        if ClipConfig(num_frames=frames, crop=CropConfig(size_px=size_px)).hash == wanted.hash:
            return f"avfake prepare ... --frames {frames} --size-px {size_px}"
        return "the settings in the bundle"

    @cached_property
    def _face_detector(self) -> FaceDetector:
        device = next(self.models[0].parameters()).device
        return self.spec.clip.face_detector(device=str(device))

    def _reasons(self, clip: Clip, options: PredictOptions) -> tuple[Reason, ...]:
        used: dict[str, bool] = {"face": options.use_visual, "voice": options.use_audio}
        noticed = (*clip.meta.reasons, *picture_doubts(clip, self.spec.clip.crop))
        reasons = [reason for reason in noticed if used.get(reason.part, True)]
        reasons += [Reason(part, "disabled") for part in PARTS if not used[part]]
        reasons += [r for r in self.decision_model.reasons if used.get(r.part, True)]
        return tuple(reasons)


def frozen_name(branch: str) -> str:
    """Return the name of the file with the frozen backbone of a branch."""
    return f"frozen_{branch}.safetensors"


def _read_model(
    folder: Path, number: int, config: ModelConfig, shared: Mapping[str, Frozen]
) -> AVModel:
    """shared: frozen backbones of the models that were read before."""
    path = folder / f"member_{number}.safetensors"
    try:
        model = build_model(config, download=False, frozen=shared)
        model.load_state_dict(load_file(path))
        if not shared:
            for branch, network in model.frozen.items():
                path = folder / frozen_name(branch)
                network.load_state(load_file(path))
    except (OSError, SafetensorError, RuntimeError, KeyError, ConfigError) as error:
        raise BundleError(f"{path} does not fit its config.yaml: {error}") from error
    return model
