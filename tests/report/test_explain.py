"""Truth by construction: models that answer to one colour, or to one band, and to nothing else."""

import numpy as np
import pytest
import timm
import torch
from torch import nn

from avfake.clips.archive import Clip
from avfake.clips.sample import SampleConfig
from avfake.detector.branch_scores import score_clip
from avfake.errors import ConfigError
from avfake.models.audio import AudioBranch, AudioConfig
from avfake.models.visual import VisualBranch, VisualConfig
from avfake.report.explaining import explain_clip
from avfake.report.occlusion import face_heat, sound_saliency

CROP_PX, CELL_PX = 128, 8


class RedNetwork(nn.Module):
    """A feature map of two channels, the redness of 8-px cells and of the rest; averaged."""

    num_features = 2

    def forward_features(self, pictures):
        cells = nn.functional.avg_pool2d(pictures, CELL_PX)
        redness = (cells[:, :1] - cells[:, 1:].mean(1, keepdim=True)).relu()
        return torch.cat([redness, cells[:, 1:2]], dim=1)

    def forward_head(self, features):
        return features.mean(dim=(2, 3))

    def forward(self, pictures):
        return self.forward_head(self.forward_features(pictures))


class CellNetwork(RedNetwork):
    """Reads one cell alone, rows 32 to 39 and columns 80 to 87."""

    def forward_head(self, features):
        return features[:, :, 4, 10]


class BandNetwork(nn.Module):
    """The mean of bands 40 to 49."""

    def forward(self, pictures):
        return pictures[:, :, 40:50].mean(dim=(2, 3))


def wired(branch, network, weights):
    """A branch whose logit is `weights` times what the network says."""
    branch.backbone = network
    branch.encoder.project = nn.Identity()
    branch.encoder.item_logit = nn.Linear(len(weights), 1, bias=False)
    branch.encoder.item_logit.weight.data = torch.tensor([weights])
    return branch.eval()


def seeing_branch(backbone="test_resnet", size_px=CROP_PX):
    torch.manual_seed(0)
    config = VisualConfig(backbone, weights="none", size_px=size_px, embedding_dim=16)
    return VisualBranch(config).eval()


def grey_with_patch(top, left, colour=(255, 0, 0)):
    crop = np.full((CROP_PX, CROP_PX, 3), 128, np.uint8)
    crop[top : top + 32, left : left + 32] = colour
    return torch.from_numpy(crop).permute(2, 0, 1)[None]


@pytest.mark.parametrize(("top", "left"), [(0, 0), (64, 16), (96, 96)])
def test_heat_lies_on_what_the_model_answers_to(top, left):
    branch = wired(seeing_branch(), RedNetwork(), [1.0, 0.0])
    heat = face_heat([branch], grey_with_patch(top, left))[0].numpy()
    assert heat.shape == (CROP_PX, CROP_PX)
    inside = heat[top : top + 32, left : left + 32]
    outside = (heat.sum() - inside.sum()) / (heat.size - inside.size)
    assert inside.mean() > 20 * outside
    assert inside.sum() > 0.75 * heat.sum()


def test_heat_is_nowhere_but_where_the_model_looks():
    branch = wired(seeing_branch(), CellNetwork(), [1.0, 0.0])
    heat = face_heat([branch], torch.from_numpy(red_stripe()))[0].numpy()
    around = np.zeros((CROP_PX, CROP_PX), bool)
    around[32 - 16 : 48 + 16, 80 - 16 : 96 + 16] = True  # one part, softened by a part
    assert heat[32:48, 80:96].mean() > 0.5 * heat.max() > 0
    assert heat[~around].max() < 1e-5 * heat.max()


def red_stripe():
    """uint8 [1, 3, S, S]: red in the columns 76 to 91 of a black picture, to be lost in a blur."""
    red = np.zeros((1, 3, CROP_PX, CROP_PX), np.uint8)
    red[:, 0, :, 76:92] = 255
    return red


