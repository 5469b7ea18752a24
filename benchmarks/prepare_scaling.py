"""How much faster two workers prepare than one, beside a bare loop of the same arithmetic.

    python benchmarks/prepare_scaling.py --videos studio/ --num-clips 40

Four measurements a round, in turn: one worker, two workers, one bare process, two bare processes
that share nothing. Each process computes with one thread; its start (imports, loading the face
detector, the first clip) is not counted: the clock runs from the first finished clip of the slowest
starter to the last clip. Prints clips per second of every round, and the medians of the ratios.
"""

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import tyro

from avfake.clips.config import ClipConfig
from avfake.clips.cut import cut_clip
from avfake.faces.detecting import MTCNNDetector
from avfake.parallel.pool import THREAD_LIMITS, map_items


@dataclass(frozen=True)
class Config:
    """What is prepared, and how often."""

    videos: Path
    """Folder of mp4 files."""
    num_clips: int = 40
    rounds: int = 5


def main(config: Config) -> None:
    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))  # of the bare processes too
    videos = sorted(config.videos.rglob("*.mp4"))[: config.num_clips]
    with tempfile.TemporaryDirectory() as folder:
        work = partial(cut_and_save, folder)
        ratios = [one_round(work, videos, number) for number in range(1, config.rounds + 1)]
    pool, bare = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(
        f"median of {config.rounds} rounds: two workers reach {pool:.2f} times one worker, ", end=""
    )
    print(f"two bare processes {bare:.2f} times one; {pool / bare:.2f} of what the machine gives")


def one_round(
    work: Callable[[Path], None], videos: Sequence[Path], number: int
) -> tuple[float, float]:
    """Speed-up of two over one: of the pool, of bare processes."""
    one, two = pooled_rate(work, videos, 1), pooled_rate(work, videos, 2)
    bare_one, bare_two = bare_rate(work, videos, 1), bare_rate(work, videos, 2)
    print(
        f"round {number}: workers {one:.3f} -> {two:.3f} clips/s (x {two / one:.2f}), "
        f"bare {bare_one:.3f} -> {bare_two:.3f} (x {bare_two / bare_one:.2f})",
        flush=True,
    )
    return two / one, bare_two / bare_one


def pooled_rate(work: Callable[[Path], None], videos: Sequence[Path], workers: int) -> float:
    """Clips per second of the pool that `avfake prepare` uses."""
    results = map_items(work, videos, workers=workers, threads=1)
    return rate_after_start([time.perf_counter() for _ in results], workers)


def bare_rate(work: Callable[[Path], None], videos: Sequence[Path], processes: int) -> float:
    """Clips per second of processes that each loop over a share of their own."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    shares = [videos[start::processes] for start in range(processes)]
    running = [context.Process(target=loop, args=(work, share, queue)) for share in shares]
    for process in running:
        process.start()
    times = sorted(queue.get() for _ in videos)
    for process in running:
        process.join()
    return rate_after_start(times, processes)


def rate_after_start(finished: Sequence[float], processes: int) -> float:
    """Clips per second between the moment all processes have had a clip and the last one."""
    return (len(finished) - processes) / (finished[-1] - finished[processes - 1])


def loop(work: Callable[[Path], None], share: Sequence[Path], queue: Any) -> None:
    """One bare process."""
    for video in share:
        work(video)
        queue.put(time.perf_counter())


def cut_and_save(folder: str, video: Path) -> None:
    """What a worker of `avfake prepare` does with a file."""
    cut_clip(video, ClipConfig(), detector()).save(Path(folder) / f"{video.stem}.zip")


@lru_cache(maxsize=1)
def detector() -> MTCNNDetector:
    """Loaded once a process."""
    return MTCNNDetector(ClipConfig().detect)


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
