"""The specs for a user's own material: folders, a table, the studio's dataset."""

import csv
from pathlib import Path

import pytest
from real_media import REAL_MEDIA
from trees import touch, write

from avfake.datasets.build import build_manifest
from avfake.datasets.manifest import Manifest, Row
from avfake.datasets.schema import load_spec
from avfake.errors import ManifestError, SpecError

needs_media = pytest.mark.skipif(not REAL_MEDIA.is_dir(), reason="the real clips are not here")
TRUTH = (
    "filename,label,face_fake,voice_fake,identity,face_source,voice_source,original,family,method,"
    "difficulty,split\n"
)


def built(spec: str, root: Path, **overrides: str) -> Manifest:
    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    return build_manifest(load_spec(spec, dotted), root)


def labels(row: Row) -> tuple:
    return row.label, row.face_fake, row.voice_fake, row.has_video, row.has_audio


REAL, REAL_SOUND = (False, False, False, True, None), (False, None, False, False, True)
FAKE, FAKE_SOUND = (True, None, None, True, None), (True, None, True, False, True)


def test_folders_with_synonyms_splits_and_sound(tmp_path: Path) -> None:
    expected = {
        "Fake/deep/er/c.webm": (FAKE, None),
        "real/a.mp4": (REAL, None),
        "real/b.FLAC": (REAL_SOUND, None),
        "set/val/genuine/x.mp4": (REAL, "val"),
        "test/1_fake/d.wav": (FAKE_SOUND, "test"),
        "test/bona-fide/e.mov": (REAL, "test"),
        "train/0_real/f.mkv": (REAL, "train"),
        "train/manipulated/g.mp4": (FAKE, "train"),
        "valid/Synthetic/h.mp4": (FAKE, "val"),
    }
    touch(tmp_path, *expected, "stray.mp4", "real/notes.txt", "unreal/z.mp4")
    manifest = built("folders", tmp_path)
    assert {r.clip_id: (labels(r), r.split) for r in manifest.rows} == expected
    assert all(r.group == r.clip_id for r in manifest.rows)
    assert manifest.warnings == ("2 media files fit no rule of the spec: stray.mp4, unreal/z.mp4",)


def test_folders_take_what_the_user_knows_of_the_fakes(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.mp4", "fake/b.mp4")
    known = {"params__fake_face": "true", "params__fake_voice": "absent"}
    real, fake = sorted(built("folders", tmp_path, **known).rows, key=lambda r: r.clip_id)[::-1]
    assert labels(real) == REAL
    assert labels(fake) == (True, True, None, True, False)
    with pytest.raises(SpecError, match=r"params\.fake_face: 'yes' is not allowed; allowed: unk"):
        built("folders", tmp_path, params__fake_face="yes")


def test_folders_without_classes_say_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"holds no file of folders among 1; looked for any of"):
        built("folders", touch(tmp_path, "clips/a.mp4"))


def test_csv_with_names_of_columns(tmp_path: Path) -> None:
    text = (
        "file;truth;face_fake;voice;speaker;original\n"
        "a.mp4;REAL;false;absent;s1;\n"
        "b.mp4;fake;TRUE;false;s1;a.mp4\n"
        '"c;d.wav";FAKE;absent;true;s2;\n'
        "e.xyz;real;;;;\n"
        "gone.mp4;unknown;;;s3;gone0.mp4\n"
    )
    write(
        touch(tmp_path, *(f"t/v/{n}" for n in ("a.mp4", "b.mp4", "c;d.wav", "e.xyz"))),
        "t/l.csv",
        text,
    )
    manifest = built(
        "csv",
        touch(tmp_path, "t/v/more.mp4"),
        params__table="t/l.csv",
        params__delimiter=";",
        params__folder="v",
        params__path="file",
        params__label="truth",
        params__voice_fake="voice",
        params__group="speaker",
        params__identity="speaker",
    )
    told = {r.clip_id: (*labels(r), r.group, r.original, r.status) for r in manifest.rows}
    assert told == {
        "t/v/a.mp4": (False, False, None, True, False, "s1", None, "ok"),
        "t/v/b.mp4": (True, True, False, True, None, "s1", "t/v/a.mp4", "ok"),
        "t/v/c;d.wav": (True, None, True, False, True, "s2", None, "ok"),
        "t/v/e.xyz": (False, False, False, True, None, "t/v/e.xyz", None, "ok"),
        "t/v/gone.mp4": (None, None, None, True, None, "s3", "t/v/gone0.mp4", "missing"),
    }
    assert "1 media files have no row in list: t/v/more.mp4" in manifest.warnings[0]
    assert {r.identity for r in manifest.rows} == {"s1", "s2", "s3", None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,label\na.mp4,1\n",
            r"manifest\.csv, line 2\): label is '1'; allowed: REAL, real, FA",
        ),
        ("path,label\na.mp4,\n", r"manifest\.csv, line 2: has no label \(it has: path\)"),
        (
            "path,label,voice_fake\na.mp4,REAL,no\n",
            r"voice_fake is 'no'; allowed: true, false, unk",
        ),
        (
            "path,label,face_fake\na.mp4,REAL,true\n",
            r"line 2\): label is REAL, but face_fake is tr",
        ),
        (
            "path,label,face_fake,voice_fake\na.mp4,FAKE,false,false\n",
            r"label is FAKE, but no part of it is",
        ),
        (
            "path,label,face_fake,voice_fake\na.mp4,FAKE,absent,absent\n",
            r"has neither picture nor sound",
        ),
        (
            "path,label\na.mp4,REAL\n./a.mp4,FAKE\n",
            r"line 3: labels a\.mp4 unlike manifest\.csv, li",
        ),
        (
            "path,label\n../a.mp4,REAL\n",
            r"line 2: \./\.\./a\.mp4 leads out of|\.\./a\.mp4 leads out",
        ),
        ("path,label\na.mp4,REAL,x\n", r"line 2: 3 values for 2 columns"),
        ("path,label,\na.mp4\n", r"line 2: has no label"),
    ],
)
def test_bad_rows_of_a_csv_are_named(tmp_path: Path, text: str, message: str) -> None:
    write(touch(tmp_path, "a.mp4"), "manifest.csv", text)
    with pytest.raises(ManifestError, match=message):
        built("csv", tmp_path)


