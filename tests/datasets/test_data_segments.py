"""Forged stretches: read from lists and from texts, in seconds, with their stream."""

from pathlib import Path

import pytest
from trees import touch, write

from avfake.datasets.build import build_manifest
from avfake.datasets.manifest import Row
from avfake.datasets.schema import load_spec
from avfake.errors import ManifestError, SpecError

SPEC = """
spec: 1
name: timed
tables: {t: {file: t.json, format: json_map, key: '{key}'}}
media: [{id: clip, kind: video}]
join: [{table: t, key: '{path}'}]
fields: {label: FAKE}
segments: SEGMENTS
"""
PATTERN = r"(?P<s>[\d.]+)-(?P<e>[\d.]+)-(?P<k>[TF])"
TEXT = f"{{from: '{{t.told}}', as: regex, pattern: '{PATTERN}', where: {{k: F}}}}"


def row_of(root: Path, segments: str, told: object) -> Row:
    write(touch(root, "a.mp4"), "t.json", {"a.mp4": {"told": told}})
    write(root, "timed.yaml", SPEC.replace("SEGMENTS", segments))
    (row,) = build_manifest(load_spec(root / "timed.yaml"), root).rows
    return row


@pytest.mark.parametrize(
    ("segments", "told", "expected"),
    [
        ("{from: '{t.told}'}", [[3, 4], [0.5, 1]], ((0.5, 1, "both"), (3, 4, "both"))),
        ("{from: '{t.told}', unit: ms, stream: face}", [[500, 750]], ((0.5, 0.75, "face"),)),
        ("{from: '{t.told}'}", None, ()),
        ("{from: '{t.told}', only_if: false}", [[1, 2]], ()),
        ("{from: '{t.told}', only_if: '{label}'}", [[1, 2]], ()),
        (TEXT, "0.0-1.5-T/1.5-2.25-F/2.25-3-T", ((1.5, 2.25, "both"),)),
        (TEXT, "nothing", ()),
    ],
)
def test_stretches(tmp_path: Path, segments: str, told: object, expected: tuple) -> None:
    assert row_of(tmp_path, segments, told).segments == expected


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ([1, 2], r"a\.mp4 \(t\.json, entry 'a\.mp4'\): segments must be a list of \[start, end\]"),
        ([["x", 2]], r"a segment has two times, got 'x' and 2"),
        ([[2, 1]], r"a segment from 2 to 1 cannot be"),
        ([[-1, 1]], r"a segment from -1 to 1 cannot be"),
    ],
)
def test_a_bad_stretch_names_its_row(tmp_path: Path, told: object, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        row_of(tmp_path, "{from: '{t.told}'}", told)


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ("{from: x, as: regex}", r"segments\.pattern: goes with 'as: regex'"),
        ("{from: x, pattern: y}", r"segments\.pattern: goes with 'as: regex'"),
        ("{from: x, as: regex, pattern: '(?P<s>.)'}", r"segments\.pattern: 'e' is unknown"),
        ("{from: x, where: {k: F}}", r"segments\.where: 'k' is unknown"),
        ("{from: x, unit: frames}", r"is 'frames'; allowed: s, ms"),
        ("{from: x, only_if: '{nobody}'}", r"\{nobody\} is unknown"),
    ],
)
def test_a_bad_rule_is_named(tmp_path: Path, segments: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        row_of(tmp_path, segments, None)
