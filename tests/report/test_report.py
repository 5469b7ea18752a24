import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest
from speaking import speech

from avfake.cli.main import main
from avfake.detector.detector import Detector
from avfake.errors import Reason
from avfake.media.writing import write_audio, write_video
from avfake.report.evidence import Evidence
from avfake.report.page import render_page
from avfake.report.pictures import heat_uri
from avfake.report.timelines import HEIGHT, WIDTH, band_ticks, ticks, timelines
from avfake.report.writing import write_report
from avfake.verdict import FaceScore, Person, Segment, Verdict, VoiceScore

SOUND = speech(2.0)


@pytest.fixture(scope="module")
def detector(detector_folder):
    return Detector.from_pretrained(detector_folder, device="cpu")


def page_of(path, detector, tmp_path):
    verdict = write_report(path, detector, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert_self_contained(text)
    return verdict, text


def assert_self_contained(text):
    """Nothing to load, one script that its hash allows, and words for every picture."""
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert text.count("<script") == 1
    assert f"script-src 'sha256-{digest}'" in text
    assert not re.search(
        r"(src|href|action|srcset|poster)\s*=\s*\"(?!data:(image|video|audio)/)", text
    )
    assert not re.search(r"url\((?!#)|@import|<(link|iframe|object|embed|form|base)\b", text)
    assert re.search(r"content=\"default-src 'none'; img-src data:; media-src data:;", text)
    assert all(re.search(r'alt="[^"]+"', img) for img in re.findall(r"<img[^>]*>", text))
    assert text.count("<svg") == text.count('role="img"') + text.count("<defs>")


def test_a_video_with_face_and_voice_has_every_part(studio_root, detector, tmp_path):
    path = sorted(studio_root.glob("*.mp4"))[0]
    verdict, text = page_of(path, detector, tmp_path)
    assert text.count('<figure class="line">') == len(verdict.persons) + 1
    assert 'type="video/mp4"' in text
    assert text.count(', heat map"') == 4
    assert 'alt="Spectrogram of the sound from 0.00 to 1.00 s"' in text
    assert re.search(r'style="bottom:[\d.]+%">1000 Hz<', text)
    assert f"{100 * verdict.p_fake:.1f}\N{NO-BREAK SPACE}%" in text
    assert detector.name in text


def test_sound_alone_and_a_faceless_silent_picture(detector, tmp_path):
    write_audio(tmp_path / "voice.wav", SOUND)
    _, heard = page_of(tmp_path / "voice.wav", detector, tmp_path)
    assert "the file has no picture" in heard
    assert "The faces" not in heard
    assert 'src="data:audio/mp4;base64,' in heard
    assert 'alt="Spectrogram of' in heard
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
    text = render_page(Evidence(verdict))
    assert text.count("<script") == 1  # its own
    assert text.count("alert(1)") == text.count("&lt;script&gt;alert(1)") == 5


def verdict_with_segments(decision, *reasons):
    frames = (FaceScore(0.0, (0, 0, 1, 1), 0.0), FaceScore(5.0, (0, 0, 1, 1), 1.0))
    person = Person(0, 0.5, frames, (Segment(5.0, 10.0, 0.9),))
    voice = (VoiceScore(0.0, 10.0, 0.5),)
    return Verdict(
        "a", decision, 0.9, 0.9, 0.5, "ok", reasons=reasons, persons=(person,), voice=voice
    )


def test_timelines_put_scores_and_segments_at_their_times():
    found = timelines(verdict_with_segments("fake"))
    face, heard = found.rows
    assert found.seconds == 10.0
    assert [(tick.percent, tick.label) for tick in found.ticks][:2] == [(0.0, "0 s"), (20.0, "2 s")]
    assert [(one.x, one.y) for one in face.scores] == [(0.0, HEIGHT), (WIDTH / 2, 0.0)]
    assert face.segments == ((WIDTH / 2, WIDTH / 2),)
    [window] = heard.scores
    assert (window.x, window.wide, window.y, window.seconds) == (0.0, WIDTH, HEIGHT / 2, 5.0)


@pytest.mark.parametrize(
    ("decision", "p_face", "words"),
    [("fake", 0.9, "looks forged"), ("fake", 0.3, "stands out"), ("unsure", 0.9, "stands out")],
)
def test_segments_are_called_forged_only_where_the_verdict_is_about_them(decision, p_face, words):
    verdict = replace(verdict_with_segments(decision), p_face_fake=p_face)  # voice: 0.5
    text = render_page(Evidence(verdict))
    assert text.count(f"{words}: 0:05 to 0:10") == 2  # to read and to be read aloud
    assert f"0:05 to 0:10: face of person 0 {words}" in text
    assert ('<rect class="segment fake"' in text) == (words == "looks forged")
    assert text.count('<rect class="segment') == 1


def test_a_genuine_file_has_no_segments():
    text = render_page(Evidence(verdict_with_segments("real")))
    assert "<polyline" in text
    assert '<rect class="segment' not in text
    assert "stands out" not in text


def test_scores_of_a_part_that_was_never_trained_are_not_drawn():
    heard = verdict_with_segments("fake", Reason("face", "not_trained"))
    assert len(timelines(heard).rows) == 2  # another detector of an ensemble was
    heard = replace(heard, p_face_fake=None)
    assert [row.title for row in timelines(heard).rows] == ["Voice"]


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.0, 1.0, ["0.0 s", "0.2 s", "0.4 s", "0.6 s", "0.8 s", "1.0 s"]),
        (0.65, 2.15, ["1.0 s", "1.5 s", "2.0 s"]),
        (0.0, 600.0, ["0 s", "200 s", "400 s", "600 s"]),
        (0.0, 0.0, []),
    ],
)
def test_ticks_are_round_and_few(low, high, labels):
    found = ticks(low, high, "s")
    assert [tick.label for tick in found] == labels
    for tick in found:
        at = low + tick.percent / 100 * (high - low)
        assert at == pytest.approx(float(tick.label.split()[0]), abs=1e-3 * high)


def test_frequencies_stand_at_their_bands():
    found = band_ticks(np.linspace(100, 2100, 21))  # a band each 100 Hz, 500 Hz is the fifth
    assert [(tick.label, tick.percent) for tick in found][1] == ("500 Hz", round(450 / 21, 2))
    assert [tick.label for tick in found] == ["250 Hz", "500 Hz", "1000 Hz", "2000 Hz"]
    linear = band_ticks(np.linspace(130, 7870, 60))  # 250 Hz lies 3 % of the height below 500 Hz
    assert [tick.label for tick in linear] == ["1000 Hz", "2000 Hz", "4000 Hz"]


def test_no_heat_leaves_a_crop_as_it_is():
    crop = np.full((8, 8, 3), 77, np.uint8)
    cold, hot = np.zeros((8, 8)), np.ones((8, 8))
    assert heat_uri(crop, cold, strongest=1.0) == heat_uri(crop, hot * 0, strongest=0.0)
    assert heat_uri(crop, hot, strongest=1.0) != heat_uri(crop, cold, strongest=1.0)
