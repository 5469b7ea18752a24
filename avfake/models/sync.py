"""Lips and sound: whether the sound fits the mouth, and at which shift between them.

The mouth of each crop becomes a unit vector, and so does the sound around the crop's time at each
of K shifts; their cosine, averaged over a person's crops, is the evidence. The crops of a clip are
spread over the file, so that there is no motion: the shape of the mouth must fit. Both sides are
centred over the clip first, which removes speaker and microphone and leaves what changes while
talking.
The sound network has no padding in time, so that no shift can be recognised by its position.
Reference: Chung & Zisserman 2016, Out of Time: automated lip sync in the wild.
faces [B, T, 3, S, S], landmarks [B, T, 5, 2], crop_sound [B, T, M] -> `SyncOutput`.
Parameters: 0.25 M with the defaults. A clip of 8 crops takes 10 ms on one core, its faces take
tf_efficientnet_b0 325 ms at 224 px.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avfake.errors import ConfigError, check_ranges
from avfake.models.branch import scatter
from avfake.models.mouth import cut_mouths, shows_mouth
from avfake.models.outputs import NUM_STATISTICS, SyncOutput
from avfake.models.spectrogram import DEVIATION_FLOOR, LogSpectrogram, SpectrogramConfig

SPECTRA_A_STEP = 10
"""Spectra of the sound from one shift to the next; the network's stride in time."""
MARGIN_SECONDS = 0.04
"""Sound beyond the outermost windows, where spectra would mirror the end."""
SHARPEST = 100.0
SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class SyncConfig:
    """Comparison of lips and sound."""

    mouth_px: int = 56
    """Side of the mouth pictures at the input of the network."""
    mouth_extent: float = 1.4
    """Side of the square around the mouth, in distances from eyes to mouth."""
    window_seconds: float = 0.4
    """Sound that is compared with one mouth; a multiple of the step."""
    max_offset_seconds: float = 0.4
    """Furthest shift tried, either way; a multiple of the step."""
    step_seconds: float = 0.1
    """Distance of two shifts."""
    num_bands: int = 40
    width: int = 24
    """Channels of the first layers."""
    embedding_dim: int = 64
    min_crops: ClassVar[int] = 2
    """Crops of a person; a single one cannot be centred."""

    def __post_init__(self) -> None:
        check_ranges(
            self,
            "sync",
            mouth_px="[16, 256]",
            mouth_extent="(0, inf)",
            step_seconds="[0.01, 0.3]",
            **dict.fromkeys(("num_bands", "width", "embedding_dim"), "[8, inf)"),
        )
        for name in ("window_seconds", "max_offset_seconds"):
            steps = getattr(self, name) / self.step_seconds
            if round(steps) < 1 or not math.isclose(steps, round(steps), rel_tol=1e-6):
                raise ConfigError(
                    f"sync.{name} must be a multiple of step_seconds={self.step_seconds:g}, "
                    f"got {getattr(self, name):g}"
                )

    @property
    def num_shifts(self) -> int:
        return 2 * round(self.max_offset_seconds / self.step_seconds) + 1

    @property
    def feature_dim(self) -> int:
        """Length of the embedding for the fusion."""
        return self.num_shifts + NUM_STATISTICS

    @property
    def sound_seconds(self) -> float:
        """Length of `crop_sound`: every window at every shift, and a margin."""
        return self.window_seconds + 2 * self.max_offset_seconds + MARGIN_SECONDS


