"""Files that no program of good will writes are refused in one sentence (benchmarks/fuzz)."""

from pathlib import Path

import pytest

from avfake.datasets import build_manifest, load_spec, read_manifest
from avfake.errors import AvfakeError, ManifestError, SpecError

DEEP, LONG = "[" * 200_000, "1" * 6000


@pytest.mark.parametrize(
    "text", [DEEP, LONG, '{"dataset": 3}', '{"warnings": 5}', '{"assumed": []}', "[]"]
)
def test_facts_beside_a_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.csv").write_text("clip_id,dataset,path,label\na,d,a.mp4,true\n")
    (tmp_path / "m.csv.json").write_text(text)
    with pytest.raises(ManifestError, match="m.csv"):
        read_manifest(tmp_path / "m.csv")


@pytest.mark.parametrize("text", [DEEP, LONG, '{"a.mp4": ' * 100_000])
def test_metadata_of_dfdc(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "metadata.json").write_text(text)
    with pytest.raises(SpecError, match="metadata.json"):
        build_manifest(load_spec("dfdc"), tmp_path)


@pytest.mark.parametrize(
    "text",
    ["a: \0", "{a: " * 5_000, "a: 2001-99-99", "!!python/object/apply:os.system ['true']"],
)
def test_specs(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(AvfakeError, match="s.yaml"):
        load_spec(tmp_path / "s.yaml")


def test_half_of_a_character_in_metadata_of_dfdc(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    text = r'{"a.mp4": {"label": "REAL"}, "b\ud800.mp4": {"label": "REAL"}}'
    (tmp_path / "metadata.json").write_text(text)
    manifest = build_manifest(load_spec("dfdc"), tmp_path)
    with pytest.raises(AvfakeError, match=r"m\.csv.* holds half of a character"):
        manifest.save(tmp_path / "m.csv")
