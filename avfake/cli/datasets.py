"""Work and output of the verbs `specs` and `manifest`."""

import json
import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from avfake import storage
from avfake.cli.answers import print_answer, print_json
from avfake.cli.process import IN_PART, OK
from avfake.datasets import DatasetSpec, Manifest, build_manifest, load_spec
from avfake.errors import AvfakeError, ConfigError


def spec_with(spec: str, overrides: Sequence[str]) -> DatasetSpec:
    """Return a spec with KEY=VALUE overrides."""
    pairs = [override.partition("=") for override in overrides]
    for key, sign, _ in pairs:
        if not sign:
            raise ConfigError(f"--set {key}: write KEY=VALUE, such as params.quality=c40")
    return load_spec(spec, {key: value for key, _, value in pairs})


def check_spec(spec: str, root: str, *, as_json: bool) -> int:
    """Print what a spec makes of a folder; 1 if the spec or the folder is refused."""
    try:
        loaded = load_spec(spec)
        manifest = build_manifest(loaded, root)
    except AvfakeError as error:
        print_answer(f"refused: {error}", {"refused": str(error)}, as_json=as_json)
        return IN_PART
    if as_json:
        print_json(facts_of(manifest) | {"refused": None})
        return OK
    print(described(manifest, loaded))
    words = {True: "true", False: "false", None: "unknown"}
    for column in ("face_fake", "voice_fake", "has_audio"):
        found = Counter(words[getattr(row, column)] for row in manifest.rows)
        print(f"  {column}: " + ", ".join(f"{count} {word}" for word, count in found.items()))
    splits = Counter(row.split or "none" for row in manifest.rows)
    print(f"  groups: {len({row.group for row in manifest.rows})}")
    print("  split: " + ", ".join(f"{count} {name}" for name, count in splits.items()))
    if not loaded.expect:
        print("  the spec expects no counts; under expect it can state what a complete copy holds")
    print(f"{loaded.name} can be used; {len(manifest.warnings)} notes to read")
    return OK


def facts_of(manifest: Manifest) -> dict[str, object]:
    """Return what a manifest holds: counts of labels, groups and splits, notes, assumptions."""
    words = {True: "fake", False: "genuine", None: "unlabelled"}
    labels = ("label", "face_fake", "voice_fake")
    return {
        "dataset": manifest.dataset,
        "rows": len(manifest),
        "missing": sum(row.status == "missing" for row in manifest.rows),
        **{name: Counter(words[getattr(row, name)] for row in manifest.rows) for name in labels},
        "groups": len({row.group for row in manifest.rows}),
        "splits": Counter(row.split or "none" for row in manifest.rows),
        "notes": manifest.warnings,
        "assumed": manifest.assumed,
    }


def described(manifest: Manifest, spec: DatasetSpec) -> str:
    """Return counts, how they stand to what the spec expects, warnings and assumptions."""
    words = {True: "fake", False: "genuine", None: "unlabelled"}
    counts = Counter(words[row.label] for row in manifest.rows)
    missing = sum(row.status == "missing" for row in manifest.rows)
    lines = [
        f"{manifest.dataset}: {len(manifest)} rows ("
        + ", ".join(f"{count} {word}" for word, count in counts.items())
        + (f"; {missing} without a file" if missing else "")
        + ")"
    ]
    if spec.expect and not any(note.startswith("expected ") for note in manifest.warnings):
        lines.append("  as expected: counts are those that the spec expects of a complete copy")
    lines += [f"  note: {warning}" for warning in manifest.warnings]
    lines += [f"  assumed, {column}: {why}" for column, why in manifest.assumed.items()]
    return "\n".join(lines)


def check_manifest(out: str, *, inputs: Sequence[str]) -> None:
    """Raise ConfigError if a manifest cannot be written, or would replace another file.

    inputs: what the command reads.
    """
    read = [storage.as_path(one) for one in inputs]
    output = storage.Output(storage.as_path(out), "OUT", read, remote=True)
    output.check_file("manifest")
    table = storage.target_of(output.path)
    if table is None:
        return
    notes = table.with_name(storage.fitting(f"{table.name}.json"))
    replace(output, path=notes).check_file("manifest", endings=())
    content = storage.read_if_there(notes)
    if content is None:
        foreign = table if storage.read_if_there(table) else None
    else:
        foreign = None if _are_notes(content) else notes
    if foreign is not None:
        raise ConfigError(
            f"OUT {foreign} is there already and is no manifest that avfake made; it was left as "
            "it is: give another name"
        )


def _are_notes(content: bytes) -> bool:
    """Return whether a file is one that `Manifest.save` writes beside a manifest."""
    try:
        return {"dataset", "warnings", "assumed"} <= set(json.loads(content))
    except (ValueError, TypeError):
        return False


def write_manifest(manifest: Manifest, out: str) -> None:
    """Save a manifest; to a stream, such as /dev/stdout, its table alone."""
    target = storage.target_of(storage.as_path(out))
    if target is not None:
        manifest.save(target)
        return
    with storage.replacing(Path(out)) as table:
        manifest.save(table)


def list_all_specs(*, as_json: bool) -> None:
    """Print one line a spec: name, modality, licence in short, title."""
    if as_json:
        print_json([_facts_of_spec(spec) for spec in DatasetSpec.shipped()])
        return
    words = ("modality", "licence")
    lines = [
        (spec.name, *(_short(spec.info.get(word, "")) for word in words), spec.title)
        for spec in DatasetSpec.shipped()
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (f"{cell:{width}}" for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def _short(words: str) -> str:
    """Return the words without the remark after them, at most 44 letters."""
    return textwrap.shorten(re.split(r"[;(]", words)[0], 44, placeholder=" ...")


def describe_spec(name: str, *, as_json: bool) -> None:
    """Print what a spec states of its dataset."""
    spec = load_spec(name)
    if as_json:
        print_json(_facts_of_spec(spec))
        return
    print(f"{spec.name}: {spec.title}")
    for key, value in spec.info.items():
        print(f"  {key}: {value}")


def _facts_of_spec(spec: DatasetSpec) -> dict[str, object]:
    return {"name": spec.name, "title": spec.title, **spec.info}