class SyncBranch(nn.Module):
    """Mouths and the sound around them -> evidence of sync."""

    shifts: Tensor

    def __init__(self, config: SyncConfig) -> None:
        super().__init__()
        self.config = config
        reach = config.max_offset_seconds
        shifts = torch.linspace(-reach, reach, config.num_shifts)
        self.register_buffer("shifts", shifts, persistent=False)
        hop = round(config.step_seconds * SAMPLE_RATE / SPECTRA_A_STEP)
        spectrogram = SpectrogramConfig(SAMPLE_RATE, hop=hop, num_bands=config.num_bands)
        self.spectrogram = LogSpectrogram(spectrogram)
        self.mouth_network = _mouth_network(config)
        self.sound_network = _SoundNetwork(config)
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(10.0)))
        self.log_clip_sharpness = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, batch: Mapping[str, Tensor]) -> SyncOutput:
        """Return the comparison at all shifts.

        Args:
            batch: `faces`, `faces_mask`, `landmarks`, `persons` and `crop_sound`
        """
        landmarks, sound = batch["landmarks"], batch["crop_sound"]
        # Digital silence is padding: of a silent clip beside others, or of a crop beyond the sound.
        usable = batch["faces_mask"] & shows_mouth(landmarks) & sound.ne(0).any(dim=-1)
        persons = F.one_hot(batch["persons"]) * usable.unsqueeze(-1)  # [B, T, P]
        persons = persons * (persons.sum(dim=1, keepdim=True) >= self.config.min_crops)
        usable = persons.any(dim=-1)
        mouths = scatter(self._mouths(batch["faces"][usable], landmarks[usable]), usable)
        sounds = scatter(self._sounds(sound, usable), usable)  # [B, T, K, D]
        with torch.autocast(sound.device.type, enabled=False):
            return self._compare(mouths.float(), sounds.float(), persons.float())

    def _mouths(self, faces: Tensor, landmarks: Tensor) -> Tensor:
        """[M, 3, S, S] -> [M, D]."""
        if len(faces) == 0:
            return landmarks.new_zeros(0, self.config.embedding_dim)
        pictures = cut_mouths(
            faces, landmarks, size_px=self.config.mouth_px, extent=self.config.mouth_extent
        )
        vectors: Tensor = self.mouth_network(pictures)
        return vectors

    def _sounds(self, sound: Tensor, usable: Tensor) -> Tensor:
        """[B, T, M] -> [number of usable crops, K, D]."""
        log_power = self.spectrogram.log_power(sound[usable])  # [N, 1, bands, time]
        wanted = self.sound_network.num_spectra
        if log_power.shape[-1] < wanted:
            raise ValueError(
                f"crop_sound must hold {self.config.sound_seconds:g} s, got {sound.shape[-1]} "
                f"samples"
            )
        start = (log_power.shape[-1] - wanted) // 2
        log_power = log_power[..., start : start + wanted]
        if len(log_power) == 0:
            return log_power.new_zeros(0, self.config.num_shifts, self.config.embedding_dim)
        # By clip, not by crop: the level of this moment relative to the others shows the lips.
        clips = usable.nonzero()[:, 0]
        vectors: Tensor = self.sound_network(_normalised(log_power, clips, len(usable)))
        return vectors

    def _compare(self, mouths: Tensor, sounds: Tensor, persons: Tensor) -> SyncOutput:
        """mouths [B, T, D], sounds [B, T, K, D], persons [B, T, P] 1 where usable."""
        counts = persons.sum(dim=1)  # [B, P]
        usable = persons.sum(dim=-1)  # [B, T]
        shares = persons / counts.clamp(min=1).unsqueeze(1)
        own_mean = torch.einsum("btp,bqp,bqd->btd", persons, shares, mouths)
        mouths = F.normalize((mouths - own_mean) * usable.unsqueeze(-1), dim=-1)
        clip_shares = usable / usable.sum(dim=1, keepdim=True).clamp(min=1)
        sound_mean = torch.einsum("bt,btkd->bd", clip_shares, sounds) / sounds.shape[2]
        sounds = F.normalize(
            (sounds - sound_mean[:, None, None]) * usable[:, :, None, None], dim=-1
        )
        similarity = torch.einsum("btd,btkd->btk", mouths, sounds)
        curves = torch.einsum("btp,btk->bpk", shares, similarity)
        fit = curves.amax(dim=-1) - curves.median(dim=-1).values
        best = fit.masked_fill(counts == 0, -1.0).argmax(dim=1)  # [B]
        curve = curves[torch.arange(len(best), device=best.device), best]
        chosen = persons.gather(2, best[:, None, None].expand(-1, persons.shape[1], 1)).squeeze(-1)
        return SyncOutput(
            shifts=self.shifts,
            similarity=curve,
            log_probabilities=(_scale(self.log_clip_sharpness) * curve).log_softmax(dim=1),
            present=counts.any(dim=1),
            mask=chosen.bool(),
            crop_similarity=similarity * chosen.unsqueeze(-1),
            mouths=mouths,
            sounds=sounds,
            sharpness=_scale(self.log_sharpness),
        )


class _SoundNetwork(nn.Module):
    """[N, 1, bands, num_spectra] -> [N, K, D], one vector for each shift, by the same layers."""

    def __init__(self, config: SyncConfig) -> None:
        super().__init__()
        width, window = config.width, round(config.window_seconds / config.step_seconds)
        self.num_spectra = SPECTRA_A_STEP * (window + config.num_shifts - 1)
        self.spectra = nn.Sequential(
            *_block(nn.Conv2d(1, width, (5, 5), (2, 5), (2, 0))),
            *_block(nn.Conv2d(width, 2 * width, (3, 2), (2, 2), (1, 0))),
            *_block(nn.Conv2d(2 * width, 2 * width, (3, 1), (2, 1), (1, 0))),
        )
        num_rows = -(-config.num_bands // 8)
        self.window = nn.Sequential(
            nn.Conv1d(2 * width * num_rows, 4 * width, window),
            nn.BatchNorm1d(4 * width),
            nn.ReLU(),
            nn.Conv1d(4 * width, config.embedding_dim, 1),
        )

    def forward(self, log_power: Tensor) -> Tensor:
        steps = self.spectra(log_power).flatten(1, 2)  # [N, 2 width x rows, steps]
        vectors: Tensor = self.window(steps)
        return vectors.transpose(1, 2)


def _mouth_network(config: SyncConfig) -> nn.Sequential:
    """[M, 3, mouth_px, mouth_px] -> [M, D]; positions in the picture are kept up to the end."""
    width = config.width
    side = -(-config.mouth_px // 8)
    return nn.Sequential(
        *_block(nn.Conv2d(3, width, 5, 2, 2)),
        *_block(nn.Conv2d(width, 2 * width, 3, 2, 1)),
        *_block(nn.Conv2d(2 * width, 4 * width, 3, 2, 1)),
        *_block(nn.Conv2d(4 * width, width, 1)),
        nn.Flatten(),
        nn.Linear(width * side * side, config.embedding_dim),
    )


def _block(convolution: nn.Conv2d) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU()]


def _normalised(log_power: Tensor, clips: Tensor, num_clips: int) -> Tensor:
    """Normalise mean and deviation over the crops of each clip; clips: [N], clip of each crop."""
    sums = log_power.new_zeros(num_clips, 3)
    powers = (torch.ones_like(log_power), log_power, log_power.square())
    count, total, squares = (power.sum(dim=(1, 2, 3)) for power in powers)
    moments = torch.stack([total, squares, count], dim=1)
    total, squares, count = sums.index_add(0, clips, moments)[clips].unbind(dim=1)
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0).sqrt().clamp(min=DEVIATION_FLOOR)
    return (log_power - mean[:, None, None, None]) / deviation[:, None, None, None]


def _scale(log_scale: Tensor) -> Tensor:
    return log_scale.exp().clamp(max=SHARPEST)
