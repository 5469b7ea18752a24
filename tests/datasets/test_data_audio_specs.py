"""Specs of sound datasets that hold both classes, each on a made-up tree with its traps in it."""

from pathlib import Path

import pytest
from sounds import FAKE, REAL, built, labels, told
from trees import touch, write

from avfake.errors import ManifestError, SpecError


def asvspoof2019(root: Path) -> Path:
    protocols = "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm"
    write(root, f"{protocols}.train.trn.txt", "LA_0069 LA_T_1000001 - - bonafide\n")
    write(root, f"{protocols}.dev.trl.txt", "LA_0070 LA_D_1000002 - A06 spoof\n")
    write(
        root,
        f"{protocols}.eval.trl.txt",
        "LA_0039 LA_E_1000003 - A11 spoof\nLA_0039 LA_E_1000004 - - bonafide\n",
    )
    write(root, "ASVspoof2019_LA_asv_protocols/ASVspoof2019.LA.asv.dev.gi.trl.txt", "x y z\n")
    return touch(
        root,
        "ASVspoof2019_LA_train/flac/LA_T_1000001.flac",
        "ASVspoof2019_LA_dev/flac/LA_D_1000002.flac",
        "ASVspoof2019_LA_dev/flac/LA_D_1000009.flac",
        "ASVspoof2019_LA_eval/flac/LA_E_1000003.flac",
        "ASVspoof2019_LA_eval/flac/LA_E_1000004.flac",
    )


@pytest.mark.parametrize("inside", [".", "LA"])
def test_every_row_of_asvspoof2019_la(tmp_path: Path, inside: str) -> None:
    asvspoof2019(tmp_path / inside)
    manifest = built("asvspoof2019_la", tmp_path)
    dev, evaluated = "ASVspoof2019_LA_dev/flac", "ASVspoof2019_LA_eval/flac"
    train = "ASVspoof2019_LA_train/flac/LA_T_1000001.flac"
    assert labels(manifest) == {
        f"{dev}/LA_D_1000002.flac": FAKE,
        f"{evaluated}/LA_E_1000003.flac": FAKE,
        f"{evaluated}/LA_E_1000004.flac": REAL,
        train: REAL,
    }
    assert told(manifest, "split", "identity", "group", "method", "part") == {
        f"{dev}/LA_D_1000002.flac": ("val", "LA_0070", "LA_0070", "A06", "dev"),
        f"{evaluated}/LA_E_1000003.flac": ("test", "LA_0039", "LA_0039", "A11", "eval"),
        f"{evaluated}/LA_E_1000004.flac": ("test", "LA_0039", "LA_0039", "real", "eval"),
        train: ("train", "LA_0069", "LA_0069", "real", "train"),
    }
    assert "1 files without a row in cm were left out: ASVspoof2019_LA_dev" in manifest.warnings[0]
    assert any("expected 25380 train, found 1" in warning for warning in manifest.warnings)


def test_asvspoof_refuses_a_word_that_is_no_label(tmp_path: Path) -> None:
    file = "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.dev.trl.txt"
    write(asvspoof2019(tmp_path), file, "LA_0070 LA_D_1000002 - A06 fake\n")
    with pytest.raises(ManifestError, match=r"line 1\): key is 'fake'; allowed: bonafide, spoof"):
        built("asvspoof2019_la", tmp_path)
    with pytest.raises(SpecError, match=r"does not look like asvspoof2019_la"):
        built("asvspoof2019_la", tmp_path / "ASVspoof2019_LA_dev")


def test_every_row_of_asvspoof2021_df(tmp_path: Path) -> None:
    lines = (
        "LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress traditional_vocoder"
        " - - - -\n"
        "TEF2 DF_E_2000012 low_mp3 vcc2018 bonafide bonafide notrim eval bonafide - - - -\n"
        "LA_0023 DF_E_2000013 nocodec asvspoof - bonafide trim hidden\n"  # the first keys: 8 words
        "LA_0024 DF_E_2000019 nocodec asvspoof A07 spoof notrim eval\n"
    )
    write(tmp_path, "keys/DF/CM/trial_metadata.txt", lines)
    write(tmp_path, "keys/LA/CM/trial_metadata.txt", lines.replace("DF_E", "LA_E"))
    write(tmp_path, "keys/PA/CM/trial_metadata.txt", lines)
    names = [f"ASVspoof2021_DF_eval/flac/DF_E_200001{n}.flac" for n in range(1, 5)]
    manifest = built("asvspoof2021_df", touch(tmp_path, *names))
    assert labels(manifest) == {names[0]: FAKE, names[1]: REAL, names[2]: REAL}
    assert told(manifest, "split", "part", "group", "method") == {
        names[0]: (None, "progress", "LA_0023", "A14"),
        names[1]: ("test", "eval", "TEF2", "real"),
        names[2]: (None, "hidden", "LA_0023", "real"),
    }
    assert "1 files without a row in cm were left out" in manifest.warnings[0]
    assert "1 rows of cm fit no file: keys/DF/CM/trial_metadata.txt, line 4" in manifest.warnings


