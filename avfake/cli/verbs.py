"""The verbs: each takes typed arguments, calls the library, prints, and returns an exit code.

Packages are imported inside, because torch alone takes seconds and `--help` should not.
"""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from avfake.cli.choosing import choose
from avfake.cli.codes import IN_PART, OK
from avfake.cli.flags import at_least, check_spread, refuse_idle
from avfake.cli.process import print_aside
from avfake.labels import DEFAULT
from avfake.storage import as_path

ONE_BY_ONE = "without --out or --submission, files are scored one after the other"

PathArguments = Annotated[tuple[str, ...], tyro.conf.Positional]
"""Text, since a Path would take a slash from s3://."""
Overrides = Annotated[
    tuple[str, ...],
    tyro.conf.arg(name="set", metavar="KEY=VALUE"),
    tyro.conf.UseAppendAction,
]


def predict(
    paths: PathArguments,
    /,
    *,
    detector: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = (),
    combine: str | None = None,
    out: str | None = None,
    submission: str | None = None,
    requested: Path | None = None,
    fill: float | None = None,
    workers: int | None = None,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    audio: bool = True,
    visual: bool = True,
    stacker: bool = True,
    sync: bool = True,
    prior: float | None = None,
    json: bool = False,
) -> int:
    """Compute the probability that the face or the voice in a file was forged.

    Exit code 1 if any file could not be assessed.

    Args:
        paths: Video or sound files, or folders or zip archives of them; each may be a URL
            (docs/remote.md).
        detector: Folder of a trained detector, or its name on the Hugging Face Hub; by default the
            one that comes with avfake; repeat it for several that answer together.
        combine: How several detectors become one: mean (the default), geometric_mean, ... (see
            avfake ensemble).
        out: Write a table of all answers here (.csv, or /dev/stdout). A run that was stopped goes
            on; what failed or has changed is scored again; rows of other files stay.
        submission: Write a competition submission here (filename,label), one row a file.
        requested: A sample_submission.csv that lists the files to answer for, in the one folder
            or zip archive given.
        fill: Label in the submission for a file that could not be assessed; by default 0.5.
        workers: Processes to use, with --out or --submission; by default 1.
        engine: With --out or --submission: the cores of this machine (local), or a Ray cluster.
        ray_address: Of a running Ray cluster; without it, one is started on this machine.
        audio: Use the sound (--no-audio: the picture alone).
        visual: Use the picture (--no-visual: the sound alone).
        stacker: Use the stacker (--no-stacker: the calibrated fusion head).
        sync: Compare lips with sound, where the detector was trained to.
        prior: Share of files taken to be forged before one is looked at, such as 0.01; by default
            that of the training data. Probabilities follow it, decisions do not change.
        json: Print each answer as JSON, with its timelines; without --out.
    """
    keeps = out is not None or submission is not None
    refuse_idle({"--json": keeps and json}, "the table is what is written; leave --json out")
    refuse_idle({"--fill": submission is None and fill}, "only --submission asks for a label")
    spread = {"--workers": workers, "--engine": engine == "ray", "--ray-address": ray_address}
    refuse_idle({} if keeps else spread, ONE_BY_ONE)
    check_spread(workers, engine, ray_address)
    print_aside(out, submission)
    from avfake.cli.scoring import checked_files, files_of, predict_each, predict_table
    from avfake.detector import PredictOptions

    options = PredictOptions(audio, visual, stacker, sync, prior)
    if not keeps:
        files = files_of(paths, requested)
        return predict_each(
            files, choose(detector, combine), options, combine=combine, as_json=json
        )
    table, answers = (None if one is None else as_path(one) for one in (out, submission))
    files, scores = checked_files(paths, requested, out=table, submission=answers, fill=fill)
    return predict_table(
        files,
        choose(detector, combine),
        options,
        combine=combine,
        out=scores,
        submission=answers,
        fill=fill,
        workers=1 if workers is None else workers,
        engine=engine,
        ray_address=ray_address,
    )


