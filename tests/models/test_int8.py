"""Linear layers in int8: sums as in float32 but for the last of 16 bits of the inputs."""

import pytest
import torch
from torch import nn

from avfake.detector.detector import Detector
from avfake.models.frozen import Frozen
from avfake.models.inference import InferenceForm
from avfake.models.int8 import Int8Linear, has_int8_products, in_int8
from avfake.models.visual import VisualBranch, VisualConfig

needs_int8 = pytest.mark.skipif(
    not has_int8_products(), reason="this processor has no instructions for int8"
)
ONE_PART = 1 / (127 * 256)
"""The last bit of an input, as a share of the largest of its row."""


def rounded(inputs: int = 400, outputs: int = 300, *, bias: bool = True) -> nn.Linear:
    """A linear layer as a frozen network holds it."""
    torch.manual_seed(0)
    layer = nn.Linear(inputs, outputs, bias=bias)
    return Frozen(nn.Sequential(layer)).network[0]  # type: ignore[index]


def made(layer: nn.Linear) -> Int8Linear:
    found = in_int8(layer)
    assert found is not None
    return found


def rows(*shape: int) -> torch.Tensor:
    """Inputs like those of transformers: some are a hundred times as large as the others."""
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    drawn[..., ::97] *= 100
    return drawn


@needs_int8
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(7, 400), (2, 5, 400), (400,)])
@torch.inference_mode()
def test_only_the_last_bit_of_inputs_is_rounded(shape: tuple[int, ...], bias: bool) -> None:
    layer, inputs = rounded(bias=bias), rows(*shape)
    found, wanted = made(layer)(inputs), layer.double()(inputs.double())
    assert found.dtype == torch.float32
    assert found.shape == wanted.shape
    most = inputs.abs().amax(-1, keepdim=True).double() * ONE_PART / 2
    assert (found - wanted).abs().le(1.1 * most * layer.weight.abs().sum(1) + 1e-5).all()


@needs_int8
@torch.inference_mode()
def test_whole_numbers_are_multiplied_exactly() -> None:
    layer = nn.Linear(256, 400)
    steps = torch.randint(-127, 128, (400, 256), generator=torch.Generator().manual_seed(0))
    steps[:, 0] = 127  # so that the step of each row is 1
    layer.weight.copy_(steps)
    layer.bias.zero_()
    inputs = torch.randint(-32_512, 32_513, (9, 256), generator=torch.Generator().manual_seed(1))
    inputs[:, 1] = 32_512
    inputs[0], inputs[0, 1:3] = 0, torch.tensor([32_512, -32_512])
    found = made(layer)(inputs.float())
    wanted = inputs.double() @ steps.double().T
    torch.testing.assert_close(found.double(), wanted, rtol=2e-7, atol=0)


@needs_int8
@torch.inference_mode()
def test_a_row_does_not_depend_on_the_others() -> None:
    layer, inputs = made(rounded()), rows(33, 400)
    whole = layer(inputs)
    for count in (1, 4, 17):
        assert torch.equal(layer(inputs[:count]), whole[:count])


@needs_int8
def test_networks_that_read_the_weights_of_a_layer_run_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = VisualConfig(
        "eva02_tiny_patch14_224", weights="none", size_px=224, layers=(0,), tune="none"
    )
    branch = VisualBranch(config).eval()
    crops = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    with torch.inference_mode():
        wanted = branch.features(crops)
        branch.prepare_inference("torch")
        found = branch.features(crops)
    assert 0 < (found - wanted).std() / wanted.std() < 1e-3
    # A graph is for other machines, too.
    monkeypatch.setattr(torch.jit, "is_tracing", lambda: True)
    with torch.inference_mode():
        assert torch.equal(branch.features(crops), wanted)


@needs_int8
@torch.inference_mode()
def test_rows_of_zeros_and_of_no_numbers() -> None:
    layer, inputs = made(rounded()), rows(4, 400)
    inputs[0], inputs[1, 3], inputs[2, 5] = 0, torch.nan, torch.inf
    found = layer(inputs)
    assert torch.equal(found[0], layer.bias)
    assert not found[1:3].isfinite().any()
    assert found[3].isfinite().all()
    assert layer(inputs[:0]).shape == (0, 300)


def test_only_weights_that_were_rounded_are_multiplied_so() -> None:
    assert in_int8(nn.Linear(400, 300)) is None  # as it was trained
    assert in_int8(rounded(40, 30)) is None  # too small to be stored in int8


@needs_int8
@torch.inference_mode()
def test_a_frozen_network_multiplies_in_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = Frozen(nn.Sequential(nn.Linear(400, 300), nn.GELU(), nn.Linear(300, 400)))
    inputs = rows(5, 400)
    wanted, found = frozen(inputs), InferenceForm(frozen.network, "torch")(inputs)
    assert 0 < (found - wanted).std() / wanted.std() < 1e-3
    monkeypatch.setattr("avfake.models.inference.has_int8_products", lambda: False)
    assert torch.equal(InferenceForm(frozen.network, "torch")(inputs), wanted)


def test_every_processor_with_the_instructions_uses_them() -> None:
    assert has_int8_products.__wrapped__() == torch.cpu._is_vnni_supported()


@needs_int8
def test_products_that_are_wrong_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    # As where sums of 16 bits leave out what does not fit.
    product = Int8Linear._product
    monkeypatch.setattr(Int8Linear, "_product", lambda *given: product(*given).clamp(max=2e6))
    assert not has_int8_products.__wrapped__()


@pytest.mark.parametrize("error", [AttributeError, RuntimeError])
def test_where_torch_has_other_operators_float32_is_used(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fails(*_: object) -> torch.Tensor:
        raise error("no such operator")

    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    monkeypatch.setattr(Int8Linear, "__init__", fails)
    assert not has_int8_products.__wrapped__()


@needs_int8
@torch.inference_mode()
def test_scores_of_crops_by_the_default_detector_stay() -> None:
    [first, *_] = Detector.default(device="cpu").members[0].models
    assert first.visual is not None
    assert first.visual.frozen is not None
    pictures = torch.rand(4, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    pictures *= torch.linspace(0.2, 1, 4)[:, None, None, None]
    found, wanted = (
        first.visual.encode(features, torch.ones(1, 4, dtype=torch.bool)).item_logits
        for features in (first.visual.encode_items(pictures), first.visual.frozen(pictures))
    )
    assert 0 < (found - wanted).abs().max() < 0.02  # at .5 a probability of .005
