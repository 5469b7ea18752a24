"""Features of frozen backbones: the same as the backbones give, computed once, kept on disk."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from avfake.clips.archive import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector.branch_scores import score_clip
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.errors import ConfigError
from avfake.models.branch import Branch
from avfake.training.config import TrainingConfig
from avfake.training.features import FeatureDataset, collate_features
from avfake.training.pipeline import _run_of, plan_of, train_detector

FROZEN = {
    "visual.tune": "none",
    "audio.tune": "none",
    "audio.statistics": True,
    "visual.head": "standardised",
    "audio.head": "standardised",
    "visual.layers": (0, 1),
    "data.feature_copies": 2,
    "augment.picture": ("flip", "gaussian_noise"),
    "augment.forge.face_rate": 0.5,
}


@pytest.fixture(scope="module")
def config() -> TrainingConfig:
    return TrainingConfig.preset("tiny", FROZEN)


@pytest.fixture(scope="module")
def trained(
    prepared: PreparedFolder, config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("features") / "run"
    train_detector([prepared], config, out)
    return out


def start(prepared: PreparedFolder, config: TrainingConfig, out: Path):  # type: ignore[no-untyped-def]
    return _run_of([prepared], config, plan_of([prepared], config), out)


def test_features_of_a_whole_clip_give_the_scores_of_its_pixels(
    prepared: PreparedFolder, config: TrainingConfig, tmp_path: Path
) -> None:
    run = start(prepared, config, tmp_path)
    assert run.features is not None
    model = run.features.model.eval()
    for example in run.plan.splits["train"][:4]:
        clip, whole = Clip.open(example.archive), run.spec.whole()
        by_pixels = score_clip([model], clip, whole)
        by_features = score_clip([model], clip, whole, features=run.features.whole(example))
        assert by_features.fused == pytest.approx(by_pixels.fused, abs=2e-3)
        assert by_features.frame_scores == pytest.approx(by_pixels.frame_scores, abs=2e-3)
        assert by_features.window_scores == pytest.approx(by_pixels.window_scores, abs=2e-3)


def test_copies_are_drawn_augmented_and_labelled_as_in_training(
    prepared: PreparedFolder, config: TrainingConfig, tmp_path: Path
) -> None:
    run = start(prepared, config, tmp_path)
    assert run.features is not None
    forged = differing = 0
    for example in run.plan.splits["train"]:
        whole, first, second = (run.features.of(example, copy) for copy in range(3))
        assert set(whole) == {"visual", "audio"}
        assert whole["visual"].label == example.labels.face
        differing += not torch.equal(first["visual"].rows, second["visual"].rows)
        assert len(first["audio"].rows) <= config.data.num_windows
        if not example.labels.face:
            forged += int(first["visual"].label + second["visual"].label)
    assert forged > 0
    assert differing > len(run.plan.splits["train"]) / 2


def test_items_of_a_batch_lie_under_their_mask(
    prepared: PreparedFolder, config: TrainingConfig, tmp_path: Path
) -> None:
    run = start(prepared, config, tmp_path)
    assert run.features is not None
    dataset = FeatureDataset(run.features, run.plan.splits["train"][:3], seed=None)
    batch = collate_features([dataset[i] for i in range(3)])
    assert int(batch["faces_mask"].sum()) == len(batch["faces_features"])
    assert int(batch["sound_mask"].sum()) == len(batch["sound_features"])
    assert batch["frame_labels"].shape == batch["faces_mask"].shape
    assert torch.equal(batch["faces_features"][-1], dataset[2]["faces_features"][-1])


def test_nothing_is_computed_twice(
    prepared: PreparedFolder, config: TrainingConfig, trained: Path, tmp_path: Path
) -> None:
    shared = replace(config, data=replace(config.data, feature_folder=str(trained / "features")))
    shared = replace(shared, fit=replace(shared.fit, learning_rate=0.01))
    with (
        patch.object(Branch, "encode_items", side_effect=AssertionError("computed again")),
        patch("avfake.training.pipeline.draw_batch"),
    ):
        with pytest.raises(AssertionError, match="computed again"):
            # Another seed draws other copies.
            train_detector([prepared], replace(shared, seed=1), tmp_path / "other")
        train_detector([prepared], shared, tmp_path / "again")


def test_a_detector_holds_its_frozen_backbones_once_and_answers_alike(
    prepared: PreparedFolder, trained: Path, tmp_path: Path
) -> None:
    folder = trained / "detector"
    assert (folder / "frozen_visual.safetensors").is_file()
    assert (folder / "frozen_audio.safetensors").is_file()
    detector = Detector.from_pretrained(folder)
    (member,) = detector.members
    first, second = member.models
    assert first.frozen["visual"] is second.frozen["visual"]
    assert not any("backbone" in name for name in first.state_dict())
    member.save(tmp_path / "again")
    assert (tmp_path / "again/frozen_visual.safetensors").stat().st_size > 1000
    clip = Clip.open(prepared.clips[0].archive)
    found, wanted = Bundle.read(tmp_path / "again").score_clip(clip), member.score_clip(clip)
    assert found.fused == pytest.approx(wanted.fused, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"visual.tune": "norm"}, "visual.tune none"),
        ({"augment.mix.mixup_rate": 0.5}, "augment.mix"),
    ],
)
def test_what_cannot_be_computed_before_training_is_refused(
    config: TrainingConfig, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        config.changed(change)
