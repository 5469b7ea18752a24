"""One family on disk: filmed once, passed through a codec, forged, passed through a codec again."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from avfake.forge import convert_voice, swap_faces
from avfake.forge.face_swap import draw_traces
from avfake.media import Waveform, iter_frames, read_waveform, write_video
from avfake.studio.articulation import SAMPLE_RATE, Speaker, draw_speaker
from avfake.studio.heads import Take, film, film_plain
from avfake.studio.identity import Identity, draw_identity
from avfake.studio.motion import Motion, draw_motion, pose_for_swap
from avfake.studio.plan import ClipPlan, Delivery, FamilyPlan, StudioConfig
from avfake.studio.scene import Light, draw_light, draw_scene, mix_lights
from avfake.studio.splicing import splice_picture, splice_sound
from avfake.studio.synthesis import draw_room
from avfake.studio.voices import speak

_SOURCE_PX = 176
"""Side of the pictures of the face that is laid over."""


@dataclass(frozen=True)
class Person:
    """Looks and voice."""

    identity: Identity
    speaker: Speaker


@dataclass(frozen=True)
class Shoot:
    """What was filmed, as it comes back from the first codec, and what a forger may use."""

    take: Take
    waveform: Waveform
    motion: Motion
    light: Light
    person: Person


def build_family(family: FamilyPlan, config: StudioConfig, out: Path) -> int:
    """Writes the clips of a family that are not there yet; the number written."""
    missing = [
        (number, clip)
        for number, clip in enumerate(family.clips)
        if not (out / clip.filename).exists()
    ]
    if not missing:
        return 0
    torch.set_num_threads(1)  # one family a process: threads would only get in each other's way
    filming, casting, *forging = family.seed.spawn(2 + len(family.clips))
    shoot = first_generation(np.random.default_rng(filming), config)
    donor = draw_person(np.random.default_rng(casting))
    for number, clip in missing:
        rng = np.random.default_rng(forging[number])
        pixels, waveform = shoot.take.pixels, shoot.waveform
        if clip.face_fake:
            pixels = _with_other_face(shoot, donor.identity, rng, clip.difficulty)
        if clip.voice_fake:
            waveform = _with_other_voice(shoot, donor.speaker, rng, clip)
        for segment in clip.segments:  # of each stream that is forged, one
            if segment[2] == "face":
                pixels = splice_picture(shoot.take.pixels, pixels, segment, fps=config.fps)
            else:
                waveform = splice_sound(shoot.waveform, waveform, segment)
        _deliver(out / clip.filename, pixels, waveform, family.deliveries[number], config.fps)
    return len(missing)


def draw_person(rng: np.random.Generator) -> Person:
    """Somebody, drawn from `rng`."""
    return Person(draw_identity(rng), draw_speaker(rng))


def first_generation(rng: np.random.Generator, config: StudioConfig) -> Shoot:
    """A person speaking, filmed and compressed once, as any footage is that a forger gets."""
    person = draw_person(rng)
    scene, room = draw_scene(rng, config.frame_sizes), draw_room(rng)
    speech = speak(person.speaker, room, rng, num_frames=config.num_frames, fps=config.fps)
    size = (scene.width_px, scene.height_px)
    motion = draw_motion(rng, speech.mouth_open, size=size, fps=config.fps)
    take = film(person.identity, scene, motion)
    kbps = int(rng.integers(900, 1800))
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        path = Path(folder) / "first.mp4"
        write_video(
            path,
            take.pixels,
            fps=config.fps,
            waveform=speech.waveform,
            video_kbps=kbps,
            preset="ultrafast",
        )
        pixels = np.stack([picture for _, picture in iter_frames(path)])
        heard = read_waveform(path, SAMPLE_RATE)
    waveform = Waveform(_cut(heard.samples, len(speech.waveform.samples)), SAMPLE_RATE)
    return Shoot(Take(pixels, take.landmarks), waveform, motion, scene.light, person)


def _with_other_face(
    shoot: Shoot, donor: Identity, rng: np.random.Generator, difficulty: float
) -> np.ndarray:
    """The frames with the donor's face, which takes over the expressions and some of the light."""
    light = mix_lights(shoot.light, draw_light(rng), 1 - difficulty)
    still = pose_for_swap(shoot.motion, size_px=_SOURCE_PX)
    source = film_plain(donor, light, still, size_px=_SOURCE_PX)
    swap = swap_faces(
        shoot.take.pixels,
        shoot.take.landmarks,
        source.pixels,
        source.landmarks,
        traces=draw_traces(rng, difficulty),
        rng=rng,
    )
    return swap.pixels


def _with_other_voice(
    shoot: Shoot, donor: Speaker, rng: np.random.Generator, clip: ClipPlan
) -> Waveform:
    """The words in the donor's pitch and with the donor's vocal tract."""
    pitch_ratio = np.clip(donor.pitch_hz / shoot.person.speaker.pitch_hz, 0.6, 1.7)
    formant_ratio = np.clip(donor.formant_scale / shoot.person.speaker.formant_scale, 0.75, 1.35)
    return convert_voice(
        shoot.waveform,
        method=clip.voice_method,
        pitch_ratio=float(pitch_ratio),
        formant_ratio=float(formant_ratio),
        difficulty=clip.difficulty,
        rng=rng,
    )


def _deliver(
    path: Path, pixels: np.ndarray, waveform: Waveform, delivery: Delivery, fps: int
) -> None:
    """The second generation: every clip, genuine or forged, at the level and rate drawn for it."""
    write_video(
        path,
        pixels,
        fps=fps,
        waveform=_master(waveform, delivery),
        video_kbps=delivery.video_kbps,
        audio_kbps=delivery.audio_kbps,
    )


def _master(waveform: Waveform, delivery: Delivery) -> Waveform:
    """Loudness and peak set as drawn, so that neither tells how a voice was made."""
    samples = waveform.samples.astype(np.float64)
    samples /= _rms(samples) + 1e-9
    # The lower the ceiling under which peaks are rounded off, the lower the peak over the loudness.
    low, high = 0.5, 50.0
    for _ in range(16):
        ceiling = (low * high) ** 0.5
        rounded = ceiling * np.tanh(samples / ceiling)
        if np.abs(rounded).max() > delivery.crest * _rms(rounded):
            high = ceiling
        else:
            low = ceiling
    gain = 10 ** (delivery.level_db / 20) / (_rms(rounded) + 1e-9)
    return Waveform((rounded * gain).astype(np.float32), waveform.sample_rate)


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def _cut(samples: np.ndarray, length: int) -> np.ndarray:
    """Exactly `length` samples: the end is cut, or filled with silence."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))
