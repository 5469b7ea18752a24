"""Specs by name: those that ship with avfake, or a YAML file of the user's own."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from avfake.config import nearest
from avfake.datasets.document import Document
from avfake.datasets.schema import spec_from
from avfake.datasets.spec import DatasetSpec
from avfake.errors import SpecError

OWN_FILES = ("csv", "folders")
"""Specs for a user's own files, of whose licence they know nothing."""


def list_specs() -> list[DatasetSpec]:
    """The specs that ship with avfake, by name."""
    return [load_spec(name) for name in _names()]


def load_spec(name_or_path: str | Path, overrides: Mapping[str, str] | None = None) -> DatasetSpec:
    """The spec of that name, or in that YAML file, with single leaves replaced.

    `overrides` maps dotted paths to texts: `{"params.quality": "c40"}`. Raises SpecError.
    """
    source, text = _text_of(name_or_path)
    document = Document.parse(text, source)
    for dotted, value in (overrides or {}).items():
        document.override(dotted, value)
    return spec_from(document)


def licence_of(dataset: str) -> str | None:
    """What the spec that ships under this name says of the licence; None where nothing is known."""
    if dataset in OWN_FILES or dataset not in _names():
        return None
    return load_spec(dataset).info.get("licence")


def _names() -> list[str]:
    entries = resources.files("data_specs").iterdir()
    return sorted(e.name.removesuffix(".yaml") for e in entries if e.name.endswith(".yaml"))


def _text_of(name_or_path: str | Path) -> tuple[str, str]:
    """(what to call it in messages, its YAML)."""
    name, known = str(name_or_path), _names()
    try:
        if name in known:
            file = resources.files("data_specs") / f"{name}.yaml"
            return f"data_specs/{name}.yaml", file.read_text(encoding="utf-8")
        if isinstance(name_or_path, Path) or name.endswith((".yaml", ".yml")) or "/" in name:
            return name, Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{name}: the data spec cannot be read ({error})") from error
    raise SpecError(
        f"there is no data spec {name!r}{nearest(name, known)}; there are: "
        f"{', '.join(known)}; a spec of your own is given by the path of its YAML file"
    )
