"""Pictures and sound into a file, through moviepy's ffmpeg."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np

from avfake.media.sound import resample
from avfake.media.types import Waveform

AUDIO_CODECS = {
    ".wav": "pcm_s16le",
    ".flac": "flac",
    ".mp3": "libmp3lame",
    ".m4a": "aac",
    ".opus": "libopus",
    ".ogg": "libopus",
}
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)

# Odd sizes gain a line; the colour matrix is stated, for an unstated one is guessed by size;
# moviepy rounds the frame rate to 0.01, so each frame is given its exact time again.
PICTURE_FILTER = (
    "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=black,"
    "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,"
    "settb=AVTB,setpts=N/({rate})/TB"
)
COLOUR = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
COLOUR += ["-color_range", "tv"]


def write_video(
    path: str | Path,
    frames: np.ndarray | Iterable[np.ndarray],
    *,
    fps: float,
    waveform: Waveform | None = None,
    crf: int = 18,
    video_kbps: int | None = None,
    audio_kbps: int = 128,
    preset: str = "veryfast",
    num_threads: int = 1,
) -> None:
    """An H.264 + AAC file at `path`, put there whole or not at all.

    frames: uint8 [T, H, W, 3] RGB, or any iterable of [H, W, 3] of one size, held one at a time.
    One thread makes the same bytes each time. `video_kbps` takes the place of `crf`.
    """
    # Late: moviepy looks for ffmpeg when imported.
    from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter

    remaining = iter(frames)
    first = next(remaining, None)
    if first is None:
        raise ValueError(f"no frames to write to {path}; at least one is needed")
    if not 0.1 <= fps <= 1000:
        raise ValueError(f"fps is {fps}; it must be in [0.1, 1000]")
    rate = str(Fraction(fps).limit_denominator(1001))
    options = ["-vf", PICTURE_FILTER.format(rate=rate), "-r", rate, "-b:a", f"{audio_kbps}k"]
    options += [] if video_kbps else ["-crf", str(crf)]
    shape = _checked(first, first.shape).shape
    with _whole_file(Path(path)) as target, _sound_file(waveform) as sound:
        writer = FFMPEG_VideoWriter(
            str(target),
            (shape[1], shape[0]),
            fps,
            preset=preset,
            bitrate=f"{video_kbps}k" if video_kbps else None,
            audiofile=str(sound) if sound else None,
            audio_codec="aac" if sound else None,
            threads=num_threads,
            ffmpeg_params=[*options, *COLOUR],
        )
        with writer:
            for frame in chain([first], remaining):
                writer.write_frame(_checked(frame, shape))
            _finish(writer.proc, path=Path(path))


def write_audio(
    path: str | Path, waveform: Waveform, *, codec: str | None = None, kbps: int = 128
) -> None:
    """A sound file at `path`, put there whole or not at all; the ending chooses the codec.

    Opus knows few rates and is written at 48 kHz where the given one is none of them.
    """
    ending = Path(path).suffix.lower()
    if codec is None and ending not in AUDIO_CODECS:
        raise ValueError(f"{path}: ending {ending!r} is unknown; known: {', '.join(AUDIO_CODECS)}")
    codec = codec or AUDIO_CODECS[ending]
    rate = waveform.sample_rate
    if codec == "libopus" and rate not in OPUS_RATES:
        rate = max(OPUS_RATES)
    with _whole_file(Path(path)) as target, av.open(str(target), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        if codec not in ("pcm_s16le", "flac"):
            stream.bit_rate = 1000 * kbps
        samples = resample(waveform.samples, waveform.sample_rate, rate).clip(-1, 1)
        for packet in _encoded(stream, samples):
            container.mux(packet)


def _encoded(stream: av.AudioStream, samples: np.ndarray) -> Iterator[av.Packet]:
    """Packets of the whole sound; the samples are converted to what the codec wants."""
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate = stream.rate
    frame.pts, frame.time_base = 0, Fraction(1, stream.rate)
    yield from stream.encode(frame)
    yield from stream.encode(None)


@contextmanager
def _whole_file(path: Path) -> Iterator[Path]:
    """A name beside `path` that takes its place if nothing goes wrong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _sound_file(waveform: Waveform | None) -> Iterator[Path | None]:
    """The sound as a temporary WAV file, which is how moviepy's writer takes it."""
    if waveform is None or not len(waveform.samples):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        path = Path(folder) / "sound.wav"
        write_audio(path, waveform)
        yield path


def _checked(frame: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if frame.dtype != np.uint8 or frame.shape != shape or frame.shape[2:] != (3,):
        raise ValueError(
            f"frames must be uint8 [H, W, 3] of one size, got {frame.dtype} {frame.shape}"
        )
    return np.ascontiguousarray(frame)


def _finish(process: subprocess.Popen[bytes], *, path: Path) -> None:
    """Wait for ffmpeg, and say what it said if it failed."""
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.close()
    message = process.stderr.read().decode(errors="replace").strip()
    if process.wait() != 0:
        raise OSError(f"{path}: ffmpeg could not write the video: {message}")
