"""Detectors go to the Hub and come back; what it refuses is said plainly, without the token.

The Hub is a server of this test, reached over HTTP by huggingface_hub itself.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from hub_server import READER, WRITER, Hub, running

from avfake.detector import Bundle, Detector
from avfake.detector.folders import locate_bundle
from avfake.errors import BundleError, ConfigError
from avfake.report import write_card

NAME = "org/detector"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    found = Hub()
    with running(found):
        constants = huggingface_hub.constants
        monkeypatch.setattr(constants, "ENDPOINT", found.endpoint)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.partition("{repo_id}")
        url = f"{found.endpoint}/{''.join(template[1:])}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield found


@pytest.fixture
def licensed(detector_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "detector"
    shutil.copytree(detector_folder, folder)
    write_card(folder, licence="cc-by-4.0")
    (folder / "LICENSE").write_text("as the card says")
    (folder / "notes.docx").write_text("not of the detector")
    return folder


def test_a_detector_goes_up_and_comes_back(hub: Hub, licensed: Path) -> None:
    detector = Detector.from_pretrained(licensed)
    address = detector.push_to_hub(NAME, message="First of all", token=WRITER)
    assert re.fullmatch(rf"{hub.endpoint}/{NAME}/commit/\w+", address)
    assert hub.messages == ["First of all"]
    assert hub.private[NAME]  # by default
    assert "notes.docx" not in hub.files[NAME]
    assert "LICENSE" in hub.files[NAME]
    card = huggingface_hub.ModelCard(hub.files[NAME]["README.md"].decode())
    assert card.data.license == "cc-by-4.0"
    assert "deepfake-detection" in card.data.tags
    assert card.data.library_name == "avfake"
    back = Detector.from_pretrained(NAME, token=READER)
    content = detector.name.rpartition("@")[2]
    assert back.name == f"{NAME}@{content}"
    # And from the cache, where there is no network.
    huggingface_hub.constants.HF_HUB_OFFLINE = True
    assert Bundle.read(NAME).name == f"{NAME}@{content}"


def test_a_second_upload_replaces_the_first(hub: Hub, licensed: Path) -> None:
    detector = Detector.from_pretrained(licensed)
    detector.push_to_hub(NAME, private=False, token=WRITER)
    hub.files[NAME]["member_7.safetensors"] = b"of an earlier one"
    detector.push_to_hub(NAME, token=WRITER)
    assert "member_7.safetensors" not in hub.files[NAME]
    assert not hub.private[NAME]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("org/absent", "the Hub has no org/absent, or not for you; if it is private: log in"),
        ("org/a..b", "is no name of the Hub"),
        ("a/b/c", "neither a detector folder nor a Hub name like owner/name"),
    ],
)
def test_what_is_not_there_is_said_plainly(hub: Hub, name: str, words: str) -> None:
    with pytest.raises(BundleError) as refused:
        locate_bundle(name)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_private_detector_and_another_revision(hub: Hub, licensed: Path) -> None:
    Detector.from_pretrained(licensed).push_to_hub(NAME, token=WRITER)
    with pytest.raises(BundleError, match="if it is private: log in"):
        locate_bundle(NAME)
    with pytest.raises(BundleError, match=f"has {NAME}, but not this revision"):
        locate_bundle(NAME, revision="v2", token=READER)


def test_no_rights_are_named_and_the_token_is_not(hub: Hub, licensed: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        Detector.from_pretrained(licensed).push_to_hub(NAME, token=READER)
    assert "your token does not allow it (it must be one that may write)" in str(refused.value)
    assert READER not in str(refused.value)
    assert refused.value.__cause__ is None


def test_without_network(hub: Hub, licensed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BundleError, match=r"not in this machine's cache, and .* be reached"):
        locate_bundle(NAME)
    detector = Detector.from_pretrained(licensed)
    with pytest.raises(ConfigError, match="cannot be reached"):
        detector.push_to_hub(NAME, token=WRITER)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BundleError, match="HF_HUB_OFFLINE is set"):
        locate_bundle(NAME)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE is set"):
        detector.push_to_hub(NAME, token=WRITER)


def test_a_card_with_a_licence_must_be_there(hub: Hub, licensed: Path) -> None:
    detector = Detector.from_pretrained(licensed)
    write_card(licensed)
    with pytest.raises(ConfigError, match="states no licence of the weights"):
        detector.push_to_hub(NAME, token=WRITER)
    (licensed / "README.md").unlink()
    with pytest.raises(ConfigError, match="has no card; write it first: avfake card"):
        detector.push_to_hub(NAME, token=WRITER)
    assert hub.files == {}


def test_only_what_was_loaded_from_one_folder_is_uploaded(hub: Hub, licensed: Path) -> None:
    detector = Detector(Bundle.read(licensed))
    with pytest.raises(ConfigError, match="loaded from one folder"):
        detector.push_to_hub(NAME, token=WRITER)