def test_numbers_become_labels_only_as_the_user_says(tmp_path: Path) -> None:
    write(touch(tmp_path, "a.mp4", "b.mp4"), "manifest.csv", "path,label\na.mp4,1\nb.mp4,0\n")
    words = {"fields__label__map__1": "REAL", "fields__label__map__0": "FAKE"}
    assert [row.label for row in built("csv", tmp_path, **words).rows] == [False, True]


def test_rows_that_agree_are_one_row_and_a_warning(tmp_path: Path) -> None:
    text = "path,label,method\na.mp4,FAKE,one\na.mp4,FAKE,two\n"
    manifest = built("csv", write(touch(tmp_path, "a.mp4"), "manifest.csv", text))
    assert [row.method for row in manifest.rows] == ["one"]
    assert "1 rows name a file that had a row already: manifest.csv, line 3" in manifest.warnings


def test_a_csv_that_fits_nothing_says_why(tmp_path: Path) -> None:
    write(touch(tmp_path, "v/a.mp4"), "manifest.csv", "path,lable\na.mp4,REAL\n")
    message = r"has no column 'label' for 'label' \(did you mean 'lable'\?\); columns: path, lable"
    with pytest.raises(SpecError, match=message):
        built("csv", tmp_path)
    with pytest.raises(SpecError, match=r"1 rows of csv and no file for any of them; looked for a"):
        built("csv", tmp_path, params__label="lable")
    with pytest.raises(SpecError, match=r"table 'list' is missing: no file other\.csv in"):
        built("csv", tmp_path, params__table="other.csv")


def test_absolute_paths_inside_the_root_are_fine(tmp_path: Path) -> None:
    text = f"path,label\n{tmp_path}/a.mp4,REAL\n"
    manifest = built("csv", write(touch(tmp_path, "a.mp4"), "manifest.csv", text))
    assert manifest.rows[0].clip_id == "a.mp4"


def test_every_row_of_a_studio_folder(tmp_path: Path) -> None:
    text = (
        "r.mp4,REAL,false,false,p1,,,,f1,real,easy,train\n"
        "v.mp4,FAKE,false,true,p1,,p2,r.mp4,f1,voice,hard,train\n"
        "s.mp4,FAKE,true,absent,p1,p3,,r.mp4,f1,swap,hard,train\n"
        "lost.mp4,false,false,false,p4,,,,f2,real,easy,test\n"
    )
    write(touch(tmp_path, "r.mp4", "v.mp4", "s.mp4"), "truth.csv", TRUTH + text)
    rows = {r.clip_id: r for r in built("studio", tmp_path).rows}
    told = {n: (*labels(r), r.original, r.group, r.split, r.source) for n, r in rows.items()}
    assert told == {
        "lost.mp4": (False, False, False, True, None, None, "f2", "test", None),
        "r.mp4": (False, False, False, True, None, None, "f1", "train", None),
        "s.mp4": (True, True, None, True, False, "r.mp4", "f1", "train", "p3"),
        "v.mp4": (True, False, True, True, None, "r.mp4", "f1", "train", "p2"),
    }
    assert rows["lost.mp4"].status == "missing"
    assert rows["v.mp4"].identity == "p1"


def test_studio_without_its_truth(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"table 'truth' is missing: no file \*\*/truth\.csv in"):
        built("studio", touch(tmp_path, "r.mp4"))


@needs_media
def test_real_voices() -> None:
    columns = {"path": "filename", "group": "speaker", "identity": "speaker"}
    manifest = built("csv", REAL_MEDIA / "voice", **{f"params__{k}": v for k, v in columns.items()})
    with (REAL_MEDIA / "voice/manifest.csv").open(encoding="utf-8", newline="") as file:
        truth = {record["filename"]: record for record in csv.DictReader(file)}
    assert {r.clip_id for r in manifest.rows} == truth.keys()
    for r in manifest.rows:
        assert labels(r) == (FAKE_SOUND if truth[r.clip_id]["label"] == "FAKE" else REAL_SOUND)
        assert (r.status == "ok") is Path(r.path).is_file()


@needs_media
def test_real_clips_with_their_whole_truth() -> None:
    folder = {"params__path": "filename", "params__folder": "video"}
    manifest = built("csv", REAL_MEDIA, **folder)
    with (REAL_MEDIA / "manifest.csv").open(encoding="utf-8", newline="") as file:
        truth = {f"video/{record['filename']}": record for record in csv.DictReader(file)}
    word = {"true": True, "false": False, "unknown": None, "absent": None}
    assert {r.clip_id for r in manifest.rows} == truth.keys()
    for r in manifest.rows:
        record = truth[r.clip_id]
        assert r.label is (record["label"] == "FAKE")
        assert r.face_fake is word[record["face_fake"]]
        # Where the table calls the voice of a clip with a sound track absent, the track is silent.
        has_voice = record["has_audio"] == "yes" and record["voice_fake"] != "absent"
        assert r.has_audio is has_voice
        # No part of a genuine clip is forged, whatever the table leaves unknown of its parts.
        says = False if record["label"] == "REAL" and has_voice else word[record["voice_fake"]]
        assert r.voice_fake is says
    assert {r.status for r in manifest.rows} == {"ok"}
