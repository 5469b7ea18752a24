"""The exported network answers as the detector does, and says what goes in."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avfake.calibration.calibrators import Calibrator
from avfake.calibration.curves import BetaCurve, IsotonicCurve, PlattCurve
from avfake.calibration.features import RULE_COLUMNS
from avfake.calibration.probabilities import RULES, to_logits
from avfake.clips import Clip, PreparedFolder
from avfake.detector import Bundle, PredictOptions, export_detector
from avfake.detector.export import answers, folder, operators
from avfake.errors import ConfigError
from avfake.models import AVModel, FusionConfig, ModelConfig, VisualConfig, build_model
from avfake.models.audio import AudioConfig
from avfake.models.spectrogram import SpectrogramConfig
from avfake.models.sync import SyncConfig
from avfake.models.voice_statistics import VoiceStatistics

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def clips_of(prepared: PreparedFolder, count: int = 3) -> list[Clip]:
    return [Clip(one.archive) for one in prepared.clips[:count]]


@pytest.fixture(scope="module")
def exported(
    detector_folder: Path, prepared: PreparedFolder, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("exported") / "network"
    options = PredictOptions(use_stacker=False, use_sync=False)
    found = export_detector(detector_folder, out, clips_of(prepared), options)
    assert found.num_clips == 3
    assert found.num_answers > 0
    assert found.largest_difference < 1e-4
    return out


def test_the_example_runs_without_torch(exported: Path) -> None:
    code = (
        "import runpy, sys; sys.modules.update(dict.fromkeys(('torch', 'avfake'))); "
        f"sys.argv = ['run.py']; runpy.run_path({str(exported / 'run.py')!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["p_fake", "p_face_fake", "p_voice_fake"]
    assert len((exported / "run.py").read_text().splitlines()) <= 30


def test_the_folder_says_what_goes_in(exported: Path, detector_folder: Path) -> None:
    contract = json.loads((exported / "detector.json").read_text())
    [faces, _, sound, _] = contract["inputs"]
    assert faces["shape"] == ["crops", 3, 64, 64]
    assert sound["shape"] == ["windows", contract["window_samples"]]
    assert contract["clip"]["sample_rate"] == 16_000
    assert contract["clips_hash"] == Bundle.read(detector_folder).spec.clip.hash
    page = (exported / "README.md").read_text()
    assert "uint8 [crops, 3, 64, 64]" in page
    assert "{{" not in page
    example = np.load(exported / "example.npz")
    assert example["faces"].dtype == np.uint8
    assert (exported / "MODEL_CARD.md").is_file()


def test_an_export_that_differs_is_refused_and_leaves_nothing(
    detector_folder: Path,
    prepared: PreparedFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folder, "TOLERANCE", -1.0)
    options = PredictOptions(use_stacker=False, use_sync=False)
    with pytest.raises(ConfigError, match="differs by .* nothing was written"):
        export_detector(detector_folder, tmp_path / "out", clips_of(prepared, 1), options)
    assert not (tmp_path / "out").exists()


def test_a_network_that_does_not_run_is_said_in_words(
    detector_folder: Path,
    prepared: PreparedFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(arrays: dict[str, np.ndarray], bundle: Bundle) -> dict[str, np.ndarray]:
        fed = fed_rightly(arrays, bundle)
        return fed | {"faces": fed["faces"][:, :, :9]}

    fed_rightly = folder.feed
    monkeypatch.setattr(folder, "feed", wrong)
    options = PredictOptions(use_stacker=False, use_sync=False)
    with pytest.raises(ConfigError, match="does not run on .* nothing was written"):
        export_detector(detector_folder, tmp_path / "out", clips_of(prepared, 1), options)
    assert not (tmp_path / "out").exists()


def test_files_of_the_user_stay(detector_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ConfigError, match=r"holds mine.txt, which would be lost"):
        export_detector(detector_folder, tmp_path, [])
    assert (tmp_path / "mine.txt").read_text() == "x"


def test_a_stacker_is_refused_with_what_to_do(detector_folder: Path) -> None:
    model = Bundle.read(detector_folder).decision_model
    output, one = next(iter(model.outputs.items()))
    kept = replace(one, choice=replace(one.choice, kept="stacker"))
    stacked = replace(model, outputs={**model.outputs, output: kept})
    with pytest.raises(ConfigError, match="--no-stacker exports"):
        answers.Answers(stacked, use_stacker=True)


@pytest.mark.parametrize("rule", RULE_COLUMNS)
@pytest.mark.parametrize("scores", [[0.3], [0.1, 0.9, 0.4, 0.95], [0.05] * 20, [0.9] * 13 + [0.1]])
def test_rules_are_those_of_the_calibration(rule: str, scores: list[float]) -> None:
    values = np.array(scores)
    found = answers.RULES[rule](torch.from_numpy(values))
    assert float(found) == pytest.approx(RULES[rule](values), abs=1e-9)


@pytest.mark.parametrize(
    "curve",
    [
        PlattCurve(0.7, -0.2),
        BetaCurve(0.4, 1.2, 0.1),
        IsotonicCurve((-2.0, -0.5, -0.5, 3.0), (0.01, 0.2, 0.4, 0.97)),
    ],
)
@pytest.mark.parametrize("slope", [1.0, 1.6])
def test_calibrators_are_those_of_the_calibration(curve: PlattCurve, slope: float) -> None:
    calibrator = Calibrator(curve, epsilon=0.02, shift=-0.4, centre=0.3, slope=slope)
    logits = to_logits(np.array([0.001, 0.2, 0.4, 0.6, 0.99]))
    found = answers.calibrate(torch.from_numpy(logits), calibrator).numpy()
    assert found == pytest.approx(calibrator(logits), abs=1e-9)


def test_replaced_operations_give_the_same() -> None:
    generator = torch.Generator().manual_seed(3)
    sound = torch.randn(2, 8000, generator=generator) * 0.1
    statistics = VoiceStatistics(SpectrogramConfig(scale="linear", n_fft=256, hop=64, num_bands=60))
    pictures = 255 * torch.rand(2, 3, 96, 96, generator=generator)
    options = {"mode": "bilinear", "antialias": True, "align_corners": False}
    resize = torch.nn.functional.interpolate
    own, small = statistics(sound), resize(pictures, size=(64, 64), **options)
    with operators.Exportable():
        replaced, smaller = statistics(sound), resize(pictures, size=(64, 64), **options)
    torch.testing.assert_close(replaced, own, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(smaller, small, atol=1e-3, rtol=1e-5)


@pytest.mark.parametrize("kind", ["gated", "concat", "cross_attention", "bilinear", "late"])
def test_every_fusion_and_a_frozen_backbone_can_be_exported(
    kind: str, detector_folder: Path, tmp_path: Path
) -> None:
    visual = VisualConfig("resnet10t", "none", layers=(1,), tune="none", size_px=32)
    audio = AudioConfig("resnet10t", "none")
    config = ModelConfig(visual, audio, FusionConfig(kind=kind, hidden_dim=32))  # type: ignore[arg-type]
    check_export(Bundle.read(detector_folder), build_model(config).eval(), tmp_path)


def test_the_networks_of_the_shipped_detector_can_be_exported(
    detector_folder: Path, tmp_path: Path
) -> None:
    shipped = Bundle.read("default").models[0].config
    assert shipped.visual is not None
    assert shipped.audio is not None
    visual = replace(shipped.visual, layers=(0, 1), size_px=32)
    audio = replace(shipped.audio, layers=(0, 1))
    # A copy with few layers, and weights without a meaning.
    model = build_model(replace(shipped, visual=visual, audio=audio), download=False).eval()
    torch.manual_seed(0)
    for frozen in model.frozen.values():
        for weights in frozen.network.to_empty(device="cpu").state_dict().values():
            torch.nn.init.normal_(weights, std=0.05)
    check_export(Bundle.read(detector_folder), model, tmp_path)


def check_export(bundle: Bundle, model: AVModel, out: Path) -> None:
    """Check that a graph gives the answers of torch, for other numbers than it was traced with."""
    import onnxruntime

    made = replace(bundle, models=[model])
    graph = folder.ClipGraph(made, use_stacker=False).eval()
    folder.write_network(graph, made, out / "model.onnx")
    network = onnxruntime.InferenceSession(out / "model.onnx")
    for crops, windows in ((4, 3), (1, 5), (0, 2), (2, 0)):
        arrays = {
            "faces": np.random.default_rng(0).integers(0, 256, (crops, 3, 64, 64)).astype("uint8"),
            "sound": np.full((windows, folder.window_samples(made)), 0.1, np.float32),
        }
        fed = folder.feed(arrays, made)
        found = network.run(None, fed)
        with torch.inference_mode():
            wanted = graph(*(torch.from_numpy(fed[name]) for name in folder.INPUTS))
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b.numpy(), atol=2e-4, equal_nan=True)


def test_lips_and_sound_are_refused_with_what_to_do(detector_folder: Path) -> None:
    bundle = Bundle.read(detector_folder)
    config = replace(bundle.models[0].config, sync=SyncConfig())
    with pytest.raises(ConfigError, match="--no-sync exports the rest"):
        folder.ClipGraph(replace(bundle, models=[build_model(config, download=False)]))
