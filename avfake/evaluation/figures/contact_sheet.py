"""What the model really sees: the crops and the sound of a training batch, as they reach it."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from avfake.errors import AvfakeError
from avfake.evaluation.figures.style import GREY
from avfake.labels import OUTPUTS
from avfake.storage import write_whole

if TYPE_CHECKING:
    from torch import Tensor

CROP_PX, MEL_PX = 128, 320
MARGIN, GAP, TOP_PX, ROW_PX = 8, 6, 44, CROP_PX + 34
MAX_CLIPS, MAX_CROPS = 8, 6
MIN_WIDTH = 480
"""Px; the captions need it."""


def draw_contact_sheet(batch: Mapping[str, "Tensor"], out: Path) -> Path:
    """A row a clip: its crops, the mel spectrogram of its first window of sound, its labels.

    batch: as `clips.collate` makes it (docs/architecture.md), augmented or not. Empty cells are
    padding: the clip has fewer crops, or no sound. The spectrogram is for the eye, in dB, brighter
    for louder; the model's own has settings of its own.
    """
    if "faces" not in batch and "sound" not in batch:
        raise AvfakeError("the batch has neither faces nor sound")
    num_clips = min(MAX_CLIPS, len(batch["labels"]))
    num_crops = min(MAX_CROPS, batch["faces"].shape[1]) if "faces" in batch else 0
    mel_left = MARGIN + num_crops * (CROP_PX + GAP)
    width = max(MIN_WIDTH, mel_left + ("sound" in batch) * (MEL_PX + GAP))
    sheet = Image.new("RGB", (width, TOP_PX + ROW_PX * num_clips), "white")
    draw = ImageDraw.Draw(sheet)
    title, small = ImageFont.load_default(20), ImageFont.load_default(14)
    draw.text((MARGIN, 8), "What the model sees: first batch", "black", title)
    for row in range(num_clips):
        top = TOP_PX + row * ROW_PX
        for column in range(num_crops):
            sheet.paste(_crop(batch, row, column), (MARGIN + column * (CROP_PX + GAP), top))
        if "sound" in batch:
            sheet.paste(_mel(batch, row), (mel_left, top))
        draw.text((MARGIN, top + CROP_PX + 6), caption(batch, row), "black", small)
    image = io.BytesIO()
    sheet.save(image, "PNG")
    write_whole(out, image.getvalue())
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


def _crop(batch: Mapping[str, "Tensor"], row: int, column: int) -> Image.Image:
    if not batch["faces_mask"][row, column]:
        return _absence("no face", CROP_PX)
    crop = Image.fromarray(batch["faces"][row, column].permute(1, 2, 0).numpy())
    return crop.resize((CROP_PX, CROP_PX))


def _mel(batch: Mapping[str, "Tensor"], row: int) -> Image.Image:
    if not batch["sound_mask"][row, 0]:
        return _absence("no sound", MEL_PX)
    grey = 255 * (1 + mel_picture(batch["sound"][row, 0].numpy())[::-1] / 80)
    return Image.fromarray(grey.round().astype(np.uint8)).resize((MEL_PX, CROP_PX))


def _absence(word: str, width: int) -> Image.Image:
    cell = Image.new("RGB", (width, CROP_PX), "#f0f0f0")
    middle, font = (width / 2, CROP_PX / 2), ImageFont.load_default(14)
    ImageDraw.Draw(cell).text(middle, word, GREY, font, anchor="mm")
    return cell
