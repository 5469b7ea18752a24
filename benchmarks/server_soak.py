"""What a server keeps after many requests: memory, open files, threads, temporary files.

    python -m benchmarks server_soak --requests 500 --out benchmarks/results/server_soak.csv
    python -m benchmarks server_soak --requests 50 --file voice.wav

Starts `avfake serve` and sends it a file again and again as docs/web.md describes, then eight at
once. Every tenth request is a row. Memory is the resident set of the server and of its workers.
Exits with 1 where a request fails, a temporary file is left, or memory grows by more than 5 % from
the tenth request to the last.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pandas as pd
import psutil

EVERY, AT_ONCE, MOST_GROWTH = 10, 8, 1.05
MEGABYTE = 1e6


@dataclass(frozen=True)
class Config:
    """What is sent, and how often."""

    requests: int = 500
    file: Path | None = None
    """By default the sample that the server generates."""
    command: tuple[str, ...] = ("-m", "avfake", "serve", "--port", "0")
    """Arguments of Python that start the server."""
    out: Path | None = None
    """Table to write."""


def main(config: Config) -> None:
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        environment = os.environ | {"TMPDIR": folder}
        command = [sys.executable, *config.command]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            url = next(line.split()[2] for line in server.stdout if line.startswith("avfake serve"))
            rows = soak(url, psutil.Process(server.pid), Path(folder), config)
        finally:
            server.terminate()
            server.wait()
        left = list(Path(folder).iterdir())
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    if config.out is not None:
        table.to_csv(config.out, index=False)
    total = table["server_mb"] + table["workers_mb"]
    tenth, last = total.iloc[1], total.iloc[-2]
    print(f"memory after {EVERY}: {tenth:.0f} MB, after {config.requests}: {last:.0f} MB")
    print(f"left after the end: {left}")
    # One is there from the start: an empty folder that torch makes when it is imported.
    is_kept = (table["temporary_files"] > table["temporary_files"].iloc[0]).any()
    is_clean = not left and not is_kept and not table["failed"].any()
    sys.exit(bool(not is_clean or last > MOST_GROWTH * tenth))


def soak(url: str, process: psutil.Process, folder: Path, config: Config) -> list[dict]:
    """Return a row at the start, after every tenth request, and after eight at once."""
    content = config.file.read_bytes() if config.file else httpx.get(f"{url}sample.mp4").content
    name = config.file.name if config.file else "sample.mp4"
    rows, failed, started = [state(0, 0, 0.0, process, folder)], 0, time.monotonic()
    for number in range(1, config.requests + 1):
        failed += not is_answered(url, name, content)
        if number % EVERY == 0:
            seconds = time.monotonic() - started
            rows.append(state(number, failed, seconds, process, folder))
            print(rows[-1], flush=True)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answered = list(threads.map(lambda _: is_answered(url, name, content), range(AT_ONCE)))
    seconds = time.monotonic() - started
    number, failed = config.requests + AT_ONCE, failed + answered.count(False)
    return [*rows, state(number, failed, seconds, process, folder)]


def is_answered(url: str, name: str, content: bytes) -> bool:
    """Send a file, and return whether its report has come."""
    api, meta = f"{url}gradio_api/", {"_type": "gradio.FileData"}
    with httpx.Client(timeout=900) as client:
        sent = client.post(f"{api}upload", files={"files": (name, content)}).json()
        data = {"data": [{"path": sent[0], "meta": meta}, True]}
        event = client.post(f"{api}call/assess", json=data).json()["event_id"]
        lines = client.get(f"{api}call/assess/{event}").text.strip().splitlines()
    report, page = json.loads(lines[-1].removeprefix("data: "))
    return lines[-2] == "event: complete" and report["verdict"]["p_fake"] is not None and page != ""


def state(
    number: int, failed: int, seconds: float, process: psutil.Process, folder: Path
) -> dict[str, float]:
    """Return what the server holds at the moment."""
    workers = process.children(recursive=True)
    [root] = folder.glob("avfake-serve-*")
    waiting = [path for part in ("sent", "jobs") for path in (root / part).iterdir()]
    others = [path for path in folder.iterdir() if path != root]
    return {
        "requests": number,
        "failed": failed,
        "seconds": round(seconds, 1),
        "server_mb": round(process.memory_info().rss / MEGABYTE, 1),
        "workers_mb": round(sum(one.memory_info().rss for one in workers) / MEGABYTE, 1),
        "open_files": process.num_fds(),
        "threads": process.num_threads(),
        "temporary_files": len(waiting) + len(others),
    }
