"""Voices: as long as asked, at the pitch of the speaker, each unlike the others."""

import numpy as np
import pytest

from avfake.studio.voices import (
    SAMPLE_RATE,
    Acoustics,
    Speaker,
    Speech,
    draw_acoustics,
    draw_speaker,
    speak,
)

DRY = Acoustics(echo_seconds=0.05, echo_share=0.0, hiss_db=-80, seed=0)


def speaker(**changes: float) -> Speaker:
    plain = {
        "pitch_hz": 120.0,
        "pitch_range": 0.02,
        "formant_scale": 1.0,
        "tilt_db": -10.0,
        "breath": 0.02,
        "hiss": 0.1,
        "shake": 0.002,
        "syllables_per_second": 4.0,
    }
    return Speaker(**(plain | changes))


def said(voice: Speaker, seconds: float = 2.0, seed: int = 1) -> Speech:
    frames = round(15 * seconds)
    return speak(voice, DRY, np.random.default_rng(seed), num_frames=frames, fps=15)


@pytest.mark.parametrize("seconds", [1.0, 2.0, 3.6])
def test_sound_and_mouth_are_as_long_as_asked(seconds: float) -> None:
    speech = said(speaker(), seconds)
    assert len(speech.waveform.samples) == round(seconds * SAMPLE_RATE)
    assert speech.mouth_open.shape == (round(seconds * 15),)
    assert 0 <= speech.mouth_open.min() < speech.mouth_open.max() <= 1
    assert np.abs(speech.waveform.samples).max() < 1


@pytest.mark.parametrize("pitch_hz", [95.0, 140.0, 230.0])
def test_the_voice_has_the_pitch_of_its_speaker(pitch_hz: float) -> None:
    samples = said(speaker(pitch_hz=pitch_hz)).waveform.samples
    correlation = np.fft.irfft(np.abs(np.fft.rfft(samples, 2 * len(samples))) ** 2)
    shortest, longest = int(SAMPLE_RATE / (1.6 * pitch_hz)), int(SAMPLE_RATE / (0.6 * pitch_hz))
    found = SAMPLE_RATE / (shortest + correlation[shortest:longest].argmax())
    assert found == pytest.approx(pitch_hz, rel=0.12)


def test_a_shorter_vocal_tract_lifts_the_formants() -> None:
    # 500 to 4000 Hz: above the pitch, below the hiss.
    def centroid(scale: float) -> float:
        spectrum = (
            np.abs(
                np.fft.rfft(
                    said(speaker(formant_scale=scale, tilt_db=-3.0, hiss=0.0)).waveform.samples
                )
            )
            ** 2
        )
        spectrum[:1000] = spectrum[8000:] = 0
        return float((spectrum * np.arange(len(spectrum))).sum() / spectrum.sum())

    assert centroid(1.2) > 1.1 * centroid(0.9)


def test_voices_and_rooms_differ() -> None:
    rng = np.random.default_rng(0)
    voices = [draw_speaker(rng) for _ in range(60)]
    pitches = np.array([voice.pitch_hz for voice in voices])
    scales = np.array([voice.formant_scale for voice in voices])
    assert pitches.max() > 2 * pitches.min()
    assert np.corrcoef(pitches, scales)[0, 1] > 0.5
    assert len({draw_acoustics(rng) for _ in range(10)}) == 10
