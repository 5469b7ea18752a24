"""The verb `doctor`: checks of this machine, each with what it found and what to do about it."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Literal

from avfake.cli.answers import print_json
from avfake.cli.process import IN_PART, OK
from avfake.errors import AvfakeError, ConfigError
from avfake.labels import DEFAULT

Level = Literal["ok", "note", "problem"]
PACKAGES = (
    *("torch", "torchaudio", "torchvision", "timm", "facenet-pytorch", "av"),
    *("moviepy", "librosa", "lightgbm", "scikit-learn", "numpy"),
)
DECODERS = ("h264", "hevc", "vp9", "av1", "mpeg1video", "aac", "mp3", "opus", "flac")
LEAST_FREE_GB = 5


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    name: str
    level: Level
    found: str
    advice: str = ""
    """What to do; empty where nothing need be done."""


def doctor(*, folder: Path = Path(), json: bool = False) -> int:
    """Check this machine: versions, codecs, devices, threads, disk, cache, and a timed self-test.

    Exit code 1 if there is a problem.

    Args:
        folder: Folder in which clips and runs will be written.
        json: Print all findings as JSON.
    """
    marks = {"ok": "ok  ", "note": "note", "problem": "!!  "}
    problems, findings = 0, []
    for finding in examine(folder):
        findings.append(finding)
        problems += finding.level == "problem"
        if json:
            continue
        print(f"{marks[finding.level]} {finding.name}: {finding.found}", flush=True)
        if finding.advice:
            print(f"       -> {finding.advice}")
    if json:
        print_json({"problems": problems, "findings": findings})
    return IN_PART if problems else OK


def examine(folder: Path) -> Iterator[Finding]:
    """Yield the finding of each check; `folder` is where clips and runs are to be written."""
    machine = f"{platform.machine()} {platform.system()}"
    yield Finding("python", "ok", f"{platform.python_version()} on {machine}")
    checks = (_packages, _codecs, _devices, _threads, _networks, partial(_disk, folder))
    for check in (*checks, _weights_cache):
        yield check()
    yield _self_test()


def _packages() -> Finding:
    versions, missing = [], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        advice = f"pip install {' '.join(missing)}"
        return Finding("packages", "problem", f"missing: {', '.join(missing)}", advice)
    return Finding("packages", "ok", ", ".join(versions))


def _codecs() -> Finding:
    import av

    missing = []
    for name in DECODERS:
        try:
            av.Codec(name, "r")
        except ValueError:
            missing.append(name)
    if missing:
        advice = "install the av wheel from PyPI, which brings them: "
        advice += "pip install --force-reinstall av"
        return Finding("codecs", "problem", f"cannot decode {', '.join(missing)}", advice)
    return Finding("codecs", "ok", f"decodes {', '.join(DECODERS)}")


def _devices() -> Finding:
    import torch

    if not torch.cuda.is_available():
        built = torch.version.cuda
        found = f"no GPU found; this torch is built for {'CUDA ' + built if built else 'CPU only'}"
        return Finding("devices", "note", found, "nothing to do: the CPU is a tested path")
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return Finding("devices", "ok", ", ".join(names))


def _threads() -> Finding:
    import torch

    is_linux = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if is_linux else os.cpu_count() or 1
    threads = torch.get_num_threads()
    found = f"{cores} cores to use, torch takes {threads} threads"
    if threads > cores:
        advice = f"set OMP_NUM_THREADS={cores}: more threads than cores slow each other down"
        return Finding("threads", "problem", found, advice)
    return Finding("threads", "ok", found)


def _networks() -> Finding:
    """Say how networks run on the CPU: the runtime of each kind, and the precision."""
    from avfake.models import has_int8_products, runtime_of

    precision = "frozen transformers in int8 with inputs of 16 bits, others in float32"
    if not has_int8_products():
        precision = "float32, since int8 (AVX-512 VNNI) cannot be used here"
    try:
        runtime = runtime_of()
    except ConfigError as error:
        return Finding("networks", "problem", str(error), "set it to auto, or unset it")
    torch = f"torch {importlib.metadata.version('torch')}"
    if runtime == "torch":
        found = f"on the CPU all in {torch}, {precision}"
        advice = "convolutional networks of trained detectors are faster in OpenVINO: "
        is_there = importlib.util.find_spec("openvino") is not None
        advice += "unset AVFAKE_RUNTIME" if is_there else "pip install 'avfake[openvino]'"
        return Finding("networks", "note", found, advice)
    version = importlib.metadata.version("openvino")
    found = f"on the CPU convolutional ones in OpenVINO {version}, others in {torch}, {precision}"
    return Finding("networks", "ok", found)


def _disk(folder: Path) -> Finding:
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(there).free / 1e9
    found = f"{free:.1f} GB free at {there}"
    if not there.is_dir() or not os.access(there, os.W_OK):
        found = f"{there} {'cannot be written' if there.is_dir() else 'is a file, no folder'}"
        return Finding("disk", "problem", found, "name another: --folder")
    if free < LEAST_FREE_GB:
        advice = f"free {LEAST_FREE_GB} GB (a prepared 10 s clip takes about 0.7 MB), "
        advice += "or name another folder with --folder"
        return Finding("disk", "problem", found, advice)
    return Finding("disk", "ok", found)


def _weights_cache() -> Finding:
    cache = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")) / "hub"
    names = sorted(path.name for path in cache.glob("models--*")) if cache.is_dir() else []
    if not names:
        advice = "on a machine without network, training starts from random weights"
        return Finding("weights", "note", "no pretrained weights in the cache", advice)
    return Finding("weights", "ok", f"{len(names)} in the cache: {', '.join(names[:3])}")


def _self_test() -> Finding:
    """Write a clip, load the default detector, cut the clip and assess it; seconds for each."""
    from avfake.detector import Detector
    from avfake.studio import StudioConfig, build_studio

    moments = [time.perf_counter()]
    try:
        with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
            config = StudioConfig(num_clips=1, seconds=2.0)
            [one] = build_studio(Path(folder, "studio"), config, workers=0, show_progress=False)
            moments.append(time.perf_counter())
            detector = Detector.from_pretrained(DEFAULT)
            moments.append(time.perf_counter())
            clip = detector.members[0].cut_clip(Path(folder, "studio", one.filename))
            moments.append(time.perf_counter())
            detector.predict_clip(clip)
            moments.append(time.perf_counter())
    except (AvfakeError, OSError, RuntimeError) as error:
        return Finding("self-test", "problem", str(error), "report this, with the lines above")
    steps = zip(("write", "load", "cut", "predict"), pairwise(moments), strict=True)
    found = ", ".join(f"{name} {end - start:.2f} s" for name, (start, end) in steps)
    return Finding("self-test", "ok", f"2 s of a talking head, default detector: {found}")
