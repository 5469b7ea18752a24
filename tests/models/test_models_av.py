"""The whole model: heads that keep to their modality, absence that is a state and not a guess."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from avfake.config import from_dict, to_dict
from avfake.errors import ConfigError
from avfake.models.audio import AudioConfig
from avfake.models.av_model import (
    NEVER,
    AVModel,
    ModelConfig,
    build_model,
    drop_one_modality,
    either,
)
from avfake.models.fusion import FUSIONS, FusionConfig
from avfake.models.spectrogram import SpectrogramConfig
from avfake.models.visual import VisualConfig
from avfake.training.checkpoints import load_weights, save_weights

VISUAL = VisualConfig("test_resnet", weights="none", size_px=32, embedding_dim=8, drop_path=0.0)
AUDIO = AudioConfig(
    "test_resnet",
    weights="none",
    spectrogram=SpectrogramConfig(num_bands=40),
    embedding_dim=12,
)
TINY = ModelConfig(VISUAL, AUDIO, FusionConfig(hidden_dim=16))
Batch = dict[str, torch.Tensor]


def model_of(config: ModelConfig = TINY) -> AVModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_model(config).eval()


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    return {
        "faces": torch.randint(0, 256, (4, 2, 3, 32, 32), dtype=torch.uint8, generator=generator),
        "faces_mask": torch.ones(4, 2, dtype=torch.bool),
        "sound": 0.1 * torch.randn(4, 3, 4000, generator=generator),
        "sound_mask": torch.ones(4, 3, dtype=torch.bool),
    }


def only(batch: Batch, modality: str) -> Batch:
    return {key: value for key, value in batch.items() if key.startswith(modality)}


@pytest.mark.parametrize("kind", FUSIONS)
def test_shapes_are_as_stated(batch: Batch, kind: str) -> None:
    out = model_of(replace(TINY, fusion=FusionConfig(kind, hidden_dim=16)))(batch)
    assert out.logits.shape == out.valid.shape == (4, 3)
    assert out.frame_logits.shape == out.frame_shares.shape == (4, 2)
    assert out.window_logits.shape == out.window_shares.shape == (4, 3)
    assert (out.visual_embedding.shape, out.audio_embedding.shape) == ((4, 8), (4, 12))
    assert out.fused.shape == (4, 1 if kind == "late" else 16)
    assert out.sync is None
    assert out.valid.all()


@pytest.mark.parametrize("kind", FUSIONS)
def test_a_missing_key_is_the_same_as_a_mask_of_nothing(batch: Batch, kind: str) -> None:
    model = model_of(replace(TINY, fusion=FusionConfig(kind, hidden_dim=16)))
    masked = {**batch, "sound_mask": torch.zeros(4, 3, dtype=torch.bool)}
    without, nothing = model(only(batch, "faces")), model(masked)
    assert torch.equal(without.logits, nothing.logits)
    assert torch.equal(without.valid, nothing.valid)
    assert without.valid[0].tolist() == [True, True, False]
    assert without.window_logits is None


def test_the_sound_does_not_move_the_face_logit_nor_faces_the_voice(batch: Batch) -> None:
    model = model_of()
    both = model(batch)
    face_only, voice_only = model(only(batch, "faces")), model(only(batch, "sound"))
    assert torch.allclose(both.logits[:, 1], face_only.logits[:, 1], atol=1e-6)
    assert torch.allclose(both.logits[:, 2], voice_only.logits[:, 2], atol=1e-6)
    assert not torch.allclose(both.logits[:, 0], face_only.logits[:, 0], atol=1e-3)


@pytest.mark.parametrize("kind", FUSIONS)
@pytest.mark.parametrize("end_to_end", [False, True])
def test_the_overall_label_trains_the_branches_only_if_asked(
    batch: Batch, kind: str, end_to_end: bool
) -> None:
    fusion = FusionConfig(kind, hidden_dim=16, end_to_end=end_to_end)
    model = model_of(replace(TINY, fusion=fusion)).train()
    model(batch).logits[:, 0].sum().backward()
    for branch in (model.visual, model.audio):
        reached = branch.encoder.project[1].weight.grad.abs().sum() > 0
        assert reached == end_to_end
    # Late fusion end to end has no way to the branches but through their heads.
    for head in (model.face_head, model.voice_head):
        assert head.weight.grad.eq(0).all() == (kind != "late" or not end_to_end)


def test_gradient_reaches_the_absent_state_only_where_something_is_absent(batch: Batch) -> None:
    model = model_of()
    model(only(batch, "faces")).logits[:, 0].sum().backward()
    assert model.fusion.absent_audio.grad.abs().sum() > 0
    assert model.fusion.absent_visual.grad.abs().sum() == 0


def test_one_faceless_clip_leaves_the_others_as_they_are(batch: Batch) -> None:
    model = model_of()
    mask = batch["faces_mask"].clone()
    mask[1] = False
    whole, holed = model(batch), model({**batch, "faces_mask": mask})
    others = torch.tensor([0, 2, 3])
    assert torch.allclose(whole.logits[others], holed.logits[others], atol=1e-5)
    assert holed.valid[1].tolist() == [True, False, True]
    assert holed.logits[1, 1] == 0


@pytest.mark.parametrize(("visual", "audio"), [(VISUAL, None), (None, AUDIO)])
def test_a_model_of_one_modality_ignores_the_other(
    batch: Batch, visual: VisualConfig | None, audio: AudioConfig | None
) -> None:
    model = model_of(ModelConfig(visual, audio, TINY.fusion))
    out = model(batch)
    assert torch.equal(out.logits, model(only(batch, "faces" if visual else "sound")).logits)
    assert out.valid[0].tolist() == [True, visual is not None, audio is not None]


def test_a_model_of_neither_is_refused() -> None:
    with pytest.raises(ConfigError, match="neither"):
        ModelConfig(None, None)


def test_a_batch_of_neither_is_refused() -> None:
    with pytest.raises(ValueError, match="faces or sound"):
        model_of()({"labels": torch.zeros(1, 3)})


def test_a_clip_with_neither_is_marked_not_valid(batch: Batch) -> None:
    nothing = {k: v & False if k.endswith("mask") else v for k, v in batch.items()}
    out = model_of()(nothing)
    assert not out.valid.any()
    assert out.logits.isfinite().all()


def test_modality_dropout_hides_one_at_the_stated_rate_and_never_both() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        both = torch.ones(20_000, dtype=torch.bool)
        visual, audio = drop_one_modality(both, both, 0.3)
        lone_visual, lone_audio = drop_one_modality(both, ~both, 1.0)
    assert (visual | audio).all()
    assert (~visual).float().mean().item() == pytest.approx(0.15, abs=0.01)
    assert (~audio).float().mean().item() == pytest.approx(0.15, abs=0.01)
    assert lone_visual.all()
    assert not lone_audio.any()


def test_modality_dropout_sleeps_outside_training(batch: Batch) -> None:
    model = model_of(replace(TINY, fusion=FusionConfig(hidden_dim=16, modality_dropout=1.0)))
    assert torch.equal(model(batch).logits, model(batch).logits)


def test_either_is_the_noisy_or_of_two_probabilities() -> None:
    first, second = torch.tensor([-3.0, 0.0, 5.0, NEVER]), torch.tensor([-2.0, 1.0, -5.0, 0.7])
    expected = 1 - (1 - first.sigmoid()) * (1 - second.sigmoid())
    assert torch.allclose(either(first, second).sigmoid(), expected, atol=1e-6)


def test_an_unknown_fusion_is_answered_with_near_names() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'gated'\?"):
        FusionConfig(kind="gatd")


def test_settings_go_to_plain_values_and_back() -> None:
    for config in (TINY, replace(TINY, audio=None)):
        assert from_dict(ModelConfig, to_dict(config)) == config


def test_weights_on_disk_go_to_a_model_built_from_settings_alone(
    batch: Batch, tmp_path: Path
) -> None:
    model = model_of()
    save_weights(model, tmp_path / "model.safetensors")
    twin = build_model(from_dict(ModelConfig, to_dict(model.config)), download=False).eval()
    load_weights(twin, tmp_path / "model.safetensors")
    assert torch.equal(model(batch).logits, twin(batch).logits)


def test_bfloat16_answers_about_the_same(batch: Batch) -> None:
    model = model_of()
    full = model(batch).logits
    with torch.autocast("cpu", torch.bfloat16):
        half = model(batch).logits
    assert half.dtype == torch.float32
    assert torch.allclose(full, half, atol=0.1)
