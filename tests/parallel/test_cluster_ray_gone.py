"""A Ray cluster that is not there, and one that dies in the middle of the work."""

import math
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from avfake.errors import ConfigError
from avfake.parallel.on_ray import map_on_ray

HALF_SECONDS_OF_SLEEP = """
import sys, time
from pathlib import Path
from avfake.parallel import Journal, map_items
from avfake.errors import AvfakeError
journal = Journal(Path(sys.argv[2]), "item")
work = map_items(time.sleep, [0.5] * 400, engine="ray", ray_address=sys.argv[1])
try:
    for index, result in work:
        journal.append({"item": str(index), "result": repr(result)})
except AvfakeError as error:
    print(error)
    sys.exit(2)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: object, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.2)


@pytest.fixture
def environment() -> dict[str, str]:
    """Variables for a cluster that only this test can enter, by a token that is drawn here."""
    root = str(Path(__file__).parents[2])
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return {**os.environ, **token, "PYTHONPATH": root, "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture
def head(environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """(address, process) of a cluster of two cores, its processes in a group of their own."""
    pytest.importorskip("ray")
    port = free_port()
    start = "import sys; from ray.scripts.scripts import main; sys.exit(main())"
    options = ("--num-cpus=2", "--node-ip-address=127.0.0.1", "--include-dashboard=false")
    folder = tempfile.mkdtemp(prefix="ray")  # a short path, for sockets, that no other Ray reads
    where = (f"--port={port}", f"--temp-dir={folder}")
    process = subprocess.Popen(
        [sys.executable, "-c", start, "start", "--head", "--block", *where, *options],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield f"127.0.0.1:{port}", process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.ray
def test_a_cluster_that_dies_is_named_and_what_was_done_is_kept(
    head: tuple[str, subprocess.Popen[bytes]], environment: dict[str, str], tmp_path: Path
) -> None:
    address, process = head
    journal = tmp_path / "journal.jsonl"

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(address.split(":")[1]))) == 0

    wait_until(answers)
    time.sleep(3)  # the head listens before its node is up
    driver = subprocess.Popen(
        [sys.executable, "-c", HALF_SECONDS_OF_SLEEP, address, str(journal)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    wait_until(lambda: journal.exists() and len(journal.read_text().splitlines()) >= 5)
    os.killpg(process.pid, signal.SIGKILL)
    out, _ = driver.communicate(timeout=90)
    assert driver.returncode == 2
    assert f"the Ray cluster at {address} is gone" in out
    assert "run the same command again" in out
    lines = journal.read_text().splitlines()
    assert 5 <= len(lines) < 400
    assert all('"result": "None"' in line for line in lines), "an item in flight was called failed"


def test_an_address_that_nobody_listens_on_is_named_within_seconds() -> None:
    pytest.importorskip("ray")
    started, address = time.monotonic(), f"127.0.0.1:{free_port()}"
    with pytest.raises(ConfigError, match=f"no Ray cluster answers at {address}"):
        list(map_on_ray(abs, [1], address=address, time_limit_seconds=math.inf))
    assert time.monotonic() - started < 20
