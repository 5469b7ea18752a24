"""Pictures say what the tables say: numbers by construction, pixels where they must be."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from avfake.clips.archive import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector.bundle import Bundle
from avfake.errors import AvfakeError
from avfake.evaluation.figures.contact_sheet import (
    CROP_PX,
    GAP,
    MARGIN,
    ROW_PX,
    TOP_PX,
    caption,
    draw_contact_sheet,
    mel_picture,
)
from avfake.evaluation.figures.run import (
    best_epoch,
    draw_answers,
    draw_batch,
    draw_curves,
    draw_training,
)
from avfake.evaluation.figures.scores import (
    answers_of,
    confusion_counts,
    draw_confusion,
    draw_reliability,
    draw_roc,
    reliability_bins,
)
from avfake.training.config import DataConfig, TrainingConfig
from avfake.training.member import Run, first_member_batches
from avfake.training.plan import gather, make_plan


@pytest.fixture
def scores() -> pd.DataFrame:
    """40 genuine clips, 20 forged in the face, 20 in the voice; calibrated by construction."""
    rng = np.random.default_rng(0)
    face = np.repeat([False, False, True, False], 20)
    voice = np.repeat([False, False, False, True], 20)
    p = np.clip(0.3 + 0.4 * (face | voice) + rng.normal(0, 0.1, 80), 0, 1)
    return pd.DataFrame(
        {
            "clip_id": [f"c{i}" for i in range(80)],
            "group": [f"g{i // 4}" for i in range(80)],
            "label": face | voice,
            "face_fake": face,
            "voice_fake": voice,
            "p_fake": p,
            "p_face_fake": p,
            "p_voice_fake": np.where(np.arange(80) < 10, np.nan, p),
            "decision": np.where(p > 0.6, "fake", np.where(p < 0.4, "real", "unsure")),
        }
    )


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def epoch(number: int, loss: float, validation: float | None) -> dict[str, object]:
    return {
        "epoch": number,
        "train": {"loss": loss},
        "validation": {"log_loss": validation},
        "learning_rate": 1e-3 / number,
    }


def test_the_best_epoch_is_the_first_lowest_and_never_one_without_a_number(tmp_path: Path) -> None:
    history = [epoch(1, 0.9, 0.7), epoch(2, 0.5, None), epoch(3, 0.4, 0.6), epoch(4, 0.3, 0.6)]
    of_epochs = pd.json_normalize(history)
    best = best_epoch(of_epochs, "log_loss")
    assert best is not None
    assert best["epoch"] == 3
    assert best_epoch(of_epochs[1:2], "log_loss") is None
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text("".join(json.dumps(line) + "\n" for line in history))
    drawn = draw_curves([metrics], tmp_path / "curves.png")
    assert is_drawn(drawn)
    again = draw_curves([metrics], tmp_path / "again.png")
    assert again.read_bytes() == drawn.read_bytes()


def is_drawn(path: Path) -> bool:
    """Both on white and beyond the title: something was drawn into the axes."""
    body = pixels(path)[60:]
    return bool((body.min(axis=2) < 128).mean() > 0.002)


def test_metrics_that_cannot_be_drawn_are_a_sentence(tmp_path: Path) -> None:
    empty, torn = tmp_path / "empty.jsonl", tmp_path / "torn.jsonl"
    empty.write_text("")
    torn.write_text('{"epoch": 1')
    with pytest.raises(AvfakeError, match="holds no epoch"):
        draw_curves([empty], tmp_path / "out.png")
    with pytest.raises(AvfakeError, match="cannot be read as training metrics"):
        draw_curves([torn], tmp_path / "out.png")
    with pytest.raises(AvfakeError, match="no model was trained"):
        draw_curves([], tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


def test_what_is_drawn_of_a_score_table(scores: pd.DataFrame, tmp_path: Path) -> None:
    for draw in (draw_roc, draw_reliability, draw_confusion):
        path = draw(scores, tmp_path / f"{draw.__name__}.png")
        assert path.parent == tmp_path
        assert is_drawn(path)


def test_a_clip_without_a_probability_is_left_out_and_counted(scores: pd.DataFrame) -> None:
    answers = {one.output: one for one in answers_of(scores)}
    assert (len(answers["voice"].scores), answers["voice"].num_not_assessed) == (70, 10)
    assert (len(answers["face"].scores), answers["face"].num_not_assessed) == (80, 0)
    genuine = scores[~scores["label"]]
    with pytest.raises(AvfakeError, match="both genuine and fake"):
        answers_of(genuine)
    only_faces = scores[~scores["voice_fake"]]
    assert [one.output for one in answers_of(only_faces)] == ["overall", "face"]


def test_bins_hold_equally_many_and_what_their_clips_show() -> None:
    scores = np.repeat([0.1, 0.4, 0.8, 0.9], 10)
    labels = np.concatenate([np.arange(10) < k for k in (1, 4, 8, 10)]).astype(float)
    bins = reliability_bins(scores, labels, num_bins=4)
    assert bins["clips"].tolist() == [10, 10, 10, 10]
    assert bins["score"].tolist() == pytest.approx([0.1, 0.4, 0.8, 0.9])
    assert bins["share"].tolist() == pytest.approx([0.1, 0.4, 0.8, 1.0])
    assert (bins["low"] <= bins["share"]).all()
    assert (bins["share"] <= bins["high"]).all()
    few = reliability_bins(scores[:12], labels[:12], num_bins=10)
    assert few["clips"].tolist() == [6, 6]


def test_wilson_intervals_against_known_values() -> None:
    # 0 of 10 and 5 of 10 at 95 %: Brown, Cai & DasGupta 2001.
    scores, labels = np.repeat([0.2, 0.6], 10), (np.arange(20) >= 15).astype(float)
    bins = reliability_bins(scores, labels, num_bins=2)
    assert bins["low"].tolist() == pytest.approx([0.0, 0.2366], abs=1e-4)
    assert bins["high"].tolist() == pytest.approx([0.2775, 0.7634], abs=1e-4)


def test_the_confusion_counts_every_clip_once(scores: pd.DataFrame) -> None:
    counts = confusion_counts(scores)
    assert list(counts.index) == ["genuine", "face only", "voice only"]
    assert counts.sum(axis=1).tolist() == [40, 20, 20]
    silent = scores.assign(decision=[None, *scores["decision"][1:]])
    assert confusion_counts(silent).loc["genuine", "unsure"] >= 1
    assert confusion_counts(silent).to_numpy().sum() == 80
    with pytest.raises(AvfakeError, match="lacks decision"):
        confusion_counts(scores.drop(columns="decision"))
    with pytest.raises(AvfakeError, match="got maybe"):
        confusion_counts(scores.assign(decision="maybe"))


def test_a_contact_sheet_shows_the_very_pixels_of_the_batch(tmp_path: Path) -> None:
    faces = torch.zeros(2, 3, 3, 16, 16, dtype=torch.uint8)
    faces[0, 0, 0] = 200  # red
    faces[1, 1, 2] = 150  # blue
    mask = torch.tensor([[True, True, False], [True, True, True]])
    batch = {
        "faces": faces,
        "faces_mask": mask,
        "sound": torch.sin(torch.arange(16_000) * 0.3).repeat(2, 1, 1),
        "sound_mask": torch.tensor([[True], [False]]),
        "labels": torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]),
        "weights": torch.tensor([[1.0, 0.5, 0.0], [1.0, 1.0, 1.0]]),
    }
    image = pixels(draw_contact_sheet(batch, tmp_path / "sheet.png"))

    def middle(row: int, column: int) -> list[int]:
        y, x = TOP_PX + row * ROW_PX, MARGIN + column * (CROP_PX + GAP)
        return image[y + CROP_PX // 4, x + CROP_PX // 4].tolist()

    assert middle(0, 0) == [200, 0, 0]
    assert middle(0, 1) == [0, 0, 0]
    assert middle(0, 2) == [240, 240, 240]  # padding, not a black face
    assert middle(1, 1) == [0, 0, 150]
    assert caption(batch, 0) == "overall: fake, face: fake (weight 0.5), voice: ?"
    assert caption(batch, 1) == "overall: genuine, face: genuine, voice: genuine"
    for absent in ("faces", "sound"):
        some = {key: value for key, value in batch.items() if not key.startswith(absent)}
        assert is_drawn(draw_contact_sheet(some, tmp_path / f"no_{absent}.png"))
    with pytest.raises(AvfakeError, match="neither faces nor sound"):
        draw_contact_sheet({"labels": batch["labels"]}, tmp_path / "nothing.png")


def test_a_tone_is_brightest_in_its_own_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    levels = mel_picture(tone)
    assert levels.shape == (80, 101)
    assert levels.max() == 0
    assert levels.min() >= -80
    mel_of_top, mel_of_tone = 2595 * np.log10(1 + 8000 / 700), 2595 * np.log10(1 + 1000 / 700)
    expected = 81 * mel_of_tone / mel_of_top - 1
    assert levels.mean(axis=1).argmax() == pytest.approx(expected, abs=1)


def test_a_run_is_drawn_from_one_place_and_a_missing_part_costs_nothing(
    run_folder: Path,
    prepared: PreparedFolder,
    tiny_config: TrainingConfig,
    scores: pd.DataFrame,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = tmp_path / "run"
    (run / "member_0").mkdir(parents=True)
    (run / "member_0/metrics.jsonl").write_bytes(
        (run_folder / "member_0/metrics.jsonl").read_bytes()
    )
    assert [path.name for path in draw_training(run, "log_loss")] == ["curves.png"]
    caplog.set_level(logging.WARNING)
    assert draw_answers(run, run / "test_scores.csv") == []
    assert "roc.png was not drawn" in caplog.text
    scores.to_csv(run / "test_scores.csv", index=False)
    examples = gather([prepared], assume_face_weight=1.0)
    shares = DataConfig(num_folds=2, val_share=0.2, test_share=0.3)
    plan = make_plan(examples, shares, seed=0)
    bundle = Bundle.read(run_folder / "detector")
    model = bundle.models[0].config
    batch = next(iter(first_member_batches(Run(tiny_config, model, plan, bundle.spec))))
    trained = [e for e in plan.splits["train"] if plan.folds[e.row.clip_id] != 0]
    assert len(batch["labels"]) <= len(trained)
    crops = {Clip.open(e.archive).crop(0, 0).shape for e in trained}
    assert tuple(batch["faces"].shape[2:]) == (3, *crops.pop()[:2])
    drawn = [*draw_answers(run, run / "test_scores.csv"), *draw_batch(run, batch)]
    names = ["roc", "reliability", "confusion", "contact_sheet"]
    assert drawn == [run / "figures" / f"{name}.png" for name in names]
    assert all(is_drawn(path) for path in drawn)
