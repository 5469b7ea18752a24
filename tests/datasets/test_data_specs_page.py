"""`docs/data_specs.md` says what is so: its dataset is built, its steps and mistakes are run."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from trees import touch, write

from avfake.cli.main import main
from avfake.datasets.build import build_manifest
from avfake.datasets.schema import load_spec
from avfake.datasets.values import as_text

PAGE = (Path(__file__).parents[2] / "docs" / "data_specs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
COMMAND = "$ avfake manifest marble.yaml marble marble.csv\n"


def of_kind(kind: str) -> list[str]:
    return [text for name, text in BLOCKS if name == kind]


def specs() -> Iterator[str]:
    """The spec of each step, then with each mistake."""
    whole = ""
    for added in of_kind("yaml"):
        whole += added
        yield whole
    for change in of_kind("diff"):
        old, new = (line[1:] for line in change.splitlines())
        assert whole.count(old) == 1
        yield whole.replace(old, new)


def build(root: Path, spec: str) -> Path:
    touch(root, *of_kind("text")[0].split())
    write(root, "marble/labels.csv", of_kind("csv")[0])
    return write(root, "marble.yaml", spec)


@pytest.mark.parametrize(("spec", "printed"), list(zip(specs(), of_kind("console"), strict=True)))
def test_the_page_shows_what_is_printed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spec: str,
    printed: str,
) -> None:
    monkeypatch.chdir(build(tmp_path, spec))
    with pytest.raises(SystemExit):
        main(["manifest", "marble.yaml", "marble", "marble.csv"])
    out, err = capsys.readouterr()
    assert COMMAND + (out + err).replace(f"{tmp_path}/", "") == printed


def test_the_page_shows_the_table(tmp_path: Path) -> None:
    build(tmp_path, list(specs())[2])
    header, *lines = of_kind("csv")[1].splitlines()
    rows = build_manifest(load_spec(tmp_path / "marble.yaml"), tmp_path / "marble").rows
    told = [[as_text(getattr(row, name)) or "" for name in header.split(",")] for row in rows]
    assert [",".join(cells) for cells in told] == lines
