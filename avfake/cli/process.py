"""Standard streams, exit codes and error messages of the process that a verb runs in."""

import errno
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from avfake.errors import TRACEBACKS, AvfakeError, is_out_of_memory
from avfake.storage import as_path, descriptor_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

OK = 0
IN_PART = 1
"""Exit code: done, but some files could not be: each is listed with its reason."""
FAILED = 2
"""Exit code: nothing could be done; one sentence says why."""
INTERRUPTED = 130
NO_BARS = "TQDM_DISABLE"
"""Environment variable of tqdm, which libraries use as well."""


def run_to_the_end(run: Callable[[], int], *, name: str) -> None:
    """Run a verb and exit with its code.

    A mistake of the user, or what the operating system refuses, is reported in one sentence. Any
    other exception is a bug and keeps its traceback.
    """
    handler = signal.getsignal(signal.SIGINT)
    with redirect_stdout(sys.stdout):  # undoes `print_aside`
        try:
            _check_folder()
            code = run()
            with suppress(BrokenPipeError):  # the reader (head, less) has closed it
                sys.stdout.flush()
        except AvfakeError as error:
            code = _refused(name, str(error))
        except KeyboardInterrupt:
            with suppress(ValueError):  # not in the main thread
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            say(f"{name}: interrupted; run the same command again to go on")
            code = INTERRUPTED
        except BrokenPipeError:
            code = OK  # likewise, while the verb was still printing
        except OSError as error:
            code = _refused(name, _sentence(error))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            code = _refused(name, "there is too little memory; try fewer workers, or less at once")
    _flush_at_last()
    with suppress(ValueError, TypeError):
        signal.signal(signal.SIGINT, handler)
    sys.exit(code)


def open_streams() -> None:
    """Open the standard streams that the caller has closed (`>&-`), so that output to them is lost.

    While descriptor 2 is closed, the next file that is opened gets its number, and messages that a
    library writes to standard error end up in that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # read-only: `--out /dev/stdout` is refused
    sys.stdout = sys.stdout or _nowhere()
    if sys.stderr is None:
        sys.stderr = _nowhere()
    elif sys.__stderr__ is not None and sys.stderr is sys.__stderr__:  # not a replacement
        lost = _StandardError(2, "wb", closefd=False)
        encoding = sys.__stderr__.encoding
        sys.stderr = io.TextIOWrapper(lost, encoding=encoding, write_through=True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names need not be text


def print_aside(*outs: str | Path | None) -> None:
    """Redirect what is printed to standard error if one of these outputs is standard output.

    Messages must not be mixed into a table.
    """
    for out in outs:
        path = None if out is None else as_path(out)
        if isinstance(path, Path) and descriptor_of(path) == 1:
            sys.stdout = sys.stderr


@contextmanager
def hushed(quiet: bool = True) -> Iterator[None]:
    """Print no notes and no progress inside, also in worker processes."""
    if not quiet:
        yield
        return
    before, level = os.environ.get(NO_BARS), logging.root.manager.disable
    os.environ[NO_BARS] = "1"
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)
        if before is None:
            del os.environ[NO_BARS]
        else:
            os.environ[NO_BARS] = before


def note(message: str) -> None:
    """Print a line to standard error, unless `hushed`."""
    if logging.root.isEnabledFor(logging.WARNING):
        say(message)


def say(message: str) -> None:
    """Print a line to standard error."""
    with suppress(OSError, ValueError):
        print(message, file=sys.stderr, flush=True)


class _StandardError(io.FileIO):
    """Standard error that never raises: a message that cannot be written is dropped."""

    def write(self, content: "Buffer") -> int:
        rest = memoryview(content).cast("B")
        with suppress(OSError):
            while rest:
                rest = rest[os.write(self.fileno(), rest) :]
        return memoryview(content).nbytes


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _check_folder() -> None:
    """Raise AvfakeError if the current folder was deleted: torch cannot be loaded there."""
    try:
        Path.cwd()
    except OSError as error:
        raise AvfakeError("the folder you are in is gone; change to another one") from error


def _refused(name: str, sentence: str) -> int:
    """Report an error and return its exit code."""
    if os.environ.get(TRACEBACKS):
        traceback.print_exc()
    say(f"{name}: {sentence}")
    return FAILED


def _sentence(error: OSError) -> str:
    """Return the message of the operating system, after the name of the file if there is one."""
    message = error.strerror or str(error) or type(error).__name__
    if error.errno == errno.ENOSPC:
        message += "; free some space and run the same command again"
    return f"{error.filename}: {message}" if error.filename is not None else message


def _flush_at_last() -> None:
    """Flush both streams; drop what cannot be written, or Python would report it while exiting."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)
