"""One prepared clip as a plain zip: `meta.json`, `faces/PP_FFFF.jpg`, `sound.flac`.

It is written atomically, and each crop is read without the others. Order, dates and attributes of
the members are fixed, so that equal content gives equal bytes.
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
from PIL import Image, UnidentifiedImageError

from avfake import config as settings
from avfake.errors import ConfigError, MediaError, Reason, StoreError
from avfake.faces import FaceTrack
from avfake.labels import PARTS
from avfake.media import Waveform
from avfake.storage import AnyPath, as_path, cached, write_whole

FIXED_DATE = (1980, 1, 1, 0, 0, 0)
MAX_MEMBER_BYTES = 1 << 30
"""Size of one member, unpacked: two hours of speech at 48 kHz, the most of all settings, have
less."""
MAX_SECONDS = 7200.0
"""Length of the stored sound: the most that settings allow."""
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, RecursionError),
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, SyntaxError),
    *(struct.error, Image.DecompressionBombError, soundfile.SoundFileError, ConfigError),
    *(UnidentifiedImageError, OSError),
)
"""Exceptions of zipfile, json, Pillow and soundfile on an archive that avfake did not write."""


@dataclass(frozen=True)
class PersonMeta:
    """The track of one person as plain lists; its crops are separate members of the archive."""

    person_id: int
    frame_indices: list[int]
    """[K], into `ClipMeta.frame_seconds`."""
    boxes: list[list[float]]
    """[K][4] px of the displayed frame."""
    confidences: list[float]
    landmarks: list[list[list[float]]]
    """[K][5][2] px."""

    @classmethod
    def of(cls, track: FaceTrack) -> "PersonMeta":
        """Return the track as rounded numbers."""
        return cls(
            track.person_id,
            track.frame_indices.tolist(),
            track.boxes.astype(float).round(2).tolist(),
            track.confidences.astype(float).round(4).tolist(),
            track.landmarks.astype(float).round(2).tolist(),
        )

    def as_track(self) -> FaceTrack:
        """Return the track as arrays, from which crops can be cut."""
        return FaceTrack(
            person_id=self.person_id,
            frame_indices=np.array(self.frame_indices, np.int64),
            boxes=np.array(self.boxes, np.float32).reshape(-1, 4),
            confidences=np.array(self.confidences, np.float32),
            landmarks=np.array(self.landmarks, np.float32).reshape(-1, 5, 2),
        )


@dataclass(frozen=True)
class ClipMeta:
    """Facts about a clip besides its pixels and sound."""

    clip_id: str
    config_hash: str
    status: Literal["ok", "partial", "failed"]
    reasons: tuple[Reason, ...] = ()
    media: dict[str, Any] = field(default_factory=dict)
    """`MediaInfo` of the source file, without its path."""
    frame_seconds: list[float] = field(default_factory=list)
    """[T] of the sampled frames."""
    persons: tuple[PersonMeta, ...] = ()
    sound_seconds: float = 0.0
    """Length of the stored sound, the speech of the file without pauses; 0 without speech."""
    speech_spans: list[list[float]] = field(default_factory=list)
    """[S][2] start and end of each piece of the stored sound, seconds of the file."""
    voice_statistics: dict[str, float] = field(default_factory=dict)


class Clip:
    """A prepared clip; pixels and sound are read when they are asked for."""

    def __init__(self, source: AnyPath | bytes) -> None:
        self._source = source
        self._archive: zipfile.ZipFile | None = None

    @classmethod
    def open(cls, source: str | Path | bytes) -> "Clip":
        """Open an archive file, or the bytes of one.

        An archive behind a URL is read from a copy on this machine's disk (`storage.cached`).
        """
        return cls(source if isinstance(source, bytes) else as_path(source))

    @cached_property
    def meta(self) -> ClipMeta:
        """Facts about the clip; MediaError where they are not what avfake writes."""
        with self._refusing():
            found = settings.from_dict(ClipMeta, json.loads(self._read("meta.json")))
            _check_meta(found)
            return found

    def crop(self, person: int, position: int) -> np.ndarray:
        """Return uint8 [S, S, 3] RGB: crop number `position` of a person of the meta."""
        member = _crop_name(person, self.meta.persons[person].frame_indices[position])
        content = self._read(member)
        with self._refusing(), Image.open(io.BytesIO(content)) as picture:
            if picture.mode != "RGB":
                raise ValueError(f"{member} has no colours")
            return np.asarray(picture)

    def crops(self) -> list[np.ndarray]:
        """Return uint8 [K, S, S, 3] RGB for each person of the meta: all crops of the clip."""
        with self.opened(), self._refusing():
            return [
                np.stack([self.crop(number, k) for k in range(len(person.frame_indices))])
                for number, person in enumerate(self.meta.persons)
            ]

    def stored_crops(self) -> list[list[bytes]]:
        """Return the JPEG files of the crops of each person, to be copied as they are."""
        with self.opened():
            return [
                [self._read(_crop_name(number, index)) for index in person.frame_indices]
                for number, person in enumerate(self.meta.persons)
            ]

    def waveform(self) -> Waveform | None:
        """Return the stored sound: the speech of the file without pauses; None without speech.

        `meta.speech_spans` states where in the file each piece of it was.
        """
        if not self.meta.sound_seconds:
            return None
        content = io.BytesIO(self._read("sound.flac"))
        with self._refusing(), soundfile.SoundFile(content) as sound:
            if abs(sound.frames / sound.samplerate - self.meta.sound_seconds) > 1:
                raise ValueError("sound.flac has another length than meta.json states")
            return Waveform(sound.read(dtype="float32"), sound.samplerate)

    def save(self, path: AnyPath) -> None:
        """Write the archive to `path`, whole or not at all."""
        source = self._source
        write_whole(path, source if isinstance(source, bytes) else cached(source).read_bytes())

    @contextmanager
    def opened(self) -> Iterator[zipfile.ZipFile]:
        """Keep the archive open for all reads inside; outside, each read opens it again."""
        if self._archive is not None:
            yield self._archive
            return
        source = self._source
        try:
            file = io.BytesIO(source) if isinstance(source, bytes) else cached(source)
            self._archive = zipfile.ZipFile(file)
        except FileNotFoundError:
            raise MediaError(str(source), "file_missing", "prepare it again") from None
        except StoreError as error:
            code = "file_missing" if error.is_missing else "unreachable"
            raise MediaError(str(source), code, error.message or "prepare it again") from error
        except BROKEN as error:
            raise self._broken(error) from error
        try:
            with self._archive:
                yield self._archive
        finally:
            self._archive = None

    def _read(self, member: str) -> bytes:
        with self.opened() as archive, self._refusing():
            if archive.getinfo(member).file_size > MAX_MEMBER_BYTES:
                raise ValueError(f"{member} is too large")
            return archive.read(member)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Raise MediaError for whatever the content of an archive makes a reader raise."""
        try:
            yield
        except BROKEN as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> MediaError:
        name = "clip in memory" if isinstance(self._source, bytes) else str(self._source)
        return MediaError(name, "decode_error", f"not a prepared clip: {error}")


