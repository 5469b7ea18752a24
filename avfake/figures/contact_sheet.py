"""What the model really sees: the crops and the sound of a training batch, as they reach it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avfake.errors import AvfakeError
from avfake.figures.style import picture

CROP_PX, MEL_PX, ROW_PX = 112, 260, 142
HEADS = ("anything", "face", "voice")


def draw_contact_sheet(
    batch: Mapping[str, Tensor],
    out: Path,
    *,
    max_clips: int = 8,
    max_crops: int = 6,
    sample_rate: int = 16_000,
) -> Path:
    """A row a clip: its crops, the mel spectrogram of its first window of sound, its labels.

    batch: as `clips.collate` makes it (docs/architecture.md), augmented or not. Empty places are
    padding: the clip has fewer crops, or no sound.
    """
    if "faces" not in batch and "sound" not in batch:
        raise AvfakeError("the batch has neither faces nor sound")
    num_clips = min(max_clips, len(batch["labels"]))
    num_crops = min(max_crops, batch["faces"].shape[1]) if "faces" in batch else 0
    has_sound = "sound" in batch
    ratios = [CROP_PX] * num_crops + [MEL_PX] * has_sound
    size = {"width_px": max(640, sum(ratios) + 60), "height_px": 60 + ROW_PX * num_clips}
    with picture(out, **size, title="What the model sees of its first clips") as figure:
        # One row of axes a clip; the caption is the title of the first.
        axes = figure.subplots(num_clips, len(ratios), squeeze=False, width_ratios=ratios)
        for row in range(num_clips):
            for column in range(num_crops):
                _draw_crop(axes[row, column], batch, row, column)
            if has_sound:
                _draw_mel(axes[row, -1], batch, row, sample_rate)
            axes[row, 0].text(
                0, -0.06, caption(batch, row), transform=axes[row, 0].transAxes, va="top"
            )
    return out


def caption(batch: Mapping[str, Tensor], row: int) -> str:
    """The labels of a clip in words, e.g. "anything: fake, face: fake (weight 0.5), voice: ?"."""
    labels = zip(HEADS, batch["labels"][row].tolist(), batch["weights"][row].tolist(), strict=True)
    return ", ".join(f"{head}: {_in_words(label, weight)}" for head, label, weight in labels)


def mel_picture(window: np.ndarray, sample_rate: int) -> np.ndarray:
    """float32 [80, 1 + N // hop] dB below the loudest, at least -80; hops of 10 ms."""
    from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

    hop = sample_rate // 100
    size = 2 ** int(np.ceil(np.log2(3 * hop)))
    mel = MelSpectrogram(sample_rate, n_fft=size, hop_length=hop, n_mels=80 if size > 400 else 40)
    power = mel(torch.from_numpy(np.ascontiguousarray(window, np.float32)))
    decibels: np.ndarray = AmplitudeToDB("power", top_db=80)(power).numpy()
    return decibels - decibels.max()


def _in_words(label: float, weight: float) -> str:
    if weight == 0:
        return "?"
    words = {0.0: "genuine", 1.0: "fake"}.get(label, f"{100 * label:.0f} % fake")  # mixed clips
    return words if weight == 1 else f"{words} (weight {weight:g})"


def _draw_crop(axes: Any, batch: Mapping[str, Tensor], row: int, column: int) -> None:
    axes.axis("off")
    if bool(batch["faces_mask"][row, column]):
        axes.imshow(batch["faces"][row, column].permute(1, 2, 0).numpy())


def _draw_mel(axes: Any, batch: Mapping[str, Tensor], row: int, sample_rate: int) -> None:
    axes.axis("off")
    if not bool(batch["sound_mask"][row, 0]):
        return
    window = batch["sound"][row, 0].numpy()
    axes.imshow(
        mel_picture(window, sample_rate),
        origin="lower",
        aspect="auto",
        cmap="cividis",
        vmin=-80,
        vmax=0,
    )
