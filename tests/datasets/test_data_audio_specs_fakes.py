"""Specs of sound datasets whose genuine class lies elsewhere, or whose labels turn round."""

from pathlib import Path

import pytest
from sounds import FAKE, REAL, UNKNOWN, built, labels, told
from trees import touch, write

from avfake.datasets.build import build_manifest
from avfake.datasets.schema import load_spec
from avfake.datasets.splits import assign_splits
from avfake.errors import ManifestError

FAKES_ONLY = "fakes only; join a folder of genuine clips, "


@pytest.mark.parametrize("inside", [".", "generated_audio"])
def test_every_row_of_wavefake(tmp_path: Path, inside: str) -> None:
    prompts = "common_voices_prompts_from_conformer_fastspeech2_pwg_ljspeech"
    expected = {
        f"{prompts}/gen_7.wav": (None, "prompts/7", "conformer_fastspeech2_pwg", "ljspeech"),
        "jsut_parallel_wavegan/BASIC5000_4225_gen.wav": (
            "jsut:basic5000/wav/BASIC5000_4225.wav",
            "jsut/BASIC5000_4225",
            "parallel_wavegan",
            "jsut",
        ),
    }
    for vocoder, ending in (("hifiGAN", "_generated"), ("melgan", "_gen"), ("waveglow", "")):
        expected[f"ljspeech_{vocoder}/LJ001-0001{ending}.wav"] = (
            "ljspeech:wavs/LJ001-0001.wav",
            "ljspeech/LJ001-0001",
            vocoder,
            "ljspeech",
        )
    touch(tmp_path / inside, *expected, f"{prompts}/generated/gen_7.wav")
    manifest = built("wavefake", tmp_path)
    assert labels(manifest) == dict.fromkeys(expected, FAKE)
    assert told(manifest, "original", "group", "method", "source") == expected
    assert all(row.identity is None and row.split is None for row in manifest.rows)
    assert f"1 media files fit no rule of the spec: {prompts}/generated/gen_7.wav" in (
        manifest.warnings
    )
    assert any(w.startswith(f"{FAKES_ONLY}ljspeech and jsut, which") for w in manifest.warnings)
    sides = assign_splits(manifest.rows, {"train": 0.6, "test": 0.4})
    assert len({sides[name] for name in expected if name.startswith("ljspeech")}) == 1


def test_every_row_of_mlaad(tmp_path: Path) -> None:
    header = (
        "path|original_file|language|is_original_language|duration|training_data|model_name|"
        "architecture|transcript\n"
    )
    source = "en_US/by_book/female/reader/book/wavs/{}.wav"
    write(
        tmp_path,
        "fake/en/vits/meta.csv",
        f'{header}./fake/en/vits/a.wav|{source.format("s1")}|en|true|2|x|VITS|vits|"Oh, said he\n'
        f"./fake/en/vits/b.wav|{source.format('s2')}|en|true|2|x|VITS|vits|It's late\n",
    )
    write(
        tmp_path,
        "fake/zh-cn/OpenVoiceV2/meta.csv",  # names the folder of another language
        f"{header}./fake/zh/OpenVoiceV2/a.wav|{source.format('s1')}|zh|false|2|x|OV2|ov|a\n",
    )
    write(tmp_path, "fake/en/vits/meta.csv.bak", "broken")
    write(tmp_path, "fake/en/vits/simpler_meta.csv", "broken")
    touch(tmp_path, "fake/en/vits/a.wav", "fake/en/vits/b.wav", "fake/en/vits/stray.wav")
    manifest = built("mlaad", touch(tmp_path, "fake/zh-cn/OpenVoiceV2/a.wav"))
    one, two = (f"m_ailabs:{source.format(name)}" for name in ("s1", "s2"))
    stray = "fake/en/vits/stray.wav"
    assert told(manifest, "label", "voice_fake", "original", "group", "method", "part") == {
        "fake/en/vits/a.wav": (True, True, one, one, "VITS", "en"),
        "fake/en/vits/b.wav": (True, True, two, two, "VITS", "en"),
        stray: (True, True, None, stray, "vits", "en"),
        "fake/zh-cn/OpenVoiceV2/a.wav": (True, True, one, one, "OV2", "zh-cn"),
    }
    assert f"1 files have no row in any table (meta): {stray}" in manifest.warnings
    assert any(w.startswith(f"{FAKES_ONLY}m_ailabs, which") for w in manifest.warnings)


def codecfake(root: Path) -> Path:
    write(
        root,
        "label/train.txt",
        "SSB13650058.wav real 0\nF01_SSB13650058.wav fake 1\nF06_p225_001.wav fake 6\n",
    )
    write(root, "label/C1.txt", "SSB00050001.wav real 0\nF01_SSB00050001.wav fake 1\n")
    write(root, "label/A1.txt", "SSB00050001.wav real 0\n")
    touch(root, *(f"train/{n}.wav" for n in ("SSB13650058", "F01_SSB13650058", "F06_p225_001")))
    touch(root, "test/C1/SSB00050001.wav", "test/C1/F01_SSB00050001.wav")
    return touch(root, "test/A1/SSB00050001.wav", "train/unlisted.wav")


