"""What was noticed while a file was read becomes reasons of its clip; most are no loss."""

from pathlib import Path

import numpy as np
import pytest
from talks import join, write_talk

from avfake.clips.config import ClipConfig
from avfake.clips.cut import cut_clip
from avfake.errors import NEVER_REAL, NOTHING_LOST, REASONS, UNREADABLE, Reason
from avfake.faces.types import Detections
from avfake.media.sound import read_sound
from avfake.verdict import status_of

CONFIG = ClipConfig(num_frames=8)


class OneFace:
    """Finds the same face in every frame."""

    name = "fixed"

    def detect(self, frames: np.ndarray) -> list[Detections]:
        box = np.array([[10, 10, 40, 40]], np.float32)
        points = np.array([[[18, 20], [32, 20], [25, 26], [20, 33], [30, 33]]], np.float32)
        return [Detections(box, np.ones(1, np.float32), points)] * len(frames)


def reasons(path):
    """Return the status and the reasons but one: the sound of these files is a tone, no speech."""
    meta = cut_clip(path, CONFIG, OneFace()).meta
    others = [reason for reason in meta.reasons if reason.code != "no_speech"]
    return status_of(0.5, others), {str(reason): reason.detail for reason in others}


def test_joined_parts_are_all_judged_and_told_of(tmp_path):
    parts = [write_talk(tmp_path / f"{n}.ts", hertz=500 * (n + 1)) for n in range(2)]
    path = join(tmp_path / "all.ts", *parts)
    status, found = reasons(path)
    assert (status, set(found)) == ("ok", {"face:clock_restarts", "voice:clock_restarts"})
    assert "2.0 s" in found["voice:clock_restarts"]
    meta = cut_clip(path, CONFIG, OneFace()).meta
    assert meta.frame_seconds[-1] > 3.5
    assert read_sound(path).total_seconds == pytest.approx(4.0, abs=0.1)


def test_a_part_that_is_not_there_is_a_loss(tmp_path):
    path = write_talk(tmp_path / "a.mkv", seconds=4.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    status, found = reasons(path)
    assert (status, set(found)) == ("partial", {"face:truncated", "voice:truncated"})


@pytest.mark.parametrize("step", [0.5, 600.0])
def test_few_pictures_a_minute_are_no_damage(tmp_path, make_video, step):
    path = make_video(tmp_path / "a.mp4", [step * n for n in range(10)])
    assert reasons(path) == ("partial", {"voice:no_audio": ""})


def test_sound_that_is_longer_is_no_damage(tmp_path):
    path = write_talk(tmp_path / "a.mkv", sound_at=lambda t: t + 3)
    assert reasons(path) == ("ok", {})


def test_codes_that_leave_the_status_alone_are_known():
    assert set(REASONS) >= NOTHING_LOST
    harmless = [Reason("voice", code) for code in sorted(NOTHING_LOST)]
    assert status_of(0.5, harmless) == "ok"
    assert status_of(0.5, [*harmless, Reason("voice", "left_out")]) == "partial"


def test_the_page_of_reasons_has_each_code_with_its_words_and_its_effect():
    page = Path(__file__).parents[2] / "docs" / "reasons.md"
    found = {
        code.strip("`"): (words, effect)
        for line in page.read_text().splitlines()
        if line.startswith("| `")
        for code, words, effect, _ in [[cell.strip() for cell in line.strip("|").split("|")]]
    }
    assert {code: words for code, (words, _) in found.items()} == REASONS
    effects = {code: effect for code, (_, effect) in found.items()}
    assert {
        code for code, effect in effects.items() if "status unchanged" in effect
    } == NOTHING_LOST
    assert {code for code, effect in effects.items() if "never *real*" in effect} == NEVER_REAL
    assert {code for code, effect in effects.items() if effect == "failed"} == UNREADABLE