def _check_meta(meta: ClipMeta) -> None:
    """Raise ValueError or TypeError for values that avfake does not write."""
    texts = (meta.clip_id, meta.config_hash, *(reason.detail for reason in meta.reasons))
    is_named = all(isinstance(text, str) for text in texts) and isinstance(meta.media, dict)
    numbers = [meta.frame_seconds, meta.speech_spans, list(meta.voice_statistics.values())]
    count, parts = len(meta.frame_seconds), ("file", *PARTS)
    for person in meta.persons:
        track = person.as_track()
        sizes = {len(track), len(track.boxes), len(track.confidences), len(track.landmarks)}
        if len(sizes) > 1 or not all(0 <= index < count for index in person.frame_indices):
            raise ValueError(f"person {person.person_id} does not fit the frames")
        numbers += [track.boxes, track.confidences, track.landmarks]
    is_finite = all(np.isfinite(np.array(one, np.float64)).all() for one in numbers)
    spans = np.array(meta.speech_spans, np.float64).reshape(-1, 2)
    is_known = meta.status in ("ok", "partial", "failed") and all(
        reason.part in parts for reason in meta.reasons
    )
    is_sound = 0 <= meta.sound_seconds <= MAX_SECONDS and bool((spans[:, 0] <= spans[:, 1]).all())
    if not (is_named and is_finite and is_known and is_sound):
        raise ValueError("meta.json holds values that avfake does not write")


def pack_clip(
    meta: ClipMeta,
    crops: Sequence[np.ndarray] | Sequence[Sequence[bytes]],
    waveform: Waveform | None,
    *,
    jpeg_quality: int,
) -> Clip:
    """Return a clip in memory.

    crops: for each person of the meta uint8 [K, S, S, 3], or K JPEG files, stored as they are
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _add(archive, "meta.json", json.dumps(asdict(meta), separators=(",", ":")).encode())
        for person, pixels in enumerate(crops):
            for index, picture in zip(meta.persons[person].frame_indices, pixels, strict=True):
                content = picture if isinstance(picture, bytes) else _jpeg(picture, jpeg_quality)
                _add(archive, _crop_name(person, index), content)
        if waveform is not None:
            flac = io.BytesIO()
            soundfile.write(flac, waveform.samples, waveform.sample_rate, "PCM_16", format="FLAC")
            _add(archive, "sound.flac", flac.getvalue())
    return Clip(buffer.getvalue())


def _jpeg(picture: np.ndarray, quality: int) -> bytes:
    found = io.BytesIO()
    Image.fromarray(picture).save(found, "JPEG", quality=quality, subsampling=0)
    return found.getvalue()


def _crop_name(person: int, frame_index: int) -> str:
    return f"faces/{person:02d}_{frame_index:04d}.jpg"


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # Stored, not deflated: JPEG and FLAC are compressed already.
    member = zipfile.ZipInfo(name, FIXED_DATE)
    member.create_system, member.external_attr = 3, 0o644 << 16
    archive.writestr(member, content)
