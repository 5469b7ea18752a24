"""Two people in one picture, one of them forged: the one that the truth names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avfake.errors import ConfigError
from avfake.media.frames import iter_frames
from avfake.studio.build import build_studio
from avfake.studio.plan import StudioConfig, plan_families

CONFIG = StudioConfig(4, seconds=1.0, seed=3, frame_sizes=((192, 160),), num_people=2)


def change(folder: Path, genuine: str, fake: str) -> np.ndarray:
    """Strongest change in the left and in the right half of the picture."""
    pictures = [
        np.stack([pixels for _, pixels in iter_frames(folder / name)]).astype(np.int16)
        for name in (genuine, fake)
    ]
    assert pictures[0].shape[1:3] == (160, 2 * 192)
    difference = np.abs(pictures[1] - pictures[0]).mean(axis=(0, 3))
    return np.array(
        [np.percentile(half, 99) for half in (difference[:, :192], difference[:, 192:])]
    )


def test_only_the_face_on_the_named_side_is_forged(tmp_path: Path) -> None:
    genuine, face, voice, both = build_studio(tmp_path, CONFIG, workers=0, show_progress=False)
    assert (genuine.forged_side, voice.forged_side) == ("", "")
    for fake in (face, both):
        left, right = change(tmp_path, genuine.filename, fake.filename)
        forged, other = (left, right) if fake.forged_side == "left" else (right, left)
        assert forged > 2 * other
    assert "forged_side" in (tmp_path / "truth.csv").read_text().splitlines()[0]


def test_either_side_is_forged_as_often() -> None:
    clips = [c for family in plan_families(replace(CONFIG, num_clips=400)) for c in family.clips]
    sides = [clip.forged_side for clip in clips if clip.face_fake]
    assert len(sides) == 200
    assert 75 < sides.count("left") < 125
    assert set(sides) == {"left", "right"}
    alone = plan_families(replace(CONFIG, num_people=1))
    assert not any(clip.forged_side for family in alone for clip in family.clips)


def test_a_crowd_is_refused() -> None:
    with pytest.raises(ConfigError, match="num_people must be 1 or 2, got 3"):
        replace(CONFIG, num_people=3)
