"""What the command line says of itself, of mistakes in words, and what programs read of it."""

import inspect
import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from running import Run

from avfake.cli import teaching
from avfake.cli.answers import plain
from avfake.cli.main import VERBS, _parsed
from avfake.cli.process import hushed, note
from avfake.errors import ConfigError, Reason
from avfake.parallel import progress
from avfake.verdict import Verdict

AVFAKE = [sys.executable, "-m", "avfake"]


def test_without_a_verb_it_shows_what_people_come_for(run: Run) -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    assert re.findall(r"^  avfake (\w+)", out, re.M) == ["predict", "report", "prepare"]
    assert out.count("\n") < 12


def test_the_overview_names_every_verb_and_exit_code_on_one_screen(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert run("-h")[1] == run("help")[1] == out
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", out, re.M), verb
    for exit_code in teaching.EXIT_CODES:
        assert re.search(rf"^  {exit_code} ", out, re.M)
    assert out.count("\n") < 50


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_examples_that_could_be_typed(run: Run, verb: str) -> None:
    _, out, _ = run(verb, "--help")
    shown = [line for line in out.splitlines() if line.startswith(f"  avfake {verb}")]
    assert 2 <= len(shown) == len(teaching.EXAMPLES[verb]) <= 3
    for line in shown:
        words = shlex.split(line.partition(">")[0], comments=True)[1:]
        teaching.check_words(words, VERBS)
        bound, quiet = _parsed(words)
        assert not quiet
        assert bound.func is VERBS[verb]  # type: ignore[attr-defined]


@pytest.mark.parametrize("verb", VERBS)
def test_help_explains_every_flag_and_shows_no_none(run: Run, verb: str) -> None:
    _, out, _ = run(verb, "--help")
    assert "{None}" not in out.replace("{None}|{FLOAT FLOAT}", "")
    for flag in teaching.flags_of(VERBS[verb]):
        assert flag in out
    for name in inspect.signature(VERBS[verb]).parameters:
        assert re.search(rf"^ *{name}: ", inspect.getdoc(VERBS[verb]) or "", re.M), name


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("predct", "clip.mp4"), "there is no verb 'predct' (did you mean 'predict'?)"),
        (("clip.mp4",), "did you mean avfake predict clip.mp4?"),
        (("--json", "clip.mp4"), "a verb comes first"),
        (("predict", "x", "--detectr", "y"), "no flag --detectr (did you mean '--detector'"),
        (("predict", "x", "--no_vizual"), "no flag --no-vizual (did you mean '--no-visual'"),
        (("prepare", "a", "b", "c", "--sett=x=1"), "no flag --sett (did you mean '--set'"),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest(
    run: Run, args: tuple[str, ...], message: str
) -> None:
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_after_two_dashes_all_is_a_name() -> None:
    teaching.check_words(["predict", "--", "--odd.mp4"], VERBS)
    with pytest.raises(ConfigError, match="--odd.mp4"):
        teaching.check_words(["predict", "--odd.mp4"], VERBS)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_verbs_and_flags(run: Run, tmp_path: Path) -> None:
    _, script, _ = run("completion", "bash")
    path = tmp_path / "avfake.bash"
    path.write_text(script)
    for typed, expected in ((["pred"], "predict"), (["predict", "--subm"], "--submission")):
        words = " ".join(map(shlex.quote, ["avfake", *typed]))
        code = (
            f"source {shlex.quote(str(path))}; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; "
            'function=$(complete -p avfake | sed "s/.*-F \\([^ ]*\\).*/\\1/"); '
            f'$function avfake {shlex.quote(typed[-1])} avfake; printf "%s\\n" "${{COMPREPLY[@]}}"'
        )
        done = subprocess.run(["bash", "-c", code], check=True, capture_output=True, text=True)
        assert expected in done.stdout.split()


def test_colours_are_for_terminals_and_can_be_refused() -> None:
    def shown(**extra: str) -> bytes:
        ours, theirs = pty.openpty()
        env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm"} | extra
        subprocess.run([*AVFAKE, "specs", "--help"], stdout=theirs, stderr=theirs, env=env)
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 65536):
                text += part
        except OSError:  # the end of a terminal
            pass
        os.close(ours)
        return text

    assert b"\x1b[" in shown()
    assert b"\x1b[" not in shown(NO_COLOR="1")
    piped = subprocess.run([*AVFAKE, "specs", "--help"], capture_output=True, check=True)
    assert b"\x1b[" not in piped.stdout


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    command = f"{shlex.join(AVFAKE)} specs --json | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[0\n", "")


def test_specs_and_a_check_of_one_are_one_document_of_json(run: Run, tmp_path: Path) -> None:
    listed = json.loads(run("specs", "--json")[1])
    assert {"name", "title", "licence"} <= set(listed[0])
    [dfdc] = [one for one in listed if one["name"] == "dfdc"]
    assert json.loads(run("specs", "dfdc", "--json")[1]) == dfdc
    code, out, _ = run("specs", "check", "dfdc", tmp_path, "--json")
    assert code == 1
    assert json.loads(out)["refused"]


def test_a_manifest_is_counted_in_json(run: Run, studio_root: Path, tmp_path: Path) -> None:
    code, out, err = run("manifest", "dfdc", studio_root, tmp_path / "m.csv", "--json", "--quiet")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["rows"] == sum(found["label"].values()) > 0
    assert found["out"] == str(tmp_path / "m.csv")


def test_quiet_hides_notes_and_bars(capsys: pytest.CaptureFixture[str]) -> None:
    with hushed():
        note("hidden")
        assert progress([1], unit="file", desc="x").disable
    assert not progress([1], unit="file", desc="x", leave=False).disable
    note("shown")
    assert capsys.readouterr().err.splitlines()[-1] == "shown"
    assert "TQDM_DISABLE" not in os.environ


def test_answers_become_plain_json() -> None:
    @dataclass
    class Part:
        path: Path
        value: float

    answer = {
        "parts": (Part(Path("a"), float("nan")), Part(Path("b"), 0.5)),
        "counts": Counter("aab"),
        "table": pd.DataFrame({"n": np.arange(2), "p": [np.float32(0.5), np.inf]}),
        "flag": np.bool_(True),
        Path("key"): None,
    }
    assert json.loads(json.dumps(plain(answer), allow_nan=False)) == {
        "parts": [{"path": "a", "value": None}, {"path": "b", "value": 0.5}],
        "counts": {"a": 2, "b": 1},
        "table": [{"n": 0, "p": 0.5}, {"n": 1, "p": None}],
        "flag": True,
        "key": None,
    }


@pytest.mark.parametrize(
    ("reasons", "line"),
    [
        (
            [Reason("file", "not_media", "no stream")],
            "unreadable: a.mp4: the file is not a video or sound file that can be read (no stream)",
        ),
        (
            [Reason("file", "truncated"), Reason("face", "no_face")],
            "not assessed: a.mp4: file: the file ends early; what was there was used; "
            "face: no face was found in the sampled frames",
        ),
        ([], "not assessed: a.mp4"),
    ],
    ids=["unreadable", "nothing found", "no reason"],
)
def test_the_first_word_says_that_there_is_no_answer(reasons: list[Reason], line: str) -> None:
    assert str(Verdict.failed("a.mp4", *reasons)) == line
