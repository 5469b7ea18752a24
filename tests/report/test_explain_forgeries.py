"""Truth from the studio, which knows what it forged: the heat of a trained network lies on it."""

import numpy as np
import pytest
import torch

from avfake.clips.archive import Clip
from avfake.clips.config import ClipConfig
from avfake.clips.preparation.prepare import prepare_clips
from avfake.datasets.build import build_manifest
from avfake.datasets.schema import load_spec
from avfake.detector.detector import Detector
from avfake.faces.cropping import CropConfig
from avfake.models.visual import VisualConfig
from avfake.report.occlusion import face_heat
from avfake.studio.build import build_studio
from avfake.studio.family import forged_area
from avfake.studio.plan import StudioConfig, plan_families
from avfake.training.config import DataConfig, TrainingConfig
from avfake.training.fit_config import FitConfig
from avfake.training.pipeline import train_detector

STUDIO = StudioConfig(240, seconds=1.0, seed=3, difficulty=0.1, frame_sizes=((160, 160),))
CLIPS = ClipConfig(num_frames=4, crop=CropConfig(size_px=96))
SIGHT = TrainingConfig(
    visual=VisualConfig("test_resnet", weights="none", size_px=96, drop_path=0.0),
    use_audio=False,
    data=DataConfig(
        num_folds=2,
        val_share=0.1,
        test_share=0.3,
        num_frames=2,
        batch_size=16,
        keep_groups=True,
        undersample=False,
        passes=8,
    ),
    fit=FitConfig(epochs=4, progress=False, learning_rate=2e-3),
)


def heated(detector: Detector, clip: Clip, area: np.ndarray) -> list[float]:
    """Mean heat inside the forged area over that outside, of each crop of a fake."""
    track = clip.meta.persons[0].as_track()
    moments = (np.array(clip.meta.frame_seconds) * STUDIO.fps).round().astype(int)
    drawn = np.repeat(area[moments][..., None] * np.uint8(255), 3, axis=3)
    areas = track.crops(drawn, CLIPS.crop)[..., 0] > 127
    crops = np.stack([clip.crop(0, at) for at in range(len(track))]).transpose(0, 3, 1, 2)
    branches = [model.visual for model in detector.members[0].models if model.visual is not None]
    heats = face_heat(branches, torch.from_numpy(crops))
    return [
        float(heat[inside].mean() / max(heat[~inside].mean(), 1e-9)) if heat.any() else 0.0
        for heat, inside in zip(heats.numpy(), areas, strict=True)
    ]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_heat_lies_on_what_was_forged(tmp_path):
    build_studio(tmp_path / "studio", STUDIO, workers=2, show_progress=False)
    manifest = build_manifest(load_spec("studio"), tmp_path / "studio")
    folder = prepare_clips(manifest, tmp_path / "clips", CLIPS, workers=2)
    run = train_detector([folder], SIGHT, tmp_path / "run")
    detector = Detector.from_pretrained(run.detector, device="cpu")
    tested = {example.row.clip_id for example in run.plan.splits["test"]}
    ratios = []
    for family in plan_families(STUDIO):
        for number, plan in enumerate(family.clips):
            if plan.filename not in tested or not plan.face_fake or plan.voice_fake:
                continue
            clip = Clip.open(folder.archive_of(plan.filename))
            if (detector.predict_clip(clip).p_face_fake or 0) > 0.5:
                ratios += heated(detector, clip, forged_area(family, STUDIO, number))
    assert len(ratios) > 20
    assert np.median(ratios) > 1
