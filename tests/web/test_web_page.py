"""The page in a real browser: upload, progress, verdict, errors, two users, a telephone."""

import re
import time
from pathlib import Path

import pytest
from accessibility import needs_axe, serious

SCHEMES = ("light", "dark")
SECONDS = 120
"""Chromium gives its pages a low priority: on a busy core they wait long."""


@pytest.fixture
def open_page(browser, server):
    """Return a function that opens the page, and checks on leaving what it asked for."""
    contexts, asked = [], []

    def opened(**options):
        context = browser.new_context(**options)
        context.set_default_timeout(1000 * SECONDS)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(server.url)
        page.get_by_text("Was the face or the voice forged?").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    foreign = [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]
    assert foreign == []


def give(page, content: bytes, name: str = "clip.mp4") -> None:
    file = {"name": name, "mimeType": "video/mp4", "buffer": content}
    page.locator("input[type=file]").first.set_input_files(file)


def heading(page) -> str:
    found = page.locator(".avfake-answer h2")
    found.wait_for()
    return found.inner_text()


def is_cut(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


def test_a_file_is_dropped_worked_on_and_answered(open_page, server):
    page = open_page()
    give(page, b"wait fake")
    progress = page.locator(".avfake-progress")
    progress.get_by_text("finding faces and speech").wait_for()
    assert page.get_by_role("button", name="Stop").is_visible()
    assert heading(page) == "This file is fake."
    answer = page.locator(".avfake-answer").inner_text()
    for words in ("97.0 %", "40.0 %", "clip.mp4", "Decision"):
        assert words in answer
    report = page.frame_locator(".avfake-answer iframe")
    assert report.get_by_role("img", name="Face of person 0").is_visible()
    for kind in ("HTML", "PDF", "JSON"):
        with page.expect_download() as loading:
            page.locator(".downloads").get_by_text(kind).click()
        assert loading.value.suggested_filename == f"clip.{kind.lower()}"
    assert b'"decision": "fake"' in Path(loading.value.path()).read_bytes()
    page.get_by_role("button", name="Stop").wait_for(state="hidden")
    assert server.left() == []
    give(page, b"real")
    page.get_by_text("This file is real.").wait_for()


def test_a_broken_file_is_said_so_first(open_page):
    page = open_page()
    give(page, b"nothing of the kind", "broken.mp4")
    assert heading(page).startswith("This file could not be read: ")
    assert page.get_by_role("alert").first.is_visible()


def test_too_large_a_file_is_refused_in_words(open_page, server):
    page = open_page()
    give(page, bytes(1_300_000))
    page.get_by_text(re.compile("up to 1 MB")).last.wait_for()
    assert server.left() == []
    other = open_page()
    give(other, b"fake")
    heading(other)  # a page that is closed before it asks leaves its file for some minutes


def test_two_users_at_once_get_their_own_answers(open_page):
    first, second = open_page(), open_page()
    give(first, b"wait fake", "first.mp4")
    give(second, b"wait real", "second.mp4")
    assert (heading(first), heading(second)) == ("This file is fake.", "This file is real.")
    assert "first.mp4" in first.locator(".avfake-answer").inner_text()


def test_a_name_with_markup_stays_a_name(open_page):
    page = open_page()
    give(page, b"fake", "<img src=x onerror=alert(1)>&amp;.mp4")
    heading(page)
    assert page.locator(".avfake-answer img").count() == 0


def begin_slow_work(page, folder: Path) -> None:
    begun = folder / "begun"
    give(page, f"slow {begun}".encode())
    end = time.monotonic() + SECONDS
    while not begun.exists() and time.monotonic() < end:
        page.wait_for_timeout(100)
    assert begun.exists()


def wait_until_empty(server) -> None:
    end = time.monotonic() + SECONDS
    while server.left() and time.monotonic() < end:
        time.sleep(0.2)
    assert server.left() == []


def test_stopping_ends_the_work_at_once(open_page, server, tmp_path):
    page = open_page()
    begin_slow_work(page, tmp_path)
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Stopped.").wait_for()
    wait_until_empty(server)
    give(page, b"fake")
    assert heading(page) == "This file is fake."


def test_no_late_step_takes_the_place_of_stopped(open_page, server, tmp_path):
    page = open_page()
    begin_slow_work(page, tmp_path)

    def cancel_late(route):
        time.sleep(1.5)  # steps are shown three times a second
        route.continue_()

    page.route("**/cancel", cancel_late)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Stop").wait_for(state="hidden")
    wait_until_empty(server)
    page.get_by_text("Stopped.").wait_for()


def test_a_closed_browser_ends_the_work(open_page, server, tmp_path):
    page = open_page()
    begin_slow_work(page, tmp_path)
    page.close()
    wait_until_empty(server)


def test_the_sample_is_shown_and_answered(open_page):
    page = open_page()
    page.get_by_role("tab", name="Sample").click()
    page.wait_for_function("document.querySelector('.avfake-sample video').readyState >= 1")
    page.get_by_role("button", name="Check the sample").click()
    heading(page)


def test_a_recording_without_content_is_asked_for(open_page):
    page = open_page()
    page.get_by_role("tab", name="Voice").click()
    page.get_by_role("button", name="Check the recording").click()
    page.locator("#answer").get_by_text("Choose a file first.").wait_for()
    page.get_by_role("button", name="Stop").wait_for(state="hidden")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_is_cut_on_a_telephone(open_page, scheme):
    page = open_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    assert not is_cut(page)
    page.get_by_role("tab", name="File").wait_for()  # others may be in a menu
    give(page, b"fake", "a_very_long_name_without_a_break_" * 5 + ".mp4")
    heading(page)
    assert not is_cut(page)
    for one in page.locator(".avfake-answer dd, .avfake-answer h2, .avfake-answer iframe").all():
        box = one.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


@needs_axe
@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious(open_page, scheme, size):
    viewport = {"width": size[0], "height": size[1]}
    page = open_page(viewport=viewport, color_scheme=scheme, bypass_csp=True)
    page.get_by_role("tab", name="File").wait_for()
    assert serious(page) == []
    give(page, b"wait fake")
    page.locator(".avfake-progress").get_by_text("finding faces").wait_for()
    assert serious(page) == []
    heading(page)
    assert serious(page) == []
    for name in ("Camera", "Voice", "Sample") * (size[0] > 1000):  # on a telephone in a menu
        page.get_by_role("tab", name=name).click()
        page.get_by_role("tabpanel").get_by_role("button", name="Check the").wait_for()
        assert serious(page) == []
