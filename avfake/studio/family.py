"""One family on disk: filmed once, passed through a codec, forged, passed through a codec again."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from avfake.forgery import FaceSwap, convert_voice, draw_traces, swap_faces
from avfake.media import Waveform, iter_frames, read_waveform, write_video
from avfake.studio.articulation import SAMPLE_RATE, Speaker, draw_speaker
from avfake.studio.heads import Take, film, film_plain
from avfake.studio.identity import Identity, draw_identity
from avfake.studio.motion import Motion, draw_motion, pose_for_swap
from avfake.studio.plan import SIDES, ClipPlan, Delivery, FamilyPlan, StudioConfig
from avfake.studio.scene import Light, Scene, draw_light, draw_scene, mix_lights
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
class Filmed:
    """One person's part in the picture."""

    motion: Motion
    take: Take


@dataclass(frozen=True)
class Shoot:
    """What was filmed, as it comes back from the first codec, and what a forger may use."""

    pixels: np.ndarray
    """uint8 [T, H, W, 3]."""
    waveform: Waveform
    light: Light
    speaker: Speaker
    motions: tuple[Motion, ...]
    """Of each person, from left to right."""
    landmarks: tuple[np.ndarray, ...]
    """float32 [T, 5, 2] px of each person."""


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
    shoot, donor, forging = _set_up(family, config)
    for number, clip in missing:
        rng = np.random.default_rng(forging[number])
        pixels, waveform = shoot.pixels, shoot.waveform
        if clip.face_fake:
            pixels = _with_other_face(shoot, donor.identity, rng, clip).pixels
        if clip.voice_fake:
            waveform = _with_other_voice(shoot, donor.speaker, rng, clip)
        for segment in clip.segments:  # of each stream that is forged, one
            if segment[2] == "face":
                pixels = splice_picture(shoot.pixels, pixels, segment, fps=config.fps)
            else:
                waveform = splice_sound(shoot.waveform, waveform, segment)
        _deliver(out / clip.filename, pixels, waveform, family.deliveries[number], config.fps)
    return len(missing)


def forged_area(family: FamilyPlan, config: StudioConfig, number: int) -> np.ndarray:
    """bool [T, H, W]: where in clip `number` of a family another face was laid over; all of it is
    filmed and forged anew. Nothing if its face is genuine; whatever `splice_seconds` says."""
    shoot, donor, forging = _set_up(family, config)
    clip = family.clips[number]
    if not clip.face_fake:
        return np.zeros(shoot.pixels.shape[:3], bool)
    rng = np.random.default_rng(forging[number])
    return _with_other_face(shoot, donor.identity, rng, clip).mask


def _set_up(
    family: FamilyPlan, config: StudioConfig
) -> tuple[Shoot, Person, list[np.random.SeedSequence]]:
    """What was filmed, who gives face and voice, and a seed for each clip's forgeries."""
    filming, casting, *forging = np.random.SeedSequence(
        family.seed.entropy, spawn_key=family.seed.spawn_key
    ).spawn(2 + len(family.clips))  # of a fresh one: a sequence that has spawned goes on counting
    shoot = first_generation(np.random.default_rng(filming), config)
    return shoot, draw_person(np.random.default_rng(casting)), forging


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
    filmed = [Filmed(motion, film(person.identity, scene, motion))]
    if config.num_people == 2:
        filmed.insert(int(rng.integers(2)), _film_listener(rng, scene, config))
    pixels = np.concatenate([one.take.pixels for one in filmed], axis=2)
    kbps = int(rng.integers(900, 1800))
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        path = Path(folder) / "first.mp4"
        write_video(
            path,
            pixels,
            fps=config.fps,
            waveform=speech.waveform,
            video_kbps=kbps,
            preset="ultrafast",
        )
        pixels = np.stack([picture for _, picture in iter_frames(path)])
        heard = read_waveform(path, SAMPLE_RATE)
    waveform = Waveform(_cut(heard.samples, len(speech.waveform.samples)), SAMPLE_RATE)
    landmarks = tuple(
        one.take.landmarks + np.array([place * scene.width_px, 0], np.float32)
        for place, one in enumerate(filmed)
    )
    motions = tuple(one.motion for one in filmed)
    return Shoot(pixels, waveform, scene.light, person.speaker, motions, landmarks)


def _film_listener(rng: np.random.Generator, scene: Scene, config: StudioConfig) -> Filmed:
    """Somebody who is silent, in the same light before another wall, as in a call of two."""
    seeds = rng.integers(2**31, size=2).tolist()
    clothes: list[float] = rng.uniform(20, 220, 3).tolist()
    elsewhere = replace(
        scene,
        backdrop_seed=seeds[0],
        noise_seed=seeds[1],
        clothes=(clothes[0], clothes[1], clothes[2]),
    )
    size = (scene.width_px, scene.height_px)
    motion = draw_motion(rng, np.zeros(config.num_frames, np.float32), size=size, fps=config.fps)
    return Filmed(motion, film(draw_person(rng).identity, elsewhere, motion))


def _with_other_face(
    shoot: Shoot, donor: Identity, rng: np.random.Generator, clip: ClipPlan
) -> FaceSwap:
    """The frames with the donor's face, which takes over the expressions and some of the light."""
    whose = SIDES.index(clip.forged_side) if clip.forged_side else 0
    light = mix_lights(shoot.light, draw_light(rng), 1 - clip.difficulty)
    still = pose_for_swap(shoot.motions[whose], size_px=_SOURCE_PX)
    source = film_plain(donor, light, still, size_px=_SOURCE_PX)
    return swap_faces(
        shoot.pixels,
        shoot.landmarks[whose],
        source.pixels,
        source.landmarks,
        traces=draw_traces(rng, clip.difficulty),
        rng=rng,
    )


def _with_other_voice(
    shoot: Shoot, donor: Speaker, rng: np.random.Generator, clip: ClipPlan
) -> Waveform:
    """The words in the donor's pitch and with the donor's vocal tract."""
    pitch_ratio = np.clip(donor.pitch_hz / shoot.speaker.pitch_hz, 0.6, 1.7)
    formant_ratio = np.clip(donor.formant_scale / shoot.speaker.formant_scale, 0.75, 1.35)
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
