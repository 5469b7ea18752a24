"""Pages in a real browser, where one is there: what a click does, what is drawn and printed."""

import shutil
import time

import numpy as np
import pytest
from accessibility import needs_axe, serious
from speaking import speech

from avfake.errors import ConfigError
from avfake.media.writing import write_video
from avfake.report.dashboard import write_dashboard
from avfake.report.evidence import Evidence, Examined
from avfake.report.page import render_page
from avfake.report.pdf import BROWSER, check_pdf, find_browser, write_pdf
from avfake.report.preview import make_preview
from avfake.verdict import FaceScore, Person, Segment, Verdict, VoiceScore

CHROMIUM = shutil.which("chromium")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
SIZES = ((1280, 900), (390, 844))


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report on a video of four seconds with a person who looks forged in its second half."""
    folder = tmp_path_factory.mktemp("browser")
    frames = (np.full((90, 160, 3), 2 * at, np.uint8) for at in range(100))
    write_video(folder / "a.mp4", frames, fps=25, waveform=speech(4.0))
    scores = tuple(FaceScore(at / 4, (40.0, 20.0, 90.0, 70.0), at / 16) for at in range(16))
    verdict = Verdict(
        *("وجه <b>" + "very-long-name-" * 20 + ".mp4", "fake", 0.97, 0.97, 0.3, "ok"),
        persons=(Person(1, 0.5, scores, (Segment(2.0, 4.0, 0.9),)),),
        voice=(VoiceScore(0.0, 2.0, 0.2), VoiceScore(2.0, 4.0, 0.3)),
    )
    preview = make_preview(folder / "a.mp4", verdict)
    evidence = Evidence(verdict, preview=preview, examined=Examined(seconds=4.0))
    (folder / "page.html").write_text(render_page(evidence))
    return folder / "page.html"


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A dashboard of 10,000 files."""
    folder = tmp_path_factory.mktemp("many")
    shares = np.random.default_rng(0).random(10_000).tolist()
    rows = [
        {
            "file": f"folder {number % 7}/<i>{number}.mp4",
            "decision": "unsure",
            **dict.fromkeys(("p_fake", "p_face_fake", "p_voice_fake"), p),
            "reasons": "",
        }
        for number, p in enumerate(shares)
    ]
    return write_dashboard(rows, folder, folder / "scores.csv")


def opened(browser, path, size=SIZES[0], **options):
    found = browser.new_page(viewport={"width": size[0], "height": size[1]}, **options)
    found.errors = []
    found.on("pageerror", lambda error: found.errors.append(str(error)))
    found.on("console", lambda message: found.errors.append(message.text))
    found.on("request", lambda request: found.errors.append(request.url[:200]))
    found.goto(path.as_uri())
    found.errors = [one for one in found.errors if not one.startswith(("data:", path.as_uri()))]
    return found


def until(shown, condition):
    """Wait for a condition; by polling, since the policy of a page forbids what playwright does."""
    end = time.monotonic() + 20
    while not shown.evaluate(condition):
        assert time.monotonic() < end, condition
        shown.wait_for_timeout(50)


def test_a_click_on_a_timeline_shows_that_moment(browser, page):
    shown = opened(browser, page)
    until(shown, "document.getElementById('player').readyState >= 2")
    area = shown.locator(".area").first
    area.click(position={"x": 0.75 * area.bounding_box()["width"], "y": 5})
    until(shown, "Math.abs(document.getElementById('player').currentTime - 3) < 0.05")
    assert float(shown.input_value("#moment")) == pytest.approx(3.0, abs=0.05)
    shown.get_by_role("button", name="Show 0:02").click()
    until(shown, "Math.abs(document.getElementById('player').currentTime - 2) < 0.05")
    shown.focus("#moment")
    shown.keyboard.press("Home")
    until(shown, "document.getElementById('player').currentTime < 0.05")
    assert shown.errors == []


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_screen(browser, page, many, size):
    for path in (page, many):
        shown = opened(browser, path, size)
        assert shown.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert shown.errors == []
        shown.close()


def test_the_report_is_whole_without_its_script(browser, page):
    shown = opened(browser, page, java_script_enabled=False)
    assert shown.get_by_text("0:02.0 to 0:04.0: face of person 1 looks forged").is_visible()
    assert shown.locator("video[controls]").is_visible()
    assert shown.locator(".line svg").count() == 2
    for hidden in ("#moment", "#copy", "button.show"):
        assert not shown.locator(hidden).first.is_visible()


def test_ten_thousand_rows_open_sort_and_filter_at_once(browser, many):
    start = time.perf_counter()
    shown = opened(browser, many)
    assert time.perf_counter() - start < 5  # a machine under load; alone it takes half a second
    assert shown.locator("#body tr").count() == 100
    start = time.perf_counter()
    shown.click("th[data-key='0'] button")
    until(shown, "document.querySelector('#body th').textContent === '<i>0.mp4'")
    assert time.perf_counter() - start < 5
    shown.fill("#text", "9999")
    assert shown.locator("#body tr").count() == 1
    assert "1 of 10,000 rows" in shown.inner_text("#status")
    assert shown.errors == []


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, page, many, scheme):
    for path in (page, many):
        shown = opened(browser, path, color_scheme=scheme, bypass_csp=True)
        assert serious(shown) == []


@needs_browser
def test_a_page_is_printed(page, tmp_path):
    write_pdf(page.read_bytes(), tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF-")
    check_pdf("a.mp4", tmp_path / "page.pdf")  # made by a browser, and may be replaced
    (tmp_path / "mine.pdf").write_bytes(b"%PDF-1.7 of another program")
    with pytest.raises(ConfigError, match="was not made by this command"):
        check_pdf("a.mp4", tmp_path / "mine.pdf")


def test_a_missing_browser_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv(BROWSER, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("avfake.report.pdf.PATHS", ())
    with pytest.raises(ConfigError, match=r"looked for: chromium, .*install Chromium"):
        find_browser()
    monkeypatch.setenv(BROWSER, "nowhere")
    with pytest.raises(ConfigError, match="AVFAKE_BROWSER is nowhere"):
        find_browser()
