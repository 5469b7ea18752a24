"""Entry point of the command line: finds the verb, and turns errors into one sentence."""

import functools
import inspect
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import tyro

from avfake import __version__
from avfake.cli import teaching
from avfake.cli.doctor import doctor
from avfake.cli.flags import idle_settings
from avfake.cli.mistakes import in_a_sentence
from avfake.cli.process import OK, hushed, open_streams, run_to_the_end
from avfake.cli.verbs_datasets import audit, labels, manifest, prepare, specs, studio
from avfake.cli.verbs_detectors import card, ensemble, evaluate, stress
from avfake.cli.verbs_export import export
from avfake.cli.verbs_files import annotate, predict, report
from avfake.cli.verbs_web import serve

Config = TypeVar("Config")
QUIET = Annotated[
    bool,
    tyro.conf.FlagCreatePairsOff,
    tyro.conf.arg(
        help="Print answers and errors alone: no progress, no notes.", help_behavior_hint=""
    ),
]
METAVARS: dict[object, str] = {str: "TEXT", Path: "PATH", int: "N", float: "NUMBER"}
"""Type of a flag -> what stands for its value in the help."""


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish", "tcsh"], tyro.conf.Positional],
) -> int:
    """Print a script that lets a shell complete verbs and flags.

    docs/command_line.md says where each shell looks for it.

    Args:
        shell: Which one.
    """
    _parsed(["--tyro-write-completion", shell, "-"])
    return OK


VERBS: dict[str, Callable[..., int]] = {
    verb.__name__: verb
    for verb in (
        *(predict, annotate, report, serve, prepare, manifest, labels, evaluate, stress),
        *(card, ensemble, export, studio, specs, audit, doctor, completion),
    )
}


def main(args: Sequence[str] | None = None) -> None:
    """Run one verb and leave with its exit code (`teaching.EXIT_CODES`)."""
    words = sys.argv[1:] if args is None else [str(arg) for arg in args]

    def run() -> int:
        match words:
            case []:
                print(teaching.INTRODUCTION, end="")
            case ["-h" | "--help" | "help"]:
                print(teaching.overview(VERBS))
            case ["--version"]:
                print(f"avfake {__version__}")
            case _:
                return _run_verb(words)
        return OK

    _leave(run, name="avfake")


def _run_verb(words: Sequence[str]) -> int:
    teaching.check_words(words, _quiet_verbs())
    bound, quiet = _parsed(words)
    with hushed(quiet):
        code: int = bound()
    return code


def _parsed(words: Sequence[str]) -> tuple[Callable[[], int], bool]:
    """Return the call of a verb with its flags, and whether it is to be quiet.

    SystemExit after help or a completion script; ConfigError.
    """
    verb, *rest = words
    owner = VERBS.get(verb, completion)
    try:
        with _without_colours(), in_a_sentence(owner, rest, f"avfake {verb}"):
            found: tuple[Callable[[], int], bool] = tyro.extras.subcommand_cli_from_dict(
                _quiet_verbs(), prog="avfake", args=words
            )
    except SystemExit as left:
        if not left.code and teaching.says_help(words):
            print(teaching.examples(words[0]))
        raise
    return found


def _quiet_verbs() -> dict[str, Callable[..., Any]]:
    return {name: _with_quiet(verb) for name, verb in VERBS.items()}


def _with_quiet(verb: Callable[..., int]) -> Callable[..., tuple[Callable[[], int], bool]]:
    """Return a function with the verb's parameters and --quiet, which gives its call and that."""

    @functools.wraps(verb)
    def bind(*args: Any, quiet: bool = False, **flags: Any) -> tuple[Callable[[], int], bool]:
        return functools.partial(verb, *args, **flags), quiet

    del bind.__wrapped__  # tyro would read that one's parameters
    parameters = [_shown(one) for one in inspect.signature(verb).parameters.values()]
    parameters.append(inspect.signature(bind).parameters["quiet"].replace(annotation=QUIET))
    bind.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    bind.__doc__ = re.sub(r"\n {8,}", " ", inspect.getdoc(verb) or "")  # tyro keeps line ends
    bind.__annotations__ = {one.name: one.annotation for one in parameters}
    return bind


def _shown(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter with the words that stand for its value in the help, unless it has some.

    An argument has its name; a flag that need not be given has its type, and no "(default: None)".
    """
    parts = get_args(parameter.annotation)
    if parameter.annotation is bool and parameter.default is False:
        shown = (tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint=""))
        return parameter.replace(annotation=Annotated[bool, *shown])
    kinds = [kind for kind in (parameter.annotation, *parts) if kind in METAVARS]
    metavar, is_many = METAVARS[kinds[0]] if kinds else None, False
    if parameter.kind is parameter.POSITIONAL_ONLY and get_origin(parts[0]) is not Literal:
        is_many = get_origin(parts[0]) is tuple
        metavar = parameter.name.upper() + " ..." * is_many
    if metavar is None or any(hasattr(part, "metavar") for part in parts):
        return parameter
    hint = "" if is_many or parameter.default is None else None
    named = tyro.conf.arg(metavar=metavar, help_behavior_hint=hint)
    return parameter.replace(annotation=Annotated[parameter.annotation, named])


@contextmanager
def _without_colours() -> Iterator[None]:
    """Have tyro print no colours inside, where none are wanted: it looks at TERM alone."""
    before = os.environ.get("TERM")
    if teaching.is_plain():
        os.environ["TERM"] = "dumb"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("TERM", None)
        else:
            os.environ["TERM"] = before


def run_recipe(
    recipe: Callable[[Config], None],
    config: type[Config],
    description: str | None,
    args: Sequence[str] | None = None,
) -> None:
    """Run a recipe's main function with the config of the flags."""

    def run() -> int:
        words = sys.argv[1:] if args is None else args
        script = f"python {sys.argv[0]}"
        with _without_colours(), in_a_sentence(config, words, script):
            settings = tyro.cli(config, description=description, args=args)
        idle = idle_settings(settings, words)
        for branch, flags in idle.items():
            # No mistake where the same flags serve every row of an ablation.
            logging.warning("note: %s: nothing, with the %s branch off", " ".join(flags), branch)
        recipe(settings)
        return OK

    _leave(run, name="avfake recipe")


def _leave(run: Callable[[], int], *, name: str) -> None:
    open_streams()
    # Of several processes (accelerate launch, torchrun) one reports progress.
    level = logging.INFO if os.environ.get("RANK", "0") == "0" else logging.ERROR
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "timm", "moviepy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore")  # of libraries, to people who cannot act on them
    run_to_the_end(run, name=name)
