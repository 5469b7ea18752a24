"""Write the folder of an exported detector, checked against the detector it was made of.

model.onnx       networks, rules and calibration
detector.json    what goes in and comes out, every setting, and what the check found
example.npz      crops and sound of one clip
run.py           reads such a file and prints the probabilities, without torch
README.md        the same for people; MODEL_CARD.md, LICENSE and release.json of the detector
"""

import json
import shutil
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from avfake.clips import Clip, Sampled
from avfake.detector.branch_scores import torch_defaults
from avfake.detector.bundle import Bundle
from avfake.detector.export.contract import OPSET, describe_network, window_samples
from avfake.detector.export.graph import INPUTS, OUTPUTS, ClipGraph
from avfake.detector.export.operators import Exportable
from avfake.detector.folders import CARD, is_ensemble, locate_bundle
from avfake.detector.options import PredictOptions
from avfake.detector.shipped import LICENCE, RELEASE
from avfake.errors import ConfigError, require
from avfake.labels import COLUMNS
from avfake.storage import Output, replacing

NETWORK, CONTRACT, EXAMPLE, RUN = "model.onnx", "detector.json", "example.npz", "run.py"
OWN_CARD = "MODEL_CARD.md"
WRITTEN = (NETWORK, CONTRACT, EXAMPLE, RUN, CARD, OWN_CARD, LICENCE, RELEASE)
HERE = Path(__file__).parent
TOLERANCE = 0.01
"""Largest difference of a probability with which an export is kept."""


@dataclass(frozen=True)
class Exported:
    """What was written, and how far it differs from the detector."""

    folder: Path
    num_clips: int
    num_answers: int
    """Probabilities that were compared."""
    largest_difference: float
    """Largest difference of a probability; infinite where one has an answer and the other has
    none."""


def check_export(folder: Path) -> None:
    """Raise ConfigError if a folder cannot take an export: not writable, or it holds other files.

    Also where a package is missing that exporting needs.
    """
    for package in ("onnx", "onnxruntime"):
        require(package, "export")
    Output(folder).check_folder(CONTRACT, WRITTEN)
    there = folder.iterdir() if folder.is_dir() else ()
    if others := [one.name for one in there if one.name not in WRITTEN]:
        raise ConfigError(
            f"{folder} holds {', '.join(sorted(others)[:3])}, which would be lost; give another "
            "folder, or a name that is not there yet"
        )


@torch_defaults()
def export_detector(
    detector: str | Path,
    folder: Path,
    clips: Iterable[Clip],
    options: PredictOptions | None = None,
) -> Exported:
    """Write a bundle as an ONNX network in float32, and compare their answers on clips.

    Args:
        detector: folder, Hub name, or "default"
        folder: replaced as a whole
        clips: prepared with the settings of the detector; the first with picture and sound, or
            else the first, is the example
        options: only use_stacker and use_sync count

    ConfigError for an ensemble, for a stacker or a comparison of lips and sound that the options
    do not switch off, without a clip, and where a probability differs by more than `TOLERANCE`:
    nothing is written then.
    """
    check_export(folder)
    options = options or PredictOptions()
    source = locate_bundle(detector)
    if is_ensemble(source):
        raise ConfigError(
            f"{detector} is an ensemble; export its members one by one ({source}/members/0, ...)"
        )
    bundle = Bundle.read(detector)
    for model in bundle.models:
        model.eval()
    graph = ClipGraph(bundle, use_stacker=options.use_stacker, use_sync=options.use_sync).eval()
    with replacing(folder) as partial:
        partial.mkdir()
        write_network(graph, bundle, partial / NETWORK)
        found, example = _compare(bundle, partial / NETWORK, clips, options)
        if found.num_clips == 0:
            raise ConfigError("the export was compared on no clip; give clips (--clips FOLDER)")
        if not found.largest_difference <= TOLERANCE:
            raise ConfigError(
                f"the exported network differs by {found.largest_difference:.4f} from the detector "
                f"in a probability; at most {TOLERANCE} is allowed, so nothing was written"
            )
        np.savez(partial / EXAMPLE, faces=example["faces"], sound=example["sound"])
        _describe(partial, bundle, source, found, options)
    return Exported(folder, found.num_clips, found.num_answers, found.largest_difference)


def write_network(graph: ClipGraph, bundle: Bundle, path: Path) -> None:
    """Write a graph in eval mode as ONNX; its frozen backbones compute in float32."""
    side, length = bundle.spec.clip.crop.size_px, window_samples(bundle)
    faces = torch.randint(0, 256, (3, 3, side, side), dtype=torch.uint8)
    yes = torch.ones(1, dtype=torch.bool)
    sound = 0.1 * torch.randn(2, length)
    crops, windows = {0: "crops"}, {0: "windows"}
    with torch.no_grad(), Exportable(), warnings.catch_warnings():
        # That shapes become constants, and that another exporter exists.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (faces, yes, sound, yes),
            str(path),
            dynamo=False,  # the other exporter needs onnxscript
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_axes={
                "faces": crops,
                "frame_scores": crops,
                "sound": windows,
                "window_scores": windows,
            },
        )


