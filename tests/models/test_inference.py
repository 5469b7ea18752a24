"""The inference form of a network gives its features, changes nothing of it, and is not kept."""

import copy
import importlib.util
import pickle
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from avfake.clips.archive import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.detector.options import PredictOptions
from avfake.errors import ConfigError
from avfake.labels import COLUMNS
from avfake.models.backbone import load_backbone
from avfake.models.frozen import Frozen, LayerFeatures
from avfake.models.inference import InferenceForm, folded_copy, is_convolutional, runtime_of
from avfake.models.visual import VisualBranch, VisualConfig
from avfake.verdict import Verdict

CNNS = ("test_efficientnet", "test_resnet", "test_convnext", "test_nfnet")
VIT = "test_vit"
needs_openvino = pytest.mark.skipif(
    not importlib.util.find_spec("openvino"), reason="OpenVINO is not installed"
)


def network(name: str) -> nn.Module:
    """A network whose batch statistics are not those it starts with."""
    torch.manual_seed(1)
    made = load_backbone(name, weights="none", size_px=160 if name == VIT else None).network
    assert isinstance(made, nn.Module)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return made.eval()


def pictures(count: int = 5, side: int = 160) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def off(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).std() / wanted.std())


@pytest.mark.parametrize("name", [*CNNS, VIT])
def test_the_features_are_the_same(name: str) -> None:
    made = network(name)
    with torch.inference_mode():
        found, wanted = InferenceForm(made, "torch")(pictures()), made(pictures())
    assert found.dtype == torch.float32
    assert off(found, wanted) < 1e-5


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet"])
def test_every_batch_normalisation_is_folded(name: str) -> None:
    kinds = [type(module) for module in folded_copy(network(name), pictures(1)).modules()]
    assert not [kind for kind in kinds if issubclass(kind, nn.modules.batchnorm._BatchNorm)]


def test_a_convolution_that_is_read_twice_is_not_folded() -> None:
    class ReadTwice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
            nn.init.constant_(self.norm.running_mean, 2.0)

        def forward(self, items: torch.Tensor) -> torch.Tensor:
            convolved = self.convolution(items)
            return (self.norm(convolved) + convolved).mean(dim=(2, 3))

    made = ReadTwice().eval()
    with torch.inference_mode():
        assert torch.equal(folded_copy(made, pictures(1))(pictures()), made(pictures()))


def test_a_frozen_network_is_trained_on_the_features_that_it_will_read() -> None:
    config = VisualConfig(VIT, weights="none", size_px=160, layers=(2,), tune="none")
    branch = VisualBranch(config)
    assert branch.frozen is not None
    branch.prepare_inference("torch")
    crops = 255 * pictures()
    trained = branch.train().features(crops)
    assert branch.frozen.inference is not None
    assert branch.frozen.inference._made  # the form has run
    again = VisualBranch(config)  # of other random weights
    assert again.frozen is not None
    again.frozen.load_state(branch.frozen.save_state())
    again.prepare_inference("torch")
    with torch.inference_mode():
        assert torch.equal(again.eval().features(crops), trained)


def seeing(name: str = "test_efficientnet", tune: str = "all") -> VisualBranch:
    torch.manual_seed(0)
    config = VisualConfig(name, weights="none", size_px=96, embedding_dim=16, tune=tune)
    return VisualBranch(config).eval()


