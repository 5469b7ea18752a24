"""Every file that a detector reads has a checksum; what is added, altered or missing is noticed."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.detector.ensemble import write_ensemble
from avfake.detector.folders import CARD, SUMS, checked_sums
from avfake.detector.shipped import DEFAULT_FOLDER
from avfake.errors import BundleError

READ_BY_AVFAKE = ("frozen_visual.safetensors", "member_7.safetensors", "stacker_face.txt")


@pytest.fixture
def copy(detector_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(detector_folder, tmp_path / "bundle"))


def with_another_name(bundle: Path) -> Path:
    """Change what no answer depends on, and write the checksums for it."""
    calibration = bundle / "calibration.json"
    calibration.write_text(calibration.read_text() + "\n")
    sums = json.loads((bundle / SUMS).read_text())
    sums[calibration.name] = hashlib.sha256(calibration.read_bytes()).hexdigest()
    (bundle / SUMS).write_text(json.dumps(sums))
    return bundle


@pytest.fixture
def both(detector_folder: Path, copy: Path, tmp_path: Path) -> Path:
    """An ensemble of the detector and its copy, which differ in name alone."""
    names = [str(detector_folder), str(with_another_name(copy))]
    write_ensemble(tmp_path / "both", names, combine="mean")
    return tmp_path / "both"


def uncovered(folder: Path) -> set[str]:
    """Return the files of a folder, at any depth, that no checksums cover."""
    covered = {
        sums.parent / name for sums in folder.rglob(SUMS) for name in json.loads(sums.read_text())
    }
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path not in covered and path.name != CARD
    }


def test_every_file_but_the_card_is_covered(detector_folder: Path, both: Path) -> None:
    assert uncovered(detector_folder) == {SUMS}
    assert uncovered(both) == {SUMS}
    # The record of the release holds the hash of the others, and is compared with them.
    assert uncovered(DEFAULT_FOLDER) == {SUMS, "release.json"}


def test_one_bit_of_any_file_is_noticed(copy: Path) -> None:
    for name in checked_sums(copy):
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(BundleError, match="differ from their checksums"):
            Bundle.read(copy)
        (copy / name).write_bytes(content)
    Bundle.read(copy)


@pytest.mark.parametrize("name", READ_BY_AVFAKE)
def test_an_added_file_that_could_be_read_is_refused(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"anything")
    with pytest.raises(BundleError, match=f"does not list {name}"):
        Bundle.read(copy)


def test_a_file_that_is_taken_out_of_the_checksums_is_refused(copy: Path) -> None:
    sums = json.loads((copy / SUMS).read_text())
    for name in sums:
        less = {other: digest for other, digest in sums.items() if other != name}
        (copy / SUMS).write_text(json.dumps(less))
        if name.endswith((".safetensors", ".yaml", ".txt")) or name == "calibration.json":
            with pytest.raises(BundleError, match="does not list"):
                Bundle.read(copy)


def test_other_added_files_change_nothing_and_are_not_copied(
    copy: Path, detector_folder: Path, tmp_path: Path
) -> None:
    before = Bundle.read(with_another_name(copy)).name
    for name in ("notes.md", "model.py", "weights.pkl", "sub/config.yaml", "setup.cfg"):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text("raise SystemExit(1)")
    assert Bundle.read(copy).name == before
    write_ensemble(tmp_path / "both", [str(detector_folder), str(copy)], combine="mean")
    files = {path.name for path in (tmp_path / "both").rglob("*") if path.is_file()}
    assert not files & {"notes.md", "model.py", "weights.pkl", "setup.cfg"}


def test_whoever_writes_new_checksums_gives_the_detector_another_name(copy: Path) -> None:
    """Checksums show damage, not who wrote a bundle: the digits in the name do, if known."""
    before = Bundle.read(copy).name
    with_another_name(copy)
    after = Bundle.read(copy).name
    assert after.partition("@")[0] == before.partition("@")[0]
    assert after != before


def test_a_member_is_checked_when_an_ensemble_is_opened(both: Path) -> None:
    weights = both / "members" / "1" / "member_0.safetensors"
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(BundleError, match=r"member_0\.safetensors differ from their checksums"):
        Detector.from_pretrained(both)
