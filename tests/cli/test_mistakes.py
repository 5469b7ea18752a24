"""A value that a flag does not take is answered with one sentence: got, allowed, what to do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest
import tyro

from avfake.cli.main import VERBS, main, run_recipe
from avfake.cli.mistakes import _unboxed, flag_types

Run = Callable[..., str]


@pytest.fixture
def refused(capfd: pytest.CaptureFixture[str]) -> Run:
    """Return a function that gives the one line that a command is refused with."""

    def call(run: Callable[[list[str]], None], *words: str) -> str:
        with pytest.raises(SystemExit) as left:
            run(list(words))
        out, err = capfd.readouterr()
        assert (left.value.code, out) == (2, "")
        assert err.count("\n") == 1
        return err

    return call


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("predict x --profile quick", "--profile is 'quick'; allowed: fast, balanced, thorough"),
        ("predict x --profile=fsat", "is 'fsat' (did you mean 'fast'?); allowed: fast"),
        ("predict x --prior abc", "--prior is 'abc'; allowed: a number, such as 0.5"),
        ("predict x --prior", "--prior needs a value: a number, such as 0.5"),
        ("predict x --limits.hours long", "--limits.hours is 'long'; allowed: a number"),
        ("predict x --detector", "--detector needs a value: a name or a text"),
        ("predict x --no-audio=3", "--no-audio is '3', and takes no value; leave '3' out"),
        ("serve --port 80.5", "--port is '80.5'; allowed: a whole number, such as 2"),
        ("studio o --splice-seconds 1", "--splice-seconds needs 2 values, each a number"),
        ("studio o --splice-seconds 1 b", "is '1 b'; allowed: 2 values, each a number"),
        ("report a.mp4 b.mp4 --out x.html", "'b.mp4' is one name too many; allowed: FILE"),
        ("doctor x", "'x' is one name too many; allowed: flags alone"),
        ("prepare dfdc a", "OUT is missing; to be named: SPEC ROOT OUT"),
        ("annotate a.mp4", "--out is missing"),
        ("completion bsh", "SHELL is 'bsh' (did you mean 'bash' or 'zsh'?); allowed: bash"),
    ],
)
def test_a_wrong_value_of_a_verb(refused: Run, words: str, sentence: str) -> None:
    said = refused(main, *words.split())
    assert said.startswith("avfake: ")
    assert sentence in said
    assert said.endswith(f"all flags: avfake {words.split()[0]} --help\n")


@dataclass(frozen=True)
class Inner:
    rate: float | None = None
    kind: Literal["a", "b"] = "a"
    use_it: Annotated[bool, tyro.conf.arg(name="it")] = True


@dataclass(frozen=True)
class Own:
    rate: float = 0.5
    own_kind: Annotated[Literal["a", "b"], tyro.conf.arg(aliases=["--manner"])] = "a"
    it: bool = True


@dataclass(frozen=True)
class Config:
    seeds: tuple[int, ...] = (1,)
    inner: Inner = field(default_factory=Inner)
    own: Annotated[Own, tyro.conf.arg(name="")] = field(default_factory=Own)


def recipe(words: list[str]) -> None:
    run_recipe(lambda config: None, Config, None, words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--inner.rate fast", "--inner.rate is 'fast'; allowed: a number"),
        ("--rate 1x", "--rate is '1x'; allowed: a number"),
        ("--inner.kind c", "--inner.kind is 'c'; allowed: a, b"),
        ("--seeds 1 two", "--seeds is '1 two'; allowed: a whole number"),
        ("--inner.no-it=2", "--inner.no-it is '2', and takes no value"),
        ("--innr.rate 2", "there is no flag --innr.rate (did you mean '--inner.rate'"),
        ("--manner c", "--manner is 'c'; allowed: a, b"),
        ("--rate 1 2", "2"),
    ],
)
def test_a_wrong_value_of_a_recipe(refused: Run, words: str, sentence: str) -> None:
    said = refused(recipe, *words.split())
    assert said.startswith("avfake recipe: ")
    assert sentence in said
    assert "─" not in said


def test_what_is_right_is_left_alone() -> None:
    for words in ("--inner.rate None", "--seeds 1 2 --inner.no-it", "--no-it --manner b", "--it"):
        with pytest.raises(SystemExit) as left:
            recipe(words.split())
        assert left.value.code == 0


def test_flags_of_settings_inside_of_others_have_their_names() -> None:
    assert set(flag_types(Config)) == {
        *("--seeds", "--inner.rate", "--inner.kind", "--inner.it", "--rate", "--it"),
        *("--own-kind", "--manner"),
    }
    assert "--limits.hours" in flag_types(VERBS["predict"])


def test_a_box_becomes_a_line() -> None:
    box = "╭─ Bad ──╮\n│ got 'x', │\n│ not y.  │\n│ ──── │\n│ For full helptext, see z │\n╰───╯\n"
    assert _unboxed(box) == "got 'x', not y"
