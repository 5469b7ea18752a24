"""A manifest on disk comes back as it was, or says which line and column is wrong."""

import json
from pathlib import Path

import pytest
from trees import dfdc_parts

from avfake.datasets.build import build_manifest
from avfake.datasets.manifest import Manifest, Row, read_manifest
from avfake.datasets.schema import load_spec
from avfake.errors import AvfakeError, ManifestError
from avfake.labels import ForgedSegment

SEGMENTS = (ForgedSegment(0.1, 1e-5 + 2, "face"), ForgedSegment(3.0, 4.0, "both"))
ODD = Manifest(
    (
        Row("a, b.mp4", '/x/a, "b".mp4', True, True, None, has_audio=False, group="g\nh"),
        Row("é.flac", "/x/é.flac", False, None, False, has_video=False, has_audio=True),
        Row("raw\udcff.mp4", "/x/raw\udcff.mp4", original="o", identity="i", status="missing"),
        Row("s.mp4", "/x/s.mp4", True, segments=SEGMENTS),
    ),
    "odd",
    ("first, with a comma", "second"),
    {"face_fake": "a guess"},
)


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    built = build_manifest(load_spec("dfdc"), dfdc_parts(tmp_path / "dfdc"))
    for manifest in (built, ODD, Manifest((), "none")):
        manifest.save(tmp_path / "out" / "m.csv")
        assert read_manifest(tmp_path / "out" / "m.csv") == manifest
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["m.csv", "m.csv.json"]


def test_a_table_by_hand_needs_two_columns(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("clip_id,path,label,dataset\na,/x/a,true,mine\n")
    manifest = read_manifest(tmp_path / "m.csv")
    assert manifest == Manifest((Row("a", "/x/a", True, dataset="mine"),), "mine")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip_id,path,label\na,/a,true\nb,/b,yes\n", r"line 3, column label: 'yes' is no label"),
        ("clip_id,path,label\na,/a,1\n", r"line 2, column label: '1' is no label; allowed: true"),
        ("clip_id,path,has_video\na,/a,\n", r"line 2, column has_video: is empty"),
        ("clip_id,path,has_audio\na,/a,maybe\n", r"line 2, column has_audio: 'maybe'"),
        (
            "clip_id,path,status\na,/a,gone\n",
            r"line 2, column status: 'gone'; allowed: ok, missing",
        ),
        ("clip_id,path,segments\na,/a,1:2\n", r"line 2, column segments: '1:2' is no segment"),
        ("clip_id,path,segments\na,/a,2:1:face\n", r"a segment from 2 to 1 cannot be"),
        ("clip_id,path,segments\na,/a,1:2:x\n", r"'x' is no stream; allowed: face, voice, both"),
        ("clip_id,path\na\n", r"line 2: 1 values for 2 columns"),
        ("clip_id\na\n", r"has no column 'path'; columns: clip_id"),
        ("", r"has no column 'clip_id'"),
        (
            "clip_id,path,lable\na,/a,true\n",
            r"column 'lable' is unknown \(did you mean 'label'\?\)",
        ),
        ("clip_id,path,path\na,/a,/b\n", r"column 'path' is there twice"),
        ("clip_id,path\na,/a\na,/b\n", r"rows 1 and 2 have one clip_id, a"),
        ('clip_id,path\n"a,/a\n', r"not valid CSV"),
    ],
)
def test_a_bad_table_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(ManifestError, match=message):
        read_manifest(tmp_path / "m.csv")


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"m\.csv: the manifest cannot be read \(No such file"):
        read_manifest(tmp_path / "m.csv")
    ODD.save(tmp_path / "m.csv")
    (tmp_path / "m.csv.json").write_text("{")
    with pytest.raises(ManifestError, match=r"m\.csv\.json, line 1: not valid JSON"):
        read_manifest(tmp_path / "m.csv")


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ODD.save(tmp_path / "m.csv")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(AvfakeError, match="disk full"):
        Manifest((), "none").save(tmp_path / "m.csv")
    assert read_manifest(tmp_path / "m.csv") == ODD
    assert len(list(tmp_path.iterdir())) == 2


def test_the_files_are_plain(tmp_path: Path) -> None:
    ODD.save(tmp_path / "m.csv")
    header = (tmp_path / "m.csv").read_bytes().split(b"\n")[0].decode()
    assert header.startswith("clip_id,path,label,face_fake,voice_fake,has_video,has_audio")
    beside = json.loads((tmp_path / "m.csv.json").read_text())
    assert beside["assumed"] == {"face_fake": "a guess"}
