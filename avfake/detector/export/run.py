"""Print how probable it is that a clip was forged; needs NumPy and ONNX Runtime alone.

python run.py [clip.npz]      README.md states what such a file holds
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

folder = Path(__file__).parent
clip = np.load(sys.argv[1] if len(sys.argv) > 1 else folder / "example.npz")
network = onnxruntime.InferenceSession(folder / "model.onnx")
shapes = {one.name: one.shape for one in network.get_inputs()}
feed = {}
for name, flag, dtype in (("faces", "has_faces", np.uint8), ("sound", "has_sound", np.float32)):
    items = clip.get(name, ())
    # A graph has no missing inputs: zeros stand for what is absent, and the flag says so.
    feed[name] = items if len(items) else np.zeros((1, *shapes[name][1:]), dtype)
    feed[flag] = np.array([len(items) > 0])
probabilities, frame_scores, window_scores = network.run(None, feed)
for name, p in zip(("p_fake", "p_face_fake", "p_voice_fake"), probabilities, strict=True):
    print(name, "not assessed" if np.isnan(p) else f"{p:.4f}")  # noqa: T201
