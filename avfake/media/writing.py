"""Writing of video and sound files, through the ffmpeg of moviepy."""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np

from avfake.media.types import Waveform
from avfake.storage import replacing

AUDIO_CODECS = {".wav": "pcm_s16le", ".aif": "pcm_s16be", ".flac": "flac", ".mp3": "libmp3lame"}
AUDIO_CODECS |= dict.fromkeys((".m4a", ".aac"), "aac") | dict.fromkeys((".opus", ".ogg"), "libopus")
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)

# Odd sizes are padded by a line; the colour matrix is stated, as players guess an unstated one;
# moviepy rounds the frame rate to 0.01, so each frame gets its exact time again.
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
) -> None:
    """Write an H.264 + AAC file to `path`, completely or not at all.

    frames: uint8 [T, H, W, 3] RGB, or any iterable of [H, W, 3] of one size, held one at a time.
    Equal input gives equal bytes, by one thread. `video_kbps` replaces `crf`.
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
    path = Path(path)
    with replacing(path, path.suffix) as target, _sound_file(waveform) as sound:
        writer = FFMPEG_VideoWriter(
            str(target),
            (shape[1], shape[0]),
            fps,
            preset=preset,
            bitrate=f"{video_kbps}k" if video_kbps else None,
            audiofile=str(sound) if sound else None,
            audio_codec="aac" if sound else None,
            threads=1,
            ffmpeg_params=[*options, *COLOUR],
        )
        with writer:
            for frame in chain([first], remaining):
                writer.write_frame(_checked(frame, shape))
            _finish(writer.proc, path)


def write_audio(path: str | Path, waveform: Waveform, *, kbps: int = 128) -> None:
    """Write a sound file to `path`, completely or not at all; the ending decides the codec.

    Opus supports few rates and is written at 48 kHz where the given one is not among them.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in AUDIO_CODECS:
        raise ValueError(f"{path}: ending {ending!r} is unknown; known: {', '.join(AUDIO_CODECS)}")
    codec, rate = AUDIO_CODECS[ending], waveform.sample_rate
    if codec == "libopus" and rate not in OPUS_RATES:
        rate = max(OPUS_RATES)
    with replacing(path, path.suffix) as target, av.open(str(target), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        if codec not in ("pcm_s16le", "pcm_s16be", "flac"):
            stream.bit_rate = 1000 * kbps
        samples = waveform.resampled(rate).samples.clip(-1, 1)
        # Converted to the format of the codec by the encoder.
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        frame.pts, frame.time_base = 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@contextmanager
def _sound_file(waveform: Waveform | None) -> Iterator[Path | None]:
    """Yield the sound as a temporary WAV file, as the writer of moviepy needs it."""
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


def _finish(process: subprocess.Popen[bytes], path: Path) -> None:
    """Wait for ffmpeg; OSError with its message if it failed."""
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.close()
    message = process.stderr.read().decode(errors="replace").strip()
    if process.wait() != 0:
        raise OSError(f"{path}: ffmpeg could not write the video: {message}")
