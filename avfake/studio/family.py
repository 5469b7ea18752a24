"""One family on disk: rendered once, encoded, forged, and encoded again."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from avfake.forgery import FaceSwap, convert_voice, swap_faces
from avfake.labels import ForgedSegment
from avfake.media import Waveform, iter_frames, read_sound, write_video
from avfake.studio.heads import Rendering, render, render_head
from avfake.studio.person import Identity, Motion, draw_identity, draw_motion, pose_for_swap
from avfake.studio.plan import SIDES, ClipPlan, Encoding, FamilyPlan, StudioConfig
from avfake.studio.scene import Light, Scene, draw_light, draw_scene, mix_lights
from avfake.studio.voices import SAMPLE_RATE, Speaker, draw_acoustics, draw_speaker, speak

_SOURCE_PX = 176
"""Side of the pictures of the face that is swapped in."""


Person = tuple[Identity, Speaker]
"""Looks and voice."""


@dataclass(frozen=True)
class Recording:
    """A person speaking, decoded from the first encoding, and what a forger may use."""

    pixels: np.ndarray
    """uint8 [T, H, W, 3]."""
    waveform: Waveform
    light: Light
    speaker: Speaker
    people: tuple[tuple[Motion, np.ndarray], ...]
    """The motion and the landmarks, float32 [T, 5, 2] px, of each person, from left to right."""


def build_family(family: FamilyPlan, config: StudioConfig, out: Path) -> int:
    """Write the clips of a family that are not there yet; return their number."""
    missing = [n for n, clip in enumerate(family.clips) if not (out / clip.filename).exists()]
    if not missing:
        return 0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one family a process: more threads would only slow it down
    try:
        _write(missing, family, config, out)
    finally:
        torch.set_num_threads(threads)
    return len(missing)


def _write(missing: list[int], family: FamilyPlan, config: StudioConfig, out: Path) -> None:
    recording, (donor_identity, donor_speaker), forging = _set_up(family, config)
    for number in missing:
        clip, encoding = family.clips[number], family.encodings[number]
        rng = np.random.default_rng(forging[number])
        pixels, waveform = recording.pixels, recording.waveform
        if clip.face_fake:
            pixels = _with_other_face(recording, donor_identity, rng, clip).pixels
        if clip.voice_fake:
            waveform = _with_other_voice(recording, donor_speaker, rng, clip)
        for segment in clip.segments:  # of each stream that is forged, one
            if segment.stream == "face":
                pixels = splice_picture(recording.pixels, pixels, segment, fps=config.fps)
            else:
                waveform = splice_sound(recording.waveform, waveform, segment)
        # A second encoding, of genuine and forged clips alike, at the level and rate drawn for it.
        write_video(
            out / clip.filename,
            pixels,
            fps=config.fps,
            waveform=_set_loudness(waveform, encoding),
            video_kbps=encoding.video_kbps,
            audio_kbps=encoding.audio_kbps,
        )


def forged_area(family: FamilyPlan, config: StudioConfig, number: int) -> np.ndarray:
    """Return where another face was swapped in, in clip `number` of a family: bool [T, H, W].

    All is rendered and forged again. False everywhere if its face is genuine; `splice_seconds` does
    not count.
    """
    recording, (donor, _), forging = _set_up(family, config)
    clip = family.clips[number]
    if not clip.face_fake:
        return np.zeros(recording.pixels.shape[:3], bool)
    rng = np.random.default_rng(forging[number])
    return _with_other_face(recording, donor, rng, clip).mask


def _set_up(
    family: FamilyPlan, config: StudioConfig
) -> tuple[Recording, Person, list[np.random.SeedSequence]]:
    """Return the recording, the donor of face and voice, and a seed for each clip's forgeries."""
    filming, casting, *forging = np.random.SeedSequence(
        family.seed.entropy, spawn_key=family.seed.spawn_key
    ).spawn(2 + len(family.clips))  # of a new one: a sequence that has spawned goes on counting
    recording = record_person(np.random.default_rng(filming), config)
    return recording, draw_person(np.random.default_rng(casting)), forging


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a person from `rng`."""
    return draw_identity(rng), draw_speaker(rng)


def record_person(rng: np.random.Generator, config: StudioConfig) -> Recording:
    """Render a person speaking, compressed once, as any video is that a forger gets."""
    identity, speaker = draw_person(rng)
    scene, acoustics = draw_scene(rng, config.frame_sizes), draw_acoustics(rng)
    speech = speak(speaker, acoustics, rng, num_frames=config.num_frames, fps=config.fps)
    motion = draw_motion(rng, speech.mouth_open, size=scene.size, fps=config.fps)
    shown = [(motion, render(identity, scene, motion))]
    if config.num_people == 2:
        shown.insert(int(rng.integers(2)), _render_listener(rng, scene, config))
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        path = Path(folder) / "first.mp4"
        write_video(
            path,
            np.concatenate([rendering.pixels for _, rendering in shown], axis=2),
            fps=config.fps,
            waveform=speech.waveform,
            video_kbps=int(rng.integers(900, 1800)),
            preset="ultrafast",
        )
        pixels = np.stack([picture for _, picture in iter_frames(path)])
        samples = read_sound(path, SAMPLE_RATE).waveform().samples
    length = len(speech.waveform.samples)
    # Exactly as long as what was said: the end is cut, or filled with silence.
    samples = np.pad(samples[:length], (0, max(0, length - len(samples))))
    people = tuple(
        (motion, rendering.landmarks + np.array([n * scene.size[0], 0], np.float32))
        for n, (motion, rendering) in enumerate(shown)
    )
    waveform = Waveform(samples, SAMPLE_RATE)
    return Recording(pixels, waveform, scene.light, speaker, people)


def _render_listener(
    rng: np.random.Generator, scene: Scene, config: StudioConfig
) -> tuple[Motion, Rendering]:
    """Render a silent person in the same light before another wall, as in a call of two."""
    backdrop, noise = rng.integers(2**31, size=2).tolist()
    clothes = rng.uniform(20, 220, 3)
    elsewhere = replace(scene, backdrop_seed=backdrop, noise_seed=noise, clothes=clothes)
    silence = np.zeros(config.num_frames, np.float32)
    motion = draw_motion(rng, silence, size=scene.size, fps=config.fps)
    return motion, render(draw_person(rng)[0], elsewhere, motion)


def _with_other_face(
    recording: Recording, donor: Identity, rng: np.random.Generator, clip: ClipPlan
) -> FaceSwap:
    """Return the frames with the donor's face, with the expressions and some of the light."""
    motion, landmarks = recording.people[SIDES.index(clip.forged_side) if clip.forged_side else 0]
    light = mix_lights(recording.light, draw_light(rng), 1 - clip.difficulty)
    still = pose_for_swap(motion, size_px=_SOURCE_PX)
    source = render_head(donor, light, still, size_px=_SOURCE_PX)
    return swap_faces(
        recording.pixels,
        landmarks,
        source.pixels,
        source.landmarks,
        difficulty=clip.difficulty,
        rng=rng,
    )


