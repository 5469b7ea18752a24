"""Entry point of the command line: finds the verb, and turns errors into one sentence."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

from avfake.cli.doctor import doctor
from avfake.cli.flags import idle_settings
from avfake.cli.process import OK, open_streams, run_to_the_end
from avfake.cli.verbs_datasets import audit, labels, manifest, prepare, specs, studio
from avfake.cli.verbs_detectors import card, ensemble, evaluate, stress
from avfake.cli.verbs_export import export
from avfake.cli.verbs_files import annotate, predict, report

Config = TypeVar("Config")
VERBS: dict[str, Callable[..., int]] = {
    verb.__name__: verb
    for verb in (
        *(predict, annotate, report, prepare, manifest, labels, evaluate, stress),
        *(card, ensemble, export, studio, specs, audit, doctor),
    )
}


def main(args: Sequence[str] | None = None) -> None:
    """Run one verb and leave with its exit code: 0 done, 1 done in part, 2 could not be done."""

    def run() -> int:
        import tyro  # late, so that Ctrl-C is already handled

        code: int = tyro.extras.subcommand_cli_from_dict(
            VERBS,
            prog="avfake",
            description="Detects forged faces and voices in video. Start with avfake predict "
            "clip.mp4, which uses the detector that comes with avfake.",
            args=args,
        )
        return code

    _leave(run, name="avfake")


def run_recipe(
    recipe: Callable[[Config], None],
    config: type[Config],
    description: str | None,
    args: Sequence[str] | None = None,
) -> None:
    """Run a recipe's main function with the config of the flags."""

    def run() -> int:
        import tyro

        settings = tyro.cli(config, description=description, args=args)
        idle = idle_settings(settings, sys.argv[1:] if args is None else args)
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
