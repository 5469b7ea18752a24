"""What `benchmarks.evasion` does to a file so that a detector answers wrongly or not at all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from avfake.forgery import forge_face, forge_voice
from avfake.media import Waveform, write_audio, write_video
from avfake.scoring.stress.cells import recaptured, scaled
from benchmarks.measuring import quiet
from benchmarks.sample_videos import ffmpeg

GREY = 96
MINUTE_FPS = 8.0
"""Frame rate of the long videos, which would otherwise take most of the time."""
VARIABLE = "select='gt(mod(n,7),2)+eq(mod(n,11),0)'"
"""Keeps frames at irregular intervals, with their times."""


@dataclass(frozen=True)
class Material:
    """A decoded file."""

    frames: np.ndarray
    """uint8 [T, H, W, 3]; T = 0 for a recording."""
    fps: float
    sound: Waveform
    landmarks: np.ndarray
    """float [T, 5, 2] px, of the most prominent face in each frame."""
    face_px: float = 0.0
    """Side of its box."""


Change = Callable[[Material, Material], Material]
"""Takes a file, and another one that is genuine and has a face; gives the changed file."""


@dataclass(frozen=True)
class Trick:
    """One way to evade."""

    meaning: str
    change: Change
    of: Literal["video", "recording", "genuine"] = "video"
    """What it is done to; "genuine": to genuine videos, once without and once with a forgery."""
    crf: int = 18
    is_variable: bool = False
    """Whether the frame rate varies."""


def write(material: Material, path: Path, trick: Trick) -> Path:
    """Write the changed file; a recording as FLAC. Return its path."""
    if not len(material.frames):
        path = path.with_suffix(".flac")
        write_audio(path, material.sound)
        return path
    target = path.with_suffix(".constant.mp4") if trick.is_variable else path
    write_video(target, material.frames, fps=material.fps, waveform=material.sound, crf=trick.crf)
    if trick.is_variable:
        coding = ["-vf", VARIABLE, "-fps_mode", "vfr", "-crf", trick.crf, "-c:a", "copy"]
        quiet([ffmpeg(), "-y", "-loglevel", "error", "-i", target, *coding, "-threads", 1, path])
        target.unlink()
    return path


def each_frame(change: Callable[[np.ndarray, int], np.ndarray]) -> Change:
    """Return a trick that changes one frame at a time, as the cells of the stress test do."""

    def changed(one: Material, _other: Material) -> Material:
        return replace(one, frames=np.stack([change(f, k) for k, f in enumerate(one.frames)]))

    return changed


def each_sound(change: Callable[[Waveform], Waveform]) -> Change:
    return lambda one, _other: replace(one, sound=change(one.sound))


def with_face_of(one: Material, _other: Material, *, side_px: float) -> Material:
    """Shrink the picture until the face has this side, on a plain picture of the old size."""
    share = min(1.0, side_px / one.face_px)
    return replace(one, frames=np.stack([inside(f, plain(f), share, 0.5) for f in one.frames]))


def inset(one: Material, other: Material, *, is_beside_face: bool) -> Material:
    """Show the picture a third as wide in the corner of a plain picture, or of another person."""
    height, width = one.frames.shape[1:3]
    shown = []
    for number, frame in enumerate(one.frames):
        around = plain(frame)
        if is_beside_face:
            behind = Image.fromarray(other.frames[number % len(other.frames)])
            around = np.array(ImageOps.fit(behind, (width, height)))
        shown.append(inside(frame, around, 1 / 3, 0.97))
    return replace(one, frames=np.stack(shown))


def plain(frame: np.ndarray) -> np.ndarray:
    return np.full_like(frame, GREY)


def inside(frame: np.ndarray, around: np.ndarray, share: float, where: float) -> np.ndarray:
    """Return `around` with the frame in it, `share` as wide; where: 0.5 = middle, 1 = corner."""
    small = scaled(frame, 0, share=share)
    top, left = (round(where * (a - b)) for a, b in zip(frame.shape, small.shape[:2], strict=False))
    out = around.copy()
    out[top : top + small.shape[0], left : left + small.shape[1]] = small
    return out


def covered(one: Material, _other: Material, *, part: str) -> Material:
    """Lay a black bar over both eyes, or from the nose to the chin, as a mask does."""
    frames = one.frames.copy()
    for frame, points in zip(frames, one.landmarks, strict=True):
        apart = float(np.linalg.norm(points[1] - points[0]))
        low, high = points[:2].min(0) - apart * 0.5, points[:2].max(0) + apart * 0.5
        if part == "mouth":
            low = np.array([low[0], points[2, 1]])
            high = np.array([high[0], points[3:, 1].max() + apart])
        x0, y0, x1, y1 = (max(0, round(float(edge))) for edge in (*low, *high))
        frame[y0:y1, x0:x1] = 0
    return replace(one, frames=frames)


def letterboxed(frame: np.ndarray, _number: int) -> np.ndarray:
    """Add black bars above and below, each half as high as the picture."""
    return np.pad(frame, ((frame.shape[0] // 2,) * 2, (0, 0), (0, 0)))


def cartoon(frame: np.ndarray, _number: int) -> np.ndarray:
    """Flatten areas by a median, keep few colours, draw edges dark."""
    whole = Image.fromarray(frame)
    size = whole.size
    half = whole.resize((size[0] // 2, size[1] // 2)).filter(ImageFilter.MedianFilter(5))
    lines = np.asarray(half.convert("L").filter(ImageFilter.FIND_EDGES)) > 24
    flat = np.array(ImageOps.posterize(half, 3))
    flat[lines] //= 3
    return np.asarray(Image.fromarray(flat).resize(size, Image.Resampling.BILINEAR))


def held(one: Material, _other: Material) -> Material:
    """Show the middle frame throughout."""
    middle = one.frames[len(one.frames) // 2]
    return replace(one, frames=np.repeat(middle[None], len(one.frames), axis=0))


def moved_still(one: Material, other: Material) -> Material:
    """Move and enlarge the middle frame slowly, as films do with photographs."""
    height, width = one.frames.shape[1:3]
    shown = []
    for number, frame in enumerate(held(one, other).frames):
        done = number / len(one.frames)
        x, y, share = 0.1 * width * done, 0.05 * height * done, 1 - 0.1 * done
        box = (x, y, x + 0.9 * share * width, y + 0.9 * share * height)
        shown.append(np.asarray(Image.fromarray(frame).resize((width, height), box=box)))
    return replace(one, frames=np.stack(shown))


def under_photograph(one: Material, other: Material) -> Material:
    """Show a frame of another, genuine file as long as the recording lasts."""
    count = max(1, round(one.sound.duration_seconds * 25))
    middle = other.frames[len(other.frames) // 2]
    return replace(one, frames=np.repeat(middle[None], count, axis=0), fps=25.0)


def filmed_screen(frame: np.ndarray, number: int) -> np.ndarray:
    """Return the frame as filmed off a screen, at two thirds of the size and enlarged again."""
    small = Image.fromarray(scaled(recaptured(frame, number), number, share=2 / 3))
    return np.asarray(small.resize(frame.shape[1::-1], Image.Resampling.BICUBIC))


def under_music(sound: Waveform, *, louder_db: float) -> Waveform:
    """Add a synthetic melody, so many dB above the recording."""
    rate, count = sound.sample_rate, len(sound.samples)
    steps = np.random.default_rng(0).choice([0, 2, 4, 7, 9, 12], size=count // (rate // 3) + 1)
    hertz = 220 * 2 ** (steps.repeat(rate // 3)[:count] / 12)
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    melody = sum(np.sin(k * phase) / k for k in (1, 2, 3, 4))
    power = float(np.mean(sound.samples.astype(np.float64) ** 2))
    gain = np.sqrt(power / np.mean(melody**2)) * 10 ** (louder_db / 20)
    mixed = sound.samples + gain * melody
    return replace(sound, samples=(mixed / max(1.0, np.abs(mixed).max())).astype(np.float32))


def padded(sound: Waveform, *, seconds: float) -> Waveform:
    return replace(sound, samples=np.pad(sound.samples, round(seconds * sound.sample_rate)))


def shifted_pitch(sound: Waveform, *, semitones: float) -> Waveform:
    import librosa  # late: it takes a second

    moved = librosa.effects.pitch_shift(sound.samples, sr=sound.sample_rate, n_steps=semitones)
    return replace(sound, samples=moved.astype(np.float32))


def changed_tempo(sound: Waveform, *, ratio: float) -> Waveform:
    import librosa  # late: it takes a second

    faster = librosa.effects.time_stretch(sound.samples, rate=ratio)
    return replace(sound, samples=faster.astype(np.float32))


def played_faster(sound: Waveform, *, ratio: float) -> Waveform:
    """Raise tempo and pitch together, as a record that turns faster."""
    rate = sound.sample_rate
    return Waveform(sound.samples, round(rate * ratio)).resampled(rate)


def minute(one: Material, _other: Material, *, is_forged: bool = False) -> Material:
    """Repeat a file for a minute; is_forged: with face and voice forged from 30 to 31 s."""
    wanted = np.arange(round(60 * MINUTE_FPS))
    # Not a whole number of times from one sampled frame to the next, or all would be the same.
    turn = np.round(wanted / MINUTE_FPS * one.fps).astype(int) % round(0.9 * len(one.frames))
    frames, points = one.frames[turn], one.landmarks[turn]
    rate = one.sound.sample_rate
    samples = np.resize(one.sound.samples, 60 * rate)
    if is_forged:
        rng, second = np.random.default_rng(0), slice(30 * rate, 31 * rate)
        voice = Waveform(samples[second].copy(), rate)
        samples[second] = forge_voice(voice, rng=rng, methods=["pulse_vocoder"]).samples
        part = slice(round(30 * MINUTE_FPS), round(31 * MINUTE_FPS))
        frames[part] = with_forged_face(frames[part], points[part], rng)
    return replace(
        one, frames=frames, landmarks=points, fps=MINUTE_FPS, sound=Waveform(samples, rate)
    )


def with_forged_face(
    frames: np.ndarray, points: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return frames [T, H, W, 3] whose face is blended with itself, changed (a seam of a swap)."""
    height, width = frames.shape[1:3]
    apart = float(np.linalg.norm(points[:, 1] - points[:, 0], axis=1).max())
    side = min(height, width, round(5 * apart))
    centre = points.mean(axis=(0, 1))
    left, top = (
        round(float(np.clip(c - side / 2, 0, size - side)))
        for c, size in zip(centre, (width, height), strict=True)
    )
    crops = frames[:, top : top + side, left : left + side].copy()
    placed = (points - [left, top]).astype(np.float32)
    out = frames.copy()
    forged = forge_face(crops, placed, rng=rng, methods=["self_blend"])
    out[:, top : top + side, left : left + side] = forged.pixels
    return out


