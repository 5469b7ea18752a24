"""The verb `serve`: a web page for people, and an HTTP interface for programs."""

from typing import Annotated

import tyro

from avfake.cli.flags import choose
from avfake.cli.process import OK


def serve(
    *,
    detector: Annotated[
        tuple[str, ...], tyro.conf.arg(metavar="FOLDER"), tyro.conf.UseAppendAction
    ] = (),
    combine: str | None = None,
    host: str = "127.0.0.1",
    port: int = 7860,
    token: str | None = None,
    workers: int = 1,
    queue: int = 16,
    max_megabytes: float = 500.0,
    max_minutes: float = 30.0,
    time_limit: float = 600.0,
) -> int:
    """Serve a web page that answers for files which are dropped on it, or recorded there.

    Needs pip install 'avfake[web]'. Only this machine can open it, unless --host says otherwise;
    then a token is needed. Nothing leaves the server, and files are removed after their answer.
    The same by HTTP, for programs: docs/web.md.

    Args:
        detector: Folder of a trained detector, or its name on the Hugging Face Hub; by default the
            one that comes with avfake; repeat it for several that answer together.
        combine: How several detectors become one: mean (the default), geometric_mean, ... (see
            avfake ensemble).
        host: Address to listen on; 0.0.0.0 for all networks of this machine.
        port: Port to listen on; 0 takes any free one.
        token: Word that each request must bring, 16 or more letters and digits; by default none on
            this machine alone, a random one (printed at the start) on any other host.
        workers: Files that are answered at the same time, each in a process with a detector.
        queue: Files that may wait for their turn; more are refused.
        max_megabytes: Size of the largest file that is taken.
        max_minutes: Length of the longest file that is taken.
        time_limit: Seconds that the answer to one file may take.
    """
    from avfake.web import ServeConfig
    from avfake.web import serve as run

    config = ServeConfig(
        detector=choose(detector, combine),
        combine=combine or "mean",
        host=host,
        port=port,
        token=token,
        workers=workers,
        queue=queue,
        max_megabytes=max_megabytes,
        max_minutes=max_minutes,
        time_limit_seconds=time_limit,
    )
    run(config, say=_say)
    return OK


def _say(line: str) -> None:
    print(line, flush=True)
