"""Specs of datasets that forge faces, voices or both, on made-up trees with their traps."""

from pathlib import Path

import pytest
from told import manifest_of, told
from trees import touch, write

REAL, FACE = (False, False, False), (True, True, False)
VOICE, BOTH = (True, False, True), (True, True, True)


def lavdf_tree(root: Path) -> Path:
    """Four records, one of them with a bare number for its original, and a file without any."""
    touch(
        root, *(f"{s}/00000{n}.mp4" for n, s in enumerate(["test", "test", "dev", "dev", "train"]))
    )
    record = {"n_fakes": 0, "fake_periods": [], "original": None, "duration": 6.1}
    table = [
        {**record, "file": "test/000000.mp4", "modify_video": False, "modify_audio": False},
        {**record, "file": "test/000001.mp4", "modify_video": True, "modify_audio": False},
        {**record, "file": "dev/000002.mp4", "modify_video": False, "modify_audio": True},
        {**record, "file": "dev/000003.mp4", "modify_video": True, "modify_audio": True},
    ]
    table[1] |= {"original": "test/000000.mp4", "fake_periods": [[1.2, 1.9]]}
    table[2] |= {"original": "000000", "fake_periods": [[0.5, 0.75], [3, 4]]}
    table[3] |= {"original": "dev/000009.mp4", "fake_periods": [[2, 2.5]]}
    for line in table:
        line["split"] = str(line["file"]).partition("/")[0]
    write(root, "metadata.json", "not read")
    return write(root, "metadata.min.json", table)


def test_every_row_of_lavdf(tmp_path: Path) -> None:
    manifest = manifest_of("lavdf", lavdf_tree(tmp_path / "LAV-DF"))
    real, gone = "test/000000.mp4", "dev/000009.mp4"
    assert told(manifest) == {
        real: (*REAL, None, real, "test"),
        "test/000001.mp4": (*FACE, real, real, "test"),
        "dev/000002.mp4": (*VOICE, real, real, "val"),
        "dev/000003.mp4": (*BOTH, gone, gone, "val"),
    }
    assert "1 media files have no row in meta: train/000004.mp4" in manifest.warnings
    assert {row.clip_id: row.segments for row in manifest.rows} == {
        real: (),
        "test/000001.mp4": ((1.2, 1.9, "face"),),
        "dev/000002.mp4": ((0.5, 0.75, "voice"), (3, 4, "voice")),
        "dev/000003.mp4": ((2, 2.5, "face"), (2, 2.5, "voice")),
    }
    assert told(manifest_of("lavdf", tmp_path)) == told(manifest)


UTTERANCE = "id00012/aBc-_9/00001"
PLUS = ("vox_celeb_2/id00012/x/1", "lrs3/cLip-7/2", "silent_videos/subject_3_ff00_vid_1_2")


def avdeepfake1m_tree(root: Path) -> Path:
    """One utterance in its four kinds, one clip of each corpus of ++, one without labels."""
    kinds = {
        "real": "real",
        "fake_video_real_audio": "visual_modified",
        "real_video_fake_audio": "audio_modified",
        "fake_video_fake_audio": "both_modified",
    }
    train, filled = [], [[0.1, 0.5]]
    for name, kind in kinds.items():
        original = "id00012/aBc-_9/00001.mp4" if name == "real" else f"{UTTERANCE}/real.mp4"
        line = {"file": f"{UTTERANCE}/{name}.mp4", "original": original, "modify_type": kind}
        train.append({**line, "visual_fake_segments": filled, "audio_fake_segments": filled})
    val = [
        {"file": f"{folder}/a.mp4", "modify_type": kind, "original": None}
        for folder, kind in zip(PLUS, ("real", "both-modified", "audio_modified"), strict=True)
    ]
    touch(root / "train", *(line["file"] for line in train))
    touch(root / "val", *(line["file"] for line in val))
    touch(root, "test/id00099/x/00001/a.mp4", "train_metadata/id00012.json")
    write(root, "train_metadata.json", train)
    return write(root, "val_metadata.json", val)


def test_every_row_of_avdeepfake1m(tmp_path: Path) -> None:
    manifest = manifest_of("avdeepfake1m", avdeepfake1m_tree(tmp_path))
    start, (vox, lrs, silent) = f"train/{UTTERANCE}", (f"val/{folder}/a.mp4" for folder in PLUS)
    real = f"{start}/real.mp4"
    assert told(manifest) == {
        real: (*REAL, None, "id00012", "train"),
        f"{start}/fake_video_real_audio.mp4": (*FACE, real, "id00012", "train"),
        f"{start}/real_video_fake_audio.mp4": (*VOICE, real, "id00012", "train"),
        f"{start}/fake_video_fake_audio.mp4": (*BOTH, real, "id00012", "train"),
        vox: (*REAL, None, "id00012", "val"),
        lrs: (*BOTH, None, "cLip-7", "val"),
        silent: (*VOICE, None, "subject_3", "val"),
    }
    assert {row.clip_id: {s[2] for s in row.segments} for row in manifest.rows} == {
        real: set(),
        f"{start}/fake_video_real_audio.mp4": {"face"},
        f"{start}/real_video_fake_audio.mp4": {"voice"},
        f"{start}/fake_video_fake_audio.mp4": {"face", "voice"},
        **dict.fromkeys((vox, lrs, silent), set()),
    }