def _compare(
    bundle: Bundle, path: Path, clips: Iterable[Clip], options: PredictOptions
) -> tuple[Exported, dict[str, np.ndarray]]:
    """Return the differences, and the arrays of the example."""
    import onnxruntime  # late: an extra

    network = onnxruntime.InferenceSession(path)
    differences: list[float] = []
    example: dict[str, np.ndarray] = {}
    most = num_clips = 0
    for clip in clips:
        num_clips += 1
        for shown in _variants(options):
            streams = {"use_visual": shown.use_visual, "use_audio": shown.use_audio}
            seen = Sampled.of(clip, bundle.spec.whole(**streams))
            if not (streams_there := (len(seen.faces) > 0) + (len(seen.sound) > 0)):
                continue
            arrays = {"faces": seen.faces.transpose(0, 3, 1, 2), "sound": seen.sound}
            if streams_there > most:
                example, most = arrays, streams_there
            answers = _answers(network, feed(arrays, bundle))
            verdict = bundle.predict_clip(clip, shown, file=clip.meta.clip_id)
            wanted = [getattr(verdict, name) for name, _ in COLUMNS.values()]
            differences += _differences(wanted, answers.tolist())
    largest = max(differences, default=0.0)
    return Exported(path.parent, num_clips, len(differences), largest), example


def _answers(network: Any, fed: dict[str, np.ndarray]) -> np.ndarray:
    """Return the probabilities [3]; ConfigError for a network that does not run."""
    try:
        [answers, *_] = network.run(None, fed)
    except Exception as error:  # noqa: BLE001 - ONNX Runtime has a class for each of its errors
        raise ConfigError(
            f"the exported network does not run on {len(fed['faces'])} crops and "
            f"{len(fed['sound'])} windows of sound ({' '.join(str(error).split())}); nothing was "
            "written. Please report it with the settings of the detector."
        ) from error
    found: np.ndarray = answers
    return found


def feed(arrays: dict[str, np.ndarray], bundle: Bundle) -> dict[str, np.ndarray]:
    """Return the inputs of the network, with zeros in place of what is absent."""
    side = bundle.spec.clip.crop.size_px
    nothing: dict[str, np.ndarray] = {
        "faces": np.zeros((1, 3, side, side), np.uint8),
        "sound": np.zeros((1, window_samples(bundle)), np.float32),
    }
    found: dict[str, np.ndarray] = {}
    for name, zeros in nothing.items():
        found[name] = arrays[name] if len(arrays[name]) else zeros
        found[f"has_{name}"] = np.array([len(arrays[name]) > 0])
    return found


def _variants(options: PredictOptions) -> Iterator[PredictOptions]:
    for audio, visual in ((True, True), (False, True), (True, False)):
        yield PredictOptions(audio, visual, options.use_stacker, options.use_sync)


def _differences(wanted: list[float | None], found: list[float]) -> list[float]:
    """Return the absolute difference for each answer that either has."""
    numbers = [float("nan") if one is None else one for one in wanted]
    both = zip(numbers, found, strict=True)
    return [float("inf") if a != a or b != b else abs(a - b) for a, b in both if a == a or b == b]


def _describe(
    folder: Path, bundle: Bundle, source: Path, found: Exported, options: PredictOptions
) -> None:
    """Write everything but the network and the example."""
    for name, target in ((CARD, OWN_CARD), (LICENCE, LICENCE), (RELEASE, RELEASE)):
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / target)
    shutil.copyfile(HERE / RUN, folder / RUN)
    measured = {
        "clips": found.num_clips,
        "answers": found.num_answers,
        "largest_difference": found.largest_difference,
    }
    contract = describe_network(bundle, use_stacker=options.use_stacker) | {"checked": measured}
    (folder / CONTRACT).write_text(json.dumps(contract, indent=1) + "\n", encoding="utf-8")
    import jinja2  # late: a verdict does not need it

    template = jinja2.Template(
        (HERE / "README.md.jinja").read_text(encoding="utf-8"), keep_trailing_newline=True
    )
    text = template.render(
        contract,
        name=bundle.name,
        shown=bundle.name.rpartition("@")[0],
        has_card=(folder / OWN_CARD).is_file(),
        has_licence=(folder / LICENCE).is_file(),
    )
    (folder / CARD).write_text(text, encoding="utf-8")
