"""The verbs `report` and `annotate`, which describe one file: a page, an evidence video."""

from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli.choosing import choose, choose_one
from avfake.cli.codes import IN_PART, OK
from avfake.cli.process import print_aside
from avfake.labels import DEFAULT


def report(
    path: Annotated[str, tyro.conf.arg(metavar="FILE"), tyro.conf.Positional],
    /,
    *,
    out: Annotated[Path, tyro.conf.arg(metavar="PAGE.html")],
    detector: Annotated[
        tuple[str, ...], tyro.conf.arg(metavar="FOLDER"), tyro.conf.UseAppendAction
    ] = (),
    combine: str | None = None,
    audio: bool = True,
    visual: bool = True,
    prior: float | None = None,
) -> int:
    """Write a self-contained HTML page: the verdict on a file and its evidence.

    The verdict in a sentence, scores over time for each face and for the voice, the faces and the
    sound with most weight and their heat maps, hashes and versions. Exit code 1 if the file could
    not be assessed; the page then has the reason.

    Args:
        path: A video or sound file; or its URL (docs/remote.md).
        out: The page to write (.html).
        detector: Folder of a trained detector, or its name on the Hugging Face Hub; by default the
            one that comes with avfake; repeat it for several that answer together. The page names
            the one that explains faces and voice.
        combine: How several detectors become one: mean (the default), geometric_mean, ... (see
            avfake ensemble).
        audio: Use the sound (--no-audio: the picture alone).
        visual: Use the picture (--no-visual: the sound alone).
        prior: Share of files taken to be forged before one is looked at (see avfake predict).
    """
    from avfake.detector import Detector, PredictOptions
    from avfake.report import check_page, write_report

    print_aside(out)
    options = PredictOptions(audio, visual, prior=prior)
    _check_source(path, "a report")
    check_page(path, out)
    chosen = Detector.from_pretrained(choose(detector, combine), combine=combine or "mean")
    verdict = write_report(path, chosen, out, options)
    print(f"{verdict}\nreport: {out}")
    return IN_PART if verdict.p_fake is None else OK


def annotate(
    path: Annotated[str, tyro.conf.Positional],
    /,
    *,
    out: Path,
    detector: str = DEFAULT,
    prior: float | None = None,
) -> int:
    """Write an evidence video: boxes around faces, scores over time, the sound kept.

    Args:
        path: The video.
        out: The video to write (.mp4).
        detector: Folder of a trained detector, or its name on the Hugging Face Hub; by default the
            one that comes with avfake.
        prior: Share of files taken to be forged before one is looked at (see avfake predict).
    """
    from avfake.detector import Detector, PredictOptions
    from avfake.report import annotate as write_annotated
    from avfake.report import check_evidence

    print_aside(out)
    options = PredictOptions(prior=prior)
    _check_source(path, "an evidence video")
    check_evidence(path, out)
    verdict = Detector.from_pretrained(choose_one(detector)).predict(path, options)
    print(verdict)
    write_annotated(path, verdict, out)
    print(f"written: {out}")
    return OK


def _check_source(path: str, what: str) -> None:
    """Raise ConfigError for a missing file or a folder."""
    from avfake.errors import ConfigError
    from avfake.storage import is_url

    if is_url(path) or "!/" in path:
        return
    if not Path(path).exists():
        raise ConfigError(f"{path} does not exist")
    if Path(path).is_dir():
        raise ConfigError(
            f"{path} is a folder; {what} is about one file (avfake predict takes folders)"
        )
