"""Datasets joined in one run: each as often as its weight says, each class from where it lies."""

import logging
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from avfake.clips.preparation.folder import PreparedFolder
from avfake.clips.preparation.forged import ForgeryConfig
from avfake.clips.preparation.prepare import prepare_clips
from avfake.datasets.manifest import Row
from avfake.errors import ConfigError, ManifestError
from avfake.labels import Labels
from avfake.training.config import DataConfig, TrainingConfig
from avfake.training.pipeline import plan_of, train_detector
from avfake.training.plan import Example, Plan, check_classes, gather
from avfake.training.sampling import EpochOrder


@pytest.fixture(scope="module")
def parted(
    prepared: PreparedFolder, tmp_path_factory: pytest.TempPathFactory
) -> dict[bool, PreparedFolder]:
    """False -> a dataset of genuine clips only, True -> one of fakes only, of the same studio."""
    out = tmp_path_factory.mktemp("parted")
    folders = {}
    for label in (False, True):
        # Fakes of another corpus do not have their originals here, and are nobody's relatives.
        rows = [
            replace(row, original=None, group=row.clip_id, identity=None)
            for row in prepared.manifest.rows
            if row.label is label
        ]
        manifest = replace(prepared.manifest, rows=tuple(rows))
        name = "fakes" if label else "voices_of_people"
        folders[label] = prepare_clips(manifest, out / name, prepared.config, workers=0)
    return folders


def examples(folder: str, num_clips: int, *, label: bool) -> list[Example]:
    def one(index: int) -> Example:
        row = Row(
            clip_id=f"{folder}/{index}", path="x", label=label, group=f"{folder}/{index // 2}"
        )
        return Example(row, folder, Path("x"), True, False, Labels(label, label), Labels(1.0, 1.0))

    return [one(index) for index in range(num_clips)]


@pytest.mark.parametrize("undersample", [True, False])
def test_an_epoch_sees_each_folder_as_often_as_its_weight_says(undersample: bool) -> None:
    every = [
        *examples("a", 12, label=False),
        *examples("b", 8, label=False),
        *examples("c", 40, label=True),
    ]
    config = DataConfig(dataset_weights=("b=0.5", "a=2"), undersample=undersample)
    order = EpochOrder(every, config, seed=3, folders=["a", "b", "c"])
    seen = Counter(every[i].folder for i in order(1))
    assert seen == {"a": 24, "b": 4, "c": 28 if undersample else 40}
    assert (
        order(2).tolist() == EpochOrder(every, config, seed=3, folders=["a", "b", "c"])(2).tolist()
    )
    assert order(1).tolist() != order(2).tolist()


def test_groups_are_kept_whole_under_weights() -> None:
    every = [*examples("a", 8, label=False), *examples("b", 8, label=True)]
    config = DataConfig(dataset_weights=("1", "0.5"), undersample=False, keep_groups=True)
    order = EpochOrder(every, config, seed=0, folders=["a", "b"])(1)
    groups = [every[i].row.group for i in order]
    assert len(groups) == 12
    assert all(a == b for a, b in zip(groups[::2], groups[1::2], strict=True))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (("fake=2",), r"'fake'.*did you mean 'fakes'\?"),
        (("1", "2", "3"), "3 numbers for 2 folders"),
    ],
)
def test_weights_for_folders_that_are_not_joined_are_refused(
    weights: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        DataConfig(dataset_weights=weights).weights_of(["voices", "fakes"])


@pytest.mark.parametrize("weights", [("a=0",), ("a=-1",), ("a=much",), ("a=1", "2"), ("nan",)])
def test_weights_that_are_no_weights_are_refused(weights: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="dataset_weights"):
        DataConfig(dataset_weights=weights)


def test_a_real_class_from_another_corpus_trains_and_warns(
    parted: dict[bool, PreparedFolder],
    tiny_config: TrainingConfig,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    folders = [parted[True], parted[False]]
    done = train_detector(folders, tiny_config, tmp_path / "run")
    assert (done.detector / "checksums.json").is_file()
    assert {e.row.label for e in done.plan.splits["train"]} == {True, False}
    assert "fakes: 0 genuine, " in caplog.text
    assert "voices_of_people: " in caplog.text
    assert "one class only in fakes, voices_of_people: there the dataset itself" in caplog.text


def test_one_class_alone_is_refused_before_a_run_is_made(
    parted: dict[bool, PreparedFolder], tiny_config: TrainingConfig, tmp_path: Path
) -> None:
    with pytest.raises(ManifestError, match=r"0 genuine and \d+ fake clips to train on"):
        train_detector([parted[True]], tiny_config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_known_label_at_all_is_refused(prepared: PreparedFolder, tmp_path: Path) -> None:
    rows = [
        replace(row, label=None, face_fake=None, voice_fake=None)
        for row in prepared.manifest.rows[:4]
    ]
    manifest = replace(prepared.manifest, rows=tuple(rows))
    folder = prepare_clips(manifest, tmp_path / "unknown", prepared.config, workers=0)
    assert {e.weights for e in gather([folder], assume_face_weight=1.0)} == {(0.0, 0.0, 0.0)}
    with pytest.raises(ManifestError, match="no clip has both a label and picture or sound"):
        train_detector([folder], TrainingConfig(), tmp_path / "run")


def test_clips_of_one_class_to_choose_by_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    genuine, fakes = examples("a", 4, label=False), examples("a", 4, label=True)
    splits = {"train": (*genuine[:2], *fakes), "val": tuple(genuine[2:]), "test": ()}
    check_classes(Plan(splits, {}, ("a",)))
    assert "the val split has one class only" in caplog.text


def test_forgeries_of_ones_own_train_but_do_not_calibrate(
    prepared: PreparedFolder, tiny_config: TrainingConfig, tmp_path: Path
) -> None:
    methods = ForgeryConfig(1, ("self_blend",), ("strides",))
    forged = methods.forge(prepared, tmp_path / "forged", workers=0)
    data = replace(tiny_config.data, calibrate_on=(prepared.name,), trained_folds=1)
    config = replace(tiny_config, data=data)
    plan = plan_of([prepared, forged], config)
    sides: dict[str, set[tuple[str, int | None]]] = defaultdict(set)
    for split, members in plan.splits.items():
        for e in members:
            sides[e.row.group].add((split, plan.folds.get(e.row.clip_id)))
    # A forgery stays with the genuine clip it was made of, in another folder.
    assert all(len(found) == 1 for found in sides.values())
    assert {e.folder for e in plan.splits["train"]} == {prepared.name, "forged"}
    train_detector([prepared, forged], config, tmp_path / "run")
    scored = pd.read_csv(tmp_path / "run/out_of_fold.csv")["clip_id"]
    assert scored.str.startswith(f"{prepared.name}/").all()
    with pytest.raises(ConfigError, match="calibrate_on .*'forgd'.*did you mean 'forged'"):
        plan_of([prepared, forged], replace(config, data=replace(data, calibrate_on=("forgd",))))
