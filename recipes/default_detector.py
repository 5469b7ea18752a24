"""The detector that ships with avfake: trained on genuine clips, their forgeries, and real fakes.

    python recipes/default_detector.py --real media/ --experiments voice both

--real DIR holds video/ with manifest.csv beside it, voice/ with a manifest.csv of its own, and
faces/ with genuine faces only (columns: docs/data_specs.md, the csv spec). All is prepared alike,
genuine material is forged by the methods of avfake.forgery, and five models are trained, each
without some of the *sources*. Only scores of sources that a model has not seen are measured; there
is no further test set, and statistics and false-alarm rate were chosen by these scores.

Every experiment is a row for each output in recipes/results/default_detector.csv: AUC within the
folds (averaged) and of all folds together, with 95 % intervals over sources, and the log-loss
beside that of always answering the other folds' share of fakes. Weights start at random; nothing is
downloaded. Stopped, it goes on.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from avfake import augment, cli, clips, datasets, detector, evaluation, parallel, storage, training
from avfake.errors import check_choice

ClipConfig = clips.ClipConfig
PreparedFolder = clips.PreparedFolder
MATERIAL: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "video": (".", {"path": "filename", "folder": "video", "group": "source"}),
    "voices": (
        "voice",
        # The identity ties a recording to what it is joined with, too.
        {"path": "filename", "group": "source", "identity": "source", "original": "pair_of"},
    ),
    "faces": ("faces", {"path": "filename", "group": "source"}),
}
"""Name -> folder below --real, and the columns of its table: sources are the groups."""

PARTS = ("video", "voices", "joined")
CALIBRATED_ON = (*PARTS, "degraded_voices", "degraded_joined")
MEASURED_ON = {"overall": PARTS, "face": ("video",), "voice": ("voices",)}
"""Output -> folders: the sound of video has few forged voices, and joined clips
repeat the others."""
RESHARED = {"augment.sound": ("level", "reshared")}
SOUND_ONLY = {"use_visual": False}
PICTURE_ONLY = {"use_audio": False}
FACE_NETWORK = {"visual.backbone": "test_resnet", "visual.size_px": 160, "visual.drop_path": 0.0}
FACE_NETWORK |= {"visual.embedding_dim": 256, "visual.head": "plain"}
VOICE_NETWORK = {"audio.backbone": "test_resnet", "audio.embedding_dim": 256}
VOICE_NETWORK |= {"audio.head": "plain", "audio.spectrogram.n_fft": 512}
VOICE_NETWORK |= {"audio.spectrogram.hop": 160, "audio.spectrogram.num_bands": 80}
VOICE_NETWORK |= {"audio.spectrogram.scale": "mel"}
FORGED_FACES = {"augment.forge.face_rate": 0.3}
# Faces are many, and would leave voices few clips in a batch.
FEW_FACES = {"data.dataset_weights": ("faces=0.3",)}
EXPERIMENTS: Mapping[str, tuple[tuple[str, ...], Mapping[str, Any]]] = {
    "voice-network": (("voices",), SOUND_ONLY | VOICE_NETWORK),
    "voice": (("voices",), SOUND_ONLY),
    "voice-forged": (("voices", "forged_voices"), SOUND_ONLY),
    "face-network": (("video",), PICTURE_ONLY | FACE_NETWORK),
    "face": (("video",), PICTURE_ONLY),
    "face-forged": (("video", "faces"), PICTURE_ONLY | FORGED_FACES),
    "both": (PARTS, RESHARED),
    "both-forged": ((*PARTS, "faces"), RESHARED | FORGED_FACES | FEW_FACES),
    "both-degraded": ((*CALIBRATED_ON, "faces"), FORGED_FACES | FEW_FACES),
}
"""Name -> folders, and settings that differ from the preset. Folders are those of `MATERIAL`;
forged_NAME = what is forged of its genuine clips, once on disk; joined = pictures of video with
sounds of voices; degraded_NAME = all with their sound damaged."""


@dataclass(frozen=True)
class Config:
    """Try, or train what ships."""

    real: Path
    """Folder with video/, voice/ and faces/ and their tables."""
    out: Path = Path("runs/default_detector")
    """Run folder; running again goes on."""
    experiments: tuple[str, ...] = tuple(EXPERIMENTS)
    """Rows of the table."""
    clips: ClipConfig = field(
        default_factory=lambda: ClipConfig(
            num_frames=12, crop=replace(ClipConfig().crop, size_px=192)
        )
    )
    variants: int = 3
    """Forgeries of each kind made once of each genuine clip."""
    epochs: int = 10
    seed: int = 0
    sources_of: Path | None = None
    """The release.json of a detector; only sources that it learned from are used."""
    workers: int = field(default_factory=parallel.default_workers)
    """Processes that prepare and forge; by default one a core."""
    release: str = ""
    """Version, such as 1.0, under which the last experiment replaces the detector that ships."""


def main(config: Config) -> None:
    for name in config.experiments:
        check_choice("--experiments", name, EXPERIMENTS)
    tables = [run_experiment(config, name) for name in config.experiments]
    table = pd.concat(tables, ignore_index=True)
    storage.write_whole(config.out / "results.csv", table.to_csv(index=False))
    print(table.drop(columns=["commit", "machine"]).round(3).to_string(index=False))
    if config.release:
        name = config.experiments[-1]
        sources = licences_of(config, EXPERIMENTS[name][0])
        run = config.out / name / "detector"
        released = detector.release_detector(run, version=config.release, sources=sources)
        print("released:", released)


def run_experiment(config: Config, name: str) -> pd.DataFrame:
    """Return a row for each output: metrics of scores of sources that the models had not seen."""
    started, (names, changes) = time.monotonic(), EXPERIMENTS[name]
    folders, run = [material(config, folder) for folder in names], config.out / name
    own = {
        "seed": config.seed,
        "fit.epochs": config.epochs,
        "fit.first_best_epoch": config.epochs,
        "data.loader_workers": int(config.workers > 1),
        "data.calibrate_on": tuple(folder for folder in CALIBRATED_ON if folder in names),
    }
    training.train_detector(
        folders, training.TrainingConfig.preset("default_detector", {**changes, **own}), run
    )
    minutes = run / "minutes.txt"
    if not minutes.is_file():
        storage.write_whole(minutes, f"{(time.monotonic() - started) / 60:.1f}")
    # The first row of a clip is the one in which nothing was hidden.
    scores = pd.read_csv(run / "out_of_fold.csv").drop_duplicates("clip_id")
    scores["folder"] = scores["clip_id"].map(folders_of(folders))
    publish(run, scores)
    return metrics_by_output(scores).assign(
        experiment=name,
        epochs=config.epochs,
        seed=config.seed,
        minutes=float(minutes.read_text()),
        **{key: training.environment()[key] for key in ("commit", "machine")},
    )


def metrics_by_output(answers: pd.DataFrame) -> pd.DataFrame:
    """Return metrics of faces on video, of voices on recordings, of the whole on all."""
    return pd.concat(
        table[table["output"] == output]
        for output, folders in MEASURED_ON.items()
        if len(table := evaluation.cross_validated(answers[answers["folder"].isin(folders)]))
    )


def publish(run: Path, scores: pd.DataFrame) -> None:
    """Write pictures and card of a run; with the table of benchmarks/default_damage.py, if any."""
    # Degraded copies calibrate; they are not measured.
    scores = scores[~scores["folder"].str.startswith("degraded_")]
    path, damage = run / "scores.csv", run / "stress/stress.csv"
    storage.write_whole(path, scores.to_csv(index=False))
    decisions = evaluation.decision_table(scores)
    storage.write_whole(run / "decisions.csv", decisions.to_csv(index=False))
    evaluation.draw_answers(run, path)
    cli.card(
        run / "detector",
        scores=path,
        stress=damage if damage.is_file() else None,
        licence=detector.RESEARCH_ONLY,
        measured_on="videos, recordings and joined clips of both, of sources that the scoring "
        "model had not seen",
        out_of_fold=True,
    )


def folders_of(folders: Sequence[PreparedFolder]) -> dict[str, str]:
    """Return clip_id in a run of these folders -> name of its folder."""
    rows = [(folder.name, row.clip_id) for folder in folders for row in folder.manifest.rows]
    return {f"{name}/{clip}" if len(folders) > 1 else clip: name for name, clip in rows}


def licences_of(config: Config, folders: Sequence[str]) -> dict[str, str]:
    """Return source of the training material -> the licences that it states."""
    names = {name.removeprefix("forged_").removeprefix("degraded_") for name in folders}
    names = (names - {"joined"}) | ({"video", "voices"} if "joined" in names else set())
    tables = (config.real / MATERIAL[name][0] / "manifest.csv" for name in sorted(names))
    rows = pd.concat(map(pd.read_csv, tables)).dropna(subset=["source"])
    rows = rows[[is_allowed(config, source) for source in rows["source"]]]
    licences = rows["licence"].fillna("none stated").groupby(rows["source"]).unique()
    return {str(source): "; ".join(sorted(found)) for source, found in licences.items()}


def is_allowed(config: Config, source: str) -> bool:
    """Return whether a source may be learned from."""
    path = config.sources_of
    return path is None or source in json.loads(path.read_text())["sources"]


def material(config: Config, name: str) -> PreparedFolder:
    """Return the prepared folder of this name, made unless it is there."""
    folder, workers = config.out / "material" / name, config.workers
    kind, _, source = name.partition("_")
    if name == "joined":
        pictures, sounds = material(config, "video"), material(config, "voices")
        return clips.join_clips(pictures, sounds, folder, seed=config.seed, workers=workers)
    if kind == "degraded":
        degrade = partial(augment.draw_sound, names=("degraded",))
        whole = material(config, source)
        return clips.degrade_clips(whole, folder, degrade, seed=config.seed, workers=workers)
    if kind == "forged":
        methods = clips.ForgeryConfig(config.variants, seed=config.seed)
        return methods.forge(material(config, source), folder, workers=workers)
    root, columns = MATERIAL[name]
    overrides = {f"params.{key}": column for key, column in columns.items()}
    spec = datasets.load_spec("csv", overrides)
    manifest = datasets.build_manifest(spec, config.real / root)
    rows = tuple(row for row in manifest.rows if is_allowed(config, row.group))
    return clips.prepare_clips(replace(manifest, rows=rows), folder, config.clips, workers=workers)


if __name__ == "__main__":
    cli.run_recipe(main, Config, __doc__)
