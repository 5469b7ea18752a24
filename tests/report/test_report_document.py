import json
from dataclasses import replace

import jsonschema
import pytest

from avfake.detector.detector import Detector
from avfake.errors import Reason
from avfake.evaluation import Interval
from avfake.labels import OperatingPoint
from avfake.report.document import SCHEMA, document, file_name, to_json
from avfake.report.evidence import Evidence, Examined, collect_evidence
from avfake.report.excerpt import CardExcerpt, Rates, rates_of, read_excerpt, summary_of
from avfake.report.limits import limits
from avfake.report.wording import clock, quote, spoken_segments
from avfake.verdict import FaceScore, Person, Segment, Verdict, VoiceScore

CARD = """---
model-index:
- name: a
  results:
  - metrics:
    - {type: false_alarm_rate, value: 0.026, name: 'false (95 % interval 0.0100 to 0.0600)'}
    - {type: hit_rate, value: 0.5, name: 'hit (95 % interval 0.4 to 0.6)'}
    - {type: unsure_rate_genuine, value: 0.7, name: 'u (95 % interval 0.6 to 0.8)'}
    - {type: unsure_rate_fake, value: 0.47, name: 'u (95 % interval 0.3 to 0.6)'}
---

# avfake detector

**Of 230 genuine clips it calls 2.6 % fake**: its *false* alarms\\: few.

More.
"""
RATES = rates_of(CARD)
POINT = OperatingPoint(0.9, 0.01, 0.95)


def verdict(decision="fake", **changes):
    person = Person(1, 0.8, (FaceScore(4.0, (0, 0, 9, 9), 0.8),), (Segment(3.0, 8.0, 0.9),))
    found = Verdict(
        *("clip.mp4", decision, 0.97, 0.97, 0.2, "ok"),
        persons=(person,),
        voice=(VoiceScore(0.0, 2.0, 0.2),),
        voice_segments=(Segment(61.0, 62.5, 0.4),),
        operating_point=POINT,
        prior=0.5,
        trained_prior=0.5,
        detector="d@123",
    )
    return replace(found, **changes)


@pytest.fixture(scope="module")
def schema():
    found = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def test_documents_fit_the_published_schema(schema, studio_root, detector_folder, tmp_path):
    detector = Detector.from_pretrained(detector_folder, device="cpu")
    whole = collect_evidence(min(studio_root.glob("*.mp4")), detector)
    (tmp_path / "broken.mp4").write_bytes(b"no")
    broken = collect_evidence(tmp_path / "broken.mp4", detector)
    for evidence in (whole, broken, Evidence(verdict(), card=CardExcerpt("a", RATES, "on tests"))):
        jsonschema.validate(json.loads(to_json(evidence)), schema)
    assert whole.preview is not None
    assert whole.examined.persons >= 1
    assert whole.examined.frames_sampled == 4
    assert broken.examined == Examined()
    found = document(whole)
    assert Verdict.from_json(json.dumps(found["verdict"])) == whole.verdict
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found | {"new": 1}, schema)


def test_the_quote_has_the_answer_its_prior_and_the_false_alarms():
    card = CardExcerpt("", RATES, "on test files")
    said = quote(verdict(), card, "clip.mp4")
    assert "“clip.mp4” was forged at 97.0\N{NO-BREAK SPACE}%" in said
    assert "if 50 of 100 such files are forged, and calls the file forged" in said
    assert (
        "wrongly called 2.6\N{NO-BREAK SPACE}% (1 to 6\N{NO-BREAK SPACE}%) of the genuine" in said
    )
    assert "the face or the voice in" in said
    assert said.count(". ") == 0  # one sentence
    genuine = quote(verdict("real"), card, "a")
    assert "and 3.0\N{NO-BREAK SPACE}% of the forged ones genuine" in genuine
    heard = quote(verdict("unsure", p_face_fake=None), card, "a")
    assert "the voice in" in heard
    assert "leaves open" in heard
    assert "1 % of genuine files" in quote(verdict(), CardExcerpt(), "a")
    unknown = quote(verdict(operating_point=None), CardExcerpt(), "a")
    assert "is not known" in unknown
    failed = Verdict.failed("b.mp4", Reason("file", "not_media"))
    assert "gave no answer on “b.mp4”: the file could not be read" in quote(failed, card, "b.mp4")


def test_segments_are_named_in_words_in_order_of_time():
    first, second = spoken_segments(verdict())
    assert first.words == "0:03 to 0:08: face of person 1 looks forged"
    assert second.words.startswith("1:01.0 to 1:02.5: the voice stands out, but is not")
    assert spoken_segments(verdict("real")) == ()


@pytest.mark.parametrize(
    ("seconds", "digits", "words"),
    [(0, 0, "0:00"), (59.6, 0, "1:00"), (3723.4, 0, "1:02:03"), (59.96, 1, "1:00.0")],
)
def test_clock(seconds, digits, words):
    assert clock(seconds, digits) == words


def test_the_excerpt_of_a_card():
    assert RATES is not None
    assert RATES.false_alarms == Interval(0.026, 0.01, 0.06)
    assert summary_of(CARD) == "Of 230 genuine clips it calls 2.6 % fake: its false alarms: few."
    for card in ("", "# only a title", "---\n: : [\n---\n", "---\nmodel-index: 3\n---\n"):
        assert rates_of(card.replace("model-index: 3", "model-index: []")) is None
    assert summary_of("# only a title") == ""


def test_a_detector_without_a_test_quotes_what_was_held_out(detector_folder):
    detector = Detector.from_pretrained(detector_folder, device="cpu")
    detector.card = ""
    excerpt = read_excerpt(detector)
    assert isinstance(excerpt.rates, Rates | None)
    assert excerpt.summary == ""


def test_limits_say_what_was_not_seen():
    seen = Examined(10.0, 640, 360, 25.0, 250, 12, 8, 1, 40.0, 3.0)
    evidence = Evidence(verdict(), examined=seen, card=CardExcerpt(least_face_px=70.0))
    said = " ".join(limits(evidence))
    assert "12 of about 250 pictures" in said
    assert "found in 8 of the 12" in said
    assert "40 px high or wide (median), smaller than any the detector learned from (70 px)" in said
    assert "3.0 s of speech were found in a file of 0:10" in said
    silent = limits(replace(evidence, verdict=verdict(p_voice_fake=None)))
    assert "The answer says nothing about the voice." in silent
    assert limits(Evidence(Verdict.failed("a"))) == []


@pytest.mark.parametrize(
    ("file", "name"),
    [("a/b.mp4", "b.mp4"), ("s3://x/b.mp4", "b.mp4"), ("/", "/"), ("ب.mp4", "ب.mp4")],
)
def test_file_name(file, name):
    assert file_name(file) == name
