"""From prepared clips to a detector: labels are not guessed, folds do not leak, runs resume."""

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from avfake.clips.preparation.folder import PreparedFolder
from avfake.clips.preparation.prepare import prepare_clips
from avfake.datasets.build import build_manifest
from avfake.datasets.schema import load_spec
from avfake.detector.detector import Detector
from avfake.detector.options import PredictOptions
from avfake.errors import ConfigError, ManifestError
from avfake.models.outputs import ModelOutput
from avfake.report.card.measured import mark_of
from avfake.training.config import DataConfig, LossConfig, TrainingConfig
from avfake.training.losses import multitask_loss
from avfake.training.pipeline import plan_of, train_detector
from avfake.training.plan import gather, make_plan, split_hash, trainable_outputs
from avfake.training.results import measure, publish_test


@pytest.fixture(scope="module")
def as_dfdc(
    studio_root: Path, prepared: PreparedFolder, tmp_path_factory: pytest.TempPathFactory
) -> PreparedFolder:
    """The studio as DFDC would tell it: fake or not, never which part."""
    manifest = build_manifest(load_spec("dfdc"), studio_root)
    return prepare_clips(
        manifest, tmp_path_factory.mktemp("dfdc") / "dfdc", prepared.config, workers=0
    )


def test_a_fake_of_unknown_part_has_an_assumed_face_and_an_unknown_voice(
    as_dfdc: PreparedFolder,
) -> None:
    fakes = [e for e in gather([as_dfdc], assume_face_weight=0.5) if e.row.label]
    assert {(e.labels, e.weights) for e in fakes} == {((1.0, 1.0, 0.0), (1.0, 0.5, 0.0))}
    unassumed = [e for e in gather([as_dfdc], assume_face_weight=0.0) if e.row.label]
    assert {e.weights for e in unassumed} == {(1.0, 0.0, 0.0)}


def test_a_fake_knows_the_archive_of_its_original(
    prepared: PreparedFolder, as_dfdc: PreparedFolder
) -> None:
    for folders in ([prepared], [prepared, as_dfdc]):
        examples = gather(folders, assume_face_weight=0.0)
        by_archive = {e.archive: e for e in examples}
        assert {e.partner is None for e in examples if e.row.label} == {False}
        for example in examples:
            if example.partner:
                assert by_archive[example.partner].row.clip_id == example.row.original


def test_hash_stands_for_the_division() -> None:
    assignment = {"a": "train", "b": "val"}
    assert split_hash(assignment) == split_hash({"b": "val", "a": "train"})
    assert split_hash(assignment) != split_hash({"a": "val", "b": "train"})
    assert len(split_hash(assignment)) == 12
    assert int(split_hash(assignment), 16) >= 0


def test_known_parts_are_never_assumed(prepared: PreparedFolder) -> None:
    voice_only = [
        e for e in gather([prepared], assume_face_weight=1.0) if e.row.method and e.labels[2]
    ]
    assert {(e.labels[1], e.weights[1]) for e in voice_only} == {(0.0, 1.0), (1.0, 1.0)}


def test_people_stay_on_one_side_of_every_split(prepared: PreparedFolder) -> None:
    examples = gather([prepared], assume_face_weight=0.0)
    shares = DataConfig(num_folds=2, val_share=0.2, test_share=0.3)
    plan = make_plan(examples, shares, seed=0)
    sides = [{e.row.group for e in members} for members in plan.splits.values()]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 6
    folds: dict[str, set[int]] = {}
    for example in plan.splits["train"]:
        folds.setdefault(example.row.group, set()).add(plan.folds[example.row.clip_id])
    assert all(len(found) == 1 for found in folds.values())
    again = make_plan(list(reversed(examples)), shares, seed=0)
    assert again.hash == plan.hash
    other = make_plan(examples, shares, seed=1)
    assert other.hash != plan.hash


def test_too_few_clips_for_a_split_are_an_error(prepared: PreparedFolder) -> None:
    examples = gather([prepared], assume_face_weight=0.0)[:2]
    with pytest.raises(ManifestError):
        make_plan(examples, DataConfig(val_share=0.5, test_share=0.0), seed=0)


