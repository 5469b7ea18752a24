"""The verb that writes a page about one file."""

import os
from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli.choosing import choose
from avfake.cli.codes import IN_PART, OK


def report(
    path: Annotated[str, tyro.conf.arg(metavar="FILE"), tyro.conf.Positional],
    /,
    *,
    out: Annotated[Path, tyro.conf.arg(metavar="PAGE.html")],
    detector: Annotated[
        tuple[str, ...], tyro.conf.arg(metavar="FOLDER"), tyro.conf.UseAppendAction
    ] = (),
    combine: str = "mean",
    audio: bool = True,
    visual: bool = True,
    prior: float | None = None,
) -> int:
    """Write a self-contained HTML page: the verdict on a file and what it rests on.

    The verdict in a sentence, scores over time for each face and for the voice, the faces with heat
    maps and the sound that weighed most, hashes and versions. Exit code 1 if the file could not be
    assessed; the page then says why.

    Args:
        path: A video or sound file; or its URL (docs/remote.md).
        out: The page to write.
        detector: Folder of a trained detector, or its name on the Hugging Face Hub; by default the
            one that comes with avfake; repeat it for several that answer together. The page names
            the one that explains faces and voice.
        combine: How several detectors become one: mean, geometric_mean, ... (see avfake ensemble).
        audio: Use the sound (--no-audio judges by the picture alone).
        visual: Use the picture (--no-visual judges by the sound alone).
        prior: Share of files taken to be forged before one is looked at (see avfake predict).
    """
    from avfake.detector import Detector, Switches
    from avfake.report import write_report

    switches = Switches(audio, visual, prior=prior)
    _check_file(path)
    _check_out(out)
    chosen = Detector.from_pretrained(choose(detector, combine))
    verdict = write_report(path, chosen, out, switches)
    print(f"{verdict}\nreport: {out}")
    return IN_PART if verdict.p_fake is None else OK


def _check_file(path: str) -> None:
    """A mistyped name is the caller's to mend, not a finding to make a page of."""
    from avfake.errors import ConfigError
    from avfake.media.local import SEPARATOR
    from avfake.remote import is_url

    if is_url(path) or SEPARATOR in path:
        return
    if not Path(path).exists():
        raise ConfigError(f"{path} does not exist")
    if Path(path).is_dir():
        raise ConfigError(
            f"{path} is a folder; a report is about one file (avfake predict takes folders)"
        )


def _check_out(out: Path) -> None:
    """Before the work is done, which would be lost."""
    from avfake.errors import ConfigError

    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder; name the page in it, such as {out}/page.html")
    nearest = next(folder for folder in out.absolute().parents if folder.exists())
    if not nearest.is_dir():
        raise ConfigError(f"--out {out}: {nearest} is a file, no folder to write into")
    if not os.access(nearest, os.W_OK):
        raise ConfigError(f"--out {out}: no permission to write into {nearest}")
