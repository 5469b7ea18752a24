"""Checks of this machine: each returns what it found, and what to do about it."""

import importlib.metadata
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import numpy as np
import torch

from avfake.clips import ClipConfig, cut_clip
from avfake.errors import AvfakeError
from avfake.faces import MTCNNDetector
from avfake.media import Waveform, read_frames, write_video
from avfake.models import ModelConfig, VisualConfig, build_model
from avfake.parallel import default_workers

Level = Literal["ok", "note", "problem"]
PACKAGES = (
    "torch",
    "torchaudio",
    "torchvision",
    "timm",
    "facenet-pytorch",
    "av",
    "moviepy",
    "librosa",
    "lightgbm",
    "scikit-learn",
    "numpy",
)
DECODERS = ("h264", "hevc", "vp9", "av1", "mpeg1video", "aac", "mp3", "opus", "flac")
LEAST_FREE_BYTES = 5 * 2**30


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    name: str
    level: Level
    found: str
    advice: str = ""
    """What to do; empty where nothing need be done."""


def examine(folder: Path) -> Iterator[Finding]:
    """Every check in turn; `folder` is where clips and runs are to be written."""
    checks: list[Callable[[], Finding]] = [
        _python,
        _packages,
        _codecs,
        _devices,
        _threads,
        lambda: _disk(folder),
        _weights_cache,
        _self_test,
    ]
    for check in checks:
        yield check()


def _python() -> Finding:
    version = platform.python_version()
    return Finding("python", "ok", f"{version} on {platform.machine()} {platform.system()}")


def _packages() -> Finding:
    versions, missing = [], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding(
            "packages",
            "problem",
            f"missing: {', '.join(missing)}",
            f"pip install {' '.join(missing)}",
        )
    return Finding("packages", "ok", ", ".join(versions))


def _codecs() -> Finding:
    missing = [name for name in DECODERS if not _can_decode(name)]
    if missing:
        return Finding(
            "codecs",
            "problem",
            f"cannot decode {', '.join(missing)}",
            "install the av wheel from PyPI, which brings them: pip install --force-reinstall av",
        )
    return Finding("codecs", "ok", f"decodes {', '.join(DECODERS)}")


def _can_decode(name: str) -> bool:
    try:
        av.Codec(name, "r")
    except ValueError:
        return False
    return True


def _devices() -> Finding:
    if not torch.cuda.is_available():
        built = torch.version.cuda
        found = f"no GPU found; this torch is built for {'CUDA ' + built if built else 'CPU only'}"
        return Finding("devices", "note", found, "nothing to do: the CPU is a tested path")
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return Finding("devices", "ok", ", ".join(names))


def _threads() -> Finding:
    cores, threads = default_workers(), torch.get_num_threads()
    found = f"{cores} cores to use, torch takes {threads} threads"
    if threads > cores:
        advice = f"set OMP_NUM_THREADS={cores}: more threads than cores slow each other down"
        return Finding("threads", "problem", found, advice)
    return Finding("threads", "ok", found)


def _disk(folder: Path) -> Finding:
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(there).free
    found = f"{free / 2**30:.0f} GB free at {there}"
    if not there.is_dir():
        return Finding("disk", "problem", f"{there} is a file, no folder", "name another: --folder")
    if not os.access(there, os.W_OK):
        return Finding("disk", "problem", f"{there} cannot be written", "name another: --folder")
    if free < LEAST_FREE_BYTES:
        advice = "a prepared 10 s clip takes about 0.7 MB; name another folder with --folder"
        return Finding("disk", "problem", found, advice)
    return Finding("disk", "ok", found)


def _weights_cache() -> Finding:
    cache = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")) / "hub"
    names = sorted(path.name for path in cache.glob("models--*")) if cache.is_dir() else []
    if not names:
        return Finding(
            "weights",
            "note",
            "no pretrained weights in the cache",
            "on a machine without network, training starts from random weights",
        )
    return Finding("weights", "ok", f"{len(names)} in the cache: {', '.join(names[:3])}")


def _self_test() -> Finding:
    """Write, decode, detect and forward once; seconds for each."""
    seconds: dict[str, float] = {}

    def timed(name: str, step: Callable[[], object]) -> None:
        start = time.perf_counter()
        step()
        seconds[name] = time.perf_counter() - start

    frames = np.random.default_rng(0).integers(0, 255, (30, 240, 320, 3), np.uint8)
    tone = np.sin(np.arange(32_000) * 0.2).astype(np.float32) * 0.3
    batch = {
        "faces": torch.zeros(1, 8, 3, 224, 224, dtype=torch.uint8),
        "faces_mask": torch.ones(1, 8, dtype=torch.bool),
    }
    try:
        with tempfile.TemporaryDirectory(prefix="avfake-") as name:
            path = Path(name) / "test.mp4"
            sound = Waveform(tone, 16_000)
            timed("write", lambda: write_video(path, frames, fps=15, waveform=sound))
            timed("decode", lambda: read_frames(path, np.linspace(0, 1.9, 8)))
            detector = MTCNNDetector()
            timed("detect", lambda: detector.detect(frames[:8]))
            timed("cut", lambda: cut_clip(path, ClipConfig(num_frames=8), detector))
            model = build_model(ModelConfig(VisualConfig(pretrained=False), None)).eval()
            with torch.inference_mode():
                timed("forward", lambda: model(batch))
    except (AvfakeError, OSError, RuntimeError) as error:
        return Finding("self-test", "problem", str(error), "report this, with the lines above")
    found = ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items())
    return Finding("self-test", "ok", f"2 s of 320x240, 8 frames, EfficientNet-B0: {found}")
