"""Whether heat maps of face crops lie on what was forged.

    python -m benchmarks heat_maps --detector runs/x/detector --studio studio --clips clips

`studio` is a folder that avfake studio made, `clips` the same prepared; the crops are those of
clips of the run's test split with a forged face, a genuine voice and p_face_fake above one half.
For each crop the mean heat per pixel inside the forged area is divided by that outside; the area is
known from filming the family anew. Prints the median of this ratio and the share of crops above 1,
for each way of making the map; and as a control the same on the crops of the genuine original, with
the same area, because a map that is hot in the middle of every face has a ratio above 1 as well.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avfake import Detector
from avfake.clips.archive import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.models.visual import VisualBranch
from avfake.report.occlusion import face_heat, item_logit
from avfake.studio.family import forged_area
from avfake.studio.plan import StudioConfig, plan_families

Heat = Callable[[VisualBranch, Tensor], Tensor]


class CropLogit(nn.Module):
    """[M, 3, s, s] normalised pictures -> [M] logits of a forged face."""

    def __init__(self, branch: VisualBranch) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, pictures: Tensor) -> Tensor:
        return item_logit(self.branch, self.branch.encode_items(pictures))


@dataclass(frozen=True)
class Config:
    """What is measured."""

    detector: Path
    studio: Path
    clips: Path
    plan: Path | None = None
    """Table with clip_id and split; by default plan.csv beside the detector."""
    first: int = 0
    """Clips to pass over, in the order of their names; choose a method on some, check on others."""
    num_clips: int = 30
    num_crops: int = 2
    """Frames of each clip, evenly spread."""
    methods: tuple[str, ...] = ()
    """By default all."""
    seed: int = 0


def main(config: Config) -> None:
    torch.manual_seed(config.seed)
    detector = Detector.from_pretrained(config.detector)
    fakes, originals, areas = gather(detector, config)
    print(f"{detector.name}: {len(fakes)} crops, {areas.mean():.0%} of each forged")
    branches = [model.visual for model in detector.members[0].models if model.visual is not None]
    for name in config.methods or METHODS:
        print(f"{name:28}", end="")
        for crops in (fakes, originals):
            heat = torch.stack([METHODS[name](one, crops) for one in branches]).mean(0).numpy()
            ratios = [density_ratio(*pair) for pair in zip(heat, areas, strict=True)]
            above = np.mean([ratio > 1 for ratio in ratios])
            print(f"median {np.median(ratios):7.2f}  above 1: {above:4.0%}", end="    ")
        print(flush=True)


def density_ratio(heat: np.ndarray, area: np.ndarray) -> float:
    """Mean heat inside over mean heat outside; 0 for a map without any."""
    inside, outside = float(heat[area].mean()), float(heat[~area].mean())
    return 0.0 if inside == 0 else inside / max(outside, 1e-12)


def gather(detector: Detector, config: Config) -> tuple[Tensor, Tensor, np.ndarray]:
    """Crops of fakes and of their originals, uint8 [M, 3, S, S], and areas, bool [M, S, S]."""
    studio = read_studio(config.studio)
    archives = {one.row.clip_id: one.archive for one in PreparedFolder(config.clips).clips}
    plan = pd.read_csv(config.plan or config.detector.parent / "plan.csv")
    wanted = archives.keys() & set(plan.clip_id[plan.split == "test"])
    found = [
        (clip, family, number)
        for family in plan_families(studio)
        for number, clip in enumerate(family.clips)
        if clip.filename in wanted and clip.face_fake and not clip.voice_fake
    ]
    right = []
    for clip, family, number in sorted(found, key=lambda one: one[0].filename):
        fake = Clip.open(archives[clip.filename])
        if (detector.predict_clip(fake).p_face_fake or 0) > 0.5 and fake.meta.persons:
            right.append((fake, Clip.open(archives[clip.original]), family, number))
    chosen = right[config.first : config.first + config.num_clips]
    print(f"{len(right)} of {len(found)} clips decided right; {len(chosen)} of them looked at")
    kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for fake, original, family, number in chosen:
        area = forged_area(family, studio, number)
        kept += crops_of(fake, original, area, detector, studio.fps, config.num_crops)
    fakes, originals, areas = (np.stack(column) for column in zip(*kept, strict=True))
    return _planes(fakes), _planes(originals), areas


def crops_of(
    fake: Clip, original: Clip, area: np.ndarray, detector: Detector, fps: int, num_crops: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For some moments of a clip: its crop, the original's, and the forged area in both."""
    track = fake.meta.persons[0].as_track()
    chosen = np.unique(np.linspace(0, len(track) - 1, num_crops + 2).round()[1:-1])
    moments = (np.array(fake.meta.frame_seconds) * fps).round().astype(int)
    drawn = np.repeat(area[moments.clip(0, len(area) - 1), ..., None] * np.uint8(255), 3, axis=3)
    areas = track.crops(drawn, detector.members[0].spec.clip.crop)[..., 0] > 127
    return [
        (fake.crop(0, at), original.crop(0, at), areas[at])
        for at in chosen.astype(int).tolist()
        if areas[at].any() and not areas[at].all()
    ]


