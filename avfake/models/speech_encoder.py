"""The first layers of Whisper's speech encoder: what was said and how it sounds, every 20 ms.

Two convolutions over a log-mel spectrogram, then transformer layers. Its first layers tell most
about forged voices, since the last hold words.
Reference: Radford et al. 2022, Robust Speech Recognition via Large-Scale Weak Supervision.
[M, N] mono at 16 kHz, up to 30 s -> states of each layer [M, N // 320, 512].
Parameters: 1.8 M before the layers (base), 3.2 M a layer.
"""

from contextlib import nullcontext

import torch
import torch.nn.functional as F
import torchaudio.functional as AF  # noqa: N812  as torch.nn.functional is F
from torch import Tensor, nn

from avfake.errors import ConfigError
from avfake.models.backbone import Backbone, tuned
from avfake.models.frozen import Frozen, pool_positions
from avfake.models.pretrained import HUB, NONE, WHISPER, load_weights

SPEECH = "whisper_base"
"""Its name among the backbones of sound."""
NUM_LAYERS = 6
SAMPLE_RATE = 16_000
MAX_SECONDS = 30


class SpeechEncoder(nn.Module):
    """Whisper-base's encoder up to a layer."""

    width, num_heads, num_bands = 512, 8, 80
    position: Tensor
    bank: Tensor
    window: Tensor

    def __init__(self, num_layers: int, *, empty: bool = False) -> None:
        """
        Args:
            num_layers: transformer layers, at most 6
            empty: without memory for weights, which `Frozen.load_state` brings
        """
        super().__init__()
        self.register_buffer("window", torch.hann_window(400), persistent=False)
        bank = AF.melscale_fbanks(
            201,
            0.0,
            SAMPLE_RATE / 2,
            self.num_bands,
            SAMPLE_RATE,
            norm="slaney",
            mel_scale="slaney",
        )
        self.register_buffer("bank", bank.T.contiguous(), persistent=False)
        with torch.device("meta") if empty else nullcontext():
            self.conv1 = nn.Conv1d(self.num_bands, self.width, 3, padding=1)
            self.conv2 = nn.Conv1d(self.width, self.width, 3, stride=2, padding=1)
            self.register_buffer("position", torch.zeros(50 * MAX_SECONDS, self.width))
            self.layers = nn.ModuleList(
                EncoderLayer(self.width, self.num_heads) for _ in range(num_layers)
            )

    def forward(self, sound: Tensor) -> list[Tensor]:
        """Return the states after the convolutions and after each layer."""
        hidden = F.gelu(self.conv1(self.log_mel(sound)))
        hidden = F.gelu(self.conv2(hidden)).transpose(1, 2)
        states = [hidden + self.position[: hidden.shape[1]]]
        for layer in self.layers:
            states.append(layer(states[-1]))
        return states

    def log_mel(self, sound: Tensor) -> Tensor:
        """[M, N] -> [M, 80, N // 160], scaled as Whisper was trained."""
        with torch.autocast(sound.device.type, enabled=False):
            spectrum = torch.stft(sound.float(), 400, 160, window=self.window, return_complex=True)
            power = self.bank @ spectrum[..., :-1].abs().square()
            level = power.clamp(min=1e-10).log10()
            loudest = level.amax(dim=(1, 2), keepdim=True)
            return (torch.maximum(level, loudest - 8) + 4) / 4


class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward layer, each normalised first and residual."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm_attention, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """[M, T, D] -> [M, T, D]"""
        heads = self.qkv(self.norm_attention(hidden)).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each [M, heads, T, D / heads]
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        hidden = hidden + self.out(attended)
        fed: Tensor = self.narrow(F.gelu(self.widen(self.norm_feed(hidden))))
        return hidden + fed


class SpeechFeatures(nn.Module):
    """Mean and deviation over time of some layers: [M, N] -> [M, len(layers) * 1024]."""

    def __init__(self, encoder: SpeechEncoder, layers: tuple[int, ...]) -> None:
        super().__init__()
        self.encoder, self.layers = encoder, layers

    def forward(self, sound: Tensor) -> Tensor:
        states = self.encoder(sound)
        return torch.cat([pool_positions(states[layer]) for layer in self.layers], dim=1)


def speech_backbone(
    weights: str,
    layers: tuple[int, ...],
    *,
    tune: str,
    shared: Frozen | None = None,
    empty: bool = False,
) -> Backbone:
    """Return the encoder up to the last of `layers` as a backbone that reads samples.

    shared, empty: as of `load_backbone`
    """
    if not all(0 <= layer <= NUM_LAYERS for layer in layers):
        raise ConfigError(f"audio.layers of {SPEECH} are 0 to {NUM_LAYERS}, got {layers}")
    if weights == HUB:
        raise ConfigError(f"{SPEECH} is not of timm's hub: add --audio.weights {WHISPER}")
    width = 2 * SpeechEncoder.width * len(layers)
    if shared is not None:
        return Backbone(shared, width, pretrained_used=weights != NONE)
    encoder = SpeechEncoder(max(layers), empty=empty and tune == "none")
    if weights != NONE:
        load_weights(encoder, weights)
    network = tuned(SpeechFeatures(encoder, layers), tune)
    return Backbone(network, width, pretrained_used=weights != NONE)
