"""The same speech with a pause more or less gets the same voice score from the shipped detector."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from real_media import REAL_MEDIA
from speaking import speech

from avfake import Detector
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio

RATE = 16_000
NUM_RECORDINGS = 40


def write_late(path: Path, samples: np.ndarray, *, start_seconds: float) -> None:
    """Write a grey picture from second 0 and the sound from a later second on."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=10)
        video.width = video.height = 64
        audio = out.add_stream("flac", rate=RATE, layout="mono")
        for index in range(round(10 * (start_seconds + len(samples) / RATE))):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8))
            frame.pts, frame.time_base = index, Fraction(1, 10)
            out.mux(video.encode(frame))
        pcm = (samples * 32767).round().astype(np.int16)
        for at in range(0, len(pcm), 4096):
            block = av.AudioFrame.from_ndarray(pcm[None, at : at + 4096], "s16", "mono")
            block.sample_rate, block.time_base = RATE, Fraction(1, RATE)
            block.pts = at + round(start_seconds * RATE)
            out.mux(audio.encode(block))
        for stream in (video, audio):
            out.mux(stream.encode(None))


def variants(samples: np.ndarray, folder: Path, *, noise_level: float = 0.0) -> dict[str, Path]:
    """Write the recording as it is, after a pause of 2 s, with 4 s in the middle, 1.5 s late."""
    rng, middle = np.random.default_rng(0), len(samples) // 2

    def pause(seconds: float) -> np.ndarray:
        return (noise_level * rng.standard_normal(round(seconds * RATE))).astype(np.float32)

    sounds = {
        "plain": samples,
        "lead": np.concatenate([pause(2), samples]),
        "middle": np.concatenate([samples[:middle], pause(4), samples[middle:]]),
    }
    for name, sound in sounds.items():
        write_audio(folder / f"{name}.wav", Waveform(sound, RATE))
    write_late(folder / "late.mkv", samples, start_seconds=1.5)
    return {name: folder / f"{name}.wav" for name in sounds} | {"late": folder / "late.mkv"}


def changes(detector: Detector, files: dict[str, Path]) -> dict[str, float]:
    """Return variant -> change of the probability of a forged voice, in absolute terms."""
    found = {name: detector.predict(path).p_voice_fake for name, path in files.items()}
    plain = found.pop("plain")
    return {name: abs(p - plain) for name, p in found.items()}


@pytest.mark.parametrize("noise_level", [0.0, 3e-5])
def test_a_pause_does_not_change_the_score_of_a_voice(tmp_path: Path, noise_level: float) -> None:
    files = variants(speech(4.0, seed=1).samples, tmp_path, noise_level=noise_level)
    found = changes(Detector.default(), files)
    assert max(found.values()) <= 0.05, found


@pytest.mark.slow
@pytest.mark.skipif(not REAL_MEDIA.is_dir(), reason="no real recordings here")
def test_a_pause_does_not_change_the_score_of_real_voices(tmp_path: Path) -> None:
    table = pd.read_csv(REAL_MEDIA / "voice" / "manifest.csv")["filename"]
    detector, rows = Detector.default(), []
    for number, name in enumerate(table[:: len(table) // NUM_RECORDINGS][:NUM_RECORDINGS]):
        folder = tmp_path / str(number)
        folder.mkdir()
        samples = read_sound(REAL_MEDIA / "voice" / name).waveform().samples
        rows.append(changes(detector, variants(samples, folder)))
    found = pd.DataFrame(rows)
    assert (found.max() <= 0.05).all(), found.describe().to_string()
    assert (found.median() <= 0.02).all(), found.describe().to_string()
