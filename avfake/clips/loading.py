"""Loading of batches of clips by worker processes.

One DataLoader serves a whole training: its processes are started once and get the epoch with every
clip.
"""

import multiprocessing
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from avfake.clips.dataset import ClipDataset, Draw, collate
from avfake.errors import AvfakeError

Collate = Callable[[list[dict[str, Any]]], dict[str, Tensor]]
ENDED = re.compile(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) .*")
"""Message of torch about worker processes that died, with their process ids."""


class EpochDraws(Sampler[Draw]):
    """A sampler of the clips of one epoch after the other, in the order of `order`."""

    def __init__(self, order: Callable[[int], Iterable[int]]) -> None:
        """order: epoch -> indices of the dataset's entries, depending on the epoch alone."""
        self.order = order
        self.start(1)

    def start(self, epoch: int) -> None:
        """Set the epoch that is iterated from now on."""
        self.draws = [Draw(epoch, i, int(entry)) for i, entry in enumerate(self.order(epoch))]

    def __len__(self) -> int:
        return len(self.draws)

    def __iter__(self) -> Iterator[Draw]:
        return iter(self.draws)


def load_batches(
    dataset: ClipDataset,
    *,
    batch_size: int,
    draws: EpochDraws | None = None,
    join: Collate = collate,
    workers: int = 0,
    prefetch: int = 2,
) -> DataLoader[dict[str, Tensor]]:
    """Return batches of a dataset; they do not depend on the number of processes.

    Args:
        batch_size: clips
        draws: which clips in which order; None = all in their order
        join: converts items to a batch
        workers: processes that read, of one thread each; 0 = the training process reads. Iterate
            inside `named_failures`, which reports the clip on which a process failed.
        prefetch: batches that each process reads ahead
    """
    return DataLoader(
        _Watched(dataset, workers) if workers else dataset,
        batch_size,
        sampler=draws,
        collate_fn=join,
        num_workers=workers,
        multiprocessing_context=_start_method() if workers else None,
        persistent_workers=workers > 0,
        prefetch_factor=prefetch if workers else None,
        # A copy to a GPU runs beside the computation only from pinned memory.
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_take_one_thread,
        # A separate generator: torch draws from it whenever processes start, and dropout must not
        # depend on their number, or on whether a run was resumed.
        generator=torch.Generator(),
    )


@contextmanager
def named_failures(loaders: Iterable[DataLoader[Any]]) -> Iterator[None]:
    """Raise failures of a worker process of the loaders as an `AvfakeError` of one sentence."""
    try:
        yield
    except _ClipError as error:
        # torch puts the traceback of the process before the message.
        raise AvfakeError(str(error).rpartition(f"{_ClipError.__name__}: ")[2].strip()) from None
    except (RuntimeError, EOFError, ConnectionError) as error:
        # torch names the dead processes, unless one died while a batch was taken from it.
        ended = ENDED.search(str(error))
        if isinstance(error, RuntimeError) and not ended:
            raise
        pids = {int(number) for number in ended[1].split(",")} if ended else None
        watched = [one.dataset for one in loaders if isinstance(one.dataset, _Watched)]
        held = [path for one in watched for path in one.held_by(pids)]
        if not ended and not held:
            raise
        said = ended[0].strip() if ended else type(error).__name__
        raise AvfakeError(
            f"a process that reads clips died ({said}) while it read {', '.join(held) or 'none'}. "
            "If memory ran out, give fewer --data.loader-workers or a smaller --data.batch-size; "
            "with 0 workers the training reads the clips itself"
        ) from error


def _start_method() -> BaseContext:
    """Return forkserver or spawn: a fork of a process with threads, as torch has, may deadlock.

    A fork server imports once what all its processes need: on two busy cores the first process
    took 10 s to start and each further one 0.4 s; with spawn, each took 10 s.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["avfake.augment"])
    return context


class _ClipError(AvfakeError):
    """An `AvfakeError` of any kind from a worker process: torch rebuilds it from its text."""


class _Watched(Dataset[dict[str, Any]]):
    """The dataset, with a shared record of which process reads which clip."""

    def __init__(self, dataset: ClipDataset, workers: int) -> None:
        self.dataset = dataset
        self.notes = torch.full((workers, 2), -1, dtype=torch.int64).share_memory_()
        """[workers, 2]: process id, and index of the entry being read or -1."""

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, which: int | Draw) -> dict[str, Any]:
        worker = get_worker_info()
        assert worker is not None
        entry = which if isinstance(which, int) else which.entry
        self.notes[worker.id] = torch.tensor([os.getpid(), entry])
        try:
            return self.dataset[which]
        except AvfakeError as error:
            raise _ClipError(str(error)) from error
        finally:
            self.notes[worker.id, 1] = -1

    def held_by(self, pids: set[int] | None) -> list[str]:
        """Return the archives that these processes were reading; None = all processes."""
        notes = [(pid, entry) for pid, entry in self.notes.tolist() if entry >= 0]
        held = [entry for pid, entry in notes if pids is None or pid in pids]
        return [str(self.dataset.entries[entry].archive) for entry in held]


def _take_one_thread(_: int) -> None:
    threadpool_limits(1)  # of BLAS and OpenMP; torch limits its own
