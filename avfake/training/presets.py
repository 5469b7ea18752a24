"""Named settings of training, which `presets.yaml` lists with their sources."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from avfake.config import from_dict
from avfake.errors import check_choice
from avfake.training.config import TrainingConfig


def preset(name: str, changes: Mapping[str, Any] | None = None) -> TrainingConfig:
    """Return the settings of a preset, with further changes under dotted names."""
    presets = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    check_choice("preset", name, presets)
    settings = presets[name]["config"]
    if base := presets[name].get("base"):
        groups = presets[base]["config"]
        settings = groups | {
            key: {**groups.get(key, {}), **own} if isinstance(own, dict) else own
            for key, own in settings.items()
        }
    return from_dict(TrainingConfig, settings).changed(changes or {})
