"""One job at work: in a thread that owns its files and its worker, whoever asked for it.

Gradio drops what a page waits for when its browser goes away, at times without closing it; then
nothing would end the work. Here the thread ends it as soon as no one asks for its state any more.
"""

import threading
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, closing

from avfake.parallel import Failure, Step
from avfake.web.answering import Answer, Job, Pool, Refusal, failed

POLL_SECONDS = 0.3
UNWATCHED_SECONDS = 30.0
"""Work whose state no one asked for in so long is given up."""
Steps = Generator[Step | Answer | Refusal, None, None]


class Work:
    """A job, its present step, and at last its answer."""

    def __init__(self, opening: AbstractContextManager[Job], pool: Pool) -> None:
        """Start it. opening: gives the job, and removes its files at the end."""
        self._step: Step = Step(Pool.WAITING)
        self._found: Answer | Refusal | None = None
        self._error: Exception | None = None
        self._asked, self._is_given_up = time.monotonic(), False
        self._over = threading.Event()
        threading.Thread(target=self._run, args=(opening, pool), daemon=True).start()

    def steps(self) -> Steps:
        """Yield the present step again and again, and at last the answer; its files are then gone.

        Closing it gives the work up. What opening the job or the work raised is raised here.
        """
        try:
            while not self._over.wait(POLL_SECONDS):
                self._asked = time.monotonic()
                yield self._step
            if self._error is not None:
                raise self._error
            if self._found is not None:
                yield self._found
        finally:
            self._is_given_up = True

    def _run(self, opening: AbstractContextManager[Job], pool: Pool) -> None:
        try:
            with opening as job, closing(pool.ask(job)) as heard:
                for found in heard:
                    if isinstance(found, Step):
                        self._step = found
                    elif isinstance(found, Failure):
                        self._found = failed(job.name, found)
                    else:
                        self._found = found
                    if self._is_given_up or time.monotonic() - self._asked > UNWATCHED_SECONDS:
                        return
        except Exception as error:  # noqa: BLE001 - raised again where the answer is waited for
            self._error = error
        finally:
            self._over.set()
