"""What one clip costs to prepare and to score, by stage, on one thread; and what it takes on disk.

    python benchmarks/clip_cost.py --out /tmp/cost

Makes studio clips as long as the DFDC's (10 s, 30 frames a second), scales them to 1080p and 720p,
prepares each and runs it through the flagship's networks (random weights: the time is the same).
The arithmetic of docs/scaling.md starts from this table.
"""

import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import tyro

from avfake.clips.config import ClipConfig
from avfake.clips.cut import cut_clip
from avfake.clips.sample import SampleConfig, Sampled
from avfake.clips.voice_statistics import voice_statistics
from avfake.detector.branch_scores import score_clip
from avfake.faces.detecting import MTCNNDetector
from avfake.faces.tracking import track_faces
from avfake.faces.types import FaceDetector
from avfake.media.frames import read_frames
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.models.audio import AudioConfig
from avfake.models.av_model import AVModel, ModelConfig, build_model
from avfake.models.visual import VisualConfig
from avfake.studio.build import build_studio
from avfake.studio.plan import StudioConfig

SIZES = {"1080p": (1920, 1080), "720p": (1280, 720)}


@dataclass(frozen=True)
class Config:
    """What is measured."""

    out: Path
    num_clips: int = 8
    """Of each size."""
    backbone: str = "tf_efficientnet_b0"
    size_px: int = 224


def main(config: Config) -> None:
    import torch

    torch.set_num_threads(1)
    detector = MTCNNDetector(ClipConfig().detect)
    visual = VisualConfig(config.backbone, weights="none", size_px=config.size_px)
    model = build_model(ModelConfig(visual, AudioConfig(weights="none"))).eval()
    print(f"{'':8}{'stage':30}{'median s':>10}{'most s':>10}")
    studio = StudioConfig(config.num_clips, seconds=10, fps=30, frame_sizes=((480, 270),))
    build_studio(config.out / "small", studio, workers=2, show_progress=False)
    for name, size in SIZES.items():
        small = sorted((config.out / "small").glob("*.mp4"))
        videos = [scaled(video, config.out / name / video.name, size) for video in small]
        measure(videos[0], detector, model)  # the first call of everything is slower
        rows = [measure(video, detector, model) for video in videos]
        for stage in rows[0]:
            values = [row[stage] for row in rows]
            print(f"{name:8}{stage:30}{statistics.median(values):10.3f}{max(values):10.3f}")


def scaled(video: Path, out: Path, size: tuple[int, int]) -> Path:
    """The video at another size, with camera-like noise, which is what a decoder works on."""
    if not out.is_file():
        out.parent.mkdir(parents=True, exist_ok=True)
        look = f"scale={size[0]}:{size[1]},noise=alls=6:allf=t"
        coding = "-c:v libx264 -crf 26 -g 250 -threads 1 -c:a copy"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-i", str(video)]
        subprocess.run([*command, "-vf", look, *coding.split(), str(out)], check=True)
    return out


def measure(video: Path, detector: FaceDetector, model: AVModel) -> dict[str, float]:
    """Stage -> seconds (and megabytes, where it says so)."""
    config, stages = ClipConfig(), {}

    def timed(stage: str, function: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = function()
        stages[stage] = time.perf_counter() - started
        return result

    times = probe(video).sample_times(config.num_frames)
    frames = timed("decode picture, 32 frames", lambda: read_frames(video, times))
    found = timed("find faces", lambda: detector.detect(frames.pixels))
    tracks = track_faces(found, config.track)
    timed("cut crops", lambda: [t.crops(frames.pixels, config.crop) for t in tracks])
    waveform = timed("decode sound", lambda: read_sound(video, config.sample_rate).waveform())
    timed("voice statistics", lambda: voice_statistics(waveform))
    clip = timed("prepare, all of it", lambda: cut_clip(video, config, detector))
    timed(
        "prepare, boxes of the original",
        lambda: cut_clip(video, config, detector, boxes_from=clip),
    )
    timed("read crops and sound", lambda: Sampled.of(clip, SampleConfig()))
    timed("score, both networks", lambda: score_clip([model], clip, SampleConfig()))
    archive = video.with_suffix(".zip")
    clip.save(archive)
    stages["archive, MB"] = archive.stat().st_size / 1e6
    stages["video, MB"] = video.stat().st_size / 1e6
    return stages


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
