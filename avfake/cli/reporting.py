"""The verb that writes a page about one file."""

from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli.codes import IN_PART, OK


def report(
    path: Annotated[str, tyro.conf.Positional],
    /,
    *,
    detector: str,
    out: Path,
    audio: bool = True,
    visual: bool = True,
    prior: float | None = None,
) -> int:
    """Write a self-contained HTML page: the verdict on a file and what it rests on.

    Exit code 1 if the file could not be assessed; the page then says why.

    Args:
        path: A video or sound file; or its URL (docs/remote.md).
        detector: Folder of a trained detector, or its name on the Hugging Face Hub.
        out: The page to write (.html).
        audio: Use the sound.
        visual: Use the picture.
        prior: Share of files taken to be forged before one is looked at (see avfake predict).
    """
    from avfake.detector import Detector, Switches
    from avfake.report import write_report

    switches = Switches(audio, visual, prior=prior)
    verdict = write_report(path, Detector.from_pretrained(detector), out, switches)
    print(f"{verdict}\nreport: {out}")
    return IN_PART if verdict.p_fake is None else OK
