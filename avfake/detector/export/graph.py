"""The networks of a bundle and its decision model as one torch module over one clip."""

from typing import cast

import torch
from torch import Tensor, nn

from avfake.detector.bundle import Bundle
from avfake.detector.export.answers import Answers
from avfake.errors import ConfigError
from avfake.models import AudioBranch, AVModel, BranchOutput, VisualBranch

INPUTS = ("faces", "has_faces", "sound", "has_sound")
OUTPUTS = ("probabilities", "frame_scores", "window_scores")


class ClipGraph(nn.Module):
    """Crops and windows of one clip in, probabilities out.

    A graph has no missing inputs: without a face, one crop of zeros stands in its place and
    has_faces is False; likewise for sound.
    """

    def __init__(self, bundle: Bundle, *, use_stacker: bool = True, use_sync: bool = True) -> None:
        """ConfigError for what a graph of crops and windows cannot hold."""
        super().__init__()
        if use_sync and bundle.models[0].sync is not None:
            raise ConfigError(
                "this detector compares lips with sound, which an exported network does not; "
                "--no-sync exports the rest"
            )
        self.models = nn.ModuleList(bundle.models)
        self.answers = Answers(bundle.decision_model, use_stacker=use_stacker)

    def forward(
        self, faces: Tensor, has_faces: Tensor, sound: Tensor, has_sound: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return probabilities [3], scores of frames [T] and of windows [W], float32.

        Args:
            faces: uint8 [T, 3, S, S], T of 1 or more
            has_faces: [1] bool
            sound: float32 [W, N], W of 1 or more
            has_sound: [1] bool
        """
        first = cast(AVModel, self.models[0])
        of_faces = first.visual.features(faces) if first.visual and first.visual.frozen else None
        of_sound = first.audio.features(sound) if first.audio and first.audio.frozen else None
        outputs = []
        for model in cast(list[AVModel], self.models):
            visual = _encoded(model.visual, faces, of_faces, has_faces)
            audio = _encoded(model.audio, sound, of_sound, has_sound)
            absent = torch.zeros_like(has_faces)
            outputs.append(model.combine(visual, audio, None, absent))
        fused = torch.sigmoid(torch.stack([one.logits[0] for one in outputs]).mean(dim=0))
        frames = _mean_scores([one.frame_logits for one in outputs], faces)
        windows = _mean_scores([one.window_logits for one in outputs], sound)
        # A modality that the models have no branch for is not there.
        has_faces = has_faces if first.visual else torch.zeros_like(has_faces)
        has_sound = has_sound if first.audio else torch.zeros_like(has_sound)
        probabilities = self.answers(fused, frames, windows, has_faces, has_sound)
        return probabilities.float(), frames, windows


def _encoded(
    branch: VisualBranch | AudioBranch | None,
    items: Tensor,
    features: Tensor | None,
    is_there: Tensor,
) -> BranchOutput | None:
    """Return the output of a branch over all items, present where `is_there` [1]."""
    if branch is None:
        return None
    own = branch.features(items) if features is None else features
    return branch.encoder.encode_one(own, is_there)


def _mean_scores(logits: list[Tensor | None], items: Tensor) -> Tensor:
    given = [one[0] for one in logits if one is not None]
    if not given:
        return items.flatten(1).float().mean(dim=1) * 0
    return torch.sigmoid(torch.stack(given).mean(dim=0))
