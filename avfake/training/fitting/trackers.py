"""Training curves for whatever shows them: TensorBoard, or others by name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers

from avfake.config import nearest
from avfake.errors import ConfigError
from avfake.training.fitting.checkpoint import EpochRecord


def check_trackers(names: Sequence[str]) -> None:
    """ConfigError for a name that Accelerate does not know."""
    for name in names:
        if name not in LOGGER_TYPE_TO_CLASS:
            raise ConfigError(
                f"fit.trackers {name!r} is unknown{nearest(name, LOGGER_TYPE_TO_CLASS)}; "
                f"known: {', '.join(LOGGER_TYPE_TO_CLASS)}"
            )


def installed_trackers(names: Sequence[str]) -> list[str]:
    """The names; ConfigError for one whose package is missing."""
    installed = {str(getattr(name, "value", name)) for name in get_available_trackers()}
    for name in names:
        if name not in installed:
            raise ConfigError(f"fit.trackers {name!r} needs its package: pip install {name}")
    return list(names)


def start_trackers(accelerator: Accelerator, settings: Mapping[str, Any], *, resumed: bool) -> None:
    """Opens the trackers on the first process; the settings are told to them once a run."""
    if accelerator.log_with:
        accelerator.init_trackers("avfake", None if resumed else _flat(settings))


def track(accelerator: Accelerator, record: EpochRecord) -> None:
    """Tells the trackers of an epoch."""
    parts = {"train": record.train, "validation": record.validation}
    values: dict[str, float | None] = {
        f"{part}/{name}": value for part, found in parts.items() for name, value in found.items()
    }
    values["learning_rate"] = record.learning_rate
    values["examples_per_second"] = record.examples_per_second
    known = {name: value for name, value in values.items() if value is not None}
    accelerator.log(known, step=record.epoch)


def stop_trackers(accelerator: Accelerator) -> None:
    """Closes what `start_trackers` opened."""
    # Not end_training(), which would part the processes, too.
    for tracker in accelerator.trackers:
        tracker.finish()


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value if isinstance(value, (int, float, str)) else str(value)
    return flat


def tracker_folder(run_folder: Path) -> Path:
    """Where trackers that write files write them."""
    return run_folder / "trackers"
