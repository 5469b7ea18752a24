"""Samples whose every pixel and sample is known."""

from dataclasses import replace

import numpy as np

from avfake.augment.transform import Transform
from avfake.clips.dataset import TrainingSample
from avfake.labels import Labels

RATE = 16_000
SIDE = 96
POINTS = np.array([[0.35, 0.38], [0.65, 0.38], [0.5, 0.55], [0.385, 0.71], [0.615, 0.71]])


def tone(hertz: float, seconds: float = 1.0, level: float = 0.1) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def chirp(level: float = 0.3) -> np.ndarray:
    """A second from 200 Hz to 3.2 kHz: what it is compared with fits at one lag only."""
    times = np.arange(RATE) / RATE
    return (level * np.sin(2 * np.pi * (200 * times + 1500 * times**2))).astype(np.float32)


def blocks(num_frames: int = 3, side: int = SIDE) -> np.ndarray:
    """uint8 [T, S, S, 3]: smooth colours with soft structure, as video codecs like them."""
    rows, columns = np.mgrid[:side, :side] / side
    frames = [
        np.stack(
            [
                120 + 60 * np.sin(5 * columns + 0.2 * t),
                120 + 60 * np.cos(4 * rows),
                90 + 50 * np.sin(3 * (rows + columns)),
            ],
            axis=-1,
        )
        for t in range(num_frames)
    ]
    return np.stack(frames).round().astype(np.uint8)


def sample_of(
    faces: np.ndarray | None = None, sound: np.ndarray | None = None, *, fake: bool = False
) -> TrainingSample:
    faces = blocks() if faces is None else faces
    count, side = faces.shape[:2]
    sound = np.stack([chirp(), chirp()[::-1]]) if sound is None else sound
    label = float(fake)
    return TrainingSample(
        faces=faces,
        landmarks=np.tile((POINTS * side).astype(np.float32), (count, 1, 1)),
        persons=np.zeros(count, np.int64),
        sound=np.ascontiguousarray(sound),
        crop_sound=np.tile(tone(300, 0.2), (count, 1)),
        sample_rate=RATE,
        labels=Labels(label, label, 0.0),
        weights=Labels(1.0, 1.0, 1.0),
    )


def empty_sample() -> TrainingSample:
    """Neither face nor sound."""
    return replace(
        sample_of(np.zeros((0, 0, 0, 3), np.uint8), np.zeros((0, 0), np.float32)),
        crop_sound=np.zeros((0, 0), np.float32),
        sample_rate=0,
    )


def frozen(sample: TrainingSample) -> TrainingSample:
    """The same, with arrays that refuse to be written to."""
    for name in ("faces", "landmarks", "persons", "sound", "crop_sound", "partner"):
        array = getattr(sample, name)
        if array is not None:
            array.setflags(write=False)
    return sample


def drawn(transform: Transform, sample: TrainingSample, seed: int = 0) -> TrainingSample:
    """What it makes of the sample with the parameters of that seed."""
    params = transform.parameters(sample, np.random.default_rng(seed))
    assert params is not None
    return transform.change(sample, **params)
