"""Statistics of a voice for the stacker, through librosa: cheap facts no network has to learn.

The names are `stack.features.VOICE_STATISTICS`; a test holds the two together.
"""

import numpy as np

from avfake.media import Waveform

N_FFT, HOP = 512, 256
HIGH_BAND_HZ = 4_000.0
"""Above this the vocoders and codecs that made a voice leave most of their traces."""
SILENCE_DB = -40.0
"""Below the loudest frame by this much counts as a pause."""


def voice_statistics(waveform: Waveform) -> dict[str, float]:
    """Name -> value: spectral shape over time, level, pauses. Frequencies in Hz, levels linear."""
    from librosa import feature, stft  # late: librosa pulls numba and scipy.signal

    rate = waveform.sample_rate
    spectrum = np.abs(stft(waveform.samples, n_fft=N_FFT, hop_length=HOP))  # [N_FFT/2+1, T]
    rms = feature.rms(S=spectrum, frame_length=N_FFT)[0]
    loud = rms > rms.max() * 10 ** (SILENCE_DB / 20)
    voiced = spectrum[:, loud]
    series = {
        "centroid": feature.spectral_centroid(S=voiced, sr=rate)[0],
        "rolloff": feature.spectral_rolloff(S=voiced, sr=rate)[0],
        "flatness": feature.spectral_flatness(S=voiced)[0],
        "zero_crossing": feature.zero_crossing_rate(
            waveform.samples, frame_length=N_FFT, hop_length=HOP
        )[0],
        "rms": rms,
    }
    statistics = {f"{name}_mean": values.mean() for name, values in series.items()}
    statistics |= {f"{name}_std": values.std() for name, values in series.items()}
    power = (voiced**2).sum(axis=1)
    high = np.linspace(0.0, rate / 2, len(power)) >= HIGH_BAND_HZ
    statistics["bandwidth_mean"] = feature.spectral_bandwidth(S=voiced, sr=rate)[0].mean()
    statistics["high_band_share"] = power[high].sum() / power.sum()
    statistics["silence_share"] = 1.0 - loud.mean()
    return {name: round(float(value), 6) for name, value in statistics.items()}
