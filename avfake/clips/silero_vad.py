"""The voice activity network of Silero VAD 6, all frames of a sound at once.

https://github.com/snakers4/silero-vad (MIT). The weights come inside the package `silero-vad`, as
safetensors; the package itself, which runs frame by frame, is not imported. float32 [N] at 16 kHz
-> [T], one probability a frame of 32 ms. 309 thousand parameters.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.torch import load_file
from torch import Tensor, nn

from avfake.errors import ConfigError

RATE = 16_000
"""Sample rate of the network, Hz."""
FRAME, CONTEXT = 512, 64
"""Samples of a frame, and those before it that the network also reads."""
BATCH_FRAMES = 4096
"""Frames that are convolved at once: bounds the memory for long files."""


@torch.inference_mode()
def speech_probabilities(samples: np.ndarray, network: "SileroVAD | None" = None) -> np.ndarray:
    """Return float32 [T]: probability of speech in each frame of 512 samples.

    Args:
        samples: float32 [N] at 16 kHz, peaks about 0.5; the last frame is filled with zeros
        network: by default the one with the weights of the package
    """
    network = network or _network()
    count = -(-len(samples) // FRAME)
    features = []
    for start in range(0, count, BATCH_FRAMES):
        first, end = start * FRAME - CONTEXT, min(count, start + BATCH_FRAMES) * FRAME
        part = samples[max(0, first) : end]
        padded = np.pad(part, (max(0, -first), end - max(0, first) - len(part)))
        frames = sliding_window_view(padded, CONTEXT + FRAME)[::FRAME]
        features.append(network.features(torch.from_numpy(frames.copy())))
    if not features:
        return np.zeros(0, np.float32)
    return network.probabilities(torch.cat(features)).numpy()


class SileroVAD(nn.Module):
    """The 16 kHz network of Silero VAD 6: spectrogram, four convolutions, LSTM, one logit.

    The package runs it frame by frame; here the convolutions see all frames at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, stride=128, bias=False)
        self.conv1 = nn.Conv1d(129, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm = nn.LSTM(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def features(self, frames: Tensor) -> Tensor:
        """[T, 576] samples -> [T, 128]"""
        waves = self.stft_conv(F.pad(frames[:, None], (0, CONTEXT), mode="reflect"))
        real, imaginary = waves.chunk(2, dim=1)
        encoded = (real.square() + imaginary.square()).sqrt()  # [T, 129, 4]
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            encoded = layer(encoded).relu()
        return encoded[:, :, 0]

    def probabilities(self, features: Tensor) -> Tensor:
        """[T, 128] -> [T]"""
        states, _ = self.lstm(features)
        logits = self.final_conv(states.relu()[:, :, None])[:, 0, 0]
        return logits.sigmoid()


@lru_cache(maxsize=1)
def _network() -> SileroVAD:
    # The package is not imported: doing so sets the number of threads of the whole process.
    package = find_spec("silero_vad")
    if package is None or package.origin is None:
        raise ConfigError("silero-vad is not installed; pip install silero-vad")
    weights = load_file(Path(package.origin).parent / "data" / "silero_vad_16k.safetensors")
    renamed = {
        f"lstm.{name.removeprefix('lstm_cell.')}_l0" if name.startswith("lstm_cell.") else name: w
        for name, w in weights.items()
    }
    network = SileroVAD()
    network.load_state_dict(renamed)
    return network.eval()