def read_studio(folder: Path) -> StudioConfig:
    """The settings of the studio in a folder."""
    fields: dict[str, Any] = json.loads((folder / "studio.json").read_text())
    fields["frame_sizes"] = tuple(tuple(size) for size in fields["frame_sizes"])
    return StudioConfig(**fields)


def _planes(crops: np.ndarray) -> Tensor:
    return torch.from_numpy(crops).permute(0, 3, 1, 2)


def at_stage(back: int) -> Heat:
    """Gradient times activation `back` stages before the last."""

    def heat(branch: VisualBranch, faces: Tensor) -> Tensor:
        from captum.attr import LayerGradientXActivation

        network: Any = branch.backbone
        layer = network.get_submodule(network.feature_info[-1 - back]["module"])
        product = LayerGradientXActivation(CropLogit(branch).eval(), layer).attribute(
            branch.normalise(faces)
        )
        return _scaled(product.detach().sum(1, keepdim=True).relu(), faces)

    return heat


def by_pixels(*, integrated: bool, samples: int, signed: bool) -> Heat:
    """Gradient times input, or integrated gradients, averaged over noisy copies and smoothed."""

    def heat(branch: VisualBranch, faces: Tensor) -> Tensor:
        from captum.attr import InputXGradient, IntegratedGradients, NoiseTunnel
        from torchvision.transforms.functional import gaussian_blur

        model = CropLogit(branch).eval()
        method: Any = IntegratedGradients(model) if integrated else InputXGradient(model)
        options: dict[str, Any] = {"n_steps": 8} if integrated else {}
        if samples > 1:
            method = NoiseTunnel(method)
            options |= {"nt_type": "smoothgrad", "nt_samples": samples, "stdevs": 0.15}
        parts = [
            method.attribute(part, **options).detach().sum(1, keepdim=True)
            for part in branch.normalise(faces).split(10)
        ]
        product = torch.cat(parts)
        product = product.relu() if signed else product.abs()
        return gaussian_blur(_scaled(product, faces)[:, None], [17, 17], [4.0, 4.0])[:, 0]

    return heat


def by_hiding(*, cells: int, overlap: int, blurred: bool) -> Heat:
    """What the logit loses when a window is hidden, under grey or under a blur."""

    def heat(branch: VisualBranch, faces: Tensor) -> Tensor:
        from captum.attr import Occlusion
        from torchvision.transforms.functional import gaussian_blur

        pictures = branch.normalise(faces)
        side = round(pictures.shape[-1] / cells)
        cover: Any = gaussian_blur(pictures, [31, 31], [8.0, 8.0]) if blurred else 0.0
        with torch.no_grad():
            lost = Occlusion(CropLogit(branch).eval()).attribute(
                pictures,
                sliding_window_shapes=(3, side, side),
                strides=(3, side // overlap, side // overlap),
                baselines=cover,
            )
        return _scaled(lost.sum(1, keepdim=True).relu(), faces)

    return heat


def _scaled(heat: Tensor, faces: Tensor) -> Tensor:
    size = faces.shape[-2:]
    return F.interpolate(heat.float(), size, mode="bilinear", align_corners=False)[:, 0]


METHODS: dict[str, Heat] = {
    "as shipped": lambda branch, faces: face_heat([branch], faces),
    "hirescam, last stage": at_stage(0),
    "hirescam, 1 before": at_stage(1),
    "hirescam, 2 before": at_stage(2),
    "hirescam, 3 before": at_stage(3),
    "gradient x input, +": by_pixels(integrated=False, samples=16, signed=True),
    "gradient x input, abs": by_pixels(integrated=False, samples=16, signed=False),
    "integrated gradients, +": by_pixels(integrated=True, samples=4, signed=True),
    "integrated gradients, abs": by_pixels(integrated=True, samples=4, signed=False),
    "hidden under grey, 1/8": by_hiding(cells=8, overlap=2, blurred=False),
    "hidden under grey, 1/4": by_hiding(cells=4, overlap=2, blurred=False),
    "hidden under blur, 1/8": by_hiding(cells=8, overlap=2, blurred=True),
    "hidden under blur, 1/8 once": by_hiding(cells=8, overlap=1, blurred=True),
    "hidden under blur, 1/6": by_hiding(cells=6, overlap=2, blurred=True),
    "hidden under blur, 1/4": by_hiding(cells=4, overlap=2, blurred=True),
}
