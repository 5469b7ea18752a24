"""Each command of the README: it runs, or stands in NOT_RUN with its reason and can be read."""

import configparser
import re
import shlex
import shutil
from pathlib import Path

import pytest
from test_recipe_mistakes import recipe

from avfake.cli import teaching
from avfake.cli.main import VERBS, _parsed, main, run_recipe

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
LINES = [line for language, block in BLOCKS if not language for line in block.splitlines()]
CODE = [block for language, block in BLOCKS if language == "python"]
NOT_RUN = {
    "python3 -m venv": "makes an environment; the tests have one",
    ". .venv/bin/activate": "likewise",
    "pip install": "needs a registry; that the extras exist is checked",
    "make": "takes minutes; that the targets exist is checked",
    "avfake serve": "ends with Ctrl-C; tests/web starts it",
    "avfake prepare dfdc": "the dataset is not here; that the flags exist is checked",
    "python recipes/": "trains for minutes; that the flags exist is checked",
}
"""How a line begins -> why it is not run."""
MOST_LINES = 130


def reason_of(line: str) -> str | None:
    return next((why for start, why in NOT_RUN.items() if line.startswith(start)), None)


def words_of(line: str) -> list[str]:
    return shlex.split(line, comments=True)


@pytest.fixture
def user(
    default_detector: Path,
    detector_folder: Path,
    studio_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A folder with what the README takes to be there: a clip, some videos, a trained detector."""
    folder = tmp_path / "user"
    (folder / "videos").mkdir(parents=True)
    clip = min(studio_root.rglob("*.mp4"))
    for name in ("clip.mp4", "videos/a.mp4", "videos/b.mp4"):
        shutil.copy(clip, folder / name)
    shutil.copytree(detector_folder, folder / "runs" / "dfdc_av" / "detector")
    monkeypatch.chdir(folder)
    return folder


def test_it_is_no_longer_than_three_screens_and_its_pictures_are_small() -> None:
    assert TEXT.count("\n") <= MOST_LINES
    pictures = re.findall(r'docs/pictures/[^")]+', TEXT)
    assert 2 <= len(pictures) <= 3
    assert sum((ROOT / one).stat().st_size for one in pictures) <= 300_000


@pytest.mark.parametrize("line", [line for line in LINES if not reason_of(line)])
def test_a_command_runs(user: Path, line: str, capfd: pytest.CaptureFixture[str]) -> None:
    program, *words = words_of(line)
    assert program == "avfake"
    # Another process would not know of the small detector in the place of the one that ships.
    here = ["--workers", "0"] if "--report" in words else []
    with pytest.raises(SystemExit) as left:
        main([*words, *here])
    captured = capfd.readouterr()
    assert left.value.code == 0, captured.err
    for flag, out in zip(words, words[1:], strict=False):
        if flag in ("--out", "--report"):
            assert (user / out).exists()


@pytest.mark.parametrize("line", [line for line in LINES if reason_of(line)])
def test_a_command_that_is_not_run_can_be_read(line: str) -> None:
    program, *words = words_of(line)
    if program == "avfake":
        teaching.check_words(words, VERBS)
        _parsed(words)
    elif program == "pip":
        setup = configparser.ConfigParser()
        setup.read(ROOT / "setup.cfg")
        asked = re.fullmatch(r"\.\[(.*)\]", words[-1])
        assert asked
        assert set(asked[1].split(",")) <= set(setup["options.extras_require"])
    elif program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif words[0].startswith("recipes/"):
        module = recipe(Path(words[0]).stem)
        with pytest.raises(SystemExit) as left:
            run_recipe(lambda config: None, module.Config, module.__doc__, words[1:])
        assert left.value.code == 0
    else:
        assert line in ("python3 -m venv .venv", ". .venv/bin/activate")


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("block", CODE)
def test_python_runs(block: str, capfd: pytest.CaptureFixture[str]) -> None:
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    assert re.match(r"clip\.mp4: (real|fake|unsure) \(probability", capfd.readouterr().out)
