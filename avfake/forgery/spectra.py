"""The short-time spectrum and the operations on it that voice forgeries share."""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Analysis:
    """Window and step of a short-time spectrum, in samples."""

    window: int
    step: int

    @classmethod
    def at(cls, sample_rate: int) -> "Analysis":
        """About 43 ms of window, a power of two; a quarter of it as the step."""
        window = 2 ** round(np.log2(0.043 * sample_rate))
        return cls(window, window // 4)

    def spectrum(self, samples: torch.Tensor) -> torch.Tensor:
        """complex64 [F, T] of samples [N]."""
        return torch.stft(
            samples,
            self.window,
            self.step,
            window=torch.hann_window(self.window),
            pad_mode="constant",
            return_complex=True,
        )

    def samples(self, spectrum: torch.Tensor, length: int) -> torch.Tensor:
        """float32 [length] back from a spectrum [F, T]."""
        return torch.istft(
            spectrum, self.window, self.step, window=torch.hann_window(self.window), length=length
        )


def smooth_envelope(log_magnitude: torch.Tensor, quefrency: int) -> torch.Tensor:
    """The slow part along frequency of log magnitudes [F, T]: the vocal tract without the voice.

    quefrency: in samples; what repeats along frequency faster than that is left out.
    """
    cepstrum = torch.fft.irfft(log_magnitude, dim=0)
    lifter = torch.zeros(len(cepstrum), 1)
    lifter[:quefrency] = 1
    lifter[-quefrency + 1 :] = 1
    return torch.fft.rfft(cepstrum * lifter, dim=0).real


def stretch_frequency(
    values: torch.Tensor, ratio: float, *, beyond: float | None = None
) -> torch.Tensor:
    """Values [F, T] with what was at frequency f moved to ratio * f.

    beyond: what stands above the old upper end when the ratio is below 1; None repeats the end.
    """
    last = len(values) - 1
    places = torch.arange(last + 1) / ratio
    low = places.floor().long().clamp(max=last)
    share = (places - low).clamp(0, 1)[:, None]
    stretched = values[low].lerp(values[(low + 1).clamp(max=last)], share)
    if beyond is not None:
        stretched[places > last] = beyond
    return stretched


def through_mel(magnitude: torch.Tensor, bands: int, sample_rate: int) -> torch.Tensor:
    """Magnitudes [F, T] after they were kept as `bands` mel bands only, as vocoders keep them."""
    filters = _mel_filters(len(magnitude), bands, sample_rate)  # [bands, F]
    weights = filters / filters.sum(1, keepdim=True).clamp_min(1e-6)
    spread = filters / filters.sum(0, keepdim=True).clamp_min(1e-6)
    return spread.T @ (weights @ magnitude)


def _mel_filters(num_bins: int, bands: int, sample_rate: int) -> torch.Tensor:
    """Triangles [bands, F]; none is narrower than a bin, so that none is empty."""
    hertz = np.linspace(0, sample_rate / 2, num_bins)
    edges_mel = np.linspace(0, 2595 * np.log10(1 + sample_rate / 1400), bands + 2)
    edges = 700 * (10 ** (edges_mel / 2595) - 1)
    centres = edges[1:-1, None]
    width = np.maximum(np.diff(edges), hertz[1])
    rise = 1 - (centres - hertz) / width[:-1, None]
    fall = 1 - (hertz - centres) / width[1:, None]
    return torch.from_numpy(np.maximum(np.minimum(rise, fall), 0).astype(np.float32))


def minimum_phase(log_magnitude: torch.Tensor) -> torch.Tensor:
    """complex64 [F, T] with those log magnitudes and the least delay any filter can have.

    The cepstrum folded onto its causal half (Oppenheim & Schafer). A vocal tract is such a filter.
    """
    cepstrum = torch.fft.irfft(log_magnitude, dim=0)
    middle = len(cepstrum) // 2
    cepstrum[1:middle] *= 2
    cepstrum[middle + 1 :] = 0
    return torch.fft.rfft(cepstrum, dim=0).exp()
