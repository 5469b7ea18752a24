"""Specs of datasets that forge faces alone, on made-up trees with their traps."""

from pathlib import Path

import pytest
from told import manifest_of, told
from trees import touch, write

REAL, FAKE = (False, False, False), (True, True, None)
SILENT_FAKE = (True, True, None)
"""Without a sound track there is no voice to label."""


def test_every_row_of_the_dfdc_preview(tmp_path: Path) -> None:
    real, fake = "original_videos/11/11_A_001.mp4", "method_A/11/11_A/22_11_A_001.mp4"
    lone, lost = "method_B/22/22_C/11_22_C_002.mp4", "method_B/22/22_C/11_22_C_003.mp4"
    table = {
        real: {"label": "real", "set": "train", "target_id": 11, "augmentations": []},
        fake: {"label": "fake", "set": "train", "target_id": 11, "swapped_id": 22},
        lone: {"label": "fake", "set": "test", "target_id": 22, "swapped_id": 11},
        lost: {"label": "fake", "set": "test", "target_id": 22, "swapped_id": 11},
    }
    root = write(touch(tmp_path / "dfdc_preview_set", real, fake, lone), "dataset.json", table)
    manifest = manifest_of("dfdc_preview", root)
    assert told(manifest) == {
        real: (*REAL, None, "11", "train"),
        fake: (*FAKE, real, "11", "train"),
        lone: (*FAKE, "original_videos/22/22_C_002.mp4", "22", "test"),
    }
    assert [row.source for row in manifest.rows] == ["22", "11", None]
    assert "1 rows of meta fit no file" in "\n".join(manifest.warnings)
    assert told(manifest_of("dfdc_preview", tmp_path)) == told(manifest)


def deeperforensics_tree(root: Path) -> Path:
    """One name in two variants, and a recording of an actor."""
    touch(
        root,
        "manipulated_videos/end_to_end/000_M101.mp4",
        "manipulated_videos/end_to_end_level_1/000_M101.mp4",
        "manipulated_videos/end_to_end/003_W004.mp4",
        "source_videos/M101/light_down/happy/camera_front/x.mp4",
    )
    write(root, "lists/splits/train.txt", "000_M101.mp4\n")
    write(root, "lists/splits/val.txt", "")
    return write(root, "lists/splits/test.txt", "003_W004.mp4\n")


def test_every_row_of_deeperforensics(tmp_path: Path) -> None:
    manifest = manifest_of("deeperforensics", deeperforensics_tree(tmp_path))
    r0, r3 = (f"ffpp:original_sequences/youtube/c23/videos/{n}.mp4" for n in ("000", "003"))
    assert told(manifest) == {
        "manipulated_videos/end_to_end/000_M101.mp4": (*SILENT_FAKE, r0, r0, "train"),
        "manipulated_videos/end_to_end_level_1/000_M101.mp4": (*SILENT_FAKE, r0, r0, "train"),
        "manipulated_videos/end_to_end/003_W004.mp4": (*SILENT_FAKE, r3, r3, "test"),
    }
    assert all(row.has_audio is False for row in manifest.rows)
    text = "\n".join(manifest.warnings)
    assert "the originals of 3 fakes belong to another dataset, ffpp" in text
    assert "fakes only; join a folder of genuine clips, ffpp" in text
    one = manifest_of("deeperforensics", tmp_path, variant="end_to_end_level_1")
    assert [row.method for row in one.rows] == ["end_to_end_level_1"]


def test_every_row_of_uadfv(tmp_path: Path) -> None:
    names = "real/0000.mp4", "fake/0000_fake.mp4", "fake/0001.mp4", "fake/frames/0000_fake/1.png"
    manifest = manifest_of("uadfv", touch(tmp_path / "UADFV", *names))
    assert told(manifest) == {
        names[0]: (*REAL, None, names[0], None),
        names[1]: (*FAKE, names[0], names[0], None),
        names[2]: (*FAKE, "real/0001.mp4", "real/0001.mp4", None),  # and not itself
    }


