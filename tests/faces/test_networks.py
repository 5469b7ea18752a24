"""The own networks of MTCNN and its suppression of boxes give what their packages give."""

import subprocess
import sys

import facenet_pytorch
import pytest
import torch
from torchvision.ops.boxes import batched_nms as torchvisions

from avfake.errors import ConfigError
from avfake.faces.networks import batched_nms, load_networks


@pytest.mark.parametrize(("name", "side"), [("pnet", 41), ("rnet", 24), ("onet", 48)])
def test_the_networks_are_those_of_facenet(name: str, side: int) -> None:
    pictures = torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0))
    expected = getattr(facenet_pytorch.MTCNN(), name)(pictures)
    found = getattr(load_networks(), name)(pictures)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("count", [0, 1, 400])
def test_the_boxes_that_remain_are_those_of_torchvision(count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    corners = torch.rand(count, 2, generator=generator) * 100
    boxes = torch.cat([corners, corners + 10 + 20 * torch.rand(count, 2, generator=generator)], 1)
    confidences = torch.rand(count, generator=generator)
    frames = torch.randint(0, 4, (count,), generator=generator)
    for overlap in (0.3, 0.7):
        found = batched_nms(boxes, confidences, frames, overlap)
        assert torch.equal(found, torchvisions(boxes, confidences, frames, overlap))


def test_neither_package_is_imported() -> None:
    code = (
        "import torch, sys\n"
        "from avfake.faces.networks import batched_nms, load_networks\n"
        "load_networks(), batched_nms(torch.zeros(1, 4), torch.zeros(1), torch.zeros(1), 0.5)\n"
        "print({'torchvision', 'facenet_pytorch', 'torch._dynamo'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_without_the_package_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avfake.faces.networks.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install facenet-pytorch"):
        load_networks()