@pytest.mark.parametrize("header", ["", "speaker file gender codec q seed tag attack key tmp\n"])
def test_every_row_of_asvspoof5(tmp_path: Path, header: str) -> None:
    tables = {
        "train": "T_0001 T_0000000001 M - - - - bonafide bonafide -\n",
        "dev.track_1": "D_0062 D_0000000001 F - - - AC1 A11 spoof -\n",
        "eval.track_1": "E_1607 E_0009538969 M C05 2 E_0009486171 AC1 A26 spoof -\n"
        "E_1608 E_0009486171 M - - - AC1 A26 spoof -\n",
        "dev.track_2.trial": "D_0062 D_0000000001 F bonafide target -\n",
    }
    for name, text in tables.items():
        write(tmp_path, f"ASVspoof5_protocols/ASVspoof5.{name}.tsv", header + text)
    evaluated = [f"flac_E_eval/E_000{n}.flac" for n in (9486171, 9538969)]
    touch(tmp_path, "flac_T/T_0000000001.flac", "flac_D/D_0000000001.flac", *evaluated)
    manifest = built("asvspoof5", tmp_path)
    assert labels(manifest) == {
        "flac_D/D_0000000001.flac": FAKE,
        evaluated[0]: FAKE,
        evaluated[1]: FAKE,
        "flac_T/T_0000000001.flac": REAL,
    }
    assert told(manifest, "split", "identity", "method") == {
        "flac_D/D_0000000001.flac": ("val", "D_0062", "A11"),
        evaluated[0]: ("test", "E_1608", "A26"),
        evaluated[1]: ("test", "E_1607", "A26"),
        "flac_T/T_0000000001.flac": ("train", "T_0001", "real"),
    }
    groups = [row.group for row in manifest.rows]  # a re-encoding stays with what it re-encodes
    assert groups[1] == groups[2]
    assert len(set(groups)) == 3


@pytest.mark.parametrize("inside", [".", "release_in_the_wild"])
def test_every_row_of_in_the_wild(tmp_path: Path, inside: str) -> None:
    text = "file,speaker,label\n0.wav,Speaker A,spoof\n1.wav,Speaker B,bona-fide\n"
    write(tmp_path / inside, "meta.csv", text + "2.wav,Speaker A,bona-fide\n")
    touch(tmp_path / inside, "0.wav", "1.wav", "3.wav")
    manifest = built("in_the_wild", tmp_path)
    assert labels(manifest) == {"0.wav": FAKE, "1.wav": REAL, "2.wav": REAL}
    assert told(manifest, "group", "identity", "split", "status") == {
        "0.wav": ("Speaker A", "Speaker A", None, "ok"),
        "1.wav": ("Speaker B", "Speaker B", None, "ok"),
        "2.wav": ("Speaker A", "Speaker A", None, "missing"),
    }
    assert "1 files without a row in meta were left out: 3.wav" in manifest.warnings


@pytest.mark.parametrize(
    ("variant", "folder"),
    [("norm", "for-norm/for-norm/"), ("2sec", "for-2seconds/"), ("rerec", "x/for-rerecorded/")],
)
def test_every_row_of_fake_or_real(tmp_path: Path, variant: str, folder: str) -> None:
    names = ["training/real/a.wav", "validation/fake/b.mp3", "testing/fake/a.wav"]
    touch(
        tmp_path, *(folder + name for name in names), "for-original/for-original/testing/real/z.mp3"
    )
    manifest = built("fake_or_real", tmp_path, variant=variant)
    assert labels(manifest) == {
        folder + names[0]: REAL,
        folder + names[1]: FAKE,
        folder + names[2]: FAKE,
    }
    assert [row.split for row in manifest.rows] == ["test", "train", "val"]
    assert all(row.group == row.clip_id for row in manifest.rows)
    assert "1 media files fit no rule of the spec: for-original" in manifest.warnings[0]
    within = built("fake_or_real", tmp_path / folder, variant=variant)
    assert labels(within) == {names[0]: REAL, names[1]: FAKE, names[2]: FAKE}


def test_fake_or_real_names_the_version_that_is_not_there(tmp_path: Path) -> None:
    touch(tmp_path, "for-original/training/real/a.wav")
    with pytest.raises(SpecError, match=r"holds no file of fake_or_real among 1.*for-norm"):
        built("fake_or_real", tmp_path)
    assert len(built("fake_or_real", tmp_path, variant="original")) == 1
