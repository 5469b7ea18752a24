"""How many clips a second two workers prepare, beside bare decoding in two processes.

    python -m benchmarks prepare_throughput --out bench          (a part of make bench)

Five measurements a round, in turn: one worker, two workers, one and two bare processes that do the
same and share nothing, and two bare processes that only decode (`floor`). Videos are 10 s of 1080p,
32 frames each. Each process computes with one thread; its start (imports, loading the face
detector, the first clip) is not counted: the clock runs from the first finished clip of the slowest
starter to the last clip. Rows go to `benchmarks/results/speed.csv`.
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

from avfake.clips.config import ClipConfig
from avfake.clips.cut import cut_clip
from avfake.faces.types import FaceDetector
from avfake.media.probing import probe
from avfake.parallel.pool import map_items
from avfake.parallel.worker import THREAD_LIMITS
from benchmarks import floor
from benchmarks.measuring import RESULTS, keep, machine, spread
from benchmarks.sample_videos import video_of

Item = tuple[int, Path]
"""Number of a clip, and its video."""
STAGE = "clips prepared"


@dataclass(frozen=True)
class Config:
    """What is prepared, and how often."""

    out: Path
    """Folder for the videos, which are kept."""
    kind: str = "1080p"
    num_clips: int = 12
    """Clips of one measurement."""
    repeats: int = 5
    results: Path = RESULTS / "speed.csv"


def main(config: Config) -> None:
    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))  # of the bare processes too
    videos = [video_of(config.kind, config.out, number=number) for number in range(2)]
    items = [(number, videos[number % 2]) for number in range(config.num_clips)]
    with tempfile.TemporaryDirectory() as folder:
        work = partial(cut_and_save, folder)
        rates = [one_round(work, items) for _ in range(config.repeats)]
    columns = {name: [found[name] for found in rates] for name in rates[0]}
    named = {"kind": config.kind, "detector": "none", "stage": STAGE, "unit": "clips/s"}
    rows = [spread(values, pipeline=name) | named for name, values in columns.items()]
    share = [
        a / b for a, b in zip(columns["2 workers"], columns["floor, 2 processes"], strict=True)
    ]
    rows.append(spread(share, pipeline="2 workers / floor") | named | {"unit": "ratio"})
    facts = {"note": f"{config.num_clips} clips", **machine(threads=1)}
    keep(
        config.results,
        [one | facts for one in rows],
        keys=("kind", "detector", "pipeline", "stage"),
    )
    for one in rows:
        print(f"{one['pipeline']:24}{one['wall_median']:8.3f} {one['unit']}", flush=True)
    pool = statistics.median(columns["2 workers"]) / statistics.median(columns["1 worker"])
    bare = statistics.median(columns["2 bare processes"]) / statistics.median(
        columns["1 bare process"]
    )
    print(f"two workers reach {pool:.2f} times one, two bare processes {bare:.2f} times one")


def one_round(work: Callable[[Item], None], items: Sequence[Item]) -> dict[str, float]:
    """Return clips per second of each way."""
    return {
        "1 worker": pooled_rate(work, items, 1),
        "2 workers": pooled_rate(work, items, 2),
        "1 bare process": bare_rate(work, items, 1),
        "2 bare processes": bare_rate(work, items, 2),
        "floor, 2 processes": bare_rate(only_decode, items, 2),
    }


def pooled_rate(work: Callable[[Item], None], items: Sequence[Item], workers: int) -> float:
    """Clips per second of the pool that `avfake prepare` uses."""
    results = map_items(work, items, workers=workers, threads=1)
    return rate_after_start([time.perf_counter() for _ in results], workers)


def bare_rate(work: Callable[[Item], None], items: Sequence[Item], processes: int) -> float:
    """Clips per second of processes that each loop over a share of their own."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    shares = [items[start::processes] for start in range(processes)]
    running = [context.Process(target=loop, args=(work, share, queue)) for share in shares]
    for process in running:
        process.start()
    times = sorted(queue.get() for _ in items)
    for process in running:
        process.join()
    return rate_after_start(times, processes)


def rate_after_start(finished: Sequence[float], processes: int) -> float:
    """Clips per second between the moment all processes have had a clip and the last one."""
    return (len(finished) - processes) / (finished[-1] - finished[processes - 1])


def loop(work: Callable[[Item], None], share: Sequence[Item], queue: Any) -> None:
    """One bare process."""
    for item in share:
        work(item)
        queue.put(time.perf_counter())


def cut_and_save(folder: str, item: Item) -> None:
    """What a worker of `avfake prepare` does with a file."""
    number, video = item
    cut_clip(video, ClipConfig(), face_detector()).save(Path(folder) / f"{number}.zip")


def only_decode(item: Item) -> None:
    config, video = ClipConfig(), item[1]
    times = probe(video).sample_times(config.num_frames).tolist()
    floor.decode(video, times, config.sample_rate, threads=1)


@lru_cache(maxsize=1)
def face_detector() -> FaceDetector:
    """Loaded once a process."""
    return ClipConfig().face_detector()
