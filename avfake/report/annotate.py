"""A verdict drawn into its video: boxes around faces, scores over time, the sound kept."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from avfake.errors import MediaError
from avfake.media import MediaInfo, Waveform, iter_frames, probe, read_sound, write_video
from avfake.parallel import progress
from avfake.storage import Output, as_path, replacing
from avfake.verdict import Person, Verdict

LOW, MIDDLE, HIGH = (46, 134, 222), (240, 180, 40), (220, 40, 40)
"""Colours of p = 0, 0.5 and 1; colour-blind readers can distinguish blue and red."""
GROUND, IDLE, TEXT = (24, 24, 28), (90, 90, 96), (240, 240, 240)
MIN_WIDTH = 480
"""Narrower pictures are enlarged by a whole number, so that the text can be read."""
LONE_FRAME_SECONDS = 0.5
"""How long the box of a person with one scored frame is shown before and after."""
ENDINGS = (".mp4", ".m4v", ".mov")
MARK = b"avfake evidence video"
"""Content of a box at the end of the file, which players ignore; shows that avfake wrote the file,
so that it may be replaced."""


def check_evidence(path: str | Path, out_path: str | Path) -> MediaInfo:
    """Return what `probe` says of the video; MediaError if it has no picture.

    ConfigError if the evidence video cannot be written, or would replace another file.
    """
    Output(Path(out_path), inputs=[as_path(path)]).check_file("video", ENDINGS, MARK)
    info = probe(path)
    if not info.has_video:
        raise MediaError(path, "no_video", "only videos can be annotated")
    return info


def annotate(path: str | Path, verdict: Verdict, out_path: str | Path) -> None:
    """Draw a verdict into the video at `path`, and write it to `out_path` (H.264 + AAC).

    Every person carries a box with the probability of a forged face; below the picture, face and
    voice scores run over time under a moving cursor. The frame rate is made constant, the sound
    is mono. Errors as of `check_evidence`.
    """
    info = check_evidence(path, out_path)
    fps = min(60.0, max(1.0, info.fps or 25.0))
    out = Path(out_path)
    ending = out.suffix if out.suffix.lower() in ENDINGS else ENDINGS[0]
    with replacing(out, ending) as whole:
        count = round(fps * (info.duration_seconds or 0.0)) or None
        pictures = progress(
            _drawn(path, verdict, info, fps), total=count, unit="frame", desc="annotate"
        )
        write_video(whole, pictures, fps=fps, waveform=_sound(path, info))
        with whole.open("ab") as file:
            file.write((8 + len(MARK)).to_bytes(4, "big") + b"free" + MARK)


def score_colour(p_fake: float) -> tuple[int, int, int]:
    """Return a colour from blue over amber to red."""
    channels = zip(LOW, MIDDLE, HIGH, strict=True)
    red, green, blue = (round(float(np.interp(p_fake, [0, 0.5, 1], c))) for c in channels)
    return red, green, blue


def face_at(person: Person, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes [N, 4] and scores [N] of a person at the given times, between the scored frames.

    NaN where the person is not on screen: further from the scored frames than half their distance.
    """
    at = np.array([face.seconds for face in person.frames])
    known = np.array([[*face.box, face.p_fake] for face in person.frames])
    filled = np.stack([np.interp(seconds, at, column) for column in known.T], axis=1)
    margin = float(np.median(np.diff(at))) / 2 if len(at) > 1 else LONE_FRAME_SECONDS
    filled[(seconds < at[0] - margin) | (seconds > at[-1] + margin)] = np.nan
    return filled[:, :4], filled[:, 4]


def _sound(path: str | Path, info: MediaInfo) -> Waveform | None:
    if not info.has_audio:
        return None
    try:
        return read_sound(path, info.sample_rate or 48_000).waveform()
    except MediaError:
        return None  # the verdict names the damage; the picture is still worth showing


