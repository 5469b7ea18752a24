"""The plan of a studio, made before anything is rendered: families, their clips, their labels.

A family has persons of its own: one who speaks, one who gives a face and a voice. It holds one
genuine clip and the three fakes of it: the face, the voice, both. All that could give a label away
(name, bitrate, loudness) is drawn clip by clip, whatever the label. A fake may be forged in one
segment alone (`splice_seconds`).
"""

import string
from dataclasses import dataclass
from typing import Literal

import numpy as np

from avfake.errors import ConfigError, check_ranges
from avfake.forgery import CONVERSIONS
from avfake.labels import ForgedSegment
from avfake.studio.person import between, draw_fields

FRAME_SIZES = ((320, 240), (256, 256), (240, 320), (288, 288), (352, 264), (256, 336))
SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
MIN_SPLICE_SECONDS = 0.4
"""Shorter ones would be hardly more than their fades."""
_KINDS = ((False, False), (True, False), (False, True), (True, True))
"""(face forged, voice forged); an incomplete last family keeps the first, the genuine one."""


@dataclass(frozen=True)
class StudioConfig:
    """The settings that decide what a studio holds."""

    num_clips: int
    seconds: float = 2.0
    seed: int = 0
    difficulty: float = 0.3
    """0: traces of forgery are easy to see, 1: hardly to be found."""
    fps: int = 15
    frame_sizes: tuple[tuple[int, int], ...] = FRAME_SIZES
    """(width, height) in px, one drawn per family."""
    splice_seconds: tuple[float, float] | None = None
    """Least and greatest length of the one segment in which a fake is forged; None = all of it."""
    num_people: int = 1
    """2: a silent person is shown beside the speaker, each in a half of the picture of one of
    `frame_sizes`; the face that is forged is drawn from both."""

    def __post_init__(self) -> None:
        check_ranges(self, "studio", num_clips="[1, inf)", seconds="[1, inf)", seed="[0, inf)")
        check_ranges(self, "studio", difficulty="[0, 1]", fps="[5, inf)")
        if min((min(size) for size in self.frame_sizes), default=0) < 128:
            raise ConfigError(f"frame_sizes must all be at least 128 px, got {self.frame_sizes}")
        if self.num_people not in (1, 2):
            raise ConfigError(f"num_people must be 1 or 2, got {self.num_people}")
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
    """The person who speaks."""
    face_source: str
    """The person whose face was swapped in; empty if none was."""
    voice_source: str
    original: str
    """The genuine clip this was made from; empty for itself."""
    family: str
    method: str
    """Names joined by "+"; empty for a genuine clip."""
    difficulty: float
    split: str = "train"
    segments: tuple[ForgedSegment, ...] = ()
    """Segments that are forged, if not the whole clip is."""
    forged_side: Literal["", "left", "right"] = ""
    """Side of the forged face, where two people are in the picture."""

    @property
    def voice_method(self) -> str:
        """The one of `CONVERSIONS` in `method`."""
        return next(name for name in CONVERSIONS if name in self.method.split("+"))


@dataclass(frozen=True)
class Encoding:
    """How a clip is written; drawn independently of its label."""

    video_kbps: int
    audio_kbps: int
    level_db: float = between(-28, -20)
    """Loudness (RMS) re full scale."""
    crest: float = between(2.7, 3.3)
    """Peak over loudness; below that of any voice, so that a limiter can always reach it."""


@dataclass(frozen=True)
class FamilyPlan:
    """The clips of one family; all their content follows from the seed."""

    seed: np.random.SeedSequence
    clips: tuple[ClipPlan, ...]
    encodings: tuple[Encoding, ...]


def plan_families(config: StudioConfig) -> list[FamilyPlan]:
    """Return all families; a family does not depend on how many others there are."""
    count = -(-config.num_clips // len(_KINDS))
    return [_plan_family(config, index) for index in range(count)]


def _plan_family(config: StudioConfig, index: int) -> FamilyPlan:
    sequence = np.random.SeedSequence(config.seed, spawn_key=(index,))
    draw, seed, cutting, casting = sequence.spawn(4)
    rng = np.random.default_rng(draw)
    names = ["".join(rng.choice([*string.ascii_lowercase], 10)) + ".mp4" for _ in _KINDS]
    encodings = tuple(_draw_encoding(rng) for _ in _KINDS)
    methods = rng.choice([*CONVERSIONS], len(_KINDS))
    size = min(len(_KINDS), config.num_clips - index * len(_KINDS))
    cuts = _draw_cuts(config, np.random.default_rng(cutting))
    sides: np.ndarray = np.random.default_rng(casting).integers(2, size=len(_KINDS))
    clips = []
    drawn = list(zip(names, methods, _KINDS, cuts, sides, strict=True))[:size]
    for name, method, (face, voice), cut, side in drawn:
        donor = f"person_{2 * index + 1:05d}"
        streams = ["face"] * face + ["voice"] * voice
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
                segments=tuple(ForgedSegment(*cut, stream) for stream in streams) if cut else (),
                forged_side=SIDES[side] if face and config.num_people == 2 else "",
            )
        )
    return FamilyPlan(seed, tuple(clips), encodings[:size])


def _draw_cuts(config: StudioConfig, rng: np.random.Generator) -> list[tuple[float, float] | None]:
    """Return for each kind of clip the one segment that may be forged, from frame to frame."""
    if config.splice_seconds is None:
        return [None] * len(_KINDS)
    cuts: list[tuple[float, float] | None] = []
    for _ in _KINDS:
        length = round(rng.uniform(*config.splice_seconds) * config.fps)
        length = min(length, config.num_frames - 1)
        start = int(rng.integers(config.num_frames - length + 1))
        cuts.append((round(start / config.fps, 4), round((start + length) / config.fps, 4)))
    return cuts


def _draw_encoding(rng: np.random.Generator) -> Encoding:
    video_kbps, audio_kbps = int(rng.integers(300, 900)), int(rng.choice([64, 80, 96, 112, 128]))
    return Encoding(video_kbps, audio_kbps, **draw_fields(Encoding, rng))
