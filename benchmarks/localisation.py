"""How well a detector says when a clip was forged, and which of two people.

    python benchmarks/localisation.py --detector runs/synthetic/detector --out /tmp/localisation

Makes studio clips of 10 s in which each fake is forged for 1-3 s, and clips of two people of whom
one is forged all along; seeds are not those of any recipe. Prints AP, AR and mean IoU for picture
and for sound, and the share of two-person clips in which the right person scores highest.
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from avfake import Detector
from avfake.evaluate import FileSegments, localisation
from avfake.studio import ClipPlan, StudioConfig, build_studio
from avfake.verdict import Segment, Verdict


@dataclass(frozen=True)
class Config:
    """What is measured."""

    detector: str
    out: Path
    num_clips: int = 40
    """Of each of the two studios; three quarters are fakes."""
    seconds: float = 10.0
    splice_seconds: tuple[float, float] = (1.0, 3.0)
    seed: int = 7_000_000
    workers: int = 2


def main(config: Config) -> None:
    detector = Detector.from_pretrained(config.detector)
    spliced = StudioConfig(
        config.num_clips,
        seconds=config.seconds,
        seed=config.seed,
        splice_seconds=config.splice_seconds,
    )
    pairs = StudioConfig(
        config.num_clips, seconds=config.seconds, seed=config.seed + 1, num_people=2
    )
    print(f"{detector.name}, {config.num_clips} clips each, seed {config.seed}")
    verdicts = judged(detector, spliced, config.out / "spliced", config.workers)
    for stream, name in [("face", "picture"), ("voice", "sound")]:
        files = [compared(clip, verdict, stream) for clip, verdict in verdicts]
        numbers = (f"{key} {value:.3f}" for key, value in localisation(files).items())
        print(f"{name:8}{'  '.join(numbers)}")
    named = [
        suspected_side(verdict) == clip.forged_side
        for clip, verdict in judged(detector, pairs, config.out / "pairs", config.workers)
        if clip.forged_side
    ]
    print(f"the right one of two people named: {sum(named)} of {len(named)}")


def judged(
    detector: Detector, config: StudioConfig, folder: Path, workers: int
) -> list[tuple[ClipPlan, Verdict]]:
    """Each clip of a studio, made where it is not there yet, with the verdict on it."""
    clips = build_studio(folder, config, workers=workers)
    return [(clip, detector.predict(folder / clip.filename)) for clip in clips]


def compared(clip: ClipPlan, verdict: Verdict, stream: str) -> FileSegments:
    """What is found and what is there, of "face" or "voice"."""
    found: tuple[Segment, ...] = verdict.voice_segments
    if stream == "face":
        found = tuple(segment for person in verdict.persons for segment in person.segments)
    return FileSegments(
        tuple((one.start_seconds, one.end_seconds, one.score) for one in found),
        tuple((start, end) for start, end, where in clip.segments if where == stream),
    )


def suspected_side(verdict: Verdict) -> str | None:
    """Where the most suspicious person is; None unless two people were found."""
    if verdict.suspect is None or len(verdict.persons) != 2:
        return None
    centre = {p.person_id: p.frames[0].box[0] + p.frames[0].box[2] for p in verdict.persons}
    return "left" if centre[verdict.suspect.person_id] == min(centre.values()) else "right"


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
