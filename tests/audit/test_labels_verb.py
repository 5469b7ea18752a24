"""The verb writes the tables and says what it found."""

from pathlib import Path

import pytest

from avfake.cli.verbs_datasets import labels
from avfake.datasets.manifest import Manifest, Row


@pytest.mark.parametrize("workers", [0, 1])
def test_the_verb_writes_tables_and_counts(
    studio_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    video = next(studio_root.glob("*.mp4"))
    rows = (Row("it", str(video), label=False), Row("a", str(video), label=True, original="it"))
    Manifest(rows, "x").save(tmp_path / "rows.csv")
    assert labels(tmp_path / "rows.csv", tmp_path / "out", workers=workers) == 0
    said = capsys.readouterr().out
    assert "1 fakes" in said
    assert "no visible change: 1" in said
    assert (tmp_path / "out" / "derived.csv").read_text().count("\n") == 2