UNTOUCHED = "unchanged"
_same = each_frame(lambda frame, _: frame)
TRICKS: Mapping[str, Trick] = {
    UNTOUCHED: Trick("written again, else unchanged", _same),
    "small_face": Trick("face 40 px wide in the frame", partial(with_face_of, side_px=40.0)),
    "tiny_face": Trick("face 10 px wide in the frame", partial(with_face_of, side_px=10.0)),
    "brow_covered": Trick("bar from brow to nose", partial(covered, part="brow")),
    "mouth_covered": Trick("mask from nose to chin", partial(covered, part="mouth")),
    "upside_down": Trick("upside-down", each_frame(lambda frame, _: frame[::-1, ::-1])),
    "mirrored": Trick("left and right swapped", each_frame(lambda frame, _: frame[:, ::-1])),
    "letterboxed": Trick("black bars above and below", each_frame(letterboxed)),
    "inset": Trick("picture in picture, plain around", partial(inset, is_beside_face=False)),
    "inset_beside": Trick(
        "picture in picture, a genuine person around", partial(inset, is_beside_face=True)
    ),
    "cartoon": Trick("few colours, flat areas, lines", each_frame(cartoon)),
    "poster": Trick("one still frame held", held),
    "moved_still": Trick("one still frame, slowly moved", moved_still),
    "variable_rate": Trick("variable frame rate", _same, is_variable=True),
    "filmed_screen": Trick("filmed off a screen", each_frame(filmed_screen)),
    "crf_45": Trick("very coarse coding", _same, crf=45),
    "still_with_voice": Trick("genuine still, the recording", under_photograph, "recording"),
    "recording": Trick("written again, else unchanged", lambda one, _: one, "recording"),
    "music": Trick(
        "melody 5 dB louder than the voice",
        each_sound(partial(under_music, louder_db=5.0)),
        "recording",
    ),
    "silence": Trick(
        "10 s of silence before and after", each_sound(partial(padded, seconds=10.0)), "recording"
    ),
    "pitch": Trick(
        "pitch 3 semitones higher", each_sound(partial(shifted_pitch, semitones=3.0)), "recording"
    ),
    "tempo": Trick(
        "a quarter faster, same pitch", each_sound(partial(changed_tempo, ratio=1.25)), "recording"
    ),
    "speed": Trick(
        "a tenth faster and higher", each_sound(partial(played_faster, ratio=1.1)), "recording"
    ),
    "minute": Trick("one forged second in a minute", minute, "genuine"),
}
"""Name -> trick; the first of videos and "recording" are what the others are compared with."""
