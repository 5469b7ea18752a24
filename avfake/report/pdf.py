"""A page as a PDF, printed by a browser of this machine without a window."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from avfake.errors import ConfigError
from avfake.storage import Output, as_path, write_whole

BROWSER = "AVFAKE_BROWSER"
"""Environment variable with the path of the browser."""
NAMES = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "msedge", "brave-browser"),
)
PATHS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
TIME_LIMIT_SECONDS = 180
MARK = b"/Creator (Chromium)"
START = b"%PDF-"


def find_browser() -> str:
    """Return the path of a Chromium, Chrome, Edge or Brave; ConfigError if there is none."""
    named = os.environ.get(BROWSER)
    if named:
        if found := shutil.which(named):
            return found
        raise ConfigError(f"{BROWSER} is {named}, which is no program that can be run")
    for name in (*NAMES, *PATHS):
        if found := shutil.which(name):
            return found
    raise ConfigError(
        f"a PDF is printed by a browser, and none was found (looked for: {', '.join(NAMES)}); "
        f"install Chromium (such as: apt install chromium), give its path in {BROWSER}, or print "
        "the HTML page from any browser"
    )


def check_pdf(path: str | Path, out: Path) -> None:
    """Raise ConfigError if no browser is there, or the PDF cannot be written to `out`.

    A PDF that is there already is replaced only if a browser has printed it.
    """
    find_browser()
    Output(out, "--pdf", inputs=[as_path(path)]).check_file("PDF", (".pdf",))
    if out.is_file():
        content = out.read_bytes()
        if content and not (content.startswith(START) and MARK in content):
            raise ConfigError(
                f"--pdf {out} is there already and was not made by this command; it was left as it "
                "is: give another name"
            )


def write_pdf(page: bytes, out: Path) -> None:
    """Print a page to `out`; ConfigError if the browser fails or takes too long."""
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        source, target = Path(folder) / "page.html", Path(folder) / "page.pdf"
        source.write_bytes(page)
        command = [
            *(browser, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions"),
            *(f"--user-data-dir={folder}/profile", "--no-pdf-header-footer"),
            *(f"--print-to-pdf={target}", source.as_uri()),
        ]
        # As root, as in a container, Chromium refuses to start with its sandbox. The page is ours,
        # loads nothing, and its policy lets no other script run.
        if sys.platform == "linux" and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIME_LIMIT_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigError(f"{browser} could not print the page: {error}") from error
        if not target.is_file():
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise ConfigError(f"{browser} printed no PDF: {' '.join(said) or 'no message'}")
        write_whole(out, target.read_bytes())
