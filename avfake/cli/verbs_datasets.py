"""The verbs about datasets: `studio`, `specs`, `manifest`, `prepare`, `labels` and `audit`."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from avfake.cli.answers import print_answer
from avfake.cli.flags import at_least, check_spread, refuse_idle
from avfake.cli.process import IN_PART, OK, print_aside
from avfake.errors import ConfigError
from avfake.storage import Output, as_path, fitting

Overrides = Annotated[
    tuple[str, ...], tyro.conf.arg(name="set", metavar="KEY=VALUE"), tyro.conf.UseAppendAction
]


def studio(
    out: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    clips: int = 80,
    seconds: float = 2.0,
    seed: int = 0,
    difficulty: float = 0.3,
    splice_seconds: tuple[float, float] | None = None,
    people: int = 1,
    workers: int | None = None,
) -> int:
    """Make a small labelled dataset of procedural talking heads, genuine and forged.

    Args:
        out: Folder to write, in the layout of the DFDC.
        clips: How many; a quarter each genuine, face forged, voice forged, both.
        seconds: Length of a clip.
        seed: Another seed, other people.
        difficulty: 0 = crude forgeries, 1 = hardly visible ones.
        splice_seconds: Forge only one segment of each fake, of a length between these two;
            truth.csv has its start and end.
        people: 2 shows a silent person beside the speaker; truth.csv names the forged face.
        workers: Processes; by default one a core.
    """
    at_least(0, workers=workers)
    from avfake.studio import StudioConfig, build_studio

    config = StudioConfig(
        clips,
        seconds=seconds,
        seed=seed,
        difficulty=difficulty,
        splice_seconds=splice_seconds,
        num_people=people,
    )
    build_studio(out, config, workers=workers)
    print(f"{clips} clips in {out}; the forgeries are listed in {out / 'truth.csv'}")
    return OK


def specs(
    words: Annotated[tuple[str, ...], tyro.conf.Positional] = (), /, *, json: bool = False
) -> int:
    """List the datasets that can be read, describe one, or check a spec of your own.

    `avfake specs check FILE ROOT` reads the folder with the spec and says what comes of it; exit
    code 1 if it is refused.

    Args:
        words: Nothing, the name of a spec or a YAML file, or check FILE ROOT.
        json: Print the same as JSON.
    """
    from avfake.cli.datasets import check_spec, describe_spec, list_all_specs

    match words:
        case ():
            list_all_specs(as_json=json)
        case ("check", file, root):
            return check_spec(file, root, as_json=json)
        case (name,) if name != "check":
            describe_spec(name, as_json=json)
        case _:
            raise ConfigError(
                f"specs {' '.join(words)}: use avfake specs, avfake specs NAME, "
                "or avfake specs check FILE ROOT"
            )
    return OK


def manifest(
    spec: Annotated[str, tyro.conf.Positional],
    root: Annotated[str, tyro.conf.Positional],
    out: Annotated[str, tyro.conf.Positional],
    /,
    *,
    overrides: Overrides = (),
    json: bool = False,
) -> int:
    """List the files of a dataset: one row each, with its labels and its group.

    Args:
        spec: Name of a spec (see avfake specs), or a YAML file of your own.
        root: Folder of the dataset, or its URL (docs/remote.md).
        out: The table to write (.csv, or /dev/stdout); a path or a URL.
        overrides: Setting of the spec, such as params.quality=c40; may be repeated.
        json: Print the counts and notes as JSON.
    """
    print_aside(out)
    from avfake.cli.datasets import (
        check_manifest,
        described,
        facts_of,
        spec_with,
        write_manifest,
    )
    from avfake.datasets import build_manifest

    check_manifest(out, inputs=(spec, root))
    loaded = spec_with(spec, overrides)
    found = build_manifest(loaded, root)
    write_manifest(found, out)
    print_answer(described(found, loaded), facts_of(found) | {"out": out}, as_json=json)
    return OK


def prepare(
    spec: Annotated[str, tyro.conf.Positional],
    root: Annotated[str, tyro.conf.Positional],
    out: Annotated[str, tyro.conf.Positional],
    /,
    *,
    overrides: Overrides = (),
    workers: int | None = None,
    frames: int = 32,
    size_px: int = 256,
    detector: Literal["mtcnn", "blazeface"] = "mtcnn",
    detector_model: Path | None = None,
    limit: int | None = None,
    reuse_boxes: bool = True,
    time_limit: float = 300.0,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    json: bool = False,
) -> int:
    """Turn every file of a dataset into a prepared clip: face crops, speech and facts about them.

    If it is stopped, run the same command again to continue. Exit code 1 if any file failed.

    Args:
        spec: Name of a spec (see avfake specs), or a YAML file of your own.
        root: Folder of the dataset, or its URL (docs/remote.md).
        out: Folder for the clips, or its URL.
        overrides: Setting of the spec, such as params.quality=c40; may be repeated.
        workers: Processes; by default one a core.
        frames: Frames taken from each video, evenly spread.
        size_px: Side of the face crops, in pixels.
        detector: Face detector; blazeface needs the extra of that name and a model.
        detector_model: The .tflite file of blazeface; a copy is kept for later runs.
        limit: Only the first so many rows of the dataset; 1 or more.
        reuse_boxes: Take a fake's face boxes from its original where that is possible.
        time_limit: Seconds after which a file is given up.
        engine: The cores of this machine (local), or a Ray cluster.
        ray_address: Of a running Ray cluster; without it, one is started on this machine.
        json: Print the counts and notes as JSON, at the end.
    """
    if detector != "blazeface":
        refuse_idle({"--detector-model": detector_model}, "add --detector blazeface")
    check_spread(workers, engine, ray_address)
    at_least(1, limit=limit)
    at_least(0.001, time_limit=time_limit)
    from avfake.cli.datasets import described, facts_of, spec_with
    from avfake.clips import ClipConfig, PreparedFolder, prepare_clips
    from avfake.datasets import build_manifest

    config = ClipConfig(num_frames=frames, detector=detector)
    if detector_model is not None:
        config = config.with_blazeface(detector_model)
    config = replace(config, crop=replace(config.crop, size_px=size_px))
    PreparedFolder.check_target(out, inputs=(spec, root))
    loaded = spec_with(spec, overrides)
    rows = build_manifest(loaded, root)
    rows = replace(rows, rows=rows.rows[:limit])
    if not json:
        print(described(rows, loaded))
    how: dict[str, Any] = {"workers": workers, "engine": engine, "ray_address": ray_address}
    how |= {"reuse_boxes": reuse_boxes, "time_limit_seconds": time_limit}
    folder = prepare_clips(rows, out, config, **how)
    found = Counter(status["status"] for status in folder.statuses.values())
    counts = {status: found[status] for status in ("ok", "partial", "failed")}
    text = ", ".join(f"{count} {status}" for status, count in counts.items())
    text += f"; each with its reasons in {folder.path / 'status.csv'}"
    print_answer(text, facts_of(rows) | counts | {"out": out}, as_json=json)
    return IN_PART if found["failed"] else OK


def labels(
    manifest: Annotated[str, tyro.conf.Positional],
    out: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    workers: int | None = None,
    masks: bool = False,
    json: bool = False,
) -> int:
    """Find out which part of each fake was forged, by comparing it with its original.

    A run that was stopped goes on. Exit code 1 if any file could not be read.

    Args:
        manifest: Table made by avfake manifest.
        out: Folder for derived.csv (the distances) and manifest.csv (unknown labels filled).
        workers: Processes; by default one a core.
        masks: Also write where each picture differs (--masks).
        json: Print the comparison of each fake as JSON.
    """
    at_least(0, workers=workers)
    from avfake.audit import derive_labels
    from avfake.datasets import read_manifest

    rows, inputs = read_manifest(manifest), [as_path(manifest)]
    derived = derive_labels(rows, out, workers=workers, masks=masks, inputs=inputs)
    text = f"{derived}\ndistances in {out / 'derived.csv'}, labels in {out / 'manifest.csv'}"
    facts = {"fakes": derived.rows, "contradictions": derived.contradictions, "out": out}
    print_answer(text, facts, as_json=json)
    return OK if derived.is_complete else IN_PART


def audit(
    manifest: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    plan: Path | None = None,
    label: Literal["label", "face_fake", "voice_fake"] = "label",
    limit: float = 0.6,
    parts: bool = True,
    clips: Path | None = None,
    workers: int | None = None,
    json: bool = False,
) -> int:
    """Look for leaks between the splits of a dataset, and for shortcuts to its labels.

    What was measured is kept beside the manifest. Exit code 1 if anything was found.

    Args:
        manifest: Table made by avfake manifest.
        plan: Table with the columns clip_id and split; by default the manifest's own splits.
        label: What the shortcuts would give away.
        limit: A probe fails if its AUC is above this, its whole interval included.
        parts: Rows of one part may not be parted (--no-parts where they may).
        clips: Folder made by avfake prepare from this manifest, to probe the size of the crops.
        workers: Processes; by default one a core.
        json: Print leaks and shortcuts as JSON.
    """
    at_least(0, workers=workers)
    if not 0 <= limit <= 1:
        raise ConfigError(f"--limit is {limit:g}; an AUC lies in [0, 1]")
    from avfake.audit import audit_manifest
    from avfake.clips import PreparedFolder
    from avfake.datasets import read_manifest

    rows = read_manifest(manifest)
    journal = manifest.with_name(fitting(f"{manifest.name}.audit.jsonl"))
    read = [manifest, *([plan] if plan else [])]
    Output(journal, "the record beside the manifest:", read).check_file("record", endings=())
    if clips is not None:
        PreparedFolder(clips)  # refuses any other
    report = audit_manifest(
        rows,
        journal,
        plan=plan,
        label=label,
        limit=limit,
        parts=parts,
        clips=clips,
        workers=workers,
    )
    facts = {"passes": report.passes, "findings": report.findings, **vars(report)}
    print_answer(report, facts, as_json=json)
    return OK if report.passes else IN_PART
