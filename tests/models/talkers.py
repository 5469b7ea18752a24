"""Drawn talkers whose mouths open with the loudness of their voice; truth by construction."""

import torch
import torch.nn.functional as F
from torch import Tensor

RATE = 16_000
SIDE = 64
STEP = 160
"""Samples between two values of an envelope: 10 ms."""
SPOKEN_SECONDS = 16.0


def envelopes(num_clips: int, generator: torch.Generator) -> Tensor:
    """Loudness in 0..1 every 10 ms, rising and falling like syllables: [B, 1600]."""
    noise = torch.randn(num_clips, 1, round(SPOKEN_SECONDS * RATE / STEP) + 40, generator=generator)
    smooth = F.avg_pool1d(F.avg_pool1d(noise, 21, 1), 21, 1).squeeze(1)
    return (0.5 + 2.6 * smooth / smooth.std() / 6).clamp(0, 1)


def voices(envelope: Tensor, generator: torch.Generator) -> Tensor:
    """Noise as loud as the envelope says: [B, N] at 16 kHz."""
    loudness = envelope.repeat_interleave(STEP, dim=1)
    return 0.2 * (loudness + 0.02) ** 2 * torch.randn(loudness.shape, generator=generator)


def faces_of(opening: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Crops with an ellipse of a mouth, each talker of another skin, size and place, each crop with
    noise: openings [B, T] in 0..1 -> uint8 [B, T, 3, 64, 64], landmarks [B, T, 5, 2]."""
    num_clips, num_crops = opening.shape

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(num_clips, *shape, generator=generator)

    wobble = 1.5 * torch.randn(num_clips, num_crops, 1, 2, generator=generator)
    scale = draw(0.85, 1.15, 1, 1, 1)
    points = torch.tensor([[-12.0, -14], [12, -14], [0, -1], [-8, 12], [8, 12]])
    landmarks = 32 + wobble + scale * points  # [B, T, 5, 2]
    middle = landmarks[:, :, 3:].mean(dim=2)[:, :, None, None]
    grid = torch.stack(torch.meshgrid(torch.arange(64), torch.arange(64), indexing="xy"), -1) + 0.5
    away = (grid - middle) / scale.unsqueeze(-1)  # [B, T, 64, 64, 2]
    height = (1.0 + 6.0 * opening)[:, :, None, None]
    inside = (away[..., 0] / draw(6, 9, 1, 1, 1)) ** 2 + (away[..., 1] / height) ** 2 < 1
    skin, lips = draw(120, 220, 1, 3, 1, 1), draw(10, 70, 1, 3, 1, 1)
    pictures = torch.where(inside.unsqueeze(2), lips, skin)
    noise = 8 * torch.randn(pictures.shape, generator=generator)
    return (pictures + noise).clamp(0, 255).to(torch.uint8), landmarks


def talkers(
    num_clips: int,
    *,
    seed: int,
    sound_seconds: float,
    num_crops: int = 16,
    late_seconds: float = 0.0,
    foreign: bool = False,
) -> dict[str, Tensor]:
    """A batch of genuine talkers; with their sound late, or with that of somebody else."""
    generator = torch.Generator().manual_seed(seed)
    envelope = envelopes(num_clips, generator)
    heard = envelopes(num_clips, generator) if foreign else envelope
    sound = voices(heard, generator)
    length = round(sound_seconds * RATE)
    first = 2 * RATE // STEP
    places = torch.linspace(first, envelope.shape[1] - first, num_crops).round().long()
    opening = envelope[:, places]
    faces, landmarks = faces_of(opening, generator)
    starts = places * STEP - round(late_seconds * RATE) - length // 2
    crop_sound = torch.stack([sound[:, s : s + length] for s in starts.tolist()], dim=1)
    return {
        "faces": faces,
        "faces_mask": torch.ones(num_clips, num_crops, dtype=torch.bool),
        "landmarks": landmarks,
        "persons": torch.zeros(num_clips, num_crops, dtype=torch.long),
        "crop_sound": crop_sound,
    }
