"""Servers in processes of their own."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("fake_server.py")


@dataclass
class Server:
    """A server under test."""

    url: str
    """Without the token."""
    token: str
    temporary: Path
    """The folder in which it keeps its own temporary folder."""
    process: subprocess.Popen

    def left(self) -> list[str]:
        """Return what lies in its folders of files and jobs."""
        [root] = self.temporary.glob("avfake-serve-*")
        return sorted(path.name for name in ("sent", "jobs") for path in (root / name).iterdir())


def start(temporary: Path, command: list[str]) -> Server:
    """Start a server, and wait until it says where it is."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": paths}
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, env=environment
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("avfake serve: "):
            url, _, query = line.split()[2].partition("?token=")
            return Server(url, query, temporary, process)
    pytest.fail(f"the server did not start: {lines}")


def stop(server: Server) -> int:
    """Ask a server to end as Ctrl-C does; return its exit code."""
    server.process.send_signal(signal.SIGINT)
    code = server.process.wait(30)
    server.process.stdout.close()
    return code


def fake(temporary: Path, **settings: object) -> Server:
    """Start a server with quick answers. settings: of `ServeConfig`."""
    temporary.mkdir(exist_ok=True)
    return start(temporary, [str(SCRIPT), json.dumps({"port": 0} | settings)])
