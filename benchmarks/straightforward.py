"""The straightforward pipeline: what a user would write today with the same networks.

    python -m benchmarks straightforward --video clip.mp4 --backbone tf_efficientnet_b0

OpenCV reads the whole file; facenet-pytorch's MTCNN looks at the sampled frames at half size, one
at a time; crops go one at a time through the network in float32 PyTorch; ffmpeg writes a WAV file,
librosa reads it and computes mel spectrograms. Without OpenCV (extra `bench`), PyAV reads every
frame to RGB; `reader()` says which.
"""

import importlib.util
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from benchmarks.measuring import cost, quiet
from benchmarks.sample_videos import ffmpeg

SAMPLE_RATE = 16_000
WINDOW_SECONDS = 2.0
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of ImageNet."""


@dataclass(frozen=True)
class Config:
    """One file, and the networks it goes through, with random weights."""

    video: Path
    backbone: str = "tf_efficientnet_b0"
    audio_backbone: str = "resnet10t"
    size_px: int = 224
    num_frames: int = 32
    threads: int = 2


def main(config: Config) -> None:
    import timm

    torch.set_num_threads(config.threads)
    pipeline = Straightforward(
        timm.create_model(config.backbone, num_classes=0).eval(),
        timm.create_model(config.audio_backbone, num_classes=0, in_chans=1).eval(),
        size_px=config.size_px,
        num_frames=config.num_frames,
    )
    spent = cost(lambda: print(f"{len(pipeline.predict(config.video)[0])} faces, {reader()}"))
    print(f"{spent.wall_seconds:.2f} s, {spent.cpu_seconds:.2f} s of CPU time")


@dataclass
class Straightforward:
    """The pipeline with its networks; it returns the features of each, which cost what a score
    does."""

    visual: nn.Module
    """[1, 3, S, S] normalised -> [1, F]"""
    audio: nn.Module
    """[1, 1, 80, time] log-mel, or [1, N] samples -> [1, F]"""
    size_px: int
    num_frames: int
    margin: float = 0.3
    reads_samples: bool = False
    """Whether the audio network computes its own spectrogram."""

    @cached_property
    def faces(self) -> Any:
        """MTCNN as facenet-pytorch makes it, for all faces."""
        from facenet_pytorch import MTCNN

        return MTCNN(keep_all=True, device="cpu")

    @torch.inference_mode()
    def predict(self, video: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the features of each face and of each window of the sound."""
        frames = read_frames(video, self.num_frames)
        crops = [crop for frame in frames for crop in self.crops(frame)]
        return self.of_faces(crops), self.of_sound(video)

    def crops(self, frame: np.ndarray) -> list[np.ndarray]:
        """Return uint8 [S, S, 3] for each face of a frame [H, W, 3] RGB."""
        half = Image.fromarray(frame).resize((frame.shape[1] // 2, frame.shape[0] // 2))
        boxes, chances = self.faces.detect(half)
        found = []
        for box, chance in zip(boxes, chances, strict=True) if boxes is not None else ():
            if chance < 0.9:
                continue
            x0, y0, x1, y1 = 2 * box
            wide, high = self.margin * (x1 - x0), self.margin * (y1 - y0)
            square = (int(x0 - wide), int(y0 - high), int(x1 + wide), int(y1 + high))
            crop = Image.fromarray(frame).crop(square).resize((self.size_px, self.size_px))
            found.append(np.asarray(crop))
        return found

    @torch.inference_mode()
    def of_faces(self, crops: list[np.ndarray]) -> list[np.ndarray]:
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
        found = []
        for crop in crops:
            pixels = torch.from_numpy(crop.copy()).permute(2, 0, 1).float() / 255
            found.append(self.visual(((pixels - mean) / std)[None]).numpy())
        return found

    @torch.inference_mode()
    def of_sound(self, video: Path) -> list[np.ndarray]:
        samples, found = read_sound(video), []
        length = int(WINDOW_SECONDS * SAMPLE_RATE)
        for start in range(0, max(1, len(samples) - length + 1), length // 2):
            window = samples[start : start + length]
            read = window[None] if self.reads_samples else log_mel(window)[None, None]
            found.append(self.audio(torch.from_numpy(read)).numpy())
        return found


def reader() -> str:
    """Return what reads the frames."""
    return "OpenCV" if importlib.util.find_spec("cv2") else "PyAV, every frame to RGB"


def read_frames(video: Path, num_frames: int) -> list[np.ndarray]:
    """Return evenly spread frames [H, W, 3] RGB of a file of which all frames are read."""
    if not importlib.util.find_spec("cv2"):
        return read_by_pyav(video, num_frames)
    import cv2

    capture = cv2.VideoCapture(str(video))
    total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    wanted, frames = set(spread(total, num_frames)), []
    for index in range(total):
        ok, frame = capture.read()
        if not ok:
            break
        if index in wanted:
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    capture.release()
    return frames


def read_by_pyav(video: Path, num_frames: int) -> list[np.ndarray]:
    import av

    with av.open(str(video)) as container:
        total = container.streams.video[0].frames
        wanted = set(spread(total, num_frames))
        every = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
        return [pixels for index, pixels in enumerate(every) if index in wanted]


def spread(total: int, wanted: int) -> list[int]:
    return np.unique(np.linspace(0, total - 1, min(total, wanted)).astype(int)).tolist()


def read_sound(video: Path) -> np.ndarray:
    """Return float32 [N] mono at 16 kHz."""
    import librosa

    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "sound.wav"
        quiet([ffmpeg(), "-loglevel", "error", "-i", video, "-vn", "-ac", "1", wav])
        samples, _ = librosa.load(wav, sr=SAMPLE_RATE, mono=True)
    return samples


def log_mel(window: np.ndarray) -> np.ndarray:
    """[N] -> float32 [80, time], normalised"""
    import librosa

    power = librosa.feature.melspectrogram(
        y=window, sr=SAMPLE_RATE, n_fft=512, hop_length=160, n_mels=80
    )
    level = np.log(power + 1e-7)
    return ((level - level.mean()) / (level.std() + 1e-5)).astype(np.float32)