def _with_other_voice(
    recording: Recording, donor: Speaker, rng: np.random.Generator, clip: ClipPlan
) -> Waveform:
    """Return the words in the donor's pitch and with the donor's vocal tract."""
    pitch_ratio = np.clip(donor.pitch_hz / recording.speaker.pitch_hz, 0.6, 1.7)
    formant_ratio = np.clip(donor.formant_scale / recording.speaker.formant_scale, 0.75, 1.35)
    return convert_voice(
        recording.waveform,
        method=clip.voice_method,
        pitch_ratio=float(pitch_ratio),
        formant_ratio=float(formant_ratio),
        difficulty=clip.difficulty,
        rng=rng,
    )


def _set_loudness(waveform: Waveform, delivery: Encoding) -> Waveform:
    """Set loudness and peak as drawn, so that neither tells how a voice was made."""
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


FADE_SECONDS = 0.1
"""Fade at either end, inside the segment; a frame and a half of 15 a second."""


def splice_picture(
    genuine: np.ndarray, forged: np.ndarray, segment: ForgedSegment, *, fps: float
) -> np.ndarray:
    """Return the genuine frames, but for the segment: uint8 [T, H, W, 3]."""
    middles = (np.arange(len(genuine)) + 0.5) / fps
    shares = forged_share(middles, segment)
    spliced = genuine.copy()
    for frame in np.flatnonzero(shares):
        mixed = genuine[frame] + shares[frame] * (forged[frame].astype(np.float32) - genuine[frame])
        spliced[frame] = mixed.round().clip(0, 255).astype(np.uint8)
    return spliced


def splice_sound(genuine: Waveform, forged: Waveform, segment: ForgedSegment) -> Waveform:
    """Return the genuine sound, but for the segment; both as long and of one rate."""
    moments = np.arange(len(genuine.samples)) / genuine.sample_rate
    mixed = genuine.samples + forged_share(moments, segment) * (forged.samples - genuine.samples)
    return Waveform(mixed.astype(np.float32), genuine.sample_rate)


def forged_share(moments: np.ndarray, segment: ForgedSegment) -> np.ndarray:
    """Return the share of the fake at moments in seconds: 0 outside, 1 inside, smooth fades."""
    start, end, _ = segment
    inwards = np.minimum(moments - start, end - moments) / FADE_SECONDS
    share: np.ndarray = np.sin(0.5 * np.pi * inwards.clip(0, 1)) ** 2
    return share.astype(np.float32)
