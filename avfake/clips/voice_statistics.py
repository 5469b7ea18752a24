"""Spectral statistics of a voice for the stacker.

The names are those of `VOICE_STATISTICS` in `avfake.calibration`, checked by a test. The
definitions are those of librosa (McFee et al. 2015, doi:10.25080/Majora-7b98e3ed-003); a test
compares the values. librosa itself is not called: it compiles on first import, which takes 17 s
in a new environment and 1.5 s in every later process, while the statistics take 0.01 s.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from avfake.media import Waveform

N_FFT, HOP = 512, 256
HIGH_BAND_HZ = 4_000.0
"""Vocoders and codecs leave most of their traces above this."""
BLOCK_FRAMES = 4096
"""Frames that are transformed at once; bounds the memory."""
SILENCE_DB = -40.0
"""Level relative to the loudest frame below which a frame is a pause."""

ROLLOFF_SHARE = 0.85
"""Share of the magnitude of a frame that lies below its roll-off frequency."""
MIN_POWER = 1e-10
"""Floor of the power of a band, or one silent band would make the flatness 0."""


def voice_statistics(waveform: Waveform) -> dict[str, float]:
    """Return name -> value: spectral shape, level, pauses. Frequencies in Hz, levels linear."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)  # Hann
    frames = _frames(waveform.samples, mode="constant")
    blocks = [frames[first : first + BLOCK_FRAMES] for first in range(0, len(frames), BLOCK_FRAMES)]
    waves = (np.fft.rfft(window * block).astype(np.complex64) for block in blocks)
    spectrum = np.concatenate([np.abs(wave) for wave in waves]).T  # [N_FFT/2+1, T]
    squared = spectrum**2
    squared[[0, -1]] *= 0.5  # all other bands stand for two, of either sign
    rms = np.sqrt(2 * squared.sum(0) / N_FFT**2)
    loud = rms > rms.max() * 10 ** (SILENCE_DB / 20)
    voiced = spectrum[:, loud]
    del spectrum, squared  # a long sound takes much memory
    bands_hz = np.fft.rfftfreq(N_FFT, 1 / waveform.sample_rate)[:, None]
    firsts = range(0, voiced.shape[1], BLOCK_FRAMES)
    shapes = [_shape(voiced[:, first : first + BLOCK_FRAMES], bands_hz) for first in firsts]
    shape = {name: np.concatenate([one[name] for one in shapes]) for name in shapes[0]}
    bandwidth = shape.pop("bandwidth")
    negative = _frames(waveform.samples, mode="edge") < -1e-10
    series = {
        **shape,
        "zero_crossing": (negative[:, 1:] != negative[:, :-1]).sum(1) / N_FFT,
        "rms": rms,
    }
    statistics = {f"{name}_mean": values.mean() for name, values in series.items()}
    statistics |= {f"{name}_std": values.std() for name, values in series.items()}
    power = (voiced**2).sum(axis=1)
    statistics["bandwidth_mean"] = bandwidth.mean()
    statistics["high_band_share"] = power[bands_hz[:, 0] >= HIGH_BAND_HZ].sum() / power.sum()
    statistics["silence_share"] = 1.0 - loud.mean()
    return {name: round(float(value), 6) for name, value in statistics.items()}


def _shape(voiced: np.ndarray, bands_hz: np.ndarray) -> dict[str, np.ndarray]:
    """Return name -> [T] of spectra [bands, T]; bands_hz: [bands, 1]."""
    shares = (voiced / np.maximum(voiced.sum(0, np.float64), 1e-30)).astype(np.float32)
    centroid = (bands_hz * shares).sum(0)
    below = voiced.cumsum(0)
    return {
        "centroid": centroid,
        "rolloff": bands_hz[(below >= ROLLOFF_SHARE * below[-1]).argmax(0), 0],
        "flatness": _flatness(voiced),
        "bandwidth": np.sqrt((shares * (bands_hz - centroid) ** 2).sum(0)),
    }


def _frames(samples: np.ndarray, *, mode: str) -> np.ndarray:
    """Return [T, N_FFT], frame t around sample t * HOP; the ends are padded by `mode` of numpy."""
    padded = np.pad(samples, N_FFT // 2, mode=mode)  # type: ignore[call-overload]
    return sliding_window_view(padded, N_FFT)[::HOP]


def _flatness(spectrum: np.ndarray) -> np.ndarray:
    """Return geometric over arithmetic mean of the bands' power: 1 for noise, 0 for a tone."""
    power = np.maximum(MIN_POWER, spectrum**2)
    return np.exp(np.log(power).mean(0)) / power.mean(0)
