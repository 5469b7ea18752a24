"""Short-time spectra of a voice, phases for magnitudes, pitch and loudness."""

import math

import numpy as np
import scipy  # scipy.signal, which takes a second to import, is imported at its first use
import torch
from scipy.ndimage import median_filter, uniform_filter1d

from avfake.media import Waveform


class Voice:
    """A voice with its short-time spectrum, and the way back to a sound that is as long."""

    def __init__(self, waveform: Waveform) -> None:
        self.waveform = waveform
        self.sample_rate, self.length = waveform.sample_rate, len(waveform.samples)
        # About 43 ms, and a quarter of it from frame to frame.
        self.window = 2 ** round(np.log2(0.043 * self.sample_rate))
        self.step = self.window // 4
        self.spectrum = self.analyse(torch.from_numpy(waveform.samples))
        """complex64 [F, T]."""

    def analyse(self, samples: torch.Tensor) -> torch.Tensor:
        """Compute the spectrum complex64 [F, T] of samples [N]."""
        return torch.stft(
            samples,
            self.window,
            self.step,
            window=torch.hann_window(self.window),
            pad_mode="constant",
            return_complex=True,
        )

    def synthesise(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Compute samples float32 [N] from a spectrum [F, T]."""
        window = torch.hann_window(self.window)
        return torch.istft(spectrum, self.window, self.step, window=window, length=self.length)


def as_loud(made: np.ndarray | torch.Tensor, like: Waveform) -> Waveform:
    """Return samples with the loudness contour (30 ms) and the overall loudness of `like`."""
    made, width = np.asarray(made), int(0.03 * like.sample_rate)
    floor = 1e-6 * float(np.mean(like.samples**2)) + 1e-12

    def contour(samples: np.ndarray) -> np.ndarray:
        return uniform_filter1d(samples.astype(np.float64) ** 2, width, mode="nearest") + floor

    return as_strong(made * np.sqrt(contour(like.samples) / contour(made)).clip(0, 30), like)


def as_strong(made: np.ndarray | torch.Tensor, like: Waveform) -> Waveform:
    """Return samples with the overall loudness of `like`."""
    made = np.asarray(made)
    gain = np.sqrt(np.mean(like.samples.astype(np.float64) ** 2) / (np.mean(made**2) + 1e-12))
    return Waveform((made * gain).astype(np.float32), like.sample_rate)


def smooth_envelope(log_magnitude: torch.Tensor, quefrency: int) -> torch.Tensor:
    """Return the slow part of log magnitudes [F, T] along frequency: the vocal tract.

    quefrency: in samples; variation along frequency faster than that is removed.
    """
    cepstrum = torch.fft.irfft(log_magnitude, dim=0)
    lifter = torch.zeros(len(cepstrum), 1)
    lifter[:quefrency] = 1
    lifter[-quefrency + 1 :] = 1
    return torch.fft.rfft(cepstrum * lifter, dim=0).real


def stretch_frequency(
    values: torch.Tensor, ratio: float, *, beyond: float | None = None
) -> torch.Tensor:
    """Move values [F, T] at frequency f to ratio * f.

    beyond: value above the old upper end if the ratio is below 1; None repeats the end.
    """
    last = len(values) - 1
    bins = torch.arange(last + 1) / ratio
    low = bins.floor().long().clamp(max=last)
    share = (bins - low).clamp(0, 1)[:, None]
    stretched = values[low].lerp(values[(low + 1).clamp(max=last)], share)
    if beyond is not None:
        stretched[bins > last] = beyond
    return stretched


def through_mel(magnitude: torch.Tensor, bands: int, sample_rate: int) -> torch.Tensor:
    """Reduce magnitudes [F, T] to `bands` mel bands and expand them again, as vocoders do."""
    filters = _mel_filters(len(magnitude), bands, sample_rate)  # [bands, F]
    weights = filters / filters.sum(1, keepdim=True).clamp_min(1e-6)
    spread = filters / filters.sum(0, keepdim=True).clamp_min(1e-6)
    return spread.T @ (weights @ magnitude)


def _mel_filters(num_bins: int, bands: int, sample_rate: int) -> torch.Tensor:
    """Return triangles [bands, F]; none is narrower than a bin, so that none is empty.

    Own code: filters of torchaudio and librosa can be empty at low frequencies.
    """
    hertz = np.linspace(0, sample_rate / 2, num_bins)
    edges_mel = np.linspace(0, 2595 * np.log10(1 + sample_rate / 1400), bands + 2)
    edges = 700 * (10 ** (edges_mel / 2595) - 1)
    centres = edges[1:-1, None]
    width = np.maximum(np.diff(edges), hertz[1])
    rise = 1 - (centres - hertz) / width[:-1, None]
    fall = 1 - (hertz - centres) / width[1:, None]
    return torch.from_numpy(np.maximum(np.minimum(rise, fall), 0).astype(np.float32))


def minimum_phase(log_magnitude: torch.Tensor) -> torch.Tensor:
    """Return complex64 [F, T] with these log magnitudes and minimum phase.

    The cepstrum is folded onto its causal half (Oppenheim & Schafer), as for a vocal tract.
    """
    cepstrum = torch.fft.irfft(log_magnitude, dim=0)
    middle = len(cepstrum) // 2
    cepstrum[1:middle] *= 2
    cepstrum[middle + 1 :] = 0
    return torch.fft.rfft(cepstrum, dim=0).exp()


def griffin_lim(
    magnitude: torch.Tensor,
    voice: Voice,
    *,
    rounds: int,
    seed: int,
    start: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return samples, as many as of the voice, whose spectrum is close to magnitude [F, T].

    Phases begin as the angles `start` [F, T], else at random. Griffin & Lim 1984, with the momentum
    of Perraudin et al. 2013. Few rounds sound hollow. Own code, because the implementations of
    torchaudio and librosa cannot start from given phases.
    """
    generator = torch.Generator().manual_seed(seed)
    angles = torch.rand(magnitude.shape, generator=generator) * (2 * math.pi)
    angles = angles if start is None else start
    spectrum = torch.polar(magnitude, angles)
    previous = torch.zeros_like(spectrum)
    for _ in range(rounds):
        rebuilt = voice.analyse(voice.synthesise(spectrum))
        direction = rebuilt + 0.9 * (rebuilt - previous)
        previous = rebuilt
        spectrum = magnitude * direction / direction.abs().clamp_min(1e-8)
    return voice.synthesise(spectrum)


def run_phases_on(magnitude: torch.Tensor, voice: Voice, ratio: float) -> torch.Tensor:
    """Return samples of magnitude [F, T] with the phase advance of the voice times the pitch ratio.

    The phase vocoder: bins lose their phase relation, which smears each pulse of the voice. Own
    code, because that of librosa changes the duration, not the pitch, and keeps the magnitudes.
    """
    num_bins = len(magnitude)
    expected = torch.arange(num_bins)[:, None] * (2 * math.pi * voice.step / voice.window)
    angles = voice.spectrum.angle()
    advance = torch.diff(angles, dim=1) - expected
    advance = advance - 2 * math.pi * torch.round(advance / (2 * math.pi)) + expected
    came_from = (torch.arange(num_bins) / ratio).round().long().clamp(max=num_bins - 1)
    running = torch.cat([angles[:, :1], advance * ratio], dim=1)[came_from].cumsum(dim=1)
    return voice.synthesise(torch.polar(magnitude, running))


def pulses(waveform: Waveform, *, ratio: float, rng: np.random.Generator) -> torch.Tensor:
    """Return an excitation [N] with a flat spectrum: pulses at the pitch times ratio, or noise."""
    pitch, voicing = pitch_and_voicing(waveform)
    pitch = pitch * ratio
    turns = np.cumsum(pitch / waveform.sample_rate)
    train = np.diff(np.floor(turns), prepend=0.0) * np.sqrt(waveform.sample_rate / pitch)
    for section in _dispersion(waveform.sample_rate):
        train = scipy.signal.lfilter(section[::-1], section, train)
    noise = rng.standard_normal(len(pitch))
    mixed = voicing * train + np.sqrt(np.maximum(1 - voicing**2, 0)) * noise
    return torch.from_numpy(mixed.astype(np.float32))


def _dispersion(sample_rate: int) -> list[np.ndarray]:
    """Return all-pass sections: pulses of zero phase would have far higher peaks than a voice."""
    angles = 2 * np.pi * np.array([300, 900, 1800, 3000, 5000]) / sample_rate
    return [np.array([1, -1.94 * np.cos(angle), 0.97**2]) for angle in angles]


def pitch_and_voicing(waveform: Waveform) -> tuple[np.ndarray, np.ndarray]:
    """Return pitch in Hz and voicing in 0..1 at each sample, from autocorrelations of 40 ms.

    Own code: librosa.yin returns no voicing, and librosa.pyin takes 1.1 s for 4 s of sound (this
    function: 0.03 s).
    """
    samples, sample_rate = waveform.samples, waveform.sample_rate
    step, window = int(0.01 * sample_rate), int(0.04 * sample_rate)
    padded = np.pad(samples, (window // 2, window))
    starts = np.arange(0, len(samples), step)
    frames = padded[starts[:, None] + np.arange(window)] * np.hanning(window)
    power = np.abs(np.fft.rfft(frames, 2 * window, axis=1)) ** 2
    correlation = np.fft.irfft(power, axis=1)
    correlation /= correlation[:, :1] + 1e-9
    shortest, longest = (int(sample_rate / hertz) for hertz in (450, 60))
    # The autocorrelation of the window falls with the lag, which would favour short periods.
    fall = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(window), 2 * window)) ** 2)
    search = correlation[:, shortest:longest] / np.maximum(fall / fall[0], 0.1)[shortest:longest]
    lags = search.argmax(axis=1)
    height = search[np.arange(len(search)), lags]
    pitch = median_filter(sample_rate / (lags + shortest), 5)
    voicing = np.clip((height - 0.3) / 0.4, 0, 1)
    positions, middles = np.arange(len(samples)) / step, np.arange(len(pitch)) + 0.5
    return np.interp(positions, middles, pitch), np.interp(positions, middles, voicing)
