"""The sound of a clip: the speech of the whole file, and where in the file it was."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avfake.clips.config import ClipConfig
from avfake.clips.speech import Span, find_speech, spread_spans
from avfake.errors import MediaError, Reason
from avfake.labels import Part
from avfake.media import MediaInfo, Note, Sound, Waveform, read_sound

KEPT_PIECE_SECONDS = 10.0
"""Length of the pieces that are kept of more speech than is allowed."""


@dataclass(frozen=True)
class CutSound:
    """What a clip keeps of the sound of its file."""

    speech: Waveform | None = None
    """The speech, set end to end; None where there is none to judge."""
    spans: list[list[float]] = field(default_factory=list)
    """[S][2] start and end in the file of each piece of it, s."""
    reasons: tuple[Reason, ...] = ()


def cut_sound(path: Path, info: MediaInfo, config: ClipConfig) -> CutSound:
    """Return the speech of a file, or why there is none to judge."""
    if not info.has_audio:
        return CutSound(reasons=(Reason("voice", "no_audio"),))
    try:
        sound = read_sound(path, config.sample_rate, max_seconds=config.max_sound_seconds)
    except MediaError as error:
        return CutSound(reasons=(reason_of("voice", error),))
    reasons = noted("voice", sound.notes)
    heard = sum(len(piece.samples) for piece in sound.pieces) / config.sample_rate
    if sound.total_seconds > heard + 1:
        left_out = _amount(sound.total_seconds - heard, sound.total_seconds, "sound")
        reasons += (Reason("voice", "sound_left_out", left_out),)
    return _keep_speech(sound, reasons, config)


def _keep_speech(sound: Sound, reasons: tuple[Reason, ...], config: ClipConfig) -> CutSound:
    rate = sound.sample_rate
    samples = np.concatenate([piece.samples for piece in sound.pieces] or [np.zeros(0, np.float32)])
    if len(samples) < config.speech.min_seconds * rate:
        short = Reason("voice", "too_short", f"{len(samples) / rate:.2f} s of sound")
        return CutSound(reasons=(*reasons, short))
    if Waveform(samples, rate).is_silent:
        return CutSound(reasons=(*reasons, Reason("voice", "silent_audio")))
    spans = find_speech(samples, rate, config.speech)
    if not spans:
        return CutSound(reasons=(*reasons, Reason("voice", "no_speech")))
    limit = round(config.max_speech_seconds * rate)
    kept = spread_spans(spans, limit, piece=round(KEPT_PIECE_SECONDS * rate))
    speech, chosen = (sum(end - start for start, end in some) / rate for some in (spans, kept))
    if chosen < speech:
        left_out = _amount(speech - chosen, speech, "speech")
        reasons += (Reason("voice", "sound_left_out", left_out),)
    waveform = Waveform(np.concatenate([samples[start:end] for start, end in kept]), rate)
    return CutSound(waveform, _seconds_of(kept, sound), reasons)


def _seconds_of(spans: list[Span], sound: Sound) -> list[list[float]]:
    """Start and end in the file of spans of samples of the pieces set end to end."""
    lengths = np.array([len(piece.samples) for piece in sound.pieces])
    firsts = np.concatenate([[0], np.cumsum(lengths)])
    found = []
    for start, end in spans:
        for number in range(*_pieces_between(firsts, start, end)):
            low, high = max(start, firsts[number]), min(end, firsts[number + 1])
            at = sound.pieces[number].start_seconds - firsts[number] / sound.sample_rate
            found.append([round(float(at + i / sound.sample_rate), 5) for i in (low, high)])
    return found


def _pieces_between(firsts: np.ndarray, start: int, end: int) -> tuple[int, int]:
    return (
        int(np.searchsorted(firsts, start, side="right")) - 1,
        int(np.searchsorted(firsts, end, side="left")),
    )


def _amount(part: float, whole: float, what: str) -> str:
    """How much of how much, in minutes where it is long."""
    if whole >= 120:
        return f"{part / 60:.0f} of {whole / 60:.0f} minutes of {what}"
    return f"{part:.0f} of {whole:.0f} seconds of {what}"


def noted(part: Part, notes: tuple[Note, ...]) -> tuple[Reason, ...]:
    """Return what was noticed while a stream was decoded, as reasons."""
    return tuple(Reason(part, note.code, note.detail) for note in notes)


def reason_of(part: Part, error: MediaError) -> Reason:
    """Return why a whole file could not be read, as the reason of one of its streams."""
    return Reason(part, error.reason.code, error.reason.detail)
