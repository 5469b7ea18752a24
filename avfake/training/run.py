"""Run folders and their records: settings, versions, commit; and the seeds of a run."""

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avfake import config as settings
from avfake.errors import ConfigError
from avfake.parallel import default_workers
from avfake.storage import remove_partials, write_whole

PACKAGES = ("torch", "torchaudio", "torchvision", "timm", "av", "librosa", "lightgbm", "numpy")


def open_run(folder: Path, config: Any, *, inputs: dict[str, str]) -> None:
    """Record the settings of a run; ConfigError if the folder holds another run.

    inputs: name -> hash or path of the data that the run reads
    """
    remove_partials(folder)
    record = {"settings": settings.to_dict(config), "inputs": inputs}
    path = folder / "config.json"
    if path.is_file():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{path} is not a record of a run; give another --out") from error
        check_settings(folder, found, record)
    else:
        # First: once the settings are there, the run goes on and writes neither again.
        write_whole(folder / "environment.json", json.dumps(environment(), indent=1))
        write_whole(path, json.dumps(record, indent=1))


def check_settings(folder: Path, found: Any, wanted: Any) -> None:
    """Raise ConfigError, with the differences, if a run would go on under other settings."""
    if changed := ", ".join(_differences(found, wanted)):
        raise ConfigError(
            f"{folder} holds a run with other settings ({changed}); "
            "give another --out, or delete it to start over"
        )


def environment() -> dict[str, Any]:
    """Return commit, versions, machine type, cores and GPU."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return {
        "commit": commit(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()} {platform.system()}, {default_workers()} cores, {gpu}",
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def commit() -> str | None:
    """Return the git commit of the checkout that avfake is imported from; None outside one."""
    command, here = ["git", "rev-parse", "HEAD"], Path(__file__).parent
    try:
        found = subprocess.check_output(command, cwd=here, stderr=subprocess.DEVNULL, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.strip()


def _differences(found: Any, wanted: Any, prefix: str = "") -> list[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        return [
            line
            for key in sorted(set(found) | set(wanted))
            for line in _differences(found.get(key), wanted.get(key), f"{prefix}.{key}")
        ]
    return [] if found == wanted else [f"{prefix.lstrip('.')}: {found} there, {wanted} now"]


def model_seed(seed: int, fold: int) -> int:
    """Return the seed of the weights and the draws of the model that leaves out a fold."""
    return seed * 1000 + fold


def epoch_seed(seed: int, epoch: int, process: int) -> int:
    """Return the seed of an epoch on one process; seed: of the model."""
    return int(np.random.SeedSequence((seed, epoch, process)).generate_state(1)[0])