def manifest(
    spec: Annotated[str, tyro.conf.Positional],
    root: Annotated[str, tyro.conf.Positional],
    out: Annotated[str, tyro.conf.Positional],
    /,
    *,
    overrides: Overrides = (),
) -> int:
    """List the files of a dataset: one row each, with its labels and its group.

    Args:
        spec: Name of a spec (see avfake specs), or a YAML file of your own.
        root: Folder of the dataset, or its URL (docs/remote.md).
        out: The table to write (.csv, or /dev/stdout); a path or a URL.
        overrides: Setting of the spec, such as params.quality=c40; may be repeated.
    """
    print_aside(out)
    from avfake.cli.datasets import check_manifest, report_manifest, spec_with, write_manifest
    from avfake.datasets import build_manifest

    check_manifest(out, inputs=(spec, root))
    loaded = spec_with(spec, overrides)
    found = build_manifest(loaded, root)
    write_manifest(found, out)
    report_manifest(found, loaded)
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
    """
    if detector != "blazeface":
        refuse_idle({"--detector-model": detector_model}, "add --detector blazeface")
    check_spread(workers, engine, ray_address)
    at_least(1, limit=limit)
    at_least(0.001, time_limit=time_limit)
    from avfake.cli.datasets import prepare_dataset
    from avfake.clips import ClipConfig
    from avfake.faces import BlazeFaceConfig, CropConfig, keep_model

    config = ClipConfig(
        num_frames=frames,
        detector=detector,
        blazeface=BlazeFaceConfig(keep_model(detector_model) if detector_model else ""),
        crop=CropConfig(size_px=size_px),
    )
    return prepare_dataset(
        spec,
        root,
        out,
        overrides=overrides,
        config=config,
        limit=limit,
        workers=workers,
        reuse_boxes=reuse_boxes,
        time_limit_seconds=time_limit,
        engine=engine,
        ray_address=ray_address,
    )


def labels(
    manifest: Annotated[str, tyro.conf.Positional],
    out: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    workers: int | None = None,
    masks: bool = False,
) -> int:
    """Find out which part of each fake was forged, by comparing it with its original.

    A run that was stopped goes on. Exit code 1 if any file could not be read.

    Args:
        manifest: Table made by avfake manifest.
        out: Folder for derived.csv (the distances) and manifest.csv (unknown labels filled).
        workers: Processes; by default one a core.
        masks: Also write where each picture differs (--masks).
    """
    at_least(0, workers=workers)
    from avfake.cli.labelling import label_fakes

    return label_fakes(manifest, out, workers=workers, masks=masks)


def evaluate(
    clips: PathArguments,
    /,
    *,
    detector: str = DEFAULT,
    out: Path | None = None,
    split: str | None = None,
    audio: bool = True,
    visual: bool = True,
    stacker: bool = True,
    sync: bool = True,
    prior: float | None = None,
) -> int:
    """Measure a detector on prepared clips: a table by what was forged, with intervals.

    Args:
        clips: Folders made by avfake prepare, with labels.
        detector: Folder of a trained detector, or its name on the Hugging Face Hub; by default the
            one that comes with avfake.
        out: Write each clip's scores and labels here (.csv, or /dev/stdout).
        split: Only this split of the detector's own plan (test, val), where the clips are the
            ones it was trained on.
        audio: Use the sound.
        visual: Use the picture.
        stacker: Use the stacker.
        sync: Compare lips with sound, where the detector was trained to.
        prior: Share of fakes that the probabilities assume; for a set with another share than
            the training data.
    """
    print_aside(out)
    from avfake.cli.measuring import evaluate_clips
    from avfake.detector import PredictOptions

    options = PredictOptions(audio, visual, stacker, sync, prior)
    return evaluate_clips(clips, detector, options, out=out, split=split)


def doctor(*, folder: Path = Path()) -> int:
    """Check this machine: versions, codecs, devices, threads, disk, cache, and a timed self-test.

    Exit code 1 if there is a problem.

    Args:
        folder: Folder in which clips and runs will be written.
    """
    from avfake.cli.doctor import examine

    marks = {"ok": "ok  ", "note": "note", "problem": "!!  "}
    problems = 0
    for finding in examine(folder):
        print(f"{marks[finding.level]} {finding.name}: {finding.found}", flush=True)
        if finding.advice:
            print(f"       -> {finding.advice}")
        problems += finding.level == "problem"
    return IN_PART if problems else OK
