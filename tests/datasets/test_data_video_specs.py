"""Specs of swap sets whose folders and names tell the labels, on made-up trees with their traps."""

from pathlib import Path

import pytest
from told import manifest_of, told
from trees import touch, write

YOUTUBE = "original_sequences/youtube/{}/videos/{}.mp4"
ACTORS = "original_sequences/actors/{}/videos/{}.mp4"
FAKES = "manipulated_sequences/{}/{}/videos/{}.mp4"


def ffpp_tree(root: Path, *, quality: str = "c23") -> Path:
    """Two pairs that share a YouTube video across the split, masks, another quality, two actors."""
    touch(
        root,
        *(YOUTUBE.format(quality, name) for name in ("000", "003", "071")),
        *(FAKES.format("Deepfakes", quality, name) for name in ("000_003", "003_000")),
        FAKES.format("Face2Face", quality, "071_054"),
        *(ACTORS.format(quality, name) for name in ("01__walk", "02__walk")),
        FAKES.format("DeepFakeDetection", quality, "01_02__walk__ABCD1234"),
        "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4",
        "manipulated_sequences/DeepFakeDetection/masks/videos/01_02__walk__ABCD1234.mp4",
        YOUTUBE.format("c40", "000"),
    )
    upstream = {"000": "vid0 1", "003": "vid3 0", "071": "vid3 1", "054": "vid5 0"}
    write(root, "dataset/conversion_dict.json", upstream)
    write(root, "dataset/splits/train.json", [["000", "003"]])
    write(root, "dataset/splits/val.json", [["898", "899"]])
    return write(root, "dataset/splits/test.json", [["071", "054"]])


def test_every_row_of_faceforensics(tmp_path: Path) -> None:
    manifest = manifest_of("ffpp", ffpp_tree(tmp_path))
    r0, r3, r71 = (YOUTUBE.format("c23", name) for name in ("000", "003", "071"))
    a1, a2 = (ACTORS.format("c23", name) for name in ("01__walk", "02__walk"))
    assert told(manifest) == {
        r0: (False, False, None, None, "000", "train"),
        r3: (False, False, None, None, "000", "train"),
        r71: (False, False, None, None, "000", "test"),  # one YouTube video with 003
        FAKES.format("Deepfakes", "c23", "000_003"): (True, True, None, r0, "000", "train"),
        FAKES.format("Deepfakes", "c23", "003_000"): (True, True, None, r3, "000", "train"),
        FAKES.format("Face2Face", "c23", "071_054"): (True, True, None, r71, "000", "test"),
        a1: (False, False, None, None, "actor01", None),
        a2: (False, False, None, None, "actor02", None),
        FAKES.format("DeepFakeDetection", "c23", "01_02__walk__ABCD1234"): (
            *(True, True, None, a1, "actor01", None),
        ),
    }
    assert all(row.has_audio is False for row in manifest.rows)
    methods = {row.method for row in manifest.rows}
    assert methods == {"real", "Deepfakes", "Face2Face", "DeepFakeDetection"}
    text = "\n".join(manifest.warnings)
    assert "expected 1000 rows with media real, found 3" in text
    assert "files have no row in any table" not in text  # the actors are in none, and need none
    assert "3 entries of the split lists fit no file: 898, 899, 054" in text


@pytest.mark.parametrize("quality", ["raw", "c0", "c40"])
def test_faceforensics_in_another_quality_and_without_the_repository(
    tmp_path: Path, quality: str
) -> None:
    touch(tmp_path / "FaceForensics++", YOUTUBE.format(quality, "000"), YOUTUBE.format("c23", "1"))
    fake = FAKES.format("FaceSwap", quality, "000_003")
    manifest = manifest_of("ffpp", touch(tmp_path / "FaceForensics++", fake), quality=quality)
    real = YOUTUBE.format(quality, "000")
    assert told(manifest) == {
        real: (False, False, None, None, "000", None),
        fake: (True, True, None, real, "000", None),
    }
    assert any("there is no split list **/splits/train.json" in w for w in manifest.warnings)
    assert told(manifest_of("ffpp", tmp_path, quality=quality)) == told(manifest)


