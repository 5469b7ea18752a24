"""Every recipe once, small, on given clips; its rows into recipes/results/.

    python -m benchmarks recipe_rows --out runs/rows
        --studio-clips studio_clips/ --studio-videos studio/
        --real-clips clips/ --real-videos videos/ --real-voices voices/ --real-exact exact/

Small networks from random weights and a few epochs, so that each takes minutes on two CPU cores:
the rows show that a recipe runs from one command and what came of so little, not what it is worth.
Runs that are finished are not run again. Material that is not given is left out.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

RECIPES = Path(__file__).parents[1] / "recipes"
NETWORK = "--visual.backbone test_resnet --visual.weights none --visual.size-px 112"
SOUND = "--audio.backbone test_resnet --audio.weights none --data.window-seconds 1.5"
FAST = "--fit.learning-rate 2e-3 --visual.drop-path 0 --data.batch-size 16"
PAIRS = "--data.keep-groups --data.no-undersample --data.passes 4 --fit.epochs 4 --data.num-folds 2"
FEW = "--data.passes 4 --fit.epochs 4 --data.num-folds 2"
BOTH = f"{NETWORK} {SOUND} {FAST} --data.num-frames 2 --data.num-windows 1"
FRAMES = f"{NETWORK} {FAST} --data.val-share 0.15 --data.test-share 0.25"

COMMANDS = {
    "dfdc_frames": f"--clips.num-frames 8 --clips.crop.size-px 128 {FRAMES} --data.num-folds 4 "
    "--data.trained-folds 0 --data.passes 4 --fit.epochs 4",
    "dfdc_confident": f"{FRAMES} --seeds 111 555 --data.num-folds 4 --data.trained-folds 0 "
    "--data.passes 2 --fit.epochs 4 --fit.first-best-epoch 2",
    "dfdc_geometric": "--members xception_a b1_c b1_e --xception test_resnet "
    "--b1 test_efficientnet --visual.weights none "
    "--data.train-parts= --data.val-parts= --data.test-parts= "
    "--data.num-folds 4 --data.trained-folds 0 --data.batch-size 16 --data.passes 4 --fit.epochs 4",
    "dfdc_blend": f"--backbones test_resnet test_efficientnet --visual.weights none {SOUND} "
    f"--visual.size-px 112 {FAST} {FEW}",
    "one_cycle": f"--find-rate {BOTH} {FEW} --fit.frozen-epochs 1",
    "voices": f"{SOUND} --fit.learning-rate 2e-3 --data.passes 4 --fit.epochs 8 "
    "--data.batch-size 16",
    "av_exact": f"{BOTH} {PAIRS}",
    "dfdc_av": f"{BOTH} {PAIRS}",
    "ablate": f"{BOTH} {PAIRS} --no-retrain",
    "genuine_only": "",
}
"""Recipe -> its flags."""


@dataclass(frozen=True)
class Config:
    """Where the material lies."""

    out: Path
    studio_clips: Path | None = None
    """Prepared; for all recipes but dfdc_frames, which takes the videos."""
    studio_videos: Path | None = None
    real_clips: Path | None = None
    """Prepared, whose fakes do not say what was forged."""
    real_videos: Path | None = None
    real_voices: Path | None = None
    """Prepared sound files."""
    real_exact: Path | None = None
    """Prepared, with the label of each stream."""
    only: tuple[str, ...] = tuple(COMMANDS)
    """Recipes to run."""

    def material(self, recipe: str) -> dict[str, str]:
        """Name of the material -> the flags that name it to a recipe."""
        studio = self.studio_videos if recipe == "dfdc_frames" else self.studio_clips
        real = {
            "dfdc_frames": self.real_videos,
            "voices": self.real_voices,
            "av_exact": self.real_exact,
        }.get(recipe, self.real_clips)
        flag = "--data" if recipe == "dfdc_frames" else "--clips"
        return {
            name: f"{flag} {path}" for name, path in (("studio", studio), ("real", real)) if path
        }


def main(config: Config) -> None:
    for recipe in config.only:
        tables = [
            run(recipe, flags, config.out / f"{recipe}_{name}", name)
            for name, flags in config.material(recipe).items()
        ]
        if tables:
            target = RECIPES / "results" / f"{recipe}.csv"
            pd.concat(tables).to_csv(target, index=False)
            print(f"{recipe}: {target}", flush=True)


def run(recipe: str, material: str, out: Path, name: str) -> pd.DataFrame:
    """The results.csv of one run, with the material's name and the minutes it took."""
    minutes = out / "minutes.txt"
    if not minutes.is_file():
        started = time.perf_counter()
        flags = f"{material} --out {out} {COMMANDS[recipe]}"
        subprocess.run([sys.executable, RECIPES / f"{recipe}.py", *flags.split()], check=True)
        minutes.write_text(f"{(time.perf_counter() - started) / 60:.1f}")
    [results] = out.rglob("results.csv")
    return pd.read_csv(results).assign(material=name, minutes=float(minutes.read_text()))
