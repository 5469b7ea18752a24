"""What the command line says of itself: an overview, examples, and the nearest word to a wrong one.

Written here, and not by tyro, so that `avfake` and `avfake --help` fit on a screen.
"""

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from avfake.cli.mistakes import flag_types
from avfake.errors import ConfigError, nearest

Verbs = Mapping[str, Callable[..., int]]
EXAMPLES: dict[str, tuple[str, ...]] = {
    "predict": (
        "clip.mp4",
        "videos/ --out scores.csv                    # a table; a stopped run goes on",
        "clip.mp4 --prior 0.01 --json                # one line of JSON a file",
    ),
    "annotate": (
        "clip.mp4 --out evidence.mp4",
        "clip.mp4 --out evidence.mp4 --detector runs/x/detector",
    ),
    "report": (
        "clip.mp4 --out report.html",
        "clip.mp4 --out report.html --no-audio       # the picture alone",
    ),
    "prepare": (
        "dfdc /data/dfdc clips/",
        "csv voices/ clips/ --set params.path=filename --set params.group=speaker",
        "folders videos/ clips/ --frames 16 --workers 4",
    ),
    "manifest": (
        "dfdc /data/dfdc dfdc.csv",
        "folders videos/ /dev/stdout",
    ),
    "labels": (
        "dfdc.csv labelled/",
        "dfdc.csv labelled/ --masks                  # and where each picture differs",
    ),
    "evaluate": (
        "clips/",
        "clips/ --detector runs/x/detector --split test --out scores.csv",
        "clips/ --no-audio --json",
    ),
    "stress": (
        "clips/ --out stress/",
        "files.csv --out stress/ --cells crf_40 telephone --limit 50",
    ),
    "card": (
        "runs/x/detector",
        "runs/x/detector --scores scores.csv --stress stress/stress.csv",
    ),
    "ensemble": (
        "a.csv b.csv --rule rank_mean --out scores.csv",
        "runs/a/detector runs/b/detector --out both/",
    ),
    "export": (
        "default --out exported/                     # ONNX, and a script that runs it",
        "runs/x/detector --out exported/ --clips clips/",
    ),
    "serve": (
        "--port 8000                                 # a page for this machine alone",
        "--host 0.0.0.0                              # for others, who need the token",
    ),
    "studio": (
        "people/ --clips 80 --seconds 2 --seed 1",
        "people/ --splice-seconds 0.5 1.0            # forged in one segment each",
    ),
    "specs": (
        "                                     # all of them",
        "dfdc",
        "check my_dataset.yaml /data/mine",
    ),
    "audit": (
        "dfdc.csv",
        "dfdc.csv --plan runs/x/plan.csv --json",
    ),
    "doctor": (
        "",
        "--folder /data/clips --json",
    ),
    "completion": (
        "bash >> ~/.bash_completion",
        'zsh > "${fpath[1]}/_avfake"',
        "fish > ~/.config/fish/completions/avfake.fish",
    ),
}
"""Verb -> what may follow it, with a remark; `avfake VERB --help` shows them."""
GROUPS = {
    "verbs_files": "About files",
    "verbs_web": "About files",
    "verbs_detectors": "About a detector",
    "verbs_export": "About a detector",
    "verbs_datasets": "About a dataset",
}
"""Module of a verb -> heading in the overview."""
OTHERS = "About this machine"
INTRODUCTION = """\
avfake tells whether the face or the voice in a video was forged.

  avfake predict clip.mp4                       Was it forged, and how sure is that?
  avfake report clip.mp4 --out report.html      Why? A page to look at and to hand on.
  avfake prepare dfdc /data/dfdc clips/         Train a detector of your own: first prepare
                                                a dataset, then run a recipe (recipes/README.md).

All that it can do: avfake --help
"""
EXIT_CODES = {
    0: "done",
    1: "done, but not for all: some files could not be assessed, or something was found",
    2: "not done: one sentence on standard error says why",
    130: "interrupted (Ctrl-C); the same command again goes on",
}
COMMON = {
    "--json": "one line of JSON in place of text; predict: one a file",
    "--quiet": "answers and errors alone: no progress, no notes",
    "--help": "after a verb: its flags, with examples",
}


def overview(verbs: Verbs) -> str:
    """Return the text of `avfake --help`."""
    groups: dict[str, list[str]] = {}
    for name, verb in verbs.items():
        heading = GROUPS.get(verb.__module__.rpartition(".")[2], OTHERS)
        groups.setdefault(heading, []).append(f"  {name:11}{_first_sentence(verb)}")
    lines = ["usage: avfake VERB ... [--help]", "", INTRODUCTION.partition("\n\nAll")[0]]
    for heading, listed in groups.items():
        lines += ["", heading, *listed]
    lines += ["", "Flags of every verb", *(f"  {flag:11}{says}" for flag, says in COMMON.items())]
    lines += ["", "Exit codes", *(f"  {code:<11}{says}" for code, says in EXIT_CODES.items())]
    return "\n".join(lines)


def examples(verb: str) -> str:
    """Return the examples of a verb as lines to print below its help; empty without any."""
    lines = [f"  avfake {verb} {example}".rstrip() for example in EXAMPLES.get(verb, ())]
    return "\n".join(["examples:", *lines]) if lines else ""


def check_words(args: Sequence[str], verbs: Verbs) -> None:
    """Raise ConfigError, with the nearest names, for a verb or a flag that there is not."""
    name, *rest = args
    if name not in verbs:
        raise ConfigError(_no_verb(name, verbs))
    known = flags_of(verbs[name])
    for arg in rest:
        flag = arg.partition("=")[0].replace("_", "-")
        if arg == "--":
            return
        if flag.startswith("--") and flag not in known:
            raise ConfigError(
                f"{name} has no flag {flag}{nearest(flag, known)}; all: avfake {name} --help"
            )


def flags_of(verb: Callable[..., int]) -> list[str]:
    """Return the flags of a verb."""
    found = ["--help", *flag_types(verb)]
    for parameter in inspect.signature(verb).parameters.values():
        if parameter.annotation is bool and parameter.default:
            found.append(f"--no-{parameter.name}".replace("_", "-"))
    return found


def _no_verb(name: str, verbs: Verbs) -> str:
    if name.startswith("-"):
        return f"{name}: a verb comes first, such as avfake predict clip.mp4; all: avfake --help"
    if "." in name or "/" in name:
        return f"{name} is no verb; did you mean avfake predict {name}? all verbs: avfake --help"
    return f"there is no verb {name!r}{nearest(name, verbs)}; all: avfake --help"


def _first_sentence(verb: Callable[..., int]) -> str:
    return (inspect.getdoc(verb) or "").partition("\n\n")[0].replace("\n", " ")


def says_help(args: Sequence[str]) -> bool:
    """Return whether a verb was asked for its help."""
    return "-h" in args or "--help" in args


def is_plain() -> bool:
    """Return whether no colours are wanted: not on a terminal, or NO_COLOR (no-color.org)."""
    return bool(os.environ.get("NO_COLOR")) or not (sys.stdout.isatty() and sys.stderr.isatty())
