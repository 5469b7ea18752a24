"""The stages of an answer, each as a call of its own on one video."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from avfake.clips.archive import Clip, pack_clip
from avfake.clips.cut import cut_clip, cut_sound
from avfake.clips.dataset import collate
from avfake.clips.sample import Sampled
from avfake.clips.voice_statistics import voice_statistics
from avfake.detector.branch_scores import sampling_for
from avfake.faces.tracking import track_faces
from avfake.media.frames import read_frames
from avfake.media.probing import probe
from benchmarks import floor
from benchmarks.floor import Bare
from benchmarks.measured_detectors import Measured
from benchmarks.straightforward import Straightforward, reader
from benchmarks.straightforward import read_frames as read_all

Calls = dict[str, Callable[[], object]]
END_TO_END = "end to end"
NOT_ADDED = {END_TO_END, "mel"}
"""Stages that contain others, or are a part of one."""


def of_avfake(measured: Measured, video: Path, archive: Path) -> Calls:
    """Return stage -> call; "mel" is a part of "audio forward"."""
    bundle = measured.bundle
    config, face_detector = bundle.spec.clip, bundle.spec.clip.face_detector()
    info = probe(video)
    times = info.sample_times(config.num_frames)
    frames = read_frames(video, times)
    found = face_detector.detect(frames.pixels)
    tracks = track_faces(found, config.track)
    clip = cut_clip(video, config, face_detector)
    clip.save(archive)
    row = bundle.score_clip(clip).row()
    return {
        "probe": lambda: probe(video),
        "decode": lambda: read_frames(video, times),
        "detect": lambda: face_detector.detect(frames.pixels),
        "track": lambda: track_faces(found, config.track),
        "crop": lambda: [track.crops(frames.pixels, config.crop) for track in tracks],
        "sound": lambda: statistics_of(cut_sound(video, info, config)[0]),
        "archive write": write_of(clip, archive, config.jpeg_quality),
        "archive read": lambda: Sampled.of(Clip.open(archive), bundle.spec.whole()),
        **forward_calls(measured, clip),
        "stack": lambda: (
            bundle.decision_model.assess(row),
            bundle.decision_model.contributions(row),
        ),
        END_TO_END: lambda: measured.detector.predict(video),
    }


def statistics_of(waveform: object) -> object:
    return voice_statistics(waveform) if waveform else None


def write_of(clip: Clip, archive: Path, quality: int) -> Callable[[], object]:
    crops, waveform, meta = clip.crops(), clip.waveform(), clip.meta
    return lambda: pack_clip(meta, crops, waveform, jpeg_quality=quality).save(archive)


def forward_calls(measured: Measured, clip: Clip) -> Calls:
    """Return the forward passes of both branches of all models, and the spectrogram."""
    models = measured.bundle.models
    sampling = sampling_for(models[0].config, measured.bundle.spec.whole())
    batch = collate([Sampled.of(clip, sampling).item()])
    calls: Calls = {}
    if "sound" in batch:
        windows = batch["sound"][batch["sound_mask"]]
        mel = measured.audio.encoder.log_mel if measured.reads_samples else None
        mel = mel or models[0].audio.spectrogram
        calls["mel"] = lambda: mel(windows)
    for stage, key in (("visual forward", "faces"), ("audio forward", "sound")):
        part = {name: value for name, value in batch.items() if name.startswith(key)}
        if part:
            calls[stage] = forward_of(measured, part)
    return calls


def forward_of(measured: Measured, batch: dict[str, torch.Tensor]) -> Callable[[], object]:
    models = measured.bundle.models

    @torch.inference_mode()
    def forward() -> object:
        with_features = models[0].with_features(batch)
        return [model(with_features) for model in models]

    return forward


def of_floor(
    measured: Measured, video: Path, threads: int, chosen: dict[str, Bare]
) -> tuple[Calls, dict[str, str]]:
    """Return stage -> call, and stage -> the runtime that was taken.

    chosen: stage -> network in its fastest runtime; what it lacks is chosen, and put into it
    """
    config = measured.bundle.spec.clip
    times = probe(video).sample_times(config.num_frames).tolist()
    calls: Calls = {
        "decode": lambda: floor.decode(video, times, config.sample_rate, threads=threads)
    }
    notes = {"decode": "picture and sound"}
    networks = {"visual forward": measured.visual, "audio forward": measured.audio}
    for (stage, network), items in zip(networks.items(), inputs_of(measured, video), strict=True):
        if len(items) and stage not in chosen:
            chosen[stage] = floor.fastest(network, items, threads=threads)
        if len(items):
            calls[stage] = partial(chosen[stage], items)
            notes[stage] = f"{len(items)} inputs, {chosen[stage]}"
    return calls, notes


def inputs_of(measured: Measured, video: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the two networks of a detector read of a video."""
    bundle = measured.bundle
    clip = cut_clip(video, bundle.spec.clip, bundle.spec.clip.face_detector())
    batch = collate([Sampled.of(clip, bundle.spec.whole()).item()])
    model, size = bundle.models[0], bundle.models[0].config.visual.size_px
    faces, sound = torch.zeros(0, 3, size, size), torch.zeros(0, 1)
    # Without inference mode, whose tensors cannot be traced by another runtime.
    with torch.no_grad():
        if "faces" in batch:
            faces = model.visual.normalise(batch["faces"][batch["faces_mask"]]).contiguous()
        if "sound" in batch:
            sound = batch["sound"][batch["sound_mask"]]
            sound = sound if measured.reads_samples else model.audio.spectrogram(sound)
    return faces, sound.contiguous()


def of_straightforward(measured: Measured, video: Path) -> tuple[Calls, dict[str, str]]:
    """Return stage -> call, in their order, and notes; each reads what the last one left."""
    spec, config = measured.bundle.spec, measured.bundle.models[0].config
    pipeline = Straightforward(
        measured.visual,
        measured.audio,
        size_px=config.visual.size_px,
        num_frames=spec.clip.num_frames,
        reads_samples=measured.reads_samples,
    )
    left: dict[str, list] = {}

    def decode() -> None:
        left["frames"] = read_all(video, pipeline.num_frames)

    def detect() -> None:
        left["crops"] = [crop for frame in left["frames"] for crop in pipeline.crops(frame)]

    calls: Calls = {
        "decode": decode,
        "detect": detect,
        "visual forward": lambda: pipeline.of_faces(left["crops"]),
        "audio forward": lambda: pipeline.of_sound(video),
    }
    notes = {"decode": reader(), "detect": "with crops", "audio forward": "with ffmpeg and mel"}
    return calls, notes