@pytest.mark.parametrize("inner", ["", "videos/"])
def test_every_row_of_celebdf(tmp_path: Path, inner: str) -> None:
    real = [f"Celeb-real/{inner}{name}.mp4" for name in ("id0_0000", "id1_0000")]
    fake = [f"Celeb-synthesis/{inner}{name}.mp4" for name in ("id0_id1_0000", "id1_id0_0007")]
    tube = [f"YouTube-real/{inner}{name}.mp4" for name in ("00170", "00171")]
    touch(tmp_path / "Celeb-DF-v2", *real, *fake, *tube)
    lines = (
        "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n1 Celeb-real/id1_0000.mp4\n"
    )
    write(tmp_path / "Celeb-DF-v2", "List_of_testing_videos.txt", lines)
    manifest = manifest_of("celebdf", tmp_path)
    gone = "Celeb-real/id1_0007.mp4"
    assert told(manifest) == {
        real[0]: (False, False, False, None, "id0", "train"),
        real[1]: (False, False, False, None, "id1", "test"),
        fake[0]: (True, True, None, real[0], "id0", "test"),
        fake[1]: (True, True, None, gone, "id1", "train"),
        tube[0]: (False, False, False, None, tube[0], "test"),
        tube[1]: (False, False, False, None, tube[1], "train"),
    }
    assert {row.clip_id: row.source for row in manifest.rows}[fake[0]] == "id1"
    assert not any("entries of the split lists" in warning for warning in manifest.warnings)


def test_a_list_of_celebdf_with_its_numbers_swapped_fits_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "YouTube-real/00170.mp4", "Celeb-synthesis/id0_id1_0000.mp4")
    swapped = "0 YouTube-real/00170.mp4\n1 Celeb-synthesis/id0_id1_0000.mp4\n"
    manifest = manifest_of("celebdf", write(tmp_path, "List_of_testing_videos.txt", swapped))
    assert {row.split for row in manifest.rows} == {"train"}
    text = "2 entries of the split lists fit no file: 0 YouTube-real/00170.mp4, 1 Celeb-synth"
    assert any(warning.startswith(text) for warning in manifest.warnings)


PERSON = "Asian (East)/men/id00076"
TYPES = {
    f"RealVideo-RealAudio/{PERSON}/00109.mp4": ("real", "-"),
    f"RealVideo-FakeAudio/{PERSON}/00109_fake.mp4": ("rtvc", "-"),
    f"FakeVideo-RealAudio/{PERSON}/00109_1_id7_wavtolip.mp4": ("wav2lip", "id00007"),
    f"FakeVideo-FakeAudio/{PERSON}/00109_2_id7_wavtolip.mp4": ("faceswap-wav2lip", "id00008"),
}


def fakeavceleb_tree(root: Path) -> Path:
    """One clip of each type, the header one name short, the last file listed twice."""
    lines = ["source,target1,target2,method,category,type,race,gender,path,"]
    for name, (method, target) in TYPES.items():
        folder, _, file = name.rpartition("/")
        kind = name.partition("/")[0]
        start = f"id00076,{target},-,{method},X,{kind},Asian (East),men"
        lines.append(f"{start},{file},FakeAVCeleb/{folder}")
    lines.append(lines[-1].replace("faceswap-wav2lip", "wav2lip"))
    return write(touch(root, *TYPES), "meta_data.csv", "\n".join(lines) + "\n")


def test_every_row_of_fakeavceleb(tmp_path: Path) -> None:
    manifest = manifest_of("fakeavceleb", fakeavceleb_tree(tmp_path / "FakeAVCeleb_v1.2"))
    real, voice, face, both = TYPES
    expected = {
        real: (False, False, False, None, "id00076", None),
        voice: (True, False, True, real, "id00076", None),
        face: (True, True, False, real, "id00076", None),
        both: (True, True, True, real, "id00076", None),
    }
    assert told(manifest) == expected
    assert {r.clip_id: r.method for r in manifest.rows} == {n: m for n, (m, _) in TYPES.items()}
    sources = {r.clip_id: r.source for r in manifest.rows}
    assert sources == {real: None, voice: None, face: "id00007", both: "id00008"}
    (tmp_path / "FakeAVCeleb_v1.2/meta_data.csv").unlink()
    bare = manifest_of("fakeavceleb", tmp_path)
    assert told(bare) == expected
    assert {row.method for row in bare.rows} == {"real", None}
