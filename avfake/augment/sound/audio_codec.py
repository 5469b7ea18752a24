"""Sound codecs: each window is coded and decoded in memory; length and timing are kept.

The containers state the delay of their codec, which the decoder of PyAV removes; G.711 has none.
"""

import io
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from avfake.augment.transform import Parameters, pick
from avfake.clips import TrainingSample
from avfake.media import Waveform


@dataclass(frozen=True)
class Encoder:
    """An encoder of FFmpeg with its container, bit rates and sample rate."""

    name: str
    container: str
    kbps: tuple[int, ...] = ()
    """Bit rates for one channel; empty if the codec has only one."""
    sample_rate: int | None = None
    """Required rate in Hz; None = that of the sound."""


ENCODERS = {
    "aac": Encoder("aac", "matroska", (16, 24, 32, 48, 64)),
    "mp3": Encoder("libmp3lame", "matroska", (16, 24, 32, 48, 64)),
    "opus": Encoder("libopus", "ogg", (8, 12, 16, 24, 32, 48), 48_000),
    "alaw": Encoder("pcm_alaw", "wav", (), 8_000),
    "mulaw": Encoder("pcm_mulaw", "wav", (), 8_000),
}


def audio_codec(sample: TrainingSample, codec: str, kbps: int) -> TrainingSample:
    """Code and decode."""
    return sample.with_sound(
        lambda row: through_codec(row, sample.sample_rate, codec=codec, kbps=kbps)
    )


def draw_codec(
    sample: TrainingSample, rng: np.random.Generator, codecs: tuple[str, ...]
) -> Parameters | None:
    """Draw a codec that PyAV was built with, and its kbit/s (0 if it has only one)."""
    usable = [codec for codec in codecs if ENCODERS[codec].name in av.codecs_available]
    if not usable:
        return None
    codec = pick(rng, usable)
    return {"codec": codec, "kbps": pick(rng, ENCODERS[codec].kbps or (0,))}


def through_codec(row: np.ndarray, sample_rate: int, *, codec: str, kbps: int) -> np.ndarray:
    """Return float32 [N], the sound after coding and decoding."""
    encoder = ENCODERS[codec]
    rate = encoder.sample_rate or sample_rate
    stored = io.BytesIO()
    with av.open(stored, "w", format=encoder.container) as container:
        stream = container.add_stream(encoder.name, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        if kbps:
            stream.bit_rate = 1000 * kbps
        samples = Waveform(row, sample_rate).resampled(rate).samples.clip(-1, 1)
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    stored.seek(0)
    with av.open(stored, "r") as container:
        decoded = np.concatenate([_floats(frame) for frame in container.decode(audio=0)])
    back = Waveform(decoded, rate).resampled(sample_rate).samples[: len(row)]
    return np.pad(back, (0, len(row) - len(back)))


def _floats(frame: av.AudioFrame) -> np.ndarray:
    samples = frame.to_ndarray()[0]
    return (samples / 32768 if samples.dtype == np.int16 else samples).astype(np.float32)
