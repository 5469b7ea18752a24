"""Every recipe is a row here: tiny flags, files that must appear, words printed, a bound to keep.

Training is too short here to tell fakes from genuine clips; what the bound asks is that the answers
are calibrated: at ln 2 = 0.693 nats, saying one half to everything would have done as well; the
share of fakes alone gives 0.562; labels turned round between training and test lie far above.

The genuine-only recipe is measured on forgeries of other makers, of which its calibrator knows
nothing: there the bound is on what it was trained on, which it must have learned.
"""

import ast
import json
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from PIL import Image
from real_media import REAL_MEDIA

from avfake.clips.preparation.folder import PreparedFolder
from avfake.labels import ForgedSegment
from avfake.media.frames import iter_frames
from avfake.media.sound import read_sound
from avfake.media.writing import write_audio

Run = Callable[[str, list[str], Path], str]
RECIPES = Path(__file__).parents[1] / "recipes"
TINY = (
    "--visual.backbone test_efficientnet --visual.size-px 64 --visual.weights none "
    "--audio.backbone test_resnet --audio.weights none --fit.epochs 1 --data.num-folds 2 "
    "--data.val-share 0.2 --data.test-share 0.3 --data.window-seconds 1.0"
)
FIGURES = ("curves", "roc", "reliability", "confusion", "contact_sheet")


def over_test_clips(out: Path) -> float:
    """Log-loss of the overall answer of the first detector, on all test clips."""
    results = min(out.rglob("results.csv"), key=lambda path: len(path.parts))
    rows = pd.read_csv(results).query(
        "output == 'overall' and kind == 'all' and metric == 'log_loss'"
    )
    return float(rows["value"].iloc[0])


def over_trained_clips(out: Path) -> float:
    """Log-loss of the overall answer over the last epoch, on what was trained on."""
    last = (out / "run/member_0/metrics.jsonl").read_text().splitlines()[-1]
    return float(json.loads(last)["train"]["overall"])


def out_of_fold(out: Path) -> float:
    """Log-loss of the first experiment and output on sources that its models had not seen."""
    return float(pd.read_csv(out / "results.csv")["log_loss"].iloc[0])


class Row(NamedTuple):
    """What a recipe is run with and held to."""

    flags: str
    files: list[str]
    words: str
    log_loss: Callable[[Path], float] = over_test_clips
    bound: float = 0.69


ROWS = {
    "synthetic": Row(
        "--studio.num-clips 24 --studio.seconds 1 --clips.num-frames 2 --clips.crop.size-px 64 "
        f"--data.passes 1 {TINY}",
        ["studio/truth.csv", "clips/status.csv", "runs/results.csv", "evidence.mp4"]
        + ["report.html", "runs/full/detector/README.md", "test.csv"]
        + [f"runs/full/figures/{name}.png" for name in FIGURES],
        "no-audio",
    ),
    "dfdc_av": Row(
        f"--clips {{clips}} {TINY}",
        ["test_scores.csv", "detector/config.yaml"],
        "split",
    ),
    "ablate": Row(
        f"--clips {{clips}} --no-retrain {TINY}",
        ["results.csv", "scores_no-visual.csv"],
        "no-stacker",
    ),
    "dfdc_frames": Row(
        "--data {shipped}/train --test {shipped}/test_videos.zip --workers 1 --sample-submission "
        "{shipped}/sample_submission.csv --clips.num-frames 2 --clips.crop.size-px 64 "
        f"--data.trained-folds 1 {TINY}",
        ["clips/status.csv", "test_scores.csv", "detector/config.yaml", "submission.csv"],
        "3 files scored",
    ),
    "voices": Row(
        f"--clips {{clips}} --data.leave-out phase_vocoder {TINY}",
        ["test_scores.csv", "by_attack.csv", "detector/config.yaml"],
        "min_detection_cost",
    ),
    "one_cycle": Row(
        "--clips {clips} --find-rate --search.lowest 1e-5 --search.num-steps 20 "
        f"{TINY.replace('epochs 1', 'epochs 2')} --fit.frozen-epochs 1",
        ["rates.csv", "test_scores.csv", "detector/config.yaml"],
        "learning rate",
    ),
    "dfdc_blend": Row(
        f"--clips {{clips}} --backbones test_efficientnet test_resnet {TINY}",
        ["test_resnet/detector/config.yaml", "blend+sound/members/2/config.yaml", "results.csv"],
        "blend+sound:",
    ),
    "av_exact": Row(
        f"--clips {{stretched}} {TINY} --data.window-seconds 0.25",
        ["test_scores.csv", "moments.csv", "detector/config.yaml"],
        "each moment",
    ),
    "genuine_only": Row(
        "--clips {clips} --workers 0 --forgeries.variants 1 --data.batch-size 8 --data.passes 4 "
        "--forgeries.voice-methods strides splice --aside-share 0.35 "
        f"{TINY.replace('epochs 1', 'epochs 6')}",
        ["test_scores.csv", "run/detector/config.yaml"],
        "put aside",
        over_trained_clips,
        0.55,
    ),
    "default_detector": Row(
        "--real {real} --experiments random-weights --clips.num-frames 1 --workers 0",
        ["material/joined/status.csv", "random-weights/detector/README.md"]
        + ["random-weights/out_of_fold.csv", "results.csv"],
        "auc_in_folds",
        out_of_fold,
        0.9,
    ),
    "additions": Row(
        f"--clips {{clips}} --seeds 0 1 --additions self-blending --data.num-frames 1 {TINY} "
        "--data.batch-size 8 --data.passes 1",
        ["plain/seed_0/detector/config.yaml", "self-blending/seed_1/test_scores.csv"],
        "auc_gain",
    ),
    "dfdc_confident": Row(
        f"--clips {{clips}} --seeds 1 2 --data.passes 1 --fit.first-best-epoch 1 {TINY}",
        ["seed_2/member_0/checkpoints/epoch-0001/model.safetensors", "test_scores.csv"]
        + ["detector/README.md", "detector/config.yaml", "detector/members/1/config.yaml"],
        "seed_2",
    ),
    "dfdc_geometric": Row(
        "--clips {clips} --members xception_a b1_e --xception test_efficientnet --b1 "
        "test_efficientnet --data.train-parts= --data.val-parts= --data.test-parts= "
        f"{TINY}",
        ["xception_a/detector/config.yaml", "b1_e/plan.csv", "detector/members/1/config.yaml"],
        "xception_a",
    ),
}


