"""Small files with picture and sound whose every moment tells what it is; and joining them."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FPS, SOUND_RATE = 25, 48_000
CODECS = {
    ".ts": ("libx264", "mp2"),
    ".mpg": ("mpeg2video", "mp2"),
    ".mkv": ("libx264", "pcm_s16le"),
    ".webm": ("libvpx", "libopus"),
    ".mp4": ("libx264", "aac"),
    ".avi": ("mpeg4", "pcm_s16le"),
    ".flv": ("libx264", "aac"),
}
Moved = Callable[[float], float]


def write_talk(
    path: Path,
    *,
    seconds: float = 2.0,
    grey: int = 60,
    hertz: float = 500.0,
    picture_at: Moved | None = None,
    sound_at: Moved | None = None,
    size: tuple[int, int] = (64, 48),
    options: dict[str, str] | None = None,
) -> Path:
    """Grey pictures and a tone; the stamps are what `picture_at` and `sound_at` make of them."""
    video_codec, audio_codec = CODECS[path.suffix]
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream(video_codec, rate=FPS, options={"bf": "0", "g": "10"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio = container.add_stream(audio_codec, rate=SOUND_RATE, layout="mono")
        packets = [*_pictures(video, seconds, grey, size), *_tone(audio, seconds, hertz)]
        for packet in sorted(packets, key=lambda p: p.pts * p.time_base):
            move = picture_at if packet.stream is video else sound_at
            if move is not None:
                at = round(move(float(packet.pts * packet.time_base)) / packet.time_base)
                packet.pts = packet.dts = at
            container.mux(packet)
    return path


def _pictures(stream, seconds, grey, size):
    stream.codec_context.time_base = Fraction(1, FPS)
    for index in range(round(seconds * FPS)):
        frame = av.VideoFrame.from_ndarray(np.full((*size[::-1], 3), grey, np.uint8))
        frame.pts, frame.time_base = index, Fraction(1, FPS)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _tone(stream, seconds, hertz):
    times = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    samples = (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)
    for start in range(0, len(samples), 960):
        block = samples[None, start : start + 960]
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def join(path: Path, *parts: Path) -> Path:
    """The bytes of the parts one after the other."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def strongest_hertz(samples: np.ndarray, rate: int) -> float:
    """Where most of the energy is; 0 for silence."""
    if np.abs(samples).max() < 0.01:
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate / len(samples))


def purity(samples: np.ndarray) -> float:
    """Share of the energy that lies around the strongest tone; two tones at once have half."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    best = int(power.argmax())
    return float(power[max(0, best - 5) : best + 6].sum() / power.sum())
