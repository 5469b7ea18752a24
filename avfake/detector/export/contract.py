"""What goes into an exported network and what comes out, with every setting: detector.json."""

from typing import Any

from avfake import __version__
from avfake import config as settings
from avfake.detector.bundle import Bundle

OPSET = 17
FORMAT = 1


def window_samples(bundle: Bundle) -> int:
    """Return the number of samples of a window of sound."""
    return round(bundle.spec.window_seconds * bundle.spec.clip.sample_rate)


def describe_network(bundle: Bundle, *, use_stacker: bool) -> dict[str, Any]:
    """Return the content of detector.json but for what the check found."""
    side, samples = bundle.spec.clip.crop.size_px, window_samples(bundle)
    rules = bundle.decision_model.rules.get("kept" if use_stacker else "fused", {})
    return {
        "format": FORMAT,
        "detector": bundle.name,
        "avfake": __version__,
        "opset": OPSET,
        "inputs": [
            _entry("faces", "uint8", ["crops", 3, side, side], "crops of all faces of the file"),
            _entry("has_faces", "bool", [1], "whether there are any"),
            _entry("sound", "float32", ["windows", samples], "windows of speech, mono, -1 to 1"),
            _entry("has_sound", "bool", [1], "whether there are any"),
        ],
        "outputs": [
            _entry(
                "probabilities",
                "float32",
                [3],
                "that anything was forged, that a face was, that the voice was (p_fake, "
                "p_face_fake, p_voice_fake of avfake); NaN = not assessed",
            ),
            _entry(
                "frame_scores",
                "float32",
                ["crops"],
                "uncalibrated score of each crop, 0 to 1; of no meaning without faces",
            ),
            _entry("window_scores", "float32", ["windows"], "likewise of each window of sound"),
        ],
        "window_seconds": bundle.spec.window_seconds,
        "window_samples": samples,
        "clip": settings.to_dict(bundle.spec.clip),
        "clips_hash": bundle.spec.clip.hash,
        "decision": {modality: settings.to_dict(rule) for modality, rule in rules.items()},
    }


def _entry(name: str, dtype: str, shape: list[str | int], meaning: str) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "shape": shape, "meaning": meaning}
