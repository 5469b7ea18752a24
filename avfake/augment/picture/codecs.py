"""JPEG and video codecs: the crops of a clip coded and decoded, in the same number and order.

The video codecs follow the third place of the DFDC: drawn CRF, scale and tune.
"""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass

import av
import numpy as np
from PIL import Image

from avfake.augment.encoders import available, check_codecs
from avfake.augment.transform import PictureTransform
from avfake.clips import TrainingSample


@dataclass(frozen=True)
class Jpeg(PictureTransform[int]):
    """Compress every crop separately; drawn: the quality."""

    name = "jpeg"
    quality: tuple[int, int] = (60, 100)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> int:
        return int(rng.integers(self.quality[0], self.quality[1] + 1))

    def change(self, faces: np.ndarray, params: int) -> np.ndarray:
        return np.stack([_through_jpeg(face, params) for face in faces])


def _through_jpeg(face: np.ndarray, quality: int) -> np.ndarray:
    stored = io.BytesIO()
    Image.fromarray(face).save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored))


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


@dataclass(frozen=True)
class Coding:
    """How a clip is coded."""

    codec: str
    crf: float
    """On the scale of H.264."""
    share: float = 1.0
    """Share of the side that is kept."""
    tune: str = ""


@dataclass(frozen=True)
class VideoCodec(PictureTransform[Coding]):
    """Code and decode the crops; codecs that PyAV was built without are never drawn."""

    name = "video_codec"
    codecs: tuple[str, ...] = tuple(ENCODERS)
    crf: tuple[float, float] = (17.0, 40.0)
    share: tuple[float, float] = (0.25, 1.0)
    share_probability: float = 0.5

    def __post_init__(self) -> None:
        check_codecs("video", self.codecs, ENCODERS)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Coding | None:
        built = available(ENCODERS)
        usable = [
            codec
            for codec in self.codecs
            if codec in built and ENCODERS[codec].min_px <= sample.side_px
        ]
        if not usable:
            return None
        codec = usable[int(rng.integers(len(usable)))]
        share = float(rng.uniform(*self.share)) if rng.random() < self.share_probability else 1.0
        tunes = ENCODERS[codec].tunes
        tune = tunes[int(rng.integers(len(tunes)))]
        return Coding(codec, float(rng.uniform(*self.crf)), share, tune)

    def change(self, faces: np.ndarray, params: Coding) -> np.ndarray:
        return through_video(faces, params)


def through_video(faces: np.ndarray, coding: Coding) -> np.ndarray:
    """Return uint8 [T, S, S, 3], the pictures after coding as video and decoding."""
    encoder, side = ENCODERS[coding.codec], faces.shape[1]
    # Colours are stored for pairs of pixels, so sides are even.
    coded_px = max(encoder.min_px, 2 * round(coding.share * side / 2))
    stored = io.BytesIO()
    with av.open(stored, "w", format="matroska") as container:
        stream = container.add_stream(encoder.name, rate=25, options=_options(encoder, coding))
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


def _options(encoder: Encoder, coding: Coding) -> dict[str, str]:
    crf = str(round(coding.crf / MAX_CRF * encoder.max_crf))
    return {**encoder.options, "crf": crf} | ({"tune": coding.tune} if coding.tune else {})