def _drawn(path: str | Path, verdict: Verdict, info: MediaInfo, fps: float) -> Iterator[np.ndarray]:
    """Yield pictures at a constant rate, each with boxes and strip."""
    assert info.width is not None
    enlarge = max(1, -(-MIN_WIDTH // info.width))
    duration = max(info.video_end_seconds or 0.0, info.duration_seconds or 0.0, 1 / fps)
    row = max(20, (info.width + (info.height or 0)) * enlarge // 50)
    strip = _strip(verdict, info.width * enlarge, row, duration)
    persons = [person for person in verdict.persons if person.frames]
    for seconds, frame in at_constant_rate(iter_frames(path), fps):
        picture = frame.repeat(enlarge, axis=0).repeat(enlarge, axis=1)
        canvas = Image.fromarray(np.concatenate([picture, strip]))
        draw = ImageDraw.Draw(canvas)
        for person in persons:
            draw_face(draw, person, seconds, enlarge, width=canvas.width)
        x = min(seconds / duration, 1.0) * (canvas.width - 1)
        draw.line((x, len(picture), x, canvas.height), fill=TEXT, width=2)
        yield np.asarray(canvas)


def at_constant_rate(
    frames: Iterator[tuple[float, np.ndarray]], fps: float
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield at each multiple of 1 / fps the frame on display, up to the last frame."""
    count = 0
    shown: np.ndarray | None = None
    for seconds, frame in frames:
        # Half a step of tolerance: time stamps are rounded by the container.
        while shown is not None and (count + 0.5) / fps < seconds:
            yield count / fps, shown
            count += 1
        shown = frame
    if shown is not None:
        yield count / fps, shown


def draw_face(
    draw: ImageDraw.ImageDraw, person: Person, seconds: float, enlarge: float, *, width: int
) -> None:
    """Draw the box of a person at a time, with number and score; nothing where it is not on screen.

    Args:
        enlarge: pixels of the drawing for one of the displayed frame
        width: of the drawing
    """
    boxes, scores = face_at(person, np.array([seconds]))
    if np.isnan(scores[0]):
        return
    box = (boxes[0] * enlarge).tolist()
    colour = score_colour(scores[0])
    draw.rectangle(box, outline=colour, width=max(3, width // 240))
    label = f"{person.person_id}: {scores[0]:.0%}"
    font = _font(max(14, width // 45))
    left, top, right, bottom = draw.textbbox((0, 0), label, font=font)
    y = max(0, box[1] - bottom - 4)
    draw.rectangle((box[0], y, box[0] + right + 6, y + bottom + 4), fill=colour)
    text = TEXT if sum(colour) < sum(LOW) else GROUND  # white on red, black on the lighter ones
    draw.text((box[0] + 3, y + 2), label, fill=text, font=font)


def _strip(verdict: Verdict, width: int, row: int, duration: float) -> np.ndarray:
    """Return uint8 [3 * row, width, 3]: the answer in words, then a row each for face and voice."""
    image = Image.new("RGB", (width, 3 * row), GROUND)
    draw = ImageDraw.Draw(image)
    _write(draw, _headline(verdict), (4, 0), row, width=width - 8)
    seconds = (np.arange(width) + 0.5) / width * duration
    rows = {"face": _face_scores(verdict, seconds), "voice": _voice_scores(verdict, seconds)}
    for number, (name, scores) in enumerate(rows.items(), start=1):
        bottom = (number + 1) * row - 3
        for x, score in enumerate(scores.tolist()):
            colour = IDLE if np.isnan(score) else score_colour(score)
            height = 0 if np.isnan(score) else round(score * (row - 8))
            draw.line((x, bottom - height, x, bottom), fill=colour)
        _write(draw, name, (4, number * row), row, width=width // 4)
    return np.asarray(image)


def _face_scores(verdict: Verdict, seconds: np.ndarray) -> np.ndarray:
    """Return [N] the highest score of the persons on screen; NaN where there is none."""
    of_persons = [face_at(person, seconds)[1] for person in verdict.persons if person.frames]
    highest: np.ndarray = np.fmax.reduce([np.full(len(seconds), np.nan), *of_persons])
    return highest


def _voice_scores(verdict: Verdict, seconds: np.ndarray) -> np.ndarray:
    """Return [N] the mean over the windows that cover a time; NaN where there is none."""
    total, count = np.zeros(len(seconds)), np.zeros(len(seconds))
    for window in verdict.voice:
        covered = (window.start_seconds <= seconds) & (seconds < window.end_seconds)
        total[covered] += window.p_fake
        count[covered] += 1
    return np.divide(total, count, out=np.full(len(seconds), np.nan), where=count > 0)


def _headline(verdict: Verdict) -> str:
    parts = [verdict.decision.upper()]
    named = {"": verdict.p_fake, "face ": verdict.p_face_fake, "voice ": verdict.p_voice_fake}
    for name, p_fake in named.items():
        parts.append(f"{name}not assessed" if p_fake is None else f"{name}{p_fake:.0%}")
    return "   ".join(parts)


def _write(
    draw: ImageDraw.ImageDraw, text: str, at: tuple[int, int], height: int, *, width: int
) -> None:
    """Draw text at most `height` px high and `width` px wide."""
    size = 0.7 * height
    length = draw.textlength(text, font=_font(size))
    font = _font(size * min(1.0, width / max(1.0, length)))
    draw.text(at, text, fill=TEXT, font=font, stroke_width=1, stroke_fill=GROUND)


@lru_cache
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
