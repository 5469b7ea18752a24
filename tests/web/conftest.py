"""A server whose answers follow from the content of a file, and a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Server, fake, stop

pytest.importorskip("gradio", reason="the web page needs the extra web")

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"workers": 2, "time_limit_seconds": 10, "max_megabytes": 1}
    found = fake(tmp_path_factory.mktemp("server"), **settings)
    yield found
    stop(found)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()