def test_what_speaks_for_genuine_is_not_hot():
    crop = grey_with_patch(32, 32)
    forged = face_heat([wired(seeing_branch(), RedNetwork(), [1.0, 0.0])], crop)
    genuine = face_heat([wired(seeing_branch(), RedNetwork(), [-1.0, 0.0])], crop)
    assert genuine[0, 40:56, 40:56].max() < 1e-5 * forged.max()


@pytest.mark.parametrize("backbone", ["test_efficientnet", "test_convnext", "test_vit"])
def test_networks_of_every_layout_give_a_map(backbone):
    side = timm.get_pretrained_cfg(backbone).input_size[-1]
    faces = torch.randint(0, 256, (2, 3, CROP_PX, CROP_PX), dtype=torch.uint8)
    heat = face_heat([seeing_branch(backbone, side)], faces)
    assert heat.shape == (2, CROP_PX, CROP_PX)
    assert torch.isfinite(heat).all()
    assert heat.amax(dim=(1, 2)).min() > 0
    assert not torch.equal(heat[0], heat[1])


def test_saliency_lies_in_the_band_that_the_branch_hears():
    branch = AudioBranch(AudioConfig("test_resnet", weights="none", embedding_dim=16))
    wired(branch, BandNetwork(), [3.0])
    sound = 0.1 * torch.randn(2, 16_000, generator=torch.Generator().manual_seed(0))
    saliency = sound_saliency([branch], sound)
    assert saliency.shape == branch.spectrogram(sound)[:, 0].shape
    # Its bands 40 to 49 lie in the fifth cell of ten bands; the rest counts by what it adds to the
    # mean and deviation of a window alone.
    energy = saliency.mean(dim=2)  # [M, bands]
    assert (energy[:, 42:48].mean(dim=1) > 5 * energy[:, :30].abs().mean(dim=1)).all()
    genuine = sound_saliency([wired(branch, BandNetwork(), [-3.0])], sound)
    torch.testing.assert_close(genuine, -saliency, rtol=1e-3, atol=1e-5)


def test_the_strongest_come_first_and_their_scores_are_those_of_prediction(prepared, run_folder):
    from avfake.detector.bundle import Bundle

    bundle = Bundle.read(run_folder / "detector")
    clip = Clip.open(next(one.archive for one in prepared.clips if one.has_visual))
    sampling = bundle.spec.whole()
    faces, _ = explain_clip(bundle.models, clip, sampling, top=2)
    scores = score_clip(bundle.models, clip, sampling)
    assert len(faces) == 2
    found = [face.score * face.share for face in faces]
    assert found == sorted(found, reverse=True)
    for face in faces:
        [at] = np.flatnonzero(
            np.isclose(scores.frame_seconds, face.seconds)
            & (scores.frame_persons == face.person_id)
        )
        assert face.score == pytest.approx(scores.frame_scores[at], abs=1e-5)
        assert face.heat.min() >= 0
    every, windows = explain_clip(bundle.models, clip, sampling, top=100)
    assert sum(face.share for face in every) == pytest.approx(1, abs=1e-4)
    assert sum(window.share for window in windows) == pytest.approx(1, abs=1e-4)
    contributions = [face.score * face.share for face in every]
    assert contributions[0] == max(contributions)
    assert {round(w.start_seconds, 3) for w in windows} == {
        round(float(s), 3) for s in scores.window_spans[:, 0]
    }


def test_a_branch_that_is_switched_off_explains_nothing(prepared, run_folder):
    from avfake.detector.bundle import Bundle

    models = Bundle.read(run_folder / "detector").models
    clip = Clip.open(next(one.archive for one in prepared.clips if one.has_audio))
    faces, voice = explain_clip(models, clip, SampleConfig(use_visual=False, window_seconds=1.0))
    assert faces == ()
    assert voice
    with pytest.raises(ConfigError, match="top must be 1"):
        explain_clip(models, clip, SampleConfig(), top=0)
