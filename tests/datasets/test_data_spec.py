"""Specs: what the schema can say, on made-up trees; and what it refuses, with file and line."""

import pickle
from pathlib import Path

import pytest
from trees import touch, write, zip_up

from avfake.datasets.build import build_manifest
from avfake.datasets.manifest import Manifest
from avfake.datasets.schema import DatasetSpec, load_spec
from avfake.errors import ManifestError, SpecError

SMALL = """
spec: 1
name: small
media:
  - {id: clip, kind: video, regex: '(?P<cls>[a-z]+)_'}
"""


def small(tmp_path: Path, more: str = "", **overrides: str) -> Manifest:
    write(tmp_path, "small.yaml", SMALL + more)
    dotted = {name.replace("__", "."): value for name, value in overrides.items()}
    return build_manifest(load_spec(tmp_path / "small.yaml", dotted), tmp_path)


@pytest.mark.parametrize("shipped", DatasetSpec.shipped(), ids=lambda spec: spec.name)
def test_a_shipped_spec_says_where_it_is_from(shipped: DatasetSpec) -> None:
    assert load_spec(shipped.name).title == shipped.title != shipped.name
    for word in ("licence", "access", "modality"):
        assert shipped.info.get(word, "-").strip(" -"), f"info lacks {word}"
    assert {"label", "face_fake", "voice_fake"} & shipped.fields.keys()


def test_shipped_specs_can_be_listed_and_sent_to_workers() -> None:
    specs = DatasetSpec.shipped()
    assert {"csv", "dfdc", "folders", "studio"} <= {spec.name for spec in specs}
    assert pickle.loads(pickle.dumps(specs[0])).name == specs[0].name


