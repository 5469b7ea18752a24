"""Model files that users bring: kept under their SHA-256, so that settings name them by content."""

import hashlib
import os
from pathlib import Path

from avfake.errors import ConfigError
from avfake.storage import write_whole


def model_folder() -> Path:
    """Where the files are kept: `avfake/face_models` below XDG_CACHE_HOME or ~/.cache."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "avfake" / "face_models"


def keep_model(path: str | Path) -> str:
    """The SHA-256 of a model file, of which a copy is kept; ConfigError if it cannot be read."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"the face model {path} cannot be read: {error.strerror}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    kept = model_folder() / sha256
    if not kept.is_file():
        write_whole(kept, content)
    return sha256


def find_model(sha256: str) -> Path:
    """The kept file of this content; ConfigError if there is none, or it was altered."""
    if not sha256:
        raise ConfigError(
            "BlazeFace needs a model file: avfake prepare ... --detector blazeface "
            "--detector-model FILE.tflite"
        )
    path = model_folder() / sha256
    if not path.is_file():
        raise ConfigError(
            f"the face model with SHA-256 {sha256} is not on this machine; copy the file that was "
            f"given to avfake prepare --detector-model to {path}"
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ConfigError(f"{path} was altered (its SHA-256 is {found}); copy it there again")
    return path
