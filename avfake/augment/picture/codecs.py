"""JPEG and video codecs: the crops of a clip coded and decoded, in the same number and order.

The video codecs follow the third place of the DFDC: drawn CRF, scale and tune.
"""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from PIL import Image

from avfake.augment.transform import Parameters, pick, with_images
from avfake.clips import TrainingSample


def jpeg(sample: TrainingSample, quality: int) -> TrainingSample:
    """Compress every crop separately."""

    def through_jpeg(face: Image.Image) -> Image.Image:
        stored = io.BytesIO()
        face.save(stored, "JPEG", quality=quality)
        return Image.open(stored)

    return with_images(sample, through_jpeg)


def draw_quality(
    sample: TrainingSample, rng: np.random.Generator, quality: tuple[int, int]
) -> Parameters:
    """Draw the quality of a JPEG, both ends of the range included."""
    return {"quality": int(rng.integers(quality[0], quality[1] + 1))}


# SVT-AV1 logs to stderr unless the environment forbids it.
os.environ.setdefault("SVT_LOG", "1")

MAX_CRF = 51.0
"""Largest CRF of H.264 and H.265; for VP9 and AV1 (63) it is scaled."""


@dataclass(frozen=True)
class Encoder:
    """An encoder of FFmpeg and its options."""

    name: str
    options: Mapping[str, str]
    max_crf: int
    tunes: tuple[str, ...] = ("",)
    """Empty string = none."""
    min_px: int = 16


ENCODERS = {
    "h264": Encoder(
        "libx264",
        # With macroblock trees x264 gave up to 3 different results in 60 runs on the same crops.
        {"preset": "veryfast", "x264-params": "mbtree=0"},
        51,
        ("", "film", "animation", "grain", "stillimage", "fastdecode", "zerolatency"),
    ),
    "h265": Encoder(
        "libx265",
        {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:frame-threads=1:bframes=0"},
        51,
        ("", "grain", "fastdecode", "zerolatency"),
        min_px=64,
    ),
    "vp9": Encoder("libvpx-vp9", {"b": "0", "deadline": "realtime", "cpu-used": "8"}, 63),
    "av1": Encoder("libsvtav1", {"preset": "10", "svtav1-params": "lp=1"}, 63, min_px=64),
}


def video_codec(sample: TrainingSample, **coding: Any) -> TrainingSample:
    """Code and decode the crops; parameters of `through_video`."""
    return sample.with_pictures(lambda faces: through_video(faces, **coding))


def draw_coding(
    sample: TrainingSample,
    rng: np.random.Generator,
    *,
    crf: tuple[float, float],
    share: tuple[float, float],
    share_probability: float,
) -> Parameters | None:
    """Draw how a clip is coded; codecs that PyAV was built without are never drawn."""
    usable = [
        codec
        for codec, encoder in ENCODERS.items()
        if encoder.name in av.codecs_available and encoder.min_px <= sample.side_px
    ]
    if not usable:
        return None
    codec = pick(rng, usable)
    kept = float(rng.uniform(*share)) if rng.random() < share_probability else 1.0
    tune = pick(rng, ENCODERS[codec].tunes)
    return {"codec": codec, "share": kept, "tune": tune, "crf": float(rng.uniform(*crf))}


def through_video(
    faces: np.ndarray, *, codec: str, crf: float, share: float = 1.0, tune: str = ""
) -> np.ndarray:
    """Return uint8 [T, S, S, 3], the pictures after coding as video and decoding.

    codec: a key of `ENCODERS`; crf: on the scale of H.264; share: of the side, that is kept.
    """
    encoder, side = ENCODERS[codec], faces.shape[1]
    options = {**encoder.options, "crf": str(round(crf / MAX_CRF * encoder.max_crf))}
    if tune:
        options["tune"] = tune
    # Colours are stored for pairs of pixels, so sides are even.
    coded_px = max(encoder.min_px, 2 * round(share * side / 2))
    stored = io.BytesIO()
    with _kept_priority(), av.open(stored, "w", format="matroska") as container:
        stream = container.add_stream(encoder.name, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = coded_px
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1  # more threads, other bytes
        for number, face in enumerate(faces):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(face), format="rgb24")
            frame = frame.reformat(coded_px, coded_px, "yuv420p", interpolation="BICUBIC")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    stored.seek(0)
    with av.open(stored, "r") as container:
        container.streams.video[0].thread_count = 1
        decoded = [
            frame.to_ndarray(width=side, height=side, format="rgb24", interpolation="BICUBIC")
            for frame in container.decode(video=0)
        ]
    if len(decoded) != len(faces):
        raise RuntimeError(f"{encoder.name} gave {len(decoded)} of {len(faces)} frames back")
    return np.stack(decoded)


@contextmanager
def _kept_priority() -> Iterator[None]:
    """Restore the scheduling of this thread at the end.

    The AV1 encoder gives the thread that opens it the highest real-time priority, where it may (as
    root), and never takes it back: all other work of the machine would wait for this process.
    """
    if not hasattr(os, "sched_getscheduler"):  # not on every system
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != before[0]:
            os.sched_setscheduler(0, *before)
