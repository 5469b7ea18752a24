"""The three networks of MTCNN with facenet-pytorch's weights, and suppression of double boxes.

Neither facenet-pytorch nor torchvision is imported: that imports torch's compiler, and takes as
long as importing torch itself. The results are theirs (tests/faces/test_networks.py).
Reference: Zhang et al. 2016, IEEE SPL 23/10, figure 2.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from avfake.errors import ConfigError


class PNet(nn.Module):
    """[N, 3, H, W] -> shifts [N, 4, h, w] and shares of "no face" and "face" [N, 2, h, w]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.pool1 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pool1(self.prelu1(self.conv1(pictures)))
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_2(x), self.conv4_1(x).softmax(1)


class RNet(nn.Module):
    """[K, 3, 24, 24] -> shifts [K, 4] and shares of "no face" and "face" [K, 2]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.pool1 = self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pool1(self.prelu1(self.conv1(pictures)))
        x = self.pool2(self.prelu2(self.conv2(x)))
        x = self.prelu4(self.dense4(_columns_first(self.prelu3(self.conv3(x)))))
        return self.dense5_2(x), self.dense5_1(x).softmax(1)


class ONet(nn.Module):
    """[K, 3, 48, 48] -> shifts [K, 4], points [K, 10] and shares of "no face" and "face" [K, 2]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.pool1 = self.pool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.pool3 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2 = nn.Linear(256, 2), nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.pool1(self.prelu1(self.conv1(pictures)))
        x = self.pool2(self.prelu2(self.conv2(x)))
        x = self.pool3(self.prelu3(self.conv3(x)))
        x = self.prelu5(self.dense5(_columns_first(self.prelu4(self.conv4(x)))))
        return self.dense6_2(x), self.dense6_3(x), self.dense6_1(x).softmax(1)


def _columns_first(x: Tensor) -> Tensor:
    """[K, C, H, W] -> [K, W * H * C], the order in which the weights were published."""
    return x.permute(0, 3, 2, 1).flatten(1)


@dataclass(frozen=True)
class Networks:
    """The networks of the three stages, in eval mode."""

    pnet: PNet
    rnet: RNet
    onet: ONet


def load_networks(device: str | torch.device = "cpu") -> Networks:
    """Return the networks with the weights of facenet-pytorch; ConfigError without the package."""
    package = find_spec("facenet_pytorch")
    if package is None or package.origin is None:
        raise ConfigError("facenet-pytorch is not installed; pip install facenet-pytorch")
    networks = Networks(PNet(), RNet(), ONet())
    for name, network in vars(networks).items():
        path = Path(package.origin).parent / "data" / f"{name}.pt"
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        network.to(device).eval().requires_grad_(False)
    return networks


def batched_nms(boxes: Tensor, confidences: Tensor, frames: Tensor, max_overlap: float) -> Tensor:
    """Return the indices of the boxes that remain, most confident first.

    Of two boxes of a frame that overlap by more, as intersection over union, the less confident is
    left out.

    Args:
        boxes: float32 [K, 4]
        confidences: float32 [K]
        frames: int64 [K], the frame of each box
    """
    _load_operators()
    kept = [
        here[torch.ops.torchvision.nms(boxes[here], confidences[here], max_overlap)]
        for here in ((frames == frame).nonzero()[:, 0] for frame in frames.unique())
    ]
    if not kept:
        return frames.new_zeros(0)
    found = torch.cat(kept)
    return found[confidences[found].argsort(descending=True)]


@cache
def _load_operators() -> None:
    """Load torchvision's operators alone."""
    package = find_spec("torchvision")
    folder = Path(package.origin).parent if package and package.origin else Path()
    library = next(folder.glob("_C*.so"), None)
    if library is None:
        import torchvision  # noqa: F401  another system, where the file has another name
    else:
        torch.ops.load_library(library)
