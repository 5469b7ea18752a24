"""The model learns forgeries that are there, each head its own, from a loop that knows neither."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from avfake.models.audio import AudioConfig
from avfake.models.av_model import ModelConfig, build_model
from avfake.models.fusion import FusionConfig
from avfake.models.outputs import ModelOutput
from avfake.models.spectrogram import SpectrogramConfig
from avfake.models.visual import VisualConfig
from avfake.training.accelerator import outputs_of
from avfake.training.fit import fit
from avfake.training.fit_config import FitConfig
from avfake.training.losses import masked_bce

CONFIG = ModelConfig(
    VisualConfig("test_resnet", weights="none", size_px=32, embedding_dim=16, drop_path=0.0),
    AudioConfig(
        "test_resnet",
        weights="none",
        spectrogram=SpectrogramConfig(num_bands=32, n_fft=256),
        embedding_dim=16,
    ),
    FusionConfig(hidden_dim=16),
)


def clips(num_clips: int, *, seed: int) -> dict[str, Tensor]:
    """A forged face is striped, a forged voice hums; in 7 of 8 clips both are or neither is."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    face = (torch.arange(num_clips) % 2).float()
    voice = torch.where(torch.arange(num_clips) % 8 == 0, 1 - face, face)
    stripes = 40 * (torch.arange(32) % 4 < 2).float()
    faces = 110 + 30 * noise(num_clips, 2, 3, 32, 32) + face.view(-1, 1, 1, 1, 1) * stripes
    hum = 0.1 * torch.sin(2 * torch.pi * 3000 * torch.arange(4000) / 16_000)
    labels = torch.stack([torch.maximum(face, voice), face, voice], dim=1)
    return {
        "faces": faces.clamp(0, 255).to(torch.uint8),
        "faces_mask": torch.ones(num_clips, 2, dtype=torch.bool),
        "sound": 0.1 * noise(num_clips, 2, 4000) + voice.view(-1, 1, 1) * hum,
        "sound_mask": torch.ones(num_clips, 2, dtype=torch.bool),
        "labels": labels,
        "weights": torch.ones_like(labels),
    }


def in_batches(whole: dict[str, Tensor], size: int) -> list[dict[str, Tensor]]:
    num_clips = len(whole["labels"])
    order = torch.randperm(num_clips)
    return [{k: v[part] for k, v in whole.items()} for part in order.split(size)]


def loss(output: ModelOutput, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
    value = masked_bce(output.logits, batch["labels"], batch["weights"] * output.valid)
    return value, {}


def auc(scores: Tensor, labels: Tensor) -> float:
    return float((scores[labels == 1][:, None] > scores[labels == 0]).float().mean())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Tensor]]:
    train, held_out = clips(64, seed=0), clips(32, seed=1)

    def validate(model: torch.nn.Module) -> dict[str, float]:
        return {"log_loss": float(loss(*next(outputs_of(model, [held_out])))[0])}

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(CONFIG)
    config = FitConfig(epochs=10, learning_rate=0.01, progress=False, device="cpu")
    folder: Path = tmp_path_factory.mktemp("run")
    fit(
        model,
        loss=loss,
        train_batches=lambda epoch: in_batches(train, 16),
        validate=validate,
        config=config,
        run_folder=folder,
    )
    return model, held_out


def test_each_head_learns_its_forgery(trained: tuple[Any, dict[str, Tensor]]) -> None:
    model, held_out = trained
    output, _ = next(outputs_of(model, [held_out]))
    for head in range(3):
        assert auc(output.logits[:, head], held_out["labels"][:, head]) == 1.0


def test_a_forged_voice_does_not_accuse_the_face(trained: tuple[Any, dict[str, Tensor]]) -> None:
    model, held_out = trained
    output, _ = next(outputs_of(model, [held_out]))
    lone_voice = (held_out["labels"][:, 1] == 0) & (held_out["labels"][:, 2] == 1)
    assert lone_voice.any()
    assert (output.logits[lone_voice, 1] < 0).all()
    assert (output.logits[lone_voice, 0] > 0).all()


def test_without_sound_the_face_is_still_told(trained: tuple[Any, dict[str, Tensor]]) -> None:
    model, held_out = trained
    silent = {key: value for key, value in held_out.items() if not key.startswith("sound")}
    output, _ = next(outputs_of(model, [silent]))
    assert auc(output.logits[:, 0], held_out["labels"][:, 1]) == 1.0