def test_every_row_of_codecfake(tmp_path: Path) -> None:
    manifest = built("codecfake", codecfake(tmp_path))
    assert labels(manifest) == {
        "test/A1/SSB00050001.wav": REAL,
        "test/C1/F01_SSB00050001.wav": FAKE,
        "test/C1/SSB00050001.wav": REAL,
        "train/F01_SSB13650058.wav": FAKE,
        "train/F06_p225_001.wav": FAKE,
        "train/SSB13650058.wav": REAL,
    }
    test, train, absent = "test/C1/SSB00050001.wav", "train/SSB13650058.wav", "train/p225_001.wav"
    person, other = "SSB0005", "SSB1365"
    columns = ("original", "group", "identity", "method", "part", "split")
    assert told(manifest, *columns) == {
        "test/A1/SSB00050001.wav": (None, "SSB00050001", person, "real", "A1", "test"),
        "test/C1/F01_SSB00050001.wav": (test, "SSB00050001", person, "codec1", "C1", "test"),
        test: (None, "SSB00050001", person, "real", "C1", "test"),
        "train/F01_SSB13650058.wav": (train, "SSB13650058", other, "codec1", "train", "train"),
        "train/F06_p225_001.wav": (absent, "p225_001", "p225", "codec6", "train", "train"),
        train: (None, "SSB13650058", other, "real", "train", "train"),
    }
    assert "1 files without a row in told were left out: train/unlisted.wav" in manifest.warnings


def test_codecfake_with_one_list_of_all_test_folders(tmp_path: Path) -> None:
    write(codecfake(tmp_path), "label/test.txt", "F07_SSB00050009.wav fake 7\n")
    manifest = built("codecfake", touch(tmp_path, "test/A2/F07_SSB00050009.wav"))
    assert labels(manifest)["test/A2/F07_SSB00050009.wav"] == FAKE


def test_codecfake_never_reads_the_number_of_a_codec_as_a_label(tmp_path: Path) -> None:
    write(codecfake(tmp_path), "label/A1.txt", "SSB00050001.wav 0\n")
    with pytest.raises(ManifestError, match=r"line 1\): key is '0'; allowed: real, fake"):
        built("codecfake", tmp_path)


def test_every_row_of_codecfake_on_vctk(tmp_path: Path) -> None:
    name = "encodec_24khz+p272_103.wav"
    manifest = built("codecfake_vctk", touch(tmp_path, name, "p272_103.wav"))
    assert labels(manifest) == {name: FAKE}
    assert told(manifest, "original", "group", "identity", "method") == {
        name: ("vctk:wav48/p272/p272_103.wav", "p272", "p272", "encodec_24khz")
    }
    assert any(w.startswith(f"{FAKES_ONLY}vctk, which") for w in manifest.warnings)


def add2023(root: Path) -> Path:
    write(root, "T12/train/label.txt", "ADD2023_T1.2_T_00000000.wav genuine\n")
    write(root, "T12/dev/label.txt", "ADD2023_T1.2_D_00000000.wav fake\n")
    write(
        root,
        "ADD2023_Track2_train/label.txt",
        "ADD2023_T2_T_00000000 0.00-1.55-T/1.55-3.50-F/3.50-5.66-T 0\n"
        "ADD2023_T2_T_00000001 0.00-3.20-T 1\n",
    )
    touch(root, "T12/train/wav/ADD2023_T1.2_T_00000000.wav")
    touch(root, "T12/dev/wav/ADD2023_T1.2_D_00000000.wav")
    touch(root, "T12/testR1/wav/ADD2023_T1.2R1_E_00000000.wav")
    folder = "ADD2023_Track2_train/wav"
    return touch(root, *(f"{folder}/ADD2023_T2_T_0000000{n}.wav" for n in (0, 1)))


def test_every_row_of_add2023(tmp_path: Path) -> None:
    manifest = built("add2023", add2023(tmp_path))
    names = [row.clip_id for row in manifest.rows]
    assert labels(manifest) == {
        "ADD2023_Track2_train/wav/ADD2023_T2_T_00000000.wav": FAKE,  # 0: the other way round
        "ADD2023_Track2_train/wav/ADD2023_T2_T_00000001.wav": REAL,
        "T12/dev/wav/ADD2023_T1.2_D_00000000.wav": FAKE,
        "T12/testR1/wav/ADD2023_T1.2R1_E_00000000.wav": UNKNOWN,
        "T12/train/wav/ADD2023_T1.2_T_00000000.wav": REAL,
    }
    assert list(told(manifest, "part", "split").values()) == [
        ("2", "train"),
        ("2", "train"),
        ("1.2", "val"),
        ("1.2", "test"),
        ("1.2", "train"),
    ]
    assert [row.group for row in manifest.rows] == names
    assert [row.segments for row in manifest.rows] == [((1.55, 3.5, "voice"),), (), (), (), ()]
    assert f"1 files have no row in any table (told): {names[3]}" in manifest.warnings


def test_add2023_knows_two_numbers_and_no_more(tmp_path: Path) -> None:
    write(add2023(tmp_path), "ADD2023_Track2_train/label.txt", "ADD2023_T2_T_00000000 0-1-T 2\n")
    with pytest.raises(ManifestError, match=r"flag is '2'; allowed: 1, 0"):
        built("add2023", tmp_path)


SMALL = """
spec: 1
name: small
media: [{id: clip, kind: audio, regex: '^(?P<says>real|fake)/'}]
fields: {label: {of: "{says}", map: {real: REAL, fake: FAKE}}, face_fake: null}
external: {elsewhere: {spec: folders, role: ROLE}}
"""


@pytest.mark.parametrize(
    ("role", "names", "warns"),
    [
        ("real_class", ["fake/a.wav"], True),
        ("real_class", ["fake/a.wav", "real/b.wav"], False),
        ("originals", ["fake/a.wav"], False),
    ],
)
def test_fakes_alone_are_a_warning(
    tmp_path: Path, role: str, names: list[str], *, warns: bool
) -> None:
    write(tmp_path, "small.yaml", SMALL.replace("ROLE", role))
    manifest = build_manifest(load_spec(tmp_path / "small.yaml"), touch(tmp_path, *names))
    assert any(w.startswith(f"{FAKES_ONLY}elsewhere, which") for w in manifest.warnings) is warns