def test_every_row_of_polyglotfake(tmp_path: Path) -> None:
    real, other = "real/en/en_12.mp4", "real/zh/zh_12.mp4"
    fake, lone = "fake/to_ar/en_12_to_ar_xtts_v2.mp4", "fake/to_en/fr_3_to_en_bark.mp4"
    manifest = manifest_of("polyglotfake", touch(tmp_path, real, other, fake, lone))
    assert told(manifest) == {
        real: (*REAL, None, real, None),
        other: (*REAL, None, other, None),
        fake: (*BOTH, real, real, None),
        lone: (*BOTH, "real/fr/fr_3.mp4", "real/fr/fr_3.mp4", None),
    }
    assert {row.method for row in manifest.rows} == {"real", "xtts_v2", "bark"}


IDFORGE = {
    "pristine": REAL,
    "face_tts": BOTH,
    "face_tts_textgen": BOTH,
    "face_rvc_textmismatch": BOTH,
    "lip_rvc_textmismatch": BOTH,
    "lip_tts_textgen": BOTH,
    "rvc_textmismatch": VOICE,
    "tts_textgen": VOICE,
    "tts_textmismatch": VOICE,
    "face_audiomismatch_textmismatch": (True, True, None),
    "lip_audiomismatch_textmismatch": (True, True, None),
}


@pytest.mark.parametrize("start", ["main/", "", "IDForge_v1/main/"])
def test_every_row_of_idforge(tmp_path: Path, start: str) -> None:
    below = {kind: f"{kind}/id07/id07_01/0001.mp3.mp4" for kind in IDFORGE}
    touch(tmp_path, *(start + name for name in below.values()), "ref/id07/9.mp4")
    names = list(below.values())
    write(tmp_path, "IDForge_v1/train.csv", "".join(f"main/{name}\n" for name in names[:-1]))
    write(tmp_path, "IDForge_v1/val.csv", f"main/{names[-1]}\n")
    splits = dict.fromkeys(names, "train") | {names[-1]: "val"}
    assert told(manifest_of("idforge", tmp_path)) == {
        start + name: (*IDFORGE[kind], None, "id07", splits[name]) for kind, name in below.items()
    }


def test_every_row_of_deepfake_eval(tmp_path: Path) -> None:
    words = {
        "a.mp4": ("Fake", "Unknown", "train", (True, True, None)),
        "b.webm": ("Real", "Fake", "test", VOICE),
        "c.mp4": ("Real", "Real", "test", REAL),
        "d.mp4": ("Real", "Unknown", "train", (None, False, None)),
        "e.mp4": ("Unknown", "Unknown", "train", None),
        "gone.mp4": ("Fake", "Fake", "test", BOTH),
    }
    head = "Filename,Date,Video Ground Truth,Audio Ground Truth,Public Comments,Finetuning Set\n"
    lines = (f'{n},2024,{v},{a},"so, so",{s}\n' for n, (v, a, s, _) in words.items())
    write(tmp_path, "video-metadata-publish.csv", head + "".join(lines))
    sounds = "Filename,Ground Truth,Finetuning Set\na.mp3,Fake,train\na.mp4,Real,test\n"
    write(tmp_path, "audio-metadata-publish.csv", sounds)
    touch(tmp_path, *(f"video-data/{name}" for name in words if name != "gone.mp4"))
    touch(tmp_path, "audio-data/a.mp3", "audio-data/a.mp4", "video-data/untold.mp4")
    manifest = manifest_of("deepfake_eval_2024", tmp_path)
    videos = {f"video-data/{name}": entry for name, entry in words.items() if entry[3]}
    assert told(manifest) == {
        **{name: (*labels, None, name, split) for name, (_, _, split, labels) in videos.items()},
        "audio-data/a.mp3": (True, None, True, None, "audio-data/a.mp3", "train"),
        "audio-data/a.mp4": (False, None, False, None, "audio-data/a.mp4", "test"),
    }
    assert {row.status for row in manifest.rows if "gone" in row.clip_id} == {"missing"}
    assert any("1 rows dropped, as the spec says, for " in warning for warning in manifest.warnings)
