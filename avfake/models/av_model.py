"""Faces and sound -> three logits: either forged, face forged, voice forged.

The face head reads the visual embedding alone and the voice head the audio embedding alone: labels
of face and voice are correlated in training data, and a head over both would learn that instead of
forgeries. The overall logit starts from the two heads as "either" (noisy-or, Pearl 1988), without
passing gradient to them, or a forged voice would teach the face head false alarms; a head over the
fused features corrects it. Without one modality the "either" is the other head. The agreement of
lips and sound, with a sync branch, goes into the fusion alone: it is evidence of neither part.
Batch dict (docs/architecture.md) -> `ModelOutput`. Parameters: 9.8 M with the defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import torch
from torch import Tensor, nn

from avfake.errors import ConfigError
from avfake.models.audio import AudioBranch, AudioConfig
from avfake.models.branch import BranchOutput
from avfake.models.frozen import Frozen
from avfake.models.fusion import FusionConfig, Present, Stream, Streams, build_fusion
from avfake.models.inference import runtime_of
from avfake.models.outputs import ModelOutput, SyncOutput
from avfake.models.pretrained import NONE
from avfake.models.sync import SyncBranch, SyncConfig
from avfake.models.visual import VisualBranch, VisualConfig

INPUTS = {"visual": "faces", "audio": "sound"}
"""Branch -> key of its items in a batch, whose features are under KEY_features."""
SYNC_KEYS = {"faces", "landmarks", "persons", "crop_sound"}
NEVER = -1e4
"""Logit of an impossible event; finite, so that no NaN arises in sums."""


@dataclass(frozen=True)
class ModelConfig:
    """Branches of the model and their fusion."""

    visual: VisualConfig | None = field(default_factory=VisualConfig)
    """None = no visual branch (`--no-visual`)."""
    audio: AudioConfig | None = field(default_factory=AudioConfig)
    """None = no audio branch (`--no-audio`)."""
    fusion: FusionConfig = field(default_factory=FusionConfig)
    sync: SyncConfig | None = None
    """None = lips and sound are not compared."""

    def __post_init__(self) -> None:
        if self.visual is None and self.audio is None:
            raise ConfigError("a model needs visual, audio or both; got neither")


class AVModel(nn.Module):
    """Both branches, the fusion and the three heads."""

    def __init__(
        self,
        config: ModelConfig,
        frozen: Mapping[str, Frozen] = MappingProxyType({}),
        *,
        empty: bool = False,
    ) -> None:
        """
        Args:
            frozen: branch -> frozen backbone of another model, to share
            empty: a frozen network has no weights yet (`load_backbone`)
        """
        super().__init__()
        self.config = config
        visual, audio = frozen.get("visual"), frozen.get("audio")
        self.visual = VisualBranch(config.visual, visual, empty=empty) if config.visual else None
        self.audio = AudioBranch(config.audio, audio, empty=empty) if config.audio else None
        self.sync = SyncBranch(config.sync) if config.sync else None
        dims = {
            "visual": config.visual.embedding_dim if config.visual else 0,
            "audio": config.audio.embedding_dim if config.audio else 0,
            "sync": config.sync.feature_dim if config.sync else 0,
        }
        self.fusion = build_fusion(config.fusion, {n: dim for n, dim in dims.items() if dim})
        self.face_head = nn.Linear(dims["visual"], 1) if config.visual else None
        self.voice_head = nn.Linear(dims["audio"], 1) if config.audio else None
        self.overall_head = nn.Linear(self.fusion.fused_dim, 1)
        self.either_scale = nn.Parameter(torch.ones(())) if self.fusion.reads_either else None
        if not self.fusion.reads_either:
            nn.init.ones_(self.overall_head.weight)
            nn.init.zeros_(self.overall_head.bias)

    @property
    def pretrained_used(self) -> dict[str, bool]:
        """Branch -> whether it did start from published weights."""
        branches = {"visual": self.visual, "audio": self.audio}
        return {name: branch.pretrained_used for name, branch in branches.items() if branch}

    @property
    def frozen(self) -> dict[str, Frozen]:
        """Branch -> its frozen backbone, for the branches that have one."""
        branches = {"visual": self.visual, "audio": self.audio}
        return {name: one.frozen for name, one in branches.items() if one and one.frozen}

    def prepare_inference(self, runtime: str | None = None) -> None:
        """Let the backbones run in their inference form.

        The forms are made at the first call, from the weights as they are then; training drops
        those of backbones that are not frozen. State and bundle stay as they are.

        runtime: auto, torch or openvino; None = the environment variable AVFAKE_RUNTIME, or auto
        """
        for branch in (self.visual, self.audio):
            if branch is not None:
                branch.prepare_inference(runtime_of(runtime))

    def with_features(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the batch with what the frozen backbones make of it, beside what it holds.

        Models that share backbones, and other epochs, need not compute it again. The features of
        "faces" are "faces_features" [M, F], one row for each True in "faces_mask".
        """
        found = dict(batch)
        for name, branch in (("visual", self.visual), ("audio", self.audio)):
            key = INPUTS[name]
            if branch and branch.frozen and key in batch and f"{key}_features" not in batch:
                found[f"{key}_features"] = branch.features(_real_items(batch, key))
        return found

    def forward(self, batch: Mapping[str, Tensor]) -> ModelOutput:
        """Return logits and embeddings; modalities that model or batch lack are skipped."""
        like = batch.get("faces_mask", batch.get("sound_mask"))
        if like is None:
            raise ValueError(f"a batch needs faces or sound, got the keys {sorted(batch)}")
        absent = like.new_zeros(len(like), dtype=torch.bool)
        sync = None
        visual, audio = _encoded(self.visual, "faces", batch), _encoded(self.audio, "sound", batch)
        if self.sync is not None and batch.keys() >= SYNC_KEYS:
            sync = self.sync(batch)
        return self.combine(visual, audio, sync, absent)

    def combine(
        self,
        visual: BranchOutput | None,
        audio: BranchOutput | None,
        sync: SyncOutput | None,
        absent: Tensor,
    ) -> ModelOutput:
        """Return logits and embeddings from the outputs of the branches.

        Args:
            visual: None, as the next two, where no clip of the batch has the modality
            absent: [B] False
        """
        face, voice = _head(self.face_head, visual, absent), _head(self.voice_head, audio, absent)
        branches: dict[str, tuple[BranchOutput | SyncOutput | None, Tensor | None]]
        branches = {"visual": (visual, face), "audio": (audio, voice), "sync": (sync, None)}
        streams = {
            name: Stream(branch.embedding, branch.items, branch.mask, logit) if branch else None
            for name, (branch, logit) in branches.items()
        }
        present = {
            name: branch.present if branch else absent for name, (branch, _) in branches.items()
        }
        fused, overall = self._fuse(streams, present, face, voice)
        has_visual, has_audio = present["visual"], present["audio"]
        valid = torch.stack([has_visual | has_audio, has_visual, has_audio], dim=1)
        logits = torch.stack([overall, face, voice], dim=1)
        return ModelOutput(
            logits=logits.masked_fill(~valid, 0.0),
            valid=valid,
            frame_logits=visual.item_logits if visual else None,
            frame_shares=visual.item_shares if visual else None,
            window_logits=audio.item_logits if audio else None,
            window_shares=audio.item_shares if audio else None,
            visual_embedding=visual.embedding if visual else None,
            audio_embedding=audio.embedding if audio else None,
            fused=fused,
            sync=sync,
        )

    def _fuse(
        self, streams: Streams, present: Present, face: Tensor, voice: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return fused features [B, H] and the overall logit [B]."""
        if self.training:
            present = _hide(present, self.config.fusion.modality_dropout)
        if not self.config.fusion.end_to_end:
            streams = {name: stream and stream.detach() for name, stream in streams.items()}
        fused = self.fusion(streams, present)
        overall = self.overall_head(fused).squeeze(-1).float()
        if self.either_scale is not None:
            has_visual, has_audio = present["visual"], present["audio"]
            prior = either(
                face.detach().masked_fill(~has_visual, NEVER),
                voice.detach().masked_fill(~has_audio, NEVER),
            ).masked_fill(~(has_visual | has_audio), 0.0)
            overall = overall + self.either_scale * prior
        return fused.float(), overall


def build_model(
    config: ModelConfig, *, download: bool = True, frozen: Mapping[str, Frozen] | None = None
) -> AVModel:
    """Return a new model.

    Args:
        download: False where weights are loaded next, as from a bundle
        frozen: branch -> frozen backbone of another model, to share
    """
    if not download:
        config = replace(
            config,
            visual=config.visual and replace(config.visual, weights=NONE),
            audio=config.audio and replace(config.audio, weights=NONE),
        )
    return AVModel(config, frozen or {}, empty=not download)


def either(first: Tensor, second: Tensor) -> Tensor:
    """Return the logit of "first or second" for two independent events given by logits.

    The odds of either are (1 + e^a)(1 + e^b) - 1 = e^a + e^b + e^(a+b).
    """
    return torch.logsumexp(torch.stack([first, second, first + second]), dim=0)


def _real_items(batch: Mapping[str, Tensor], key: str) -> Tensor:
    """Return [M, ...], without a copy where no item is padding."""
    items, mask = batch[key], batch[f"{key}_mask"]
    return items.flatten(0, 1) if mask.all() else items[mask]


def _encoded(
    branch: VisualBranch | AudioBranch | None, key: str, batch: Mapping[str, Tensor]
) -> BranchOutput | None:
    """Return the output of a branch, from features where the batch has them."""
    mask = batch.get(f"{key}_mask")
    if branch is None or mask is None:
        return None
    if f"{key}_features" in batch:
        return branch.encode(batch[f"{key}_features"], mask)
    output: BranchOutput = branch(batch[key], mask)
    return output


def _head(head: nn.Linear | None, branch: BranchOutput | None, absent: Tensor) -> Tensor:
    if head is None or branch is None:
        return absent.float()
    logit: Tensor = head(branch.embedding)
    return logit.squeeze(-1).float()


def _hide(present: Mapping[str, Tensor], rate: float) -> dict[str, Tensor]:
    """Apply modality dropout; sync, which needs both, is hidden with either."""
    visual, audio = drop_one_modality(present["visual"], present["audio"], rate)
    hidden = (present["visual"] & ~visual) | (present["audio"] & ~audio)
    return {"visual": visual, "audio": audio, "sync": present["sync"] & ~hidden}


def drop_one_modality(has_visual: Tensor, has_audio: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """Hide, at `rate`, one modality of the clips that have both; return what is left of each."""
    hit = has_visual & has_audio & (torch.rand(has_visual.shape, device=has_visual.device) < rate)
    hide_visual = torch.rand(has_visual.shape, device=has_visual.device) < 0.5
    return has_visual & ~(hit & hide_visual), has_audio & ~(hit & ~hide_visual)
