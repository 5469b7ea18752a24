import re

import numpy as np
import pytest

from avfake.cli import main
from avfake.detector import Detector
from avfake.errors import Reason
from avfake.media import Waveform, write_audio, write_video
from avfake.report import Evidence, render_page, write_report
from avfake.report.pictures import heat_uri
from avfake.report.timelines import HEIGHT, WIDTH, timelines
from avfake.verdict import FaceScore, Person, Segment, Verdict, VoiceScore

SOUND = Waveform(
    (0.1 * np.random.default_rng(0).standard_normal(32_000)).astype(np.float32), 16_000
)


@pytest.fixture(scope="module")
def detector(detector_folder):
    return Detector.from_pretrained(detector_folder, device="cpu")


def page_of(path, detector, tmp_path):
    verdict = write_report(path, detector, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "<script" not in text
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    return verdict, text


def test_a_video_with_face_and_voice_has_every_part(studio_root, detector, tmp_path):
    path = sorted(studio_root.glob("*.mp4"))[0]
    verdict, text = page_of(path, detector, tmp_path)
    assert text.count("<svg") == len(verdict.persons) + 1
    assert text.count('alt="the same with heat"') == 4
    assert 'alt="spectrogram"' in text
    assert f"{verdict.p_fake:.1%}" in text
    assert detector.name in text


def test_sound_alone_and_a_faceless_silent_picture(detector, tmp_path):
    write_audio(tmp_path / "voice.wav", SOUND)
    _, heard = page_of(tmp_path / "voice.wav", detector, tmp_path)
    assert "the file has no picture" in heard
    assert "The faces" not in heard
    assert 'alt="spectrogram"' in heard
    write_video(tmp_path / "grey.mp4", np.full((25, 64, 64, 3), 128, np.uint8), fps=25)
    verdict, seen = page_of(tmp_path / "grey.mp4", detector, tmp_path)
    assert verdict.p_fake is None
    assert "no face was found" in seen
    assert "could not be assessed" in seen


def test_an_unreadable_file_gives_a_page_that_says_why(detector_folder, tmp_path, capsys):
    broken, out = tmp_path / "broken.mp4", tmp_path / "page.html"
    broken.write_bytes(b"nothing of the kind")
    with pytest.raises(SystemExit) as left:
        main(["report", str(broken), "--detector", str(detector_folder), "--out", str(out)])
    assert left.value.code == 1
    assert "not a video or sound file" in out.read_text()
    assert "Traceback" not in capsys.readouterr().err


def test_names_and_details_are_escaped():
    attack = "<script>alert(1)</script>"
    reason = Reason("file", "decode_error", attack)
    verdict = Verdict(attack, "unsure", None, None, None, "failed", (reason,), detector=attack)
    text = render_page(Evidence(verdict, None, ""))
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 4  # title, name, reason, detector


def test_timelines_put_scores_and_stretches_at_their_times():
    frames = (FaceScore(0.0, (0, 0, 1, 1), 0.0), FaceScore(5.0, (0, 0, 1, 1), 1.0))
    person = Person(0, 0.5, frames, (Segment(5.0, 10.0, 0.9),))
    voice = (VoiceScore(0.0, 10.0, 0.5),)
    verdict = Verdict("a", "fake", 0.9, 0.9, 0.5, "ok", persons=(person,), voice=voice)
    (face, heard), seconds = timelines(verdict)
    assert seconds == 10.0
    assert face.dots == ((0.0, HEIGHT), (WIDTH / 2, 0.0))
    assert face.stretches == ((WIDTH / 2, WIDTH / 2),)
    assert heard.dots == ((WIDTH / 2, HEIGHT / 2),)


def test_no_heat_leaves_a_crop_as_it_is():
    crop = np.full((8, 8, 3), 77, np.uint8)
    cold, hot = np.zeros((8, 8)), np.ones((8, 8))
    assert heat_uri(crop, cold, strongest=1.0) == heat_uri(crop, hot * 0, strongest=0.0)
    assert heat_uri(crop, hot, strongest=1.0) != heat_uri(crop, cold, strongest=1.0)
