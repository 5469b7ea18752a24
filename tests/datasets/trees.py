"""Tiny made-up dataset folders; empty files stand for videos, since nothing here opens one."""

import json
import zipfile
from pathlib import Path
from typing import Any


def touch(root: Path, *names: str) -> Path:
    """Empty files, with the folders they lie in."""
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return root


def write(root: Path, name: str, content: Any) -> Path:
    """A file of text, or of JSON for anything else."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return root


def zip_up(root: Path, archive: str, names: dict[str, str]) -> Path:
    """An archive with members of the given texts."""
    root.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(root / archive, "w") as opened:
        for name, text in names.items():
            opened.writestr(name, text)
    return root


PART_0 = {
    "aaa.mp4": {"label": "REAL", "split": "train", "original": None},
    "bbb.MP4": {"label": "FAKE", "split": "train", "original": "aaa.mp4"},
    "ccc.mov": {"label": "FAKE", "split": "train", "original": "gone.mp4"},
    "ddd.mp4": {"label": "REAL", "split": "train"},
}
PART_12 = {
    "eee.mkv": {"label": "REAL", "split": "train"},
    "fff.webm": {"label": "FAKE", "split": "train", "original": "eee.mkv"},
    "ggg.mp4": {"label": "FAKE", "split": "train", "original": "aaa.mp4"},
}


def dfdc_parts(root: Path) -> Path:
    """Two parts with the traps in them: `ddd` has no file, `new` no record, `gone` is gone."""
    write(root, "dfdc_train_part_0/metadata.json", PART_0)
    touch(root, *(f"dfdc_train_part_0/{n}" for n in ("aaa.mp4", "bbb.MP4", "ccc.mov", "new.avi")))
    write(root, "dfdc_train_part_12/metadata.json", PART_12)
    touch(root, *(f"dfdc_train_part_12/{n}" for n in PART_12), "dfdc_train_part_12/._eee.mkv")
    return touch(root, "__MACOSX/dfdc_train_part_0/aaa.mp4", "notes.txt")
