"""What is to be built, decided before anything is drawn: families, their clips, their labels.

A family has persons of its own: one who is filmed, one who gives a face and a voice. It holds one
genuine clip and the three fakes of it: the face, the voice, both. All that could give a label away
(name, bitrate, loudness) is drawn clip by clip, without a look at the label. A fake may be
forged in one stretch of time alone (`splice_seconds`).
"""

import string
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from avfake.errors import ConfigError
from avfake.forgery import CONVERSIONS, Conversion
from avfake.labels import ForgedSegment

FRAME_SIZES = ((320, 240), (256, 256), (240, 320), (288, 288), (352, 264), (256, 336))
SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
MIN_SPLICE_SECONDS = 0.4
"""Shorter ones would be little but their fades."""
_KINDS = ((False, False), (True, False), (False, True), (True, True))
"""(face forged, voice forged); a cut-off last family keeps the first few, so the genuine one."""


@dataclass(frozen=True)
class StudioConfig:
    """Everything that decides what a studio holds."""

    num_clips: int
    seconds: float = 2.0
    seed: int = 0
    difficulty: float = 0.3
    """0: traces of forgery are plain, 1: hardly to be found."""
    fps: int = 15
    frame_sizes: tuple[tuple[int, int], ...] = FRAME_SIZES
    """(width, height) in px, one drawn per family."""
    splice_seconds: tuple[float, float] | None = None
    """Least and greatest length of the one stretch in which a fake is forged; None = all of it."""
    num_people: int = 1
    """2: somebody else, silent, is filmed beside the speaker, each in a half of the picture of one
    of `frame_sizes`; a face is forged of either, drawn."""

    def __post_init__(self) -> None:
        if self.num_clips < 1:
            raise ConfigError(f"num_clips must be at least 1, got {self.num_clips}")
        if not 1 <= self.seconds < float("inf"):
            raise ConfigError(f"seconds must be at least 1, got {self.seconds:g}")
        if self.seed < 0:
            raise ConfigError(f"seed must not be negative, got {self.seed}")
        if not 0 <= self.difficulty <= 1:
            raise ConfigError(f"difficulty must lie in 0..1, got {self.difficulty:g}")
        if self.fps < 5:
            raise ConfigError(f"fps must be at least 5, got {self.fps}")
        if not self.frame_sizes or min(min(size) for size in self.frame_sizes) < 128:
            raise ConfigError(f"frame_sizes must all be at least 128 px, got {self.frame_sizes}")
        if self.num_people not in (1, 2):
            raise ConfigError(f"num_people is {self.num_people}; allowed: 1, 2")
        if self.splice_seconds is not None:
            low, high = self.splice_seconds
            if not MIN_SPLICE_SECONDS <= low <= high < self.seconds:
                raise ConfigError(
                    f"splice_seconds is {low:g} to {high:g}; allowed: the least first, at least "
                    f"{MIN_SPLICE_SECONDS}, less than the {self.seconds:g} seconds of a clip"
                )

    @property
    def num_frames(self) -> int:
        return round(self.seconds * self.fps)


@dataclass(frozen=True)
class ClipPlan:
    """One file and the truth about it; a row of truth.csv."""

    filename: str
    label: bool
    face_fake: bool
    voice_fake: bool
    identity: str
    """Who is filmed."""
    face_source: str
    """Whose face was laid over; empty if none was."""
    voice_source: str
    original: str
    """The genuine clip this was made from; empty for itself."""
    family: str
    method: str
    """Names joined by "+"; empty for a genuine clip."""
    difficulty: float
    split: str = "train"
    segments: tuple[ForgedSegment, ...] = ()
    """Where it is forged, if only there."""
    forged_side: Literal["", "left", "right"] = ""
    """Of two people, whose face is forged."""

    @property
    def voice_method(self) -> Conversion:
        """The one of `CONVERSIONS` in `method`."""
        return next(name for name in CONVERSIONS if name in self.method.split("+"))


@dataclass(frozen=True)
class Delivery:
    """How a clip is written; drawn without a look at its label."""

    video_kbps: int
    audio_kbps: int
    level_db: float
    """Loudness (RMS) re full scale."""
    crest: float
    """Peak over loudness; below that of any voice, so that a limiter can always reach it."""


