"""The running server: its port, its temporary folder, its workers, and their end."""

import contextlib
import errno
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from avfake.errors import AvfakeError, ConfigError, require
from avfake.parallel import Failure
from avfake.web.answering import Pool, Refusal, WarmUp, start_pool
from avfake.web.config import ServeConfig
from avfake.web.uploads import Uploads, temporary_root

FAMILIES = {True: socket.AF_INET6, False: socket.AF_INET}
SECONDS_TO_END = 3
"""For open connections, when the server ends."""


def serve(
    config: ServeConfig,
    *,
    say: Callable[[str], None] = print,
    start: Callable[[ServeConfig], Pool] = start_pool,
) -> None:
    """Serve the page until the process is interrupted (Ctrl-C or SIGTERM).

    ConfigError for a port that is in use, a host that is not this machine's, or without Gradio;
    AvfakeError for a detector that cannot be loaded.

    Args:
        say: is called with each line for the person who started the server
        start: starts the workers
    """
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as closing:
        listening = closing.enter_context(listen(config.host, config.port))
        config = replace(config, port=listening.getsockname()[1], token=_token(config))
        closing.enter_context(_handled(_interrupt, signal.SIGTERM))
        root = closing.enter_context(temporary_root())
        _settle_libraries(root)
        require("gradio", "web")
        uploads = Uploads(root, most=config.queue + config.workers)
        pool = start(config)
        closing.callback(pool.close)
        say("loading the detector ...")
        warm_up(pool, root)
        server = server_for(config, uploads, pool)
        closing.enter_context(_handled(server.handle_exit, signal.SIGINT, signal.SIGTERM))
        say(f"avfake serve: {address(config)}    (Ctrl-C ends it)")
        server.run(sockets=[listening])


def server_for(config: ServeConfig, uploads: Uploads, pool: Pool) -> Any:
    """Return a `uvicorn.Server` that answers with the workers of a pool."""
    import uvicorn  # late: an extra

    from avfake.web.app import build_app  # late: imports Gradio

    settings = uvicorn.Config(
        build_app(config, uploads, pool),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_END,
        limit_concurrency=500,
    )
    return uvicorn.Server(settings)


def _settle_libraries(root: Path) -> None:
    """Have Gradio, and what the workers run, keep their files in this folder, and report to no one.

    Before Gradio is imported, and before the workers start.
    """
    os.environ["TMPDIR"] = str(root)
    os.environ["GRADIO_TEMP_DIR"] = str(root)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Open the socket of the server; ConfigError where that is not possible."""
    name = host.strip("[]")
    opened = socket.socket(FAMILIES[":" in name])
    with opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((name, port))
            opened.listen(128)
        except OSError as error:
            raise ConfigError(_why_not(host, port, error)) from error
        yield opened


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else port - 1
        return (
            f"port {port} of {host} is in use, perhaps by another avfake serve; end that one, or "
            f"give another port: --port {other} (--port 0 takes any free one)"
        )
    if error.errno == errno.EACCES:
        return f"port {port} is not open to this user; give one from 1024 on: --port 7860"
    return (
        f"--host {host}: {error.strerror or error}; give an address of this machine, 127.0.0.1 for "
        "this machine alone or 0.0.0.0 for all of its networks"
    )


def address(config: ServeConfig) -> str:
    """Return the URL to open, with the token that it needs."""
    host = config.host if ":" not in config.host else f"[{config.host.strip('[]')}]"
    if host in ("0.0.0.0", "[::]"):
        host = socket.gethostname()
    return f"http://{host}:{config.port}/" + (f"?token={config.token}" if config.token else "")


def warm_up(pool: Pool, root: Path) -> None:
    """Have a worker load the detector and generate the sample; AvfakeError if it cannot."""
    for found in pool.ask(WarmUp(root)):
        if isinstance(found, Refusal):
            raise AvfakeError(found.words)
        if isinstance(found, Failure):
            raise AvfakeError(f"the detector could not be loaded: {found.detail or found.code}")


def _token(config: ServeConfig) -> str | None:
    """Return the token that requests must bring; None = none."""
    return config.token or (None if config.is_loopback else secrets.token_urlsafe(24))


def _interrupt(*_: Any) -> None:
    """Have SIGTERM end the process like Ctrl-C, so that it cleans up."""
    raise KeyboardInterrupt


@contextlib.contextmanager
def _handled(handler: Callable[..., Any], *signals: signal.Signals) -> Iterator[None]:
    """Call a function at these signals, where this is the main thread.

    A function that notes the signal and raises nothing is better where libraries are imported:
    Python drops an exception that comes while it runs a callback, and the signal would be lost.
    """
    try:
        before = {number: signal.signal(number, handler) for number in signals}
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
