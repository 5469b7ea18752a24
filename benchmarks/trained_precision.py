"""How far the inference form moves the probabilities of a trained image network.

    python -m benchmarks trained_precision --clips prepared/video

Trains a visual branch (EfficientNet-B0 at 224 px from random weights) for some steps on half of the
crops, so that its probabilities are spread, then scores the other half: in float32 by the network
as it is, in bfloat16 (torch.autocast), in the inference form, and in OpenVINO where that is
installed.
Prints the largest and the mean difference of the probabilities.
"""

import importlib.util
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from avfake.clips.archive import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.models.visual import VisualBranch, VisualConfig

BATCH = 8


@dataclass(frozen=True)
class Config:
    """What is compared."""

    clips: str
    """Prepared folder whose crops are used."""
    backbone: str = "tf_efficientnet_b0"
    size_px: int = 224
    crops: int = 200
    steps: int = 40
    """Training steps before the comparison."""


def main(asked: Config) -> None:
    torch.manual_seed(0)
    crops, labels = crops_of(asked.clips, 2 * asked.crops)
    branch = VisualBranch(VisualConfig(asked.backbone, weights="none", size_px=asked.size_px))
    train(branch, crops[::2], labels[::2], asked.steps)
    held = crops[1::2][: asked.crops]
    with torch.inference_mode():
        wanted = probabilities(branch, held)
        low, middle, high = np.quantile(wanted, (0.1, 0.5, 0.9))
        print(f"{len(held)} crops, probabilities: {low:.2f} / {middle:.2f} / {high:.2f}")
        with torch.autocast("cpu", torch.bfloat16):
            show("torch in bfloat16", probabilities(branch, held), wanted)
        for runtime in ("torch", *(["openvino"] if importlib.util.find_spec("openvino") else [])):
            branch.inference = None
            branch.prepare_inference(runtime)
            show(f"the inference form in {runtime}", probabilities(branch, held), wanted)


def show(what: str, found: np.ndarray, wanted: np.ndarray) -> None:
    """Print the differences of probabilities."""
    off = np.abs(found - wanted)
    print(f"{what}: at most {off.max():.5f}, mean {off.mean():.6f}")


def crops_of(folder: str, count: int) -> tuple[Tensor, Tensor]:
    """Return uint8 crops [N, 3, S, S] of clips evenly spread over a folder, and labels [N]."""
    clips = [clip for clip in PreparedFolder(folder).clips if clip.has_visual]
    chosen = np.random.default_rng(0).permutation(len(clips))
    found: list[np.ndarray] = []
    labels: list[float] = []
    for number in chosen:
        row = clips[number].row
        if row.label is None or len(found) >= count:
            continue
        crops = Clip.open(clips[number].archive).crops()[0][:4]
        found += list(crops)
        labels += [float(row.label)] * len(crops)
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2), torch.tensor(labels)


def train(branch: VisualBranch, crops: Tensor, labels: Tensor, steps: int) -> None:
    """Train for some steps of `BATCH` crops; running statistics follow fast."""
    for module in branch.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.1
    optimizer = torch.optim.AdamW(branch.parameters(), 1e-3)
    branch.train()
    started = time.process_time()
    for _ in range(steps):
        chosen = torch.randint(len(crops), (BATCH,))
        mask = torch.ones(BATCH, 1, dtype=torch.bool)
        logits = branch(crops[chosen][:, None], mask).item_logits[:, 0]
        loss = F.binary_cross_entropy_with_logits(logits, labels[chosen])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    branch.eval()
    seconds = time.process_time() - started
    print(f"{steps} steps in {seconds:.0f} CPU s, last loss {float(loss.detach()):.3f}")


def probabilities(branch: VisualBranch, crops: Tensor) -> np.ndarray:
    mask = torch.ones(1, len(crops), dtype=torch.bool)
    return torch.sigmoid(branch(crops[None], mask).item_logits[0]).double().numpy()