def test_the_voice_stays_untrained_without_labels_and_says_so(
    as_dfdc: PreparedFolder,
    tiny_config: TrainingConfig,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    done = train_detector([as_dfdc], tiny_config, tmp_path / "run")
    assert "the voice head stays untrained" in caplog.text
    assert "their face is assumed forged, with loss weight 1" in caplog.text
    detector = Detector.from_pretrained(done.detector, device="cpu")
    assert detector.members[0].models[0].audio is None
    verdict = detector.predict(as_dfdc.clips[0].row.path)
    assert verdict.p_voice_fake is None
    assert "voice:not_trained" in [str(reason) for reason in verdict.reasons]


def test_a_branch_without_labels_cannot_be_all_there_is(
    as_dfdc: PreparedFolder, tiny_config: TrainingConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no branch is left to train"):
        train_detector([as_dfdc], replace(tiny_config, use_visual=False), tmp_path / "run")


def test_a_column_of_one_class_is_not_trainable(prepared: PreparedFolder) -> None:
    examples = gather([prepared], assume_face_weight=0.0)
    assert trainable_outputs(examples) == {"overall": True, "face": True, "voice": True}
    genuine_voices = [e for e in examples if not e.row.voice_fake]
    assert trainable_outputs(genuine_voices) == {"overall": True, "face": True, "voice": False}


def test_a_finished_run_is_not_run_again_and_another_is_refused(
    prepared: PreparedFolder,
    tiny_config: TrainingConfig,
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        pytest.fail("trained again")

    monkeypatch.setattr("avfake.training.pipeline.train_member", fail)
    train_detector([prepared], tiny_config, run_folder)
    with pytest.raises(ConfigError, match=r"seed: 0 there, 7 now"):
        train_detector([prepared], replace(tiny_config, seed=7), run_folder)


def test_a_card_gets_what_the_test_gave_and_keeps_what_it_has(
    prepared: PreparedFolder, tiny_config: TrainingConfig, run_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(run_folder, out)
    card, scores = out / "detector/README.md", out / "test_scores.csv"
    card.unlink()  # as if killed before it was written
    done = train_detector([prepared], tiny_config, out)
    assert "This is not measured" in card.read_text()
    table = measure(done.load(), done.plan.splits["test"])
    publish_test(done.detector, done.plan, table, scores)
    assert mark_of(scores) in (done.detector / "README.md").read_text()
    genuine = int((~pd.read_csv(scores)["label"]).sum())
    assert f"**Of {genuine} genuine clips it calls" in card.read_text()
    assert f"plan {done.plan.hash}" in card.read_text()
    card.write_text(card.read_text() + "and a stress table")
    publish_test(done.detector, done.plan, table, scores)
    train_detector([prepared], tiny_config, out)
    assert card.read_text().endswith("and a stress table")


def test_a_run_records_what_it_was(run_folder: Path) -> None:
    environment = json.loads((run_folder / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert json.loads((run_folder / "config.json").read_text())["inputs"]["split"]
    assert (run_folder / "choices.json").is_file()
    lines = (run_folder / "member_0" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 1


def test_folders_of_different_settings_are_not_joined(
    prepared: PreparedFolder, studio_root: Path, tmp_path: Path
) -> None:
    other = prepare_clips(
        replace(prepared.manifest, rows=prepared.manifest.rows[:1]),
        tmp_path / "other",
        replace(prepared.config, num_frames=2),
        workers=0,
    )
    with pytest.raises(ConfigError, match="prepared with different settings"):
        gather([prepared, other], assume_face_weight=0.0)


def test_joined_folders_keep_their_ids_apart(
    prepared: PreparedFolder, as_dfdc: PreparedFolder
) -> None:
    examples = gather([prepared, as_dfdc], assume_face_weight=0.0)
    ids = [e.row.clip_id for e in examples]
    assert len(set(ids)) == len(ids) == 48
    assert all(e.row.original is None or e.row.original in ids for e in examples)


def output_of(logits: torch.Tensor, valid: torch.Tensor) -> ModelOutput:
    return ModelOutput(logits, valid, None, None, None, None, None, None, torch.zeros(len(logits)))


def test_the_loss_is_blind_to_unknown_labels_and_absent_streams() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    valid = torch.tensor([[True, True, False], [True, True, True]])
    batch = {
        "labels": torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]),
        "weights": torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]),
    }
    config = LossConfig(smoothing=0.0)
    total, parts = multitask_loss(config, output_of(logits, valid), batch)
    total.backward()
    assert logits.grad is not None
    touched = logits.grad != 0
    assert touched.tolist() == [[True, False, False], [True, True, False]]
    assert float(parts["voice"].detach()) == 0.0
    assert float(parts["face"].detach()) == pytest.approx(np.log(2))


def test_measuring_gives_a_row_a_clip_with_its_labels(
    prepared: PreparedFolder, detector_folder: Path
) -> None:
    examples = gather([prepared], assume_face_weight=0.0)[:4]
    detector = Detector.from_pretrained(detector_folder, device="cpu")
    scores = measure(detector, examples, PredictOptions(use_visual=False))
    assert scores["clip_id"].tolist() == [e.row.clip_id for e in examples]
    assert scores["p_face_fake"].isna().all()
    assert scores["p_voice_fake"].notna().all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DataConfig(num_folds=1), "num_folds must be 2 or more, got 1"),
        (lambda: DataConfig(val_share=0.5, test_share=0.6), "leave nothing to train on"),
        (
            lambda: DataConfig(assume_face_weight=2.0),
            r"assume_face_weight must be in \[0, 1\]",
        ),
        (lambda: DataConfig(train_parts="0-40"), "together, or none"),
        (lambda: DataConfig(keep_groups=True), "no-undersample"),
    ],
)
def test_impossible_settings_are_refused(make: Callable[[], DataConfig], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_without_clips_to_choose_by_all_train_and_the_last_epoch_is_kept(
    prepared: PreparedFolder, tiny_config: TrainingConfig, tmp_path: Path
) -> None:
    data = replace(tiny_config.data, val_share=0.0, test_share=0.0, trained_folds=1)
    fit = replace(tiny_config.fit, epochs=2)
    with pytest.raises(ConfigError, match="--fit.first-best-epoch 2"):
        replace(tiny_config, data=data, fit=fit)
    config = replace(tiny_config, data=data, fit=replace(fit, first_best_epoch=2))
    done = train_detector([prepared], config, tmp_path / "run")
    assert {name: len(found) for name, found in done.plan.splits.items()} == {
        "train": len(prepared.clips),
        "val": 0,
        "test": 0,
    }
    result = json.loads((tmp_path / "run/member_0/result.json").read_text())
    assert result["best_epoch"] == 2
    detector = Detector.from_pretrained(done.detector, device="cpu")
    with pytest.raises(ConfigError, match="no clip to measure on"):
        measure(detector, done.plan.splits["test"])


def test_a_single_model_is_calibrated_on_the_one_fold_it_has_not_seen(
    prepared: PreparedFolder, tiny_config: TrainingConfig, tmp_path: Path
) -> None:
    data = replace(tiny_config.data, trained_folds=1, split_seed=tiny_config.seed)
    config = replace(
        tiny_config, seed=7, data=data, stack=replace(tiny_config.stack, rule="median")
    )
    done = train_detector([prepared], config, tmp_path / "run")
    detector = Detector.from_pretrained(done.detector, device="cpu")
    assert len(detector.members[0].models) == 1
    assert {one.choice.kept for one in detector.members[0].decision_model.outputs.values()} == {
        "median"
    }
    # Of another seed, and yet of the same people to train on and to test on.
    other = replace(config, seed=8, data=replace(data, trained_folds=0))
    assert plan_of([prepared], other).hash == done.plan.hash


def test_more_models_than_folds_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"trained_folds must be in \[0, 3\]"):
        DataConfig(num_folds=3, trained_folds=4)


def test_a_method_left_out_is_met_in_the_test_alone(prepared: PreparedFolder) -> None:
    examples = gather([prepared], assume_face_weight=0.0)
    shares = DataConfig(num_folds=2, val_share=0.3, test_share=0.3)
    every = make_plan(examples, shares, seed=0)
    method = next(e.row.method for e in every.splits["test"] if e.row.label)
    plan = make_plan(examples, replace(shares, leave_out=(str(method),)), seed=0)
    met = {name: {e.row.method for e in clips} for name, clips in plan.splits.items()}
    assert method in met["test"]
    assert method not in met["train"] | met["val"]
    assert plan.splits["test"] == every.splits["test"]
    with pytest.raises(ConfigError, match="did you mean"):
        make_plan(examples, replace(shares, leave_out=(f"{method}s",)), seed=0)
