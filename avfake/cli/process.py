"""The process that a verb runs in: its open streams, and what is said when something goes wrong."""

import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from avfake.cli.codes import FAILED, INTERRUPTED, OK
from avfake.errors import TRACEBACKS, AvfakeError, is_out_of_memory
from avfake.files import descriptor_of
from avfake.remote import is_url

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


def run_to_the_end(run: Callable[[], int], *, name: str) -> None:
    """Run a verb and leave the process with its exit code.

    A mistake of the user and whatever the machine refuses is one sentence. A fault of ours is none
    of these and keeps its traceback.
    """
    heard = signal.getsignal(signal.SIGINT)
    with redirect_stdout(sys.stdout):  # after `print_aside` it comes back
        try:
            _check_folder()
            code = run()
            with suppress(BrokenPipeError):  # who has seen enough need not see the rest
                sys.stdout.flush()
        except AvfakeError as error:
            code = _refused(name, str(error))
        except KeyboardInterrupt:
            with suppress(ValueError):  # not in the main thread
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            say(f"{name}: interrupted; run the same command again to go on")
            code = INTERRUPTED
        except BrokenPipeError:
            code = OK  # the reader (head, less) has left; nothing more to say
        except OSError as error:
            code = _refused(name, _sentence(error))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            code = _refused(name, "there is too little memory; try fewer workers, or less at once")
    _flush_at_last()
    with suppress(ValueError, TypeError):
        signal.signal(signal.SIGINT, heard)
    sys.exit(code)


def open_streams() -> None:
    """Streams that the caller has closed (`>&-`) take what is written to them and lose it.

    Until they are open, the next file that is opened gets their number, and what some library says
    to the standard error gets into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # no `--out /dev/stdout` for a closed one
    sys.stdout = sys.stdout or _nowhere()
    if sys.stderr is None:
        sys.stderr = _nowhere()
    elif sys.__stderr__ is not None and sys.stderr is sys.__stderr__:  # none that a test put there
        encoding = sys.__stderr__.encoding
        sys.stderr = io.TextIOWrapper(_Deaf(), encoding=encoding, write_through=True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names need not be text


def print_aside(*outs: str | Path | None) -> None:
    """Print to the standard error from here on, if one of these outputs is the standard output.

    A table and what is said about it must not get into each other.
    """
    for out in outs:
        if out is not None and not is_url(str(out)) and descriptor_of(Path(out)) == 1:
            sys.stdout = sys.stderr


def say(message: str) -> None:
    """A line on the standard error."""
    with suppress(OSError, ValueError):
        print(message, file=sys.stderr, flush=True)


class _Deaf(io.BufferedIOBase):
    """The standard error of somebody who may stop to read it, which is no reason to stop."""

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(2)

    def fileno(self) -> int:
        return 2

    def write(self, content: "Buffer") -> int:
        rest = memoryview(content).cast("B")
        with suppress(OSError):
            while rest:
                rest = rest[os.write(2, rest) :]
        return memoryview(content).nbytes


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _check_folder() -> None:
    """AvfakeError where the current folder was deleted: some libraries cannot be loaded there."""
    try:
        Path.cwd()
    except OSError as error:
        raise AvfakeError("the folder you are in is gone; change to another one") from error


def _refused(name: str, sentence: str) -> int:
    if os.environ.get(TRACEBACKS):
        traceback.print_exc()
    say(f"{name}: {sentence}")
    return FAILED


def _sentence(error: OSError) -> str:
    """What the system said, with the file where it names one."""
    said = error.strerror or str(error) or type(error).__name__
    if error.errno == errno.ENOSPC:
        said += "; free some space and run the same command again"
    return f"{error.filename}: {said}" if error.filename is not None else said


def _flush_at_last() -> None:
    """What cannot be written now is given up, or Python would complain at its very end."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)
