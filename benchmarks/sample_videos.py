"""Videos to measure on: studio clips, composed and enlarged by ffmpeg, with camera-like noise.

The studio paints small pictures, which a decoder reads in no time; enlarged, with noise laid over
them, they cost about what a recording of that size does. What is made is kept.
"""

from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from avfake.studio.build import build_studio
from avfake.studio.plan import StudioConfig
from benchmarks.measuring import quiet

PAINTED = (480, 270)
"""Width and height of the pictures of the studio, px."""
FPS = 30


@dataclass(frozen=True)
class Kind:
    """One kind of video."""

    width: int
    height: int
    seconds: float = 10.0
    num_people: int = 1
    """2: two videos side by side, with the sound of the first."""
    repeats: str = ""
    """Name of a kind of which this one is several copies, one after the other."""
    times: int = 1


KINDS = {
    "720p": Kind(1280, 720),
    "1080p": Kind(1920, 1080),
    "portrait": Kind(1080, 1920),
    "60 s": Kind(1920, 1080, seconds=60.0, repeats="1080p", times=6),
    "two persons": Kind(1920, 1080, num_people=2),
    "tiny": Kind(320, 180, seconds=1.0),
}
"""Name -> kind; "tiny" is for the test of the suite."""


def painted(out: Path, *, seconds: float = 10.0) -> list[Path]:
    """Return two genuine studio videos of two people."""
    folder = out / f"studio_{seconds:g}s"
    if not (folder / "studio.json").is_file():
        studio = StudioConfig(5, seconds=seconds, fps=FPS, frame_sizes=(PAINTED,))
        build_studio(folder, studio, workers=0, show_progress=False)
    import pandas as pd

    truth = pd.read_csv(folder / "truth.csv")
    return [folder / name for name in truth.loc[~truth["label"], "filename"][:2]]


def video_of(name: str, out: Path, *, number: int = 0) -> Path:
    """Return the video of a kind of `KINDS`.

    number: 0 or 1, which of two people is shown, first or alone
    """
    kind = KINDS[name]
    path = out / f"{name.replace(' ', '_')}_{number}.mp4"
    if path.is_file():
        return path
    if kind.repeats:
        repeat(video_of(kind.repeats, out, number=number), path, times=kind.times)
        return path
    people = painted(out, seconds=kind.seconds)
    first, second = people[number], people[1 - number]
    encode([first, second] if kind.num_people == 2 else [first], path, filters(kind))
    return path


def filters(kind: Kind) -> str:
    """Return the filter graph from the painted pictures to [v]."""
    width, height = PAINTED
    look = f"scale={kind.width}:{kind.height},noise=alls=6:allf=t"
    if kind.num_people == 2:
        halves = ";".join(f"[{i}:v]crop={width // 2}:{height}[h{i}]" for i in range(2))
        return f"{halves};[h0][h1]hstack,{look}[v]"
    if kind.height > kind.width:
        cut = 2 * round(height * kind.width / kind.height / 2)
        return f"[0:v]crop={cut}:{height},{look}[v]"
    return f"[0:v]{look}[v]"


def encode(
    inputs: list[Path],
    out: Path,
    graph: str,
    *,
    preset: str = "medium",
    seconds: float | None = None,
) -> None:
    """Write H.264 with a key frame every 250 frames, and the sound of the first input.

    seconds: where the file ends; None = with its inputs
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f"partial_{out.name}")
    read = [part for path in inputs for part in ("-i", path)]
    coding = f"-c:v libx264 -preset {preset} -crf 26 -g 250 -threads 1 -c:a aac -b:a 128k"
    wanted = ["-filter_complex", graph, "-map", "[v]", "-map", "0:a", *coding.split()]
    wanted += ["-t", seconds] if seconds else []
    quiet([ffmpeg(), "-y", "-loglevel", "error", *read, *wanted, partial])
    partial.replace(out)


def repeat(source: Path, out: Path, *, times: int, only_sound: bool = False) -> None:
    """Write a file that is `source` several times over, without decoding it."""
    partial = out.with_name(f"partial_{out.name}")
    kept = ["-vn", "-c:a", "copy"] if only_sound else ["-c", "copy"]
    looped = ["-stream_loop", times - 1, "-i", source]
    quiet([ffmpeg(), "-y", "-loglevel", "error", *looped, *kept, partial])
    partial.replace(out)


def ffmpeg() -> str:
    return imageio_ffmpeg.get_ffmpeg_exe()
