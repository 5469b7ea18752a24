import math
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from avfake.errors import ConfigError
from avfake.parallel.on_ray import map_on_ray
from avfake.parallel.pool import map_items
from avfake.parallel.worker import Failure


def square_or_misbehave(folder: str, number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 4 and not (Path(folder) / "died once").exists():
        (Path(folder) / "died once").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 5:
        time.sleep(60)
    if number == 7:
        raise ValueError("seven")
    return number * number


@pytest.mark.ray
def test_on_ray_a_lost_worker_is_tried_again_and_a_poisonous_item_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # where workers find the function
    ray = pytest.importorskip("ray")
    function = partial(square_or_misbehave, str(tmp_path))
    try:
        results = dict(map_items(function, range(10), engine="ray", time_limit_seconds=20))
    finally:
        ray.shutdown()
    assert set(results) == set(range(10))
    good = {index: r for index, r in results.items() if not isinstance(r, Failure)}
    assert good == {i: i * i for i in (0, 1, 2, 4, 6, 8, 9)}
    failures = {index: r.code for index, r in results.items() if isinstance(r, Failure)}
    assert failures == {3: "crashed", 5: "timed_out", 7: "crashed"}


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path) -> None:
    function = partial(square_or_misbehave, str(tmp_path))
    assert dict(map_items(function, [4], workers=1)) == {0: 16}


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'avfake\[ray\]'"):
        list(map_on_ray(abs, [1], address=None, time_limit_seconds=math.inf))
