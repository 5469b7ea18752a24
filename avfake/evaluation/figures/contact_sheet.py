"""What the model really sees: the crops and the sound of a training batch, as they reach it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avfake.errors import AvfakeError
from avfake.evaluation.figures.style import GREY, picture, place
from avfake.labels import OUTPUTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

CROP_PX, MEL_PX = 128, 320
MARGIN, GAP, TOP_PX, ROW_PX = 8, 6, 44, CROP_PX + 34
MAX_CLIPS, MAX_CROPS = 8, 6
MIN_WIDTH = 480
"""Px; the captions need it."""


def draw_contact_sheet(batch: Mapping[str, "Tensor"], out: Path) -> Path:
    """A row a clip: its crops, the mel spectrogram of its first window of sound, its labels.

    batch: as `clips.collate` makes it (docs/architecture.md), augmented or not. Empty cells are
    padding: the clip has fewer crops, or no sound. The spectrogram is for the eye, in dB; the
    model's own has settings of its own.
    """
    if "faces" not in batch and "sound" not in batch:
        raise AvfakeError("the batch has neither faces nor sound")
    num_clips = min(MAX_CLIPS, len(batch["labels"]))
    num_crops = min(MAX_CROPS, batch["faces"].shape[1]) if "faces" in batch else 0
    width = MARGIN + num_crops * (CROP_PX + GAP) + ("sound" in batch) * (MEL_PX + GAP)
    size = {"width_px": max(MIN_WIDTH, width), "height_px": TOP_PX + ROW_PX * num_clips}
    with picture(out, **size, title="What the model sees: first batch", by_hand=True) as figure:
        for row in range(num_clips):
            top = TOP_PX + row * ROW_PX
            for column in range(num_crops):
                left = MARGIN + column * (CROP_PX + GAP)
                _draw_crop(place(figure, left, top, CROP_PX, CROP_PX), batch, row, column)
            if "sound" in batch:
                left = MARGIN + num_crops * (CROP_PX + GAP)
                _draw_mel(place(figure, left, top, MEL_PX, CROP_PX), batch, row)
            y = 1 - (top + CROP_PX + 3) / size["height_px"]
            figure.text(MARGIN / size["width_px"], y, caption(batch, row), va="top", fontsize=10)
    return out


def caption(batch: Mapping[str, "Tensor"], row: int) -> str:
    """The labels of a clip in words, e.g. "overall: fake, face: fake (weight 0.5), voice: ?"."""
    labels, weights = batch["labels"][row].tolist(), batch["weights"][row].tolist()
    rows = zip(OUTPUTS, labels, weights, strict=True)
    return ", ".join(f"{output}: {_in_words(label, weight)}" for output, label, weight in rows)


def mel_picture(window: np.ndarray) -> np.ndarray:
    """float32 [80, 1 + N // 160] dB below the loudest, at least -80; hops of 10 ms."""
    import torch
    from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

    mel = MelSpectrogram(16_000, n_fft=512, hop_length=160, n_mels=80)
    power = mel(torch.from_numpy(np.ascontiguousarray(window, np.float32)))
    decibels: np.ndarray = AmplitudeToDB("power", top_db=80)(power).numpy()
    return decibels - decibels.max()


def _in_words(label: float, weight: float) -> str:
    if weight == 0:
        return "?"
    words = {0.0: "genuine", 1.0: "fake"}.get(label, f"{100 * label:.0f} % fake")  # mixed clips
    return words if weight == 1 else f"{words} (weight {weight:g})"


def _draw_crop(axes: "Axes", batch: Mapping[str, "Tensor"], row: int, column: int) -> None:
    if bool(batch["faces_mask"][row, column]):
        axes.imshow(batch["faces"][row, column].permute(1, 2, 0).numpy())
    else:
        _draw_absence(axes, "no face")


def _draw_mel(axes: "Axes", batch: Mapping[str, "Tensor"], row: int) -> None:
    if not bool(batch["sound_mask"][row, 0]):
        _draw_absence(axes, "no sound")
        return
    levels = mel_picture(batch["sound"][row, 0].numpy())
    axes.imshow(levels, origin="lower", aspect="auto", cmap="cividis", vmin=-80, vmax=0)


def _draw_absence(axes: "Axes", word: str) -> None:
    axes.set_facecolor("#f0f0f0")
    axes.text(0.5, 0.5, word, transform=axes.transAxes, ha="center", va="center", color=GREY)