def test_an_unknown_name_lists_the_known() -> None:
    message = r"no data spec 'dfcd' \(did you mean 'dfdc'\?\); there are: .*csv, .*dfdc, .*folders"
    with pytest.raises(SpecError, match=message):
        load_spec("dfcd")
    with pytest.raises(SpecError, match=r"my\.yaml: the data spec cannot be read"):
        load_spec("nowhere/my.yaml")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("titel: x\n", r"small\.yaml:6: titel: this key is unknown \(did you mean 'title'\?\)"),
        ("fields:\n  lable: REAL\n", r"small\.yaml:7: .*'lable' is unknown \(did you mean 'label'"),
        (
            "fields:\n  label: '{clss}'\n",
            r":7: fields\.label: \{clss\} is unknown \(did you mean 'cls'",
        ),
        (
            "fields:\n  label: '{cls|lowr}'\n",
            r":7: .*filter 'lowr' is unknown \(did you mean 'lower'",
        ),
        ("fields:\n  label: '{cls|word}'\n", r"filter 'word' takes 1 arguments, got 0"),
        ("fields:\n  label: '{cls'\n", r":7: .*unbalanced braces"),
        (
            "fields:\n  label: {of: '{cls}', mapp: {a: b}}\n",
            r"'mapp' does not go with 'of' \(did you",
        ),
        ("fields:\n  label: {of: '{cls}'}\n", r"'of' needs a 'map'"),
        ("fields:\n  label: [a]\n", r"a list is no expression"),
        (
            "fields:\n  label: {nothing: 1}\n",
            r"one of the keys of, first, all, any, row; got: nothing",
        ),
        ("join: [{table: meta, key: x}]\n", r":6: join\.0\.table: 'meta' is unknown"),
        ("tables: {t: {file: a, format: xml}}\n", r"is 'xml'; allowed: json_map, json_list"),
        (
            "tables: {t: {file: a, format: csv, optional: 'yes'}}\n",
            r"must be true or false, got 'yes'",
        ),
        ("tables: {t: {format: csv}}\n", r"tables\.t\.file: needs the path or glob"),
        (
            "tables: {t: {file: a.csv, format: csv, header: 'false'}}\n",
            r"tables\.t\.columns: without a header the columns need names",
        ),
        (
            "tables: {t: {file: a.csv, format: csv}}\njoin: [{table: t}]\n",
            r"join\.0\.key: needs a 'key', and so does the table",
        ),
        ("rows: {from: meta}\n", r"rows\.from: 'meta' is unknown \(did you mean 'media'"),
        ("expect: {rows: many}\n", r"expect\.rows: must be a number or a \[least, most\] pair"),
        ("plugin: os.system\n", r"plugin: this key is unknown"),
        (
            "segments: [{from: '{cls}', as: circles}]\n",
            r"is 'circles'; allowed: pairs, regex",
        ),
        ("name: again\n", r"small\.yaml:6: name: is there twice"),
        ("info: &a {x: 1}\nassumed: *a\n", r"small\.yaml:7: assumed: anchors and aliases"),
        ("fields: [unclosed\n", r"small\.yaml:7: not valid YAML"),
        (
            "title: !!python/object/apply:os.getcwd []\n",
            r"small\.yaml:6: title: the tag .*python/obj.* has no place",
        ),
        ("drop: [{face: unknown}]\n", r"'face' is unknown"),
        ("group: ['{nobody}']\n", r"group: \{nobody\} is unknown"),
        (
            "split: {lists: {train: a}, format: csv, key: '{cls}'}\n",
            r"is 'csv'; allowed: json_flat",
        ),
        ("external: {x: {spce: y}}\n", r"spce: this key is unknown \(did you mean 'spec'"),
    ],
)
def test_a_bad_spec_is_named_with_its_line(tmp_path: Path, more: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        small(touch(tmp_path, "real_a.mp4"), more)


def test_a_bad_regex_and_a_bad_version() -> None:
    with pytest.raises(SpecError, match=r"media\.0\.regex: is not a valid regular expression"):
        load_spec("dfdc", {"media.0.regex": "("})
    with pytest.raises(SpecError, match=r"schema version 2 is unknown; this avfake reads 1"):
        load_spec("dfdc", {"spec": "2"})


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"params.pth": "x"}, r"no 'pth' to override \(did you mean 'path'\?\)"),
        ({"nothing.at.all": "x"}, r"no 'nothing' to override"),
        ({"fields.lable": "x"}, r"'lable' is unknown"),
        ({"name.below": "x"}, r"nothing below a plain value"),
        ({"media.7.kind": "video"}, r"no '7' to override; there are: 0, 1"),
    ],
)
def test_overrides_that_fit_nothing(overrides: dict[str, str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load_spec("csv", overrides)


def test_overrides_replace_single_leaves(tmp_path: Path) -> None:
    touch(tmp_path, "real_a.mp4")
    fields = "fields:\n  label: {of: '{cls}', map: {real: REAL}}\n  method: x\n"
    assert small(tmp_path, fields).rows[0].label is False
    (row,) = small(tmp_path, fields, fields__label__map__real="FAKE", fields__method="{cls}").rows
    assert (row.label, row.method) == (True, "real")
    assert small(tmp_path, fields, fields__voice_fake="null").rows[0].has_audio is False


def test_written_keys_stay_text(tmp_path: Path) -> None:
    write(tmp_path, "t.csv", "name,flag\nno_a.mp4,no\nx_b.mp4,071\n")
    touch(tmp_path, "no_a.mp4", "x_b.mp4")
    more = """
tables: {t: {file: t.csv, format: csv, key: '{name}'}}
join: [{table: t, key: '{name}'}]
fields: {label: {of: '{t.flag}', map: {no: REAL, 071: FAKE}, strict: true}}
"""
    assert [row.label for row in small(tmp_path, more).rows] == [False, True]


def test_expressions(tmp_path: Path) -> None:
    touch(tmp_path, "d/real_007_x-y.mp4")
    wanted = {
        "{name|after:_|before:_|int}": "7",
        "{name|part:_:1|strip:00}": "7",
        "{name|part:_:9}": None,
        "{cls}{nothing_captured}": None,
        "{dir|name}/{stem|lower}": "d/real_007_x-y",
        "{path|dir|dir}": ".",
        "n{name|part:_:1|int|zfill:5}": "n00007",
    }
    regex = {"media__0__regex": "(?P<cls>[a-z]+)_(?P<nothing_captured>Z)?"}
    for written, text in wanted.items():
        (row,) = small(tmp_path, "fields: {}\n", fields__method=written, **regex).rows
        assert row.method == text, written
    logic = "fields:\n  face_fake: 'true'\n  label: {any: [false, unknown, '{cls}']}\n"
    logic += "  has_audio: {all: [true, unknown, false]}\n"
    (row,) = small(tmp_path, logic).rows
    assert (row.label, row.has_audio) == (True, False)


def test_a_number_that_is_none_names_the_row(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"real_a\.mp4: name: 'real_a\.mp4' is not a number"):
        small(touch(tmp_path, "real_a.mp4"), "fields: {method: '{name|int}'}\n")


def test_json_list_drives_rows_and_drop_and_where(tmp_path: Path) -> None:
    records = [
        {"file": f"v/{n}.mp4", "modify_video": n == 1, "modify_audio": False, "kind": kind}
        for n, kind in enumerate(["a", "a", "b", "a"])
    ]
    records[3].pop("modify_video")
    records[3].pop("modify_audio")
    zip_up(tmp_path, "all.zip", {**{f"v/{n}.mp4": "" for n in range(5)}})
    write(tmp_path, "meta.json", {"videos": records})
    write(tmp_path, "meta.min.json", {"videos": "not read"})
    more = """
tables:
  t:
    file: [meta.json, meta.min.json]
    first_found: true
    format: json_list
    at: videos
    where: {kind: [a]}
rows: {from: t, path: '{file}'}
fields: {face_fake: '{t.modify_video}', voice_fake: '{t.modify_audio}'}
drop: [{face_fake: unknown, voice_fake: unknown}]
"""
    manifest = small(tmp_path, more, media__0__regex="^v/(?P<cls>.)")
    told = [(r.clip_id, r.label, r.face_fake, r.voice_fake) for r in manifest.rows]
    assert told == [("v/0.mp4", False, False, False), ("v/1.mp4", True, True, False)]
    assert "2 media files have no row in t: v/2.mp4, v/4.mp4" in manifest.warnings
    why = "face_fake unknown, voice_fake unknown"
    assert f"1 rows dropped, as the spec says, for {why}: v/3.mp4" in manifest.warnings


def test_originals_elsewhere_and_required(tmp_path: Path) -> None:
    touch(tmp_path, "fake_a.mp4")
    manifest = small(tmp_path, "fields: {original: {data: ffpp, row: 'x/{stem}.mp4'}}\n")
    assert manifest.rows[0].original == "ffpp:x/fake_a.mp4"
    assert "the originals of 1 fakes belong to another dataset, ffpp" in manifest.warnings
    with pytest.raises(ManifestError, match=r"fake_a\.mp4: its original real_a\.mp4 is not there"):
        small(tmp_path, "fields: {original: {row: 'real_a.mp4', required: true}}\n")


def test_repeated_keys_of_a_table(tmp_path: Path) -> None:
    write(touch(tmp_path, "x_a.mp4"), "t.txt", "x_a.mp4 one\nx_a.mp4 two extra words\n")
    more = """
tables: {t: {file: t.txt, format: words, columns: [name, method], key: '{name}', duplicate: DUP}}
join: [{table: t, key: '{name}', missing: error}]
fields: {method: '{t.method}'}
"""
    for policy, method in (("first", "one"), ("last", "two")):
        assert small(tmp_path, more.replace("DUP", policy)).rows[0].method == method
    with pytest.raises(
        ManifestError, match=r"t\.txt, line 2: 'x_a\.mp4' is there already, at t\.t"
    ):
        small(tmp_path, more.replace("DUP", "error"))
    touch(tmp_path, "x_b.mp4")
    with pytest.raises(SpecError, match=r"1 files have no row in t: x_b\.mp4"):
        small(tmp_path, more.replace("DUP", "first"))


def test_excluded_and_hidden_files_are_no_clips(tmp_path: Path) -> None:
    touch(tmp_path, "a_1.mp4", "masks/a_1.mp4", ".cache/a_2.mp4", "__MACOSX/a_1.mp4", "._a_1.mp4")
    rows = small(tmp_path, "", media__0__exclude="**/masks/**").rows
    assert [row.clip_id for row in rows] == ["a_1.mp4"]


def test_speaker_and_fold_are_other_words_for_identity_and_part(tmp_path: Path) -> None:
    touch(tmp_path, "real_a.mp4")
    (row,) = small(tmp_path, "fields: {speaker: '{cls}', fold: 'nr {stem}'}\n").rows
    assert (row.identity, row.part) == ("real", "nr real_a")
    both = "fields: {speaker: a, identity: b, fold: c, part: d}\n"
    (row,) = small(tmp_path, both).rows
    assert (row.identity, row.part) == ("b", "d")