@pytest.mark.parametrize("inner", ["", "videos/"])
def test_every_row_of_ffiw(tmp_path: Path, inner: str) -> None:
    train, val = (f"FFIW10K-v1-release/{{}}/{fold}/{inner}1.mp4" for fold in ("train", "val"))
    test = f"FFIW10K-v1-release-test/{{}}/{inner}1.mp4"
    for side in ("source", "target", "target_mask"):
        touch(tmp_path, *(name.format(side) for name in (train, val, test)))
    expected = {}
    for name, split in ((train, "train"), (val, "val"), (test, "test")):
        real = name.format("source")
        expected[real] = (*REAL, None, real, split)
        expected[name.format("target")] = (*FAKE, real, real, split)
    assert told(manifest_of("ffiw", tmp_path)) == expected
    below = told(manifest_of("ffiw", tmp_path / "FFIW10K-v1-release"))
    real = f"source/val/{inner}1.mp4"
    assert below[f"target/val/{inner}1.mp4"] == (*FAKE, real, real, "val")


def test_every_row_of_kodf(tmp_path: Path) -> None:
    real = "원천데이터/train_원본/007/007_001.mp4"
    fake = "원천데이터/[원천][변조]train_dffs1_data/20200101/007/007_012_2_0001.mp4"
    driven, bare = (
        "원천데이터/validation_변조/008/008_009_5_0003.mp4",
        "20200101/007/007_012_1_0002.mp4",
    )
    touch(tmp_path, real, fake, driven, bare)
    table = "\ufeff영상ID,타겟영상,변조모델,타겟UUID\n007_012_2_0001.mp4,007_001.mp4,dffs,a\n"
    write(tmp_path, "라벨링데이터/train_meta_data/변조영상_training_메타데이터.csv", table)
    manifest = manifest_of("kodf", tmp_path)
    assert told(manifest) == {
        real: (*REAL, None, "007", "train"),
        fake: (True, True, False, real, "007", "train"),
        driven: (True, True, False, None, "008", "val"),
        bare: (True, True, False, None, "007", None),
    }
    methods = {row.clip_id: (row.method, row.source) for row in manifest.rows}
    assert methods[fake] == ("dffs", "012")
    assert methods[driven] == ("audio-driven", "009")
    assert methods[real] == ("real", None)


def test_every_row_of_deepfaketimit(tmp_path: Path) -> None:
    high, low = ("{}/aaaa0/sa1-video-bbbb0", "lower_quality/bbbb0/sa1-video-aaaa0")
    high = f"DeepfakeTIMIT/{high.format('higher_quality')}"
    low = f"DeepfakeTIMIT/{low}"
    touch(tmp_path, f"{high}.avi", f"{high}.wav", f"{low}.avi", "DeepfakeTIMIT/sa1.wav")
    manifest = manifest_of("deepfaketimit", tmp_path)
    assert told(manifest) == {
        f"{high}.avi": (*SILENT_FAKE, None, "aaaa0", None),
        f"{low}.avi": (*SILENT_FAKE, None, "aaaa0", None),
    }
    assert [row.part for row in manifest.rows] == ["higher_quality", "lower_quality"]
    assert "fakes only; join a folder of genuine clips, vidtimit" in "\n".join(manifest.warnings)
    one = manifest_of("deepfaketimit", tmp_path / "DeepfakeTIMIT", quality="lower_quality")
    assert [row.identity for row in one.rows] == ["bbbb0"]


def test_every_row_of_forgerynet(tmp_path: Path) -> None:
    train = "Training/video/train_video_release/{}/a/b/video.mp4"
    val = "Validation/video/val_video_release/{}/c/d/video.mp4"
    bare = train.format(9)
    touch(tmp_path, train.format(1), val.format(19), bare, "Training/image/train_release/1.jpg")
    one, two = "0 30 0", "30 12 1"
    lines = f"2 train_video_release/1/a/b/video.mp4 {one} {two} 1 2 7\n"
    write(tmp_path, "Training/video_list.txt", lines)
    write(tmp_path, "Validation/video_list.txt", f"1 19/c/d/video.mp4 {one} 0 0 0\n")
    write(tmp_path, "Validation/image_list.txt", "19/1.jpg 0 0 0\n19/2.jpg 0 0 0\n")
    manifest = manifest_of("forgerynet", tmp_path)
    assert told(manifest) == {
        train.format(1): (*FAKE, None, train.format(1), "train"),
        val.format(19): (*REAL, None, val.format(19), "val"),
        bare: (None, None, None, None, bare, "train"),
    }
    assert {row.method for row in manifest.rows} == {"7", "0", None}