@dataclass(frozen=True)
class FamilyPlan:
    """The clips of one family; everything in them follows from the seed."""

    index: int
    seed: np.random.SeedSequence
    clips: tuple[ClipPlan, ...]
    deliveries: tuple[Delivery, ...]


def plan_families(config: StudioConfig) -> list[FamilyPlan]:
    """All families; a family does not depend on how many others there are."""
    count = -(-config.num_clips // len(_KINDS))
    families = [_plan_family(config, index) for index in range(count)]
    names = [clip.filename for family in families for clip in family.clips]
    assert len(set(names)) == len(names)
    return families


def _plan_family(config: StudioConfig, index: int) -> FamilyPlan:
    sequence = np.random.SeedSequence(config.seed, spawn_key=(index,))
    draw, seed, cutting, casting = sequence.spawn(4)
    rng = np.random.default_rng(draw)
    names = ["".join(rng.choice([*string.ascii_lowercase], 10)) + ".mp4" for _ in _KINDS]
    deliveries = tuple(_draw_delivery(rng) for _ in _KINDS)
    methods = rng.choice([*CONVERSIONS], len(_KINDS))
    size = min(len(_KINDS), config.num_clips - index * len(_KINDS))
    # Of their own draws, so that clips forged all along are what they were before there was this.
    stretches = _draw_stretches(config, np.random.default_rng(cutting))
    sides: np.ndarray = np.random.default_rng(casting).integers(2, size=len(_KINDS))
    clips = []
    drawn = list(zip(names, methods, _KINDS, stretches, sides, strict=True))[:size]
    for name, method, (face, voice), stretch, side in drawn:
        donor = f"person_{2 * index + 1:05d}"
        clips.append(
            ClipPlan(
                filename=name,
                label=face or voice,
                face_fake=face,
                voice_fake=voice,
                identity=f"person_{2 * index:05d}",
                face_source=donor if face else "",
                voice_source=donor if voice else "",
                original=names[0] if face or voice else "",
                family=f"family_{index:05d}",
                method="+".join(["face_swap"] * face + [str(method)] * voice),
                difficulty=config.difficulty,
                segments=_segments(stretch, face=face, voice=voice),
                forged_side=SIDES[side] if face and config.num_people == 2 else "",
            )
        )
    return FamilyPlan(index, seed, tuple(clips), deliveries[:size])


def _draw_stretches(
    config: StudioConfig, rng: np.random.Generator
) -> list[tuple[float, float] | None]:
    """For each kind of clip the one stretch that may be forged, from frame to frame."""
    if config.splice_seconds is None:
        return [None] * len(_KINDS)
    stretches: list[tuple[float, float] | None] = []
    for _ in _KINDS:
        length = round(rng.uniform(*config.splice_seconds) * config.fps)
        length = min(length, config.num_frames - 1)
        start = int(rng.integers(config.num_frames - length + 1))
        stretches.append((round(start / config.fps, 4), round((start + length) / config.fps, 4)))
    return stretches


def _segments(
    stretch: tuple[float, float] | None, *, face: bool, voice: bool
) -> tuple[ForgedSegment, ...]:
    if stretch is None:
        return ()
    return tuple(ForgedSegment(*stretch, stream) for stream in ["face"] * face + ["voice"] * voice)


def _draw_delivery(rng: np.random.Generator) -> Delivery:
    return Delivery(
        video_kbps=int(rng.integers(300, 900)),
        audio_kbps=int(rng.choice([64, 80, 96, 112, 128])),
        level_db=float(rng.uniform(-28, -20)),
        crest=float(rng.uniform(2.7, 3.3)),
    )


def describe(config: StudioConfig) -> dict[str, object]:
    """The config as it stands in studio.json."""
    plain = asdict(config)
    plain["frame_sizes"] = [list(size) for size in config.frame_sizes]
    # An option that is off is not named: studios of before there was it can be completed.
    del plain["splice_seconds"], plain["num_people"]
    if config.num_people != 1:
        plain["num_people"] = config.num_people
    if config.splice_seconds is not None:
        plain["splice_seconds"] = list(config.splice_seconds)
    return plain
