"""Clips whose branch scores follow their labels by a known law."""

import numpy as np

from avfake.calibration.features import ClipScores
from avfake.calibration.out_of_fold import OutOfFold
from avfake.calibration.probabilities import to_probabilities


def clip_scores(
    rng: np.random.Generator,
    name: str,
    face_fake: bool,
    voice_fake: bool,
    *,
    signal: float = 1.5,
    num_frames: int = 8,
    num_windows: int = 3,
) -> ClipScores:
    face = signal * (2 * face_fake - 1) + rng.normal()
    voice = signal * (2 * voice_fake - 1) + rng.normal()
    frames = to_probabilities(face + 0.3 * rng.normal(size=num_frames)).astype(np.float32)
    windows = to_probabilities(voice + 0.3 * rng.normal(size=num_windows)).astype(np.float32)
    return ClipScores(
        name,
        frame_scores=frames,
        frame_persons=np.zeros(num_frames, np.int64),
        frame_seconds=np.arange(num_frames, dtype=np.float32),
        face_px=np.full(num_frames, 100, np.float32),
        face_confidences=np.full(num_frames, 0.99, np.float32),
        num_frames_sampled=num_frames,
        window_scores=windows,
        window_spans=np.arange(num_windows, dtype=np.float32)[:, None] + np.float32([0, 2]),
        fused={
            "face": float(to_probabilities(face)),
            "voice": float(to_probabilities(voice)),
            "overall": float(to_probabilities(max(face, voice))),
        },
        voice_statistics={"rms_mean": float(rng.random())},
    )


def out_of_fold(
    num_clips: int, *, seed: int = 0, signal: float = 1.5, clips_per_group: int = 2
) -> OutOfFold:
    rng = np.random.default_rng(seed)
    face, voice = rng.random((2, num_clips)) < 0.4
    clips = [
        clip_scores(rng, f"clip{i}", bool(face[i]), bool(voice[i]), signal=signal)
        for i in range(num_clips)
    ]
    group = np.arange(num_clips) // clips_per_group
    fold = group % 3
    return OutOfFold(
        np.stack([clip.row() for clip in clips]),
        [clip.clip_id for clip in clips],
        [f"g{i}" for i in group],
        {
            "face": face.astype(float),
            "voice": voice.astype(float),
            "overall": (face | voice).astype(float),
        },
        fold,
        [frozenset(f"g{g}" for g in [*group, -1] if g % 3 != k or g < 0) for k in range(3)],
    )
