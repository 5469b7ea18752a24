"""The detector that ships with avfake: trained on genuine clips, their forgeries, and real fakes.

    python recipes/default_detector.py --real media/ --experiments voice both

--real DIR holds video/ with manifest.csv beside it, voice/ with a manifest.csv of its own, and
faces/ with genuine faces only (columns: docs/data_specs.md, the csv spec). All is prepared alike,
genuine material is forged by the routes of avfake.forgery, and five models are trained, each
without some of the *sources*. What a model says of the sources it has not seen is all that is
measured; no source is kept apart from that, and statistics and false-alarm rate were chosen by it.

Every experiment is a row for each output in recipes/results/default_detector.csv: AUC within the
folds (averaged) and of all folds together, with 95 % intervals over sources, and the log-loss
beside that of always saying the other folds' share of fakes. Weights start at random; nothing is
downloaded. Stopped, it goes on.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pandas as pd

from avfake.augment import AugmentConfig, ForgeConfig, draw_sound
from avfake.calibration import StackConfig
from avfake.cli import run_recipe
from avfake.clips import (
    ClipConfig,
    ForgeryConfig,
    PreparedFolder,
    degrade_clips,
    forge_clips,
    join_clips,
    pairs_of_sources,
    prepare_clips,
)
from avfake.config import nearest
from avfake.datasets import build_manifest, load_spec
from avfake.detector import DEFAULT_FOLDER, RESEARCH_ONLY, release_detector, research_only
from avfake.errors import ConfigError
from avfake.evaluation import cross_validated, decision_table, draw_answers
from avfake.faces import CropConfig
from avfake.forgery import FACE_METHODS
from avfake.models import AudioConfig, SpectrogramConfig, VisualConfig
from avfake.parallel import default_workers
from avfake.report import write_card
from avfake.storage import write_whole
from avfake.training import (
    DataConfig,
    FitConfig,
    OptimizerConfig,
    TrainingConfig,
    environment,
    train_detector,
)

MATERIAL: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "video": (".", {"path": "filename", "folder": "video", "group": "source"}),
    "voices": (
        "voice",
        # The identity ties a recording to what it is joined with, too.
        {"path": "filename", "group": "source", "identity": "source", "original": "pair_of"},
    ),
    "faces": ("faces", {"path": "filename", "group": "source"}),
}
"""Name -> folder below --real, and the columns of its table: sources are what may not be parted."""

PARTS = ("video", "voices", "joins")
JUDGED_BY = {"overall": PARTS, "face": ("video",), "voice": ("voices",)}
"""Output -> folders: the sound of video has hardly a forged voice, and joins repeat the others."""
_EPOCHS = 10
BASE = TrainingConfig(
    visual=VisualConfig("test_resnet", pretrained=False, size_px=160, drop_path=0.0),
    audio=AudioConfig("test_resnet", pretrained=False),
    data=DataConfig(
        num_folds=5,
        val_share=0.0,
        test_share=0.0,
        calibrate_on=(*PARTS, "worn_voices", "worn_joins"),
        num_frames=2,
        num_windows=2,
        window_seconds=2.0,
        batch_size=32,
    ),
    augment=AugmentConfig(sound=("level",)),
    fit=FitConfig(
        epochs=_EPOCHS,
        first_best_epoch=_EPOCHS,
        average="ema",
        optimizer=OptimizerConfig(learning_rate=3e-3),
    ),
    # Asked for less than may be, as other sources are stranger than the folds to each other.
    stack=StackConfig(false_alarm_rate=0.03),
)
QUALITY = ("flip", "jpeg", "rescale", "brightness_contrast", "grey")
PASSED_ON = ("level", "passed_on")
_BANDS = SpectrogramConfig(n_fft=256, hop=64, num_bands=60, scale="linear")
STATISTICS = AudioConfig(
    "voice_statistics", pretrained=False, spectrogram=_BANDS, embedding_dim=64, head="linear"
)
REGIONS = VisualConfig(
    "region_statistics", pretrained=False, size_px=192, embedding_dim=64, head="linear"
)


@dataclass(frozen=True)
class Experiment:
    """What is learned from, and how."""

    folders: tuple[str, ...]
    """Of `MATERIAL`; forged_NAME = what is forged of its genuine clips, once on disk; joins =
    pictures of video with sounds of voices; worn_NAME = all with their sound damaged."""
    change: Callable[[TrainingConfig], TrainingConfig]
    """Of `BASE`."""

    @property
    def config(self) -> TrainingConfig:
        judged = tuple(name for name in BASE.data.calibrate_on if name in self.folders)
        config = self.change(BASE)
        return replace(config, data=replace(config.data, calibrate_on=judged))


def _voice(
    config: TrainingConfig, *, audio: AudioConfig = STATISTICS, sound: tuple[str, ...] = ("level",)
) -> TrainingConfig:
    return replace(
        config, use_visual=False, audio=audio, augment=replace(config.augment, sound=sound)
    )


def _face(
    config: TrainingConfig, *, visual: VisualConfig = REGIONS, forge_rate: float = 0.0
) -> TrainingConfig:
    forge = ForgeConfig(face_rate=forge_rate, face_methods=tuple(FACE_METHODS))
    return replace(
        config,
        use_audio=False,
        visual=visual,
        augment=AugmentConfig(forge=forge, picture=QUALITY),
    )


def _both(
    config: TrainingConfig, *, forge_rate: float = 0.0, sound: tuple[str, ...] = PASSED_ON
) -> TrainingConfig:
    face, voice = _face(config, forge_rate=forge_rate), _voice(config, sound=sound)
    augment = replace(face.augment, sound=voice.augment.sound)
    # Faces are many, and would leave voices few places in a batch.
    data = replace(config.data, dataset_weights=("faces=0.3",) if forge_rate else ())
    return replace(config, visual=face.visual, audio=voice.audio, augment=augment, data=data)


EXPERIMENTS: Mapping[str, Experiment] = {
    "voice-network": Experiment(("voices",), partial(_voice, audio=BASE.audio)),
    "voice": Experiment(("voices",), _voice),
    "voice-forged": Experiment(("voices", "forged_voices"), _voice),
    "face-network": Experiment(("video",), partial(_face, visual=BASE.visual)),
    "face": Experiment(("video",), _face),
    "face-forged": Experiment(("video", "faces"), partial(_face, forge_rate=0.3)),
    "both": Experiment(PARTS, _both),
    "both-forged": Experiment((*PARTS, "faces"), partial(_both, forge_rate=0.3)),
    "both-worn": Experiment(
        (*PARTS, "worn_voices", "worn_joins", "faces"),
        partial(_both, forge_rate=0.3, sound=("level",)),
    ),
}


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
        default_factory=lambda: ClipConfig(num_frames=12, crop=CropConfig(size_px=192))
    )
    variants: int = 3
    """Forgeries of each kind made once of each genuine clip."""
    epochs: int = _EPOCHS
    seed: int = 0
    sources_of: Path | None = None
    """The release.json of a detector; only sources that it learned from are used."""
    workers: int = field(default_factory=default_workers)
    """Processes that prepare and forge; by default one a core."""
    release: str = ""
    """Version, such as 1.0, under which the last experiment replaces the detector that ships."""


def main(config: Config) -> None:
    if unknown := [name for name in config.experiments if name not in EXPERIMENTS]:
        hint = f"{nearest(unknown[0], EXPERIMENTS)}; known: {', '.join(EXPERIMENTS)}"
        raise ConfigError(f"--experiments does not know {unknown[0]!r}{hint}")
    tables = [try_out(config, name) for name in config.experiments]
    table = pd.concat(tables, ignore_index=True)
    write_whole(config.out / "results.csv", table.to_csv(index=False))
    print(table.drop(columns=["commit", "machine"]).round(3).to_string(index=False))
    if config.release:
        name = config.experiments[-1]
        terms = research_only(licences_of(config, EXPERIMENTS[name].folders))
        run = config.out / name / "detector"
        print(
            "released:", release_detector(run, DEFAULT_FOLDER, version=config.release, terms=terms)
        )


def try_out(config: Config, name: str) -> pd.DataFrame:
    """A row for each output: what the models said of the sources that they had not seen."""
    started, wanted = time.monotonic(), EXPERIMENTS[name].config
    folders = [material(config, folder) for folder in EXPERIMENTS[name].folders]
    fit = replace(wanted.fit, epochs=config.epochs, first_best_epoch=config.epochs)
    data = replace(wanted.data, loader_workers=int(config.workers > 1))
    train_detector(
        folders, replace(wanted, data=data, fit=fit, seed=config.seed), config.out / name
    )
    minutes = config.out / name / "minutes.txt"
    if not minutes.is_file():
        write_whole(minutes, f"{(time.monotonic() - started) / 60:.1f}")
    # The first row of a clip is the one in which nothing was hidden.
    answers = pd.read_csv(config.out / name / "out_of_fold.csv").drop_duplicates("clip_id")
    answers["folder"] = answers["clip_id"].map(folders_of(folders))
    publish(config.out / name, answers)
    return judged_by_output(answers).assign(
        experiment=name,
        epochs=config.epochs,
        seed=config.seed,
        minutes=float(minutes.read_text()),
        **{key: environment()[key] for key in ("commit", "machine")},
    )


def judged_by_output(answers: pd.DataFrame) -> pd.DataFrame:
    """Faces by video, voices by recordings, the whole by all."""
    return pd.concat(
        table[table["output"] == output]
        for output, folders in JUDGED_BY.items()
        if len(table := cross_validated(answers[answers["folder"].isin(folders)]))
    )


def publish(run: Path, answers: pd.DataFrame) -> None:
    """Pictures and the card of a run; with a table that benchmarks/default_damage.py left there."""
    answers = answers[~answers["folder"].str.startswith("worn_")]  # they tell doubt, not worth
    scores, damage = run / "scores.csv", run / "stress/stress.csv"
    write_whole(scores, answers.to_csv(index=False))
    write_whole(run / "decisions.csv", decision_table(answers).to_csv(index=False))
    draw_answers(run, scores)
    words = "videos, recordings and joins of both, of sources that the judging model had not seen"
    stress, said = damage if damage.is_file() else None, {"licence": RESEARCH_ONLY}
    write_card(
        run / "detector", scores=scores, stress=stress, out_of_fold=True, measured_on=words, **said
    )


def folders_of(folders: Sequence[PreparedFolder]) -> dict[str, str]:
    """clip_id in a run of these folders -> name of its folder."""
    rows = [(folder.name, row.clip_id) for folder in folders for row in folder.manifest.rows]
    return {f"{name}/{clip}" if len(folders) > 1 else clip: name for name, clip in rows}


def licences_of(config: Config, folders: Sequence[str]) -> dict[str, str]:
    """Source of what was learned from -> the licences that it states."""
    names = {name.removeprefix("forged_").removeprefix("worn_") for name in folders}
    names = (names - {"joins"}) | ({"video", "voices"} if "joins" in names else set())
    tables = (config.real / MATERIAL[name][0] / "manifest.csv" for name in sorted(names))
    rows = pd.concat(map(pd.read_csv, tables)).dropna(subset=["source"])
    rows = rows[[is_allowed(config, source) for source in rows["source"]]]
    licences = rows["licence"].fillna("none stated").groupby(rows["source"]).unique()
    return {str(source): "; ".join(sorted(found)) for source, found in licences.items()}


def is_allowed(config: Config, source: str) -> bool:
    """Whether a source may be learned from."""
    path = config.sources_of
    return path is None or source in json.loads(path.read_text())["sources"]


def material(config: Config, name: str) -> PreparedFolder:
    """The prepared folder of this name, made unless it is there."""
    place = config.out / "material" / name
    if name == "joins":
        pictures, sounds = material(config, "video"), material(config, "voices")
        pairs = pairs_of_sources(pictures, sounds, seed=config.seed)
        return join_clips(pictures, sounds, place, pairs, workers=config.workers)
    if name.startswith("worn_"):
        whole, worn = material(config, name[len("worn_") :]), partial(draw_sound, names=("worn",))
        return degrade_clips(whole, place, worn, seed=config.seed, workers=config.workers)
    if name.startswith("forged_"):
        genuine = material(config, name[len("forged_") :])
        routes = ForgeryConfig(config.variants, seed=config.seed)
        return forge_clips(genuine, place, routes, workers=config.workers)
    root, columns = MATERIAL[name]
    spec = load_spec("csv", {f"params.{key}": column for key, column in columns.items()})
    manifest = build_manifest(spec, config.real / root)
    rows = tuple(row for row in manifest.rows if is_allowed(config, row.group))
    return prepare_clips(replace(manifest, rows=rows), place, config.clips, workers=config.workers)


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
