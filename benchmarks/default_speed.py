"""What an answer of the default detector costs, beside decoding the same file and doing nothing.

    python benchmarks/default_speed.py --out /tmp/speed

Makes one studio clip as long as the DFDC's (10 s, 30 frames a second), scales it to 1080p with
camera-like noise, and takes turns, `--repeats` times: decoding what `Detector.predict` looks at
(the floor), predicting in this process (the first answer of a process, which loads more, is a row
of its own), and the whole command `avfake predict FILE` from cold, beside a cold `import torch`.
Seconds by the clock, which other work on the machine lengthens, and of CPU time, which it does not.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tyro
from clip_cost import SIZES, scaled

from avfake.labels import DEFAULT


@dataclass(frozen=True)
class Config:
    """What is measured."""

    out: Path
    detector: str = DEFAULT
    repeats: int = 5
    threads: int = 2
    size: str = "1080p"
    """Or 720p."""


@dataclass(frozen=True)
class Cost:
    """Of one call."""

    clock_seconds: float
    cpu_seconds: float
    """Of all threads, and of processes that were waited for."""


def main(config: Config) -> None:
    import torch

    from avfake.detector.detector import Detector
    from avfake.media.frames import read_frames
    from avfake.media.probing import probe
    from avfake.media.sound import read_sound

    torch.set_num_threads(config.threads)
    video = clip(config)
    detector = Detector.from_pretrained(config.detector, device="cpu")
    wanted = detector.members[0].spec.clip

    def decode() -> None:
        read_frames(video, probe(video).sample_times(wanted.num_frames))
        read_sound(video, wanted.sample_rate).waveform()

    python, env = sys.executable, os.environ | {"OMP_NUM_THREADS": str(config.threads)}
    command = [python, "-m", "avfake", "predict", str(video), "--detector", config.detector]
    costs = {"first Detector.predict": [cost(lambda: detector.predict(video))]}
    calls: dict[str, Callable[[], object]] = {
        "decode what is looked at": decode,
        "Detector.predict": lambda: detector.predict(video),
        "import torch, cold": lambda: quiet([python, "-c", "import torch"], env),
        "avfake predict, cold": lambda: quiet(command, env),
    }
    for _ in range(config.repeats):
        for name, call in calls.items():
            costs.setdefault(name, []).append(cost(call))
    show(costs)
    pairs = zip(costs["Detector.predict"], costs["decode what is looked at"], strict=True)
    ratios = [answer.cpu_seconds / floor.cpu_seconds for answer, floor in pairs]
    print(f"Detector.predict over decoding, CPU time: {triple(ratios)}")


def clip(config: Config) -> Path:
    """The clip, made unless it is there."""
    from avfake.studio.build import build_studio
    from avfake.studio.plan import StudioConfig

    small = config.out / "small"
    if not list(small.glob("*.mp4")):
        studio = StudioConfig(4, seconds=10, fps=30, frame_sizes=((480, 270),))
        build_studio(small, studio, workers=0, show_progress=False)
    first = sorted(small.glob("*.mp4"))[0]
    return scaled(first, config.out / config.size / first.name, SIZES[config.size])


def cost(call: Callable[[], object]) -> Cost:
    started, used = time.perf_counter(), cpu_seconds()
    call()
    return Cost(time.perf_counter() - started, cpu_seconds() - used)


def cpu_seconds() -> float:
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, whose))


def quiet(command: list[str], env: dict[str, str]) -> None:
    subprocess.run(command, check=True, capture_output=True, env=env)


def show(costs: dict[str, list[Cost]]) -> None:
    print(f"{'seconds: least / median / most':34}{'by the clock':>24}{'CPU time':>24}")
    for name, found in costs.items():
        by_clock, by_cpu = [c.clock_seconds for c in found], [c.cpu_seconds for c in found]
        print(f"{name:34}{triple(by_clock):>24}{triple(by_cpu):>24}")


def triple(values: list[float]) -> str:
    return f"{min(values):.2f} / {statistics.median(values):.2f} / {max(values):.2f}"


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
