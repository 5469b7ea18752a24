"""A sync branch on the whole road: learned beside the others, heard by fusion and stacker."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avfake.calibration.features import SYNC_STATISTICS
from avfake.clips.archive import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.clips.sample import SampleConfig
from avfake.detector.branch_scores import score_clip
from avfake.detector.detector import Detector
from avfake.detector.options import PredictOptions
from avfake.errors import ConfigError
from avfake.models.av_model import build_model
from avfake.models.outputs import ModelOutput, SyncOutput
from avfake.models.sync import SyncConfig
from avfake.training.config import DataConfig, LossConfig, TrainingConfig
from avfake.training.losses import multitask_loss
from avfake.training.member import Run, train_member
from avfake.training.pipeline import train_detector
from avfake.training.plan import gather, make_plan

SMALL = SyncConfig(mouth_px=32, width=8, embedding_dim=16)
ALL = {"overall": True, "face": True, "voice": True}


@pytest.fixture(scope="module")
def with_sync(tiny_config: TrainingConfig) -> TrainingConfig:
    return replace(tiny_config, sync=SMALL, use_sync=True)


@pytest.fixture(scope="module")
def run(
    prepared: PreparedFolder, with_sync: TrainingConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return train_detector([prepared], with_sync, tmp_path_factory.mktemp("sync") / "run").detector


def test_a_detector_with_sync_is_trained_saved_and_asked(
    run: Path, prepared: PreparedFolder
) -> None:
    detector = Detector.from_pretrained(run, device="cpu")
    assert detector.members[0].models[0].config.sync == SMALL
    lines = (run.parent / "member_0" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["train"]["sync"] > 0
    clip = Clip.open(next(c.archive for c in prepared.clips if c.has_visual and c.has_audio))
    said = detector.members[0].score_clip(clip).sync_statistics
    assert set(said) == set(SYNC_STATISTICS)
    assert abs(said["sync_offset"]) <= 0.4
    assert said["sync_confidence"] >= 0
    assert np.isfinite(detector.members[0].score_clip(clip).row()[-4:]).all()
    verdict = detector.predict_clip(clip)
    off = detector.predict_clip(clip, PredictOptions(use_sync=False))
    assert (
        detector.members[0].score_clip(clip, PredictOptions(use_sync=False)).sync_statistics == {}
    )
    assert (verdict.p_fake is None, off.p_fake is None) == (False, False)
    assert detector.members[0].score_clip(clip).fused["face"] == pytest.approx(
        detector.members[0].score_clip(clip, PredictOptions(use_sync=False)).fused["face"], abs=1e-6
    )
    for options in (PredictOptions(use_audio=False), PredictOptions(use_visual=False)):
        assert detector.members[0].score_clip(clip, options).sync_statistics == {}
        assert detector.predict_clip(clip, options).p_fake is not None


@pytest.mark.parametrize("missing", ["visual", "audio"])
def test_lips_and_sound_are_compared_where_a_branch_had_no_labels(
    prepared: PreparedFolder, with_sync: TrainingConfig, tmp_path: Path, missing: str
) -> None:
    examples = gather([prepared], assume_face_weight=0.0)
    plan = make_plan(examples, DataConfig(num_folds=2, val_share=0.4, test_share=0.0), seed=0)
    model = with_sync.model({**ALL, "face": missing != "visual", "voice": missing != "audio"})
    spec = with_sync.data.input_spec(prepared.config)
    trained = train_member(Run(with_sync, model, plan, spec), fold=0, folder=tmp_path)
    clip = Clip.open(next(e.archive for e in examples if e.has_visual and e.has_audio))
    sampling = SampleConfig(window_seconds=1.0, crop=prepared.config.crop)
    scores = score_clip([trained], clip, sampling)
    assert scores.has_visual == (missing != "visual")
    assert scores.has_audio == (missing != "audio")
    assert set(scores.sync_statistics) == set(SYNC_STATISTICS)


def test_sync_goes_with_what_is_switched_off(with_sync: TrainingConfig) -> None:
    assert with_sync.model(ALL).sync == SMALL
    for off in ("use_sync", "use_visual", "use_audio"):
        assert replace(with_sync, **{off: False}).model(ALL).sync is None
    assert TrainingConfig().model(ALL).sync is None


def test_one_crop_at_once_cannot_be_compared(with_sync: TrainingConfig) -> None:
    with pytest.raises(ConfigError, match="num_frames is 1"):
        replace(with_sync, data=DataConfig(num_frames=1))


def test_only_clips_known_to_be_genuine_are_learned_from() -> None:
    labels = torch.tensor([[0.0, 0, 0], [1, 0, 1], [0, 0, 0], [0, 0, 0], [0, 1, 0]])
    weights = torch.tensor([[1.0, 0, 0], [1, 1, 1], [0, 1, 1], [0, 1, 0], [0, 1, 1]])
    count, shifts = 5, 3
    chances = -torch.tensor([[1.0], [10], [100], [1000], [10000]]).repeat(1, shifts)
    sync = SyncOutput(
        shifts=torch.linspace(-0.1, 0.1, shifts),
        similarity=torch.zeros(count, shifts),
        log_probabilities=chances,
        present=torch.ones(count, dtype=torch.bool),
        mask=torch.ones(count, 1, dtype=torch.bool),
        crop_similarity=torch.zeros(count, 1, shifts),
        mouths=torch.zeros(count, 1, 2),
        sounds=torch.zeros(count, 1, shifts, 2),
        sharpness=torch.tensor(1.0),
    )
    output = ModelOutput(
        logits=torch.zeros(count, 3),
        valid=torch.ones(count, 3, dtype=torch.bool),
        frame_logits=None,
        frame_shares=None,
        window_logits=None,
        window_shares=None,
        visual_embedding=None,
        audio_embedding=None,
        fused=torch.zeros(count, 1),
        sync=sync,
    )
    batch = {"labels": labels, "weights": weights}
    total, parts = multitask_loss(LossConfig(sync=2.0), output, batch)
    # Rows 0 and 2: a genuine file, and one of genuine face and voice. 2 crops, 3 shifts + 1 other.
    assert float(parts["sync"]) == pytest.approx((np.log(4) + (1 + 100) / 2) / 2)
    without, _ = multitask_loss(LossConfig(sync=0.0), output, batch)
    assert float(total - without) == pytest.approx(2 * float(parts["sync"]), rel=1e-5)


def test_a_model_without_sync_asks_for_no_sound_around_crops(
    prepared: PreparedFolder, tiny_config: TrainingConfig
) -> None:
    model = tiny_config.model(ALL)
    assert model.sync is None
    clip = Clip.open(prepared.clips[0].archive)
    asked: list[set[str]] = []
    network = build_model(model).eval()
    network.register_forward_pre_hook(lambda _, inputs: asked.append(set(inputs[0])))
    score_clip([network], clip, SampleConfig(window_seconds=1.0, crop=prepared.config.crop))
    assert "crop_sound" not in asked[0]
