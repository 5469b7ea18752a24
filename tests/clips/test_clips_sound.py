"""The statistics of a voice have librosa's values, without its import."""

import subprocess
import sys

import numpy as np
import pytest

from avfake.clips.voice_statistics import HIGH_BAND_HZ, HOP, N_FFT, SILENCE_DB, voice_statistics
from avfake.media.types import Waveform

RNG = np.random.default_rng(0)
CLOCK = np.arange(3 * 16_000 + 255) / 16_000
TONE = np.sin(2 * np.pi * 440 * CLOCK)
NOISE = RNG.normal(size=len(CLOCK))
SOUNDS = {
    "noise": 0.1 * NOISE,
    "tone": TONE,
    "pauses": TONE * (CLOCK % 1 > 0.5),
    "digital silence after a start": np.where(CLOCK > 0.2, 0.0, 0.01 * NOISE),
    "hardly there": 1e-6 * NOISE,
    "square": np.sign(np.sin(2 * np.pi * 50 * CLOCK)),
}


def by_librosa(waveform: Waveform) -> dict[str, float]:
    from librosa import feature, stft

    rate, samples = waveform.sample_rate, waveform.samples
    spectrum = np.abs(stft(samples, n_fft=N_FFT, hop_length=HOP))
    rms = feature.rms(S=spectrum, frame_length=N_FFT)[0]
    loud = rms > rms.max() * 10 ** (SILENCE_DB / 20)
    voiced = spectrum[:, loud]
    series = {
        "centroid": feature.spectral_centroid(S=voiced, sr=rate)[0],
        "rolloff": feature.spectral_rolloff(S=voiced, sr=rate)[0],
        "flatness": feature.spectral_flatness(S=voiced)[0],
        "zero_crossing": feature.zero_crossing_rate(samples, frame_length=N_FFT, hop_length=HOP)[0],
        "rms": rms,
    }
    found = {f"{name}_mean": values.mean() for name, values in series.items()}
    found |= {f"{name}_std": values.std() for name, values in series.items()}
    power = (voiced**2).sum(axis=1)
    high = np.linspace(0.0, rate / 2, len(power)) >= HIGH_BAND_HZ
    found["bandwidth_mean"] = feature.spectral_bandwidth(S=voiced, sr=rate)[0].mean()
    found["high_band_share"] = power[high].sum() / power.sum()
    found["silence_share"] = 1.0 - loud.mean()
    return {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("name", SOUNDS)
def test_the_values_are_those_of_librosa(name: str, rate: int) -> None:
    waveform = Waveform(SOUNDS[name].astype(np.float32), rate)
    # Clips of before and after must have the same bytes: six decimals stand in them.
    assert voice_statistics(waveform) == pytest.approx(by_librosa(waveform), rel=0, abs=0.6e-6)


def test_librosa_is_not_imported_for_them() -> None:
    code = (
        "import sys, numpy as np; from avfake.media import Waveform; "
        "from avfake.clips.voice_statistics import voice_statistics; "
        "voice_statistics(Waveform(np.ones(16000, np.float32), 16000)); "
        "print({'librosa', 'numba'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