@pytest.fixture(scope="session")
def shipped(studio_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The studio as the competition shipped its videos."""
    root = tmp_path_factory.mktemp("shipped")
    videos = sorted(studio_root.glob("*.mp4"))
    (root / "train").mkdir()
    with zipfile.ZipFile(root / "train/dfdc_train_part_0.zip", "w") as part:
        for path in (*videos, studio_root / "metadata.json"):
            part.write(path, f"dfdc_train_part_0/{path.name}")
    with zipfile.ZipFile(root / "test_videos.zip", "w") as test:
        for path in videos[:3]:
            test.write(path, f"test_videos/{path.name}")
    asked = [f"{path.name},0.5\n" for path in reversed(videos[:3])]
    (root / "sample_submission.csv").write_text("filename,label\n" + "".join(asked))
    return root


@pytest.fixture(scope="session")
def stretched(prepared: PreparedFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared studio, its faces forged in the first half second, its voices after it."""
    folder = tmp_path_factory.mktemp("stretched") / "clips"
    shutil.copytree(prepared.path, folder)
    segments = {
        "face_fake": ForgedSegment(0.0, 0.5, "face"),
        "voice_fake": ForgedSegment(0.5, 1.0, "voice"),
    }
    rows = [
        replace(row, segments=tuple(s for name, s in segments.items() if getattr(row, name)))
        for row in prepared.manifest.rows
    ]
    replace(prepared.manifest, rows=tuple(rows)).save(folder / "manifest.csv")
    return folder


@pytest.fixture(scope="session")
def real(prepared: PreparedFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The studio as a collection of videos, voices and stills, each family a source."""
    root = tmp_path_factory.mktemp("real")
    tables: dict[str, list[dict[str, object]]]
    tables = {"": [], "voice": [], "faces": [], "faces_fake": []}
    for name in ("video", "voice", "faces/stills", "faces/clips", "faces_fake"):
        (root / name).mkdir(parents=True)
    for row in prepared.manifest.rows:
        path = Path(row.path)
        shutil.copy(path, root / "video" / path.name)
        facts = {"filename": path.name, "source": row.group, "original": row.original}
        facts |= {"licence": "made up"}
        labels = {"label": "FAKE" if row.label else "REAL", "voice_fake": str(row.voice_fake)}
        tables[""].append(facts | labels | {"face_fake": str(row.face_fake)})
        if not row.face_fake:
            write_audio(root / f"voice/{path.stem}.wav", read_sound(path).waveform())
            voice = {"filename": f"{path.stem}.wav", "source": row.group, "pair_of": ""}
            voice |= {"licence": "made up"}
            heard = "FAKE" if row.voice_fake else "REAL"
            tables["voice"].append(voice | labels | {"label": heard})
        if not row.voice_fake:
            folder, name = ("faces_fake", "") if row.face_fake else ("faces", "stills/")
            _, picture = next(iter_frames(path))
            Image.fromarray(picture).save(root / folder / f"{name}{path.stem}.png")
            still = {"filename": f"{name}{path.stem}.png", "licence": "made up"}
            still |= {"label": "FAKE" if row.label else "REAL"}
            tables[folder].append(still | {"source": f"stills of {row.group}"})
        if not row.label:
            shutil.copy(path, root / "faces/clips" / path.name)
            filmed = {"filename": f"clips/{path.name}", "label": "REAL", "licence": "made up"}
            tables["faces"].append(filmed | {"source": f"clips of {row.group}"})
    for folder, rows in tables.items():
        pd.DataFrame(rows).to_csv(root / folder / "manifest.csv", index=False)
    return root


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a recipe as a script, in this process: importing torch for each would take longer."""

    def call(name: str, flags: list[str], out: Path) -> str:
        script = str(RECIPES / f"{name}.py")
        monkeypatch.setattr(sys, "argv", [script, "--out", str(out), *flags])
        with pytest.raises(SystemExit) as left:
            runpy.run_path(script, run_name="__main__")
        printed = capsys.readouterr()
        assert left.value.code == 0, printed.err[-2000:]
        return printed.out

    return call


@pytest.mark.parametrize("name", ROWS)
def test_a_recipe_runs_leaves_its_files_and_keeps_its_bound(
    name: str,
    run: Run,
    prepared: PreparedFolder,
    shipped: Path,
    stretched: Path,
    real: Path,
    tmp_path: Path,
) -> None:
    row = ROWS[name]
    folders = {"clips": prepared.path, "shipped": shipped, "stretched": stretched, "real": real}
    flags = [word.format(**folders) for word in row.flags.split()]
    printed = run(name, flags, tmp_path / "out")
    for file in row.files:
        assert (tmp_path / "out" / file).is_file()
    for name in FIGURES:
        assert [*(tmp_path / "out").rglob(f"figures/{name}.png")]
    assert row.words in printed
    assert row.log_loss(tmp_path / "out") < row.bound


def test_a_recipe_imports_at_most_five_names_of_avfake() -> None:
    # The default detector prepares, forges, joins, degrades and releases: a pipeline of its own.
    allowed = {"default_detector": 10}
    for path in RECIPES.glob("*.py"):
        names = [
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom | ast.Import)
            and (getattr(node, "module", "") or "avfake").startswith("avfake")
            for alias in node.names
            if isinstance(node, ast.ImportFrom) or alias.name.startswith("avfake")
        ]
        assert len(names) <= allowed.get(path.stem, 5), f"{path.name} imports {', '.join(names)}"


def test_every_recipe_has_a_row() -> None:
    trains_nothing = {"division"}
    assert {path.stem for path in RECIPES.glob("*.py")} - trains_nothing == set(ROWS)


def test_a_mistake_in_a_recipe_is_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, str(RECIPES / "dfdc_av.py"), "--clips", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "avfake prepare" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not REAL_MEDIA.is_dir(), reason="the real clips are not here")
def test_the_flagship_runs_on_real_clips(run: Run, tmp_path: Path) -> None:
    avfake = [sys.executable, "-m", "avfake"]
    prepare = ["prepare", "dfdc", str(REAL_MEDIA / "video"), str(tmp_path / "clips")]
    subprocess.run([*avfake, *prepare, "--frames", "4", "--size-px", "64"], check=True)
    folder = PreparedFolder(tmp_path / "clips")
    assert sum(clip.has_visual for clip in folder.clips) >= 0.95 * len(folder.manifest)
    printed = run("dfdc_av", ["--clips", str(folder.path), *TINY.split()], tmp_path / "run")
    assert "fake (part unknown)" in printed
    detector, tables = tmp_path / "run/detector", tmp_path / "tables"
    predict = ["predict", str(REAL_MEDIA / "video"), "--detector", str(detector), "--workers", "2"]
    out = ["--out", str(tables / "scores.csv"), "--submission", str(tables / "submission.csv")]
    subprocess.run([*avfake, *predict, *out], check=True)
    assert len((tables / "submission.csv").read_text().splitlines()) == len(folder.manifest) + 1
