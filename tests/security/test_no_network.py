"""Nothing is sent or fetched unasked: answering, reporting and preparing need no network."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avfake.cli.main import main
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.errors import BundleError


class ReachedError(BaseException):
    """A connection was tried; no handler of exceptions may swallow it."""


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Arguments of each connection or look-up of a name; each try raises, and fails the test."""
    found: list[Any] = []

    def refuse(self: Any, *args: Any, **_: Any) -> None:
        family = getattr(self, "family", None)
        if family == getattr(socket, "AF_UNIX", object()):
            return original(self, *args)
        found.append(args)
        raise ReachedError(args)

    original = socket.socket.connect
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, lambda *args, **_: refuse(None, *args))
    # As on a user's machine: what is offline only because of this variable would not be seen.
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield found
    assert found == []


@pytest.fixture
def video(studio_root: Path) -> Path:
    return min(studio_root.rglob("*.mp4"))


def test_the_fixture_notices_a_connection(tried: list[Any]) -> None:
    with pytest.raises(ReachedError):
        socket.create_connection(("127.0.0.1", 9))
    with socket.socket() as connection, pytest.raises(ReachedError):
        connection.connect(("127.0.0.1", 9))
    assert len(tried) == 2
    tried.clear()


def test_a_video_is_answered(detector_folder: Path, video: Path, tried: list[Any]) -> None:
    verdict = Detector.from_pretrained(detector_folder, device="cpu").predict(video)
    assert verdict.status == "ok"


def test_the_default_detector_answers(video: Path, tried: list[Any]) -> None:
    assert Detector.default().predict(video).p_fake is not None


@pytest.mark.parametrize(
    "verb",
    [
        ["predict", "{video}", "--json"],
        ["report", "{video}", "--out", "{out}/page.html"],
        ["prepare", "studio", "{root}", "{out}/clips", "--workers", "0", "--frames", "2"],
        ["manifest", "studio", "{root}", "{out}/m.csv"],
    ],
    ids=lambda verb: verb[0],
)
def test_verbs_ask_no_one(
    verb: list[str], detector_folder: Path, video: Path, tmp_path: Path, tried: list[Any]
) -> None:
    words = [w.format(video=video, out=tmp_path, root=video.parent) for w in verb]
    if verb[0] in ("predict", "report"):
        words += ["--detector", str(detector_folder)]
    try:
        code = main(words)
    except SystemExit as ended:
        code = ended.code
    assert code in (0, 1, None)


def test_a_bundle_names_no_weights_that_are_fetched(
    detector_folder: Path, tried: list[Any]
) -> None:
    """What a training started from may be on a hub; opening takes it from the bundle."""
    import yaml

    text = (detector_folder / "config.yaml").read_text()
    assert yaml.safe_load(text)["model"]["visual"]["weights"]
    Bundle.read(detector_folder)


@pytest.mark.parametrize("name", ["nowhere", "a/b/c", "../x", "http://127.0.0.1/x", "s3://a/b"])
def test_what_is_no_name_of_the_hub_asks_no_one(name: str, tried: list[Any]) -> None:
    with pytest.raises(BundleError):
        Detector.from_pretrained(name)