@pytest.mark.parametrize("runtime", ["torch", pytest.param("openvino", marks=needs_openvino)])
def test_the_features_of_an_item_do_not_depend_on_the_others(
    runtime: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AVFAKE_CACHE", str(tmp_path))
    branch = seeing()
    branch.prepare_inference(runtime)
    with torch.inference_mode():
        whole = branch.features(255 * pictures(9))
        for count in (1, 3, 4, 6):
            found = branch.features(255 * pictures(9)[:count])
            assert torch.allclose(found, whole[:count], rtol=0, atol=1e-4 * float(whole.std()))


def test_where_gradients_are_wanted_the_network_itself_runs() -> None:
    branch = seeing()
    crops = 255 * pictures(2, 96)
    wanted = branch.features(crops).detach()
    branch.prepare_inference("torch")
    found = branch.features(crops.requires_grad_())
    assert torch.equal(found.detach(), wanted)
    found.sum().backward()
    assert crops.grad is not None
    assert float(crops.grad.abs().sum()) > 0


@pytest.mark.parametrize("name", ["test_resnet", VIT])
def test_frozen_networks_compute_in_float32_whatever_the_caller_has(name: str) -> None:
    branch = seeing(name, tune="none")
    crops = 255 * pictures(2, 96)
    with torch.no_grad():
        wanted = branch.features(crops)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(branch.features(crops), wanted)
            branch.prepare_inference("torch")
            found = branch.features(crops)
    assert found.dtype == torch.float32
    assert off(found, wanted) < 1e-5


def test_training_drops_the_form() -> None:
    branch = seeing()
    branch.prepare_inference("torch")
    with torch.inference_mode():
        before = branch.features(255 * pictures(2, 96))
    branch.train()
    assert branch.backbone is not None
    with torch.no_grad():
        next(branch.backbone.parameters()).mul_(3.0)
        after = branch.eval().features(255 * pictures(2, 96))
    assert off(after, before) > 0.1


def test_a_backbone_that_was_replaced_runs_in_place_of_the_form() -> None:
    branch = seeing()
    branch.prepare_inference("torch")
    branch.backbone = network("test_resnet")
    with torch.inference_mode():
        assert branch.encode_items(pictures(2)).shape == branch.backbone(pictures(2)).shape


def test_a_form_can_be_copied_and_pickled() -> None:
    branch = seeing()
    branch.prepare_inference("torch")
    with torch.inference_mode():
        wanted = branch.features(255 * pictures(2, 96))
        for other in (copy.deepcopy(branch), pickle.loads(pickle.dumps(branch))):
            assert torch.equal(other.features(255 * pictures(2, 96)), wanted)


def test_branches_with_one_frozen_backbone_have_one_form() -> None:
    first = seeing(tune="none")
    second = VisualBranch(first.config, first.frozen)
    for branch in (first, second):
        branch.prepare_inference("torch")
    assert first.frozen is not None
    assert second.frozen is first.frozen
    form = first.frozen.inference
    first.prepare_inference("torch")
    assert first.frozen.inference is form


def test_a_bundle_of_a_detector_that_predicted_is_the_same(
    detector_folder: Path, prepared: PreparedFolder, tmp_path: Path
) -> None:
    detector = Detector.from_pretrained(detector_folder, device="cpu")
    detector.predict_clip(Clip.open(prepared.clips[0].archive))
    detector.members[0].save(tmp_path / "again")
    for path in sorted(detector_folder.glob("*.safetensors")):
        before, after = load_file(path), load_file(tmp_path / "again" / path.name)
        assert {*before} == {*after}
        assert all(torch.equal(before[name], after[name]) for name in before)


def probabilities(verdicts: Sequence[Verdict]) -> np.ndarray:
    """Return [N, 3]; NaN where not assessed."""
    columns = [name for name, _ in COLUMNS.values()]
    return np.array([[getattr(v, name) for name in columns] for v in verdicts], np.float64)


@pytest.mark.parametrize("runtime", ["torch", pytest.param("openvino", marks=needs_openvino)])
def test_the_probabilities_are_those_of_float32(
    runtime: str,
    detector_folder: Path,
    prepared: PreparedFolder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("AVFAKE_CACHE", str(tmp_path))
    clips = [Clip.open(clip.archive) for clip in prepared.clips[:8]]
    plain = Bundle.read(detector_folder)  # without a form
    wanted = [plain.predict_clip(clip, PredictOptions(), file="") for clip in clips]
    detector = Detector.from_pretrained(detector_folder, device="cpu", runtime=runtime)
    found = [detector.predict_clip(clip) for clip in clips]
    np.testing.assert_allclose(*map(probabilities, (found, wanted)), rtol=0, atol=0.01)
    for model in detector.members[0].models:
        assert model.visual is not None
        assert model.visual.inference is not None
        assert model.visual.inference.runtime == runtime


def test_runtimes_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVFAKE_RUNTIME", "openvine")
    with pytest.raises(ConfigError, match="AVFAKE_RUNTIME.*did you mean 'openvino'"):
        runtime_of()
    assert runtime_of("torch") == "torch"
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert runtime_of("auto") == "torch"


def test_openvino_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(ConfigError, match="pip install 'avfake\\[openvino\\]'"):
        runtime_of("openvino")


def test_only_convolutional_networks_run_in_openvino() -> None:
    assert is_convolutional(network("test_efficientnet"))
    assert InferenceForm(network(VIT), "openvino").runtime == "torch"


@needs_openvino
@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "test_nfnet"])
def test_openvino_gives_the_features_of_torch(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AVFAKE_CACHE", str(tmp_path))
    made = network(name)
    with torch.inference_mode():
        wanted = made(pictures())
        assert off(InferenceForm(made, "openvino")(pictures()), wanted) < 1e-4
    assert [path.suffix for path in sorted((tmp_path / "openvino").iterdir())] == ["", ".lock"]


@needs_openvino
def test_frozen_layers_run_in_openvino(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AVFAKE_CACHE", str(tmp_path))
    frozen = load_backbone("test_resnet", weights="none", layers=(1, 2), tune="none").network
    assert isinstance(frozen, Frozen)
    form = InferenceForm(frozen.network, "openvino")
    with torch.inference_mode():
        assert off(form(pictures()), frozen.network(pictures())) < 1e-4
    assert len(list(tmp_path.rglob("network.xml"))) == 1
    # The same weights, read elsewhere, are another network.
    assert isinstance(frozen.network, LayerFeatures)
    other = LayerFeatures(frozen.network.network, (0, 2)).eval()
    with torch.inference_mode():
        assert off(InferenceForm(other, "openvino")(pictures()), other(pictures())) < 1e-4
    assert len(list(tmp_path.rglob("network.xml"))) == 2


@needs_openvino
def test_a_conversion_is_kept_and_made_again_where_it_is_damaged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from avfake.models import converted

    monkeypatch.setenv("AVFAKE_CACHE", str(tmp_path))
    calls, convert = [], converted._convert

    def counted(*given: object) -> object:
        calls.append(1)
        return convert(*given)

    monkeypatch.setattr(converted, "_convert", counted)
    made = network("test_resnet")
    with torch.inference_mode():
        wanted = InferenceForm(made, "openvino")(pictures())
        assert torch.equal(InferenceForm(made, "openvino")(pictures()), wanted)
        assert len(calls) == 1
        [weights] = tmp_path.rglob("network.bin")
        weights.write_bytes(weights.read_bytes()[:-100])
        assert torch.equal(InferenceForm(made, "openvino")(pictures()), wanted)
        assert len(calls) == 2
        shutil.rmtree(tmp_path / "openvino")
        (tmp_path / "openvino").write_text("no folder")
        assert torch.equal(InferenceForm(made, "openvino")(pictures()), wanted)


SIGNALS = """
import faulthandler, os, signal
import torch
from avfake.models.inference import InferenceForm
faulthandler.enable()  # has an alternate signal stack, on which Python handles signals
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
forms = [InferenceForm(torch.nn.Conv2d(3, 4, size).eval(), "openvino") for size in (3, 5)]
with torch.inference_mode():
    for form in forms:
        form(torch.zeros(1, 3, 32, 32))
while forms:
    del forms[0], form
    form = None
    os.kill(os.getpid(), signal.SIGUSR1)
"""


@needs_openvino
def test_signals_are_handled_after_networks_have_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AVFAKE_CACHE", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", SIGNALS], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, ["handled"] * 2), done.stderr


@needs_openvino
def test_what_openvino_cannot_convert_runs_in_torch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from avfake.models import converted

    def fails(*_: object) -> object:
        raise converted.ConversionError("an unknown operation")

    monkeypatch.setenv("AVFAKE_CACHE", str(tmp_path))
    monkeypatch.setattr(converted, "_convert", fails)
    made = network("test_resnet")
    with torch.inference_mode():
        found = InferenceForm(made, "openvino")(pictures())
        assert torch.equal(found, InferenceForm(made, "torch")(pictures()))
    assert "an unknown operation" in caplog.text
