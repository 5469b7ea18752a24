"""What becomes of a detector that ships: the same answers, no places, terms beside it, checked."""

import configparser
import json
import shutil
from pathlib import Path, PurePath
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file

import avfake
from avfake.detector import shipped
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.detector.ensemble import write_ensemble
from avfake.detector.folders import whole_folder
from avfake.detector.release import release_detector
from avfake.detector.shipped import read_release
from avfake.errors import ConfigError

TERMS: dict[str, Any] = {
    "licence": "research use only",
    "terms": "Research use.\n\nOnly.",
    "sources": {"one source": "CC-BY-4.0"},
}


@pytest.fixture
def video(studio_root: Path) -> Path:
    return sorted(studio_root.glob("*.mp4"))[0]


@pytest.fixture
def source(detector_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(detector_folder, tmp_path / "run" / "detector"))


def release(source: Path, target: Path, **options: Any) -> Path:
    return release_detector(source, target, **{"version": "1.0", **TERMS, **options})


def with_facts(folder: Path, **facts: object) -> None:
    """Change what a bundle says of its origin."""
    names = {path.name for path in folder.iterdir()} - {"checksums.json"}
    content = {name: (folder / name).read_bytes() for name in names}
    config = yaml.safe_load(content["config.yaml"])
    config["facts"] |= facts
    with whole_folder(folder) as partial:
        for name, data in content.items():
            (partial / name).write_bytes(data)
        (partial / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def test_a_release_answers_like_what_was_trained_and_brings_its_terms(
    source: Path, tmp_path: Path, video: Path
) -> None:
    folder = release(source, tmp_path / "out")
    found = read_release(folder)
    detector = Detector.from_pretrained(folder, device="cpu")
    assert detector.name == f"{folder}@{found.detector}"
    assert detector.predict(video).p_fake == Detector.from_pretrained(source).predict(video).p_fake
    assert (found.version, found.licence) == ("1.0", "research use only")
    assert found.sources == TERMS["sources"]
    assert (folder / "LICENSE").read_text() == "Research use.\n\nOnly.\n"
    assert f"# avfake detector {found.detector}" in (folder / "README.md").read_text()


def test_the_same_release_twice_has_the_same_bytes(source: Path, tmp_path: Path) -> None:
    one, two = (release(source, tmp_path / name, half=True) for name in ("one", "two"))
    for path in one.rglob("*"):
        assert path.read_bytes() == (two / path.relative_to(one)).read_bytes()
    assert release(source, one) == one  # replaced
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "run", "two"]


def test_places_on_the_machine_of_the_training_do_not_ship(source: Path, tmp_path: Path) -> None:
    with_facts(
        source,
        folders=["/home/someone/clips", "clips"],
        settings={"model": r"C:\Users\someone\face.tflite", "share": 0.5, "words": "and/or"},
    )
    folder = release(source, tmp_path / "out")
    facts = Bundle.read(folder).facts
    assert facts.folders == ("clips", "clips")
    assert facts.settings == {"model": "face.tflite", "share": 0.5, "words": "and/or"}
    assert not [path for path in folder.iterdir() if b"someone" in path.read_bytes()]


def test_halves_take_half_the_space_and_answer_nearly_alike(
    source: Path, tmp_path: Path, video: Path
) -> None:
    folder = release(source, tmp_path / "out", half=True)
    before, after = (load_file(one / "member_0.safetensors") for one in (source, folder))
    for name, weight in after.items():
        assert (weight.dtype != before[name].dtype) == (weight.ndim > 1)
    sizes = [(one / "member_0.safetensors").stat().st_size for one in (source, folder)]
    assert sizes[1] < 0.6 * sizes[0]
    exact, near = (Detector.from_pretrained(one).predict(video) for one in (source, folder))
    assert near.persons[0].frames[0].p_fake == pytest.approx(
        exact.persons[0].frames[0].p_fake, abs=0.01
    )
    assert near.p_fake == pytest.approx(exact.p_fake, abs=0.02)


def test_an_ensemble_ships_whole(
    source: Path, tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Path(shutil.copytree(source, tmp_path / "other"))
    with_facts(other, folders=["/home/someone/clips"])
    together = tmp_path / "together"
    write_ensemble(together, (str(source), str(other)))
    shutil.copy(source / "README.md", together)
    folder = release(together, tmp_path / "out")
    monkeypatch.setattr("avfake.detector.shipped.DEFAULT_FOLDER", folder)
    detector = Detector.default()
    assert len(detector.members) == 2
    assert detector.name.startswith("mean of default/members/0@")
    assert str(tmp_path) not in detector.name
    assert detector.predict(video).p_fake == pytest.approx(
        Detector.from_pretrained(source).predict(video).p_fake
    )
    assert not [p for p in folder.rglob("*") if p.is_file() and b"someone" in p.read_bytes()]
    assert shipped_by_setup(folder)


def shipped_by_setup(folder: Path) -> bool:
    """Whether setup.cfg puts every file of such a folder into a wheel."""
    config = configparser.ConfigParser()
    config.read(Path(avfake.__file__).parents[1] / "setup.cfg")
    patterns = [one.strip() for one in config["options.package_data"]["avfake"].split(",")]
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    assert files
    return all(
        any(PurePath("default_detector", file).match(pattern) for pattern in patterns)
        for file in files
    )


def test_a_wheel_takes_a_bundle_and_nothing_from_elsewhere(released: Path, tmp_path: Path) -> None:
    assert shipped_by_setup(released)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "file.txt").touch()
    assert not shipped_by_setup(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": "new"}, "version is 'new'; two or three numbers"),
        ({"target": "run"}, "is there already and is no release"),
        ({"target": "run/detector/in"}, "lie in each other"),
    ],
)
def test_what_cannot_be_released_is_refused(
    source: Path, tmp_path: Path, options: dict[str, str], message: str
) -> None:
    target = tmp_path / options.pop("target", "out")
    with pytest.raises(ConfigError, match=message):
        release(source, target, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_a_large_one_is_refused_and_leaves_the_last_release(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = release(source, tmp_path / "out")
    monkeypatch.setattr("avfake.detector.release.MAX_BYTES", 100_000)
    with pytest.raises(ConfigError, match=r"MB, at most 0 are allowed; store halves"):
        release(source, folder, version="2.0")
    assert read_release(folder).version == "1.0"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run"]


def test_weights_without_a_card_or_terms_do_not_ship(source: Path, tmp_path: Path) -> None:
    (source / "README.md").unlink()
    with pytest.raises(ConfigError, match="write its card first"):
        release(source, tmp_path / "out")
    with pytest.raises(ConfigError, match="sources is empty"):
        release(source, tmp_path / "out", sources={})
    with pytest.raises(ConfigError, match="one sentence on one line"):
        release(source, tmp_path / "out", licence="two\nlines")


def test_the_default_is_the_folder_in_the_package(default_detector: Path, video: Path) -> None:
    detector = Detector.default(device="cpu")
    assert detector.name == f"default@{read_release(default_detector).detector}"
    assert detector.predict(video).status == "ok"


def test_an_installation_without_a_default_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avfake.detector.shipped.DEFAULT_FOLDER", tmp_path / "nothing")
    with pytest.raises(ConfigError, match="has no default detector.*install avfake again"):
        Detector.default()


def test_an_altered_default_is_refused_with_what_to_do(default_detector: Path) -> None:
    for name in ("member_0.safetensors", "LICENSE"):
        content = (default_detector / name).read_bytes()
        (default_detector / name).write_bytes(content + b"x")
        with pytest.raises(ConfigError, match=f"{name} differ.*install avfake again"):
            Detector.default()
        (default_detector / name).write_bytes(content)
    record = default_detector / "release.json"
    said = json.loads(record.read_text())
    record.write_text(json.dumps(said | {"detector": "0123456789ab"}))
    with pytest.raises(ConfigError, match="expects 0123456789ab; install avfake again"):
        Detector.default()
    for wrong in ("{", "[]", json.dumps(said | {"extra": 1}), json.dumps({"version": "1.0"})):
        record.write_text(wrong)
        with pytest.raises(ConfigError, match="is no record of a release"):
            Detector.default()


def test_what_lies_in_the_package_is_what_was_released() -> None:
    release = shipped.default_release()
    assert Detector.default(device="cpu").name.endswith(release.detector)
    assert (
        sum(p.stat().st_size for p in shipped.DEFAULT_FOLDER.rglob("*") if p.is_file())
        <= 96_000_000
    )
    assert release.sources
    assert shipped_by_setup(shipped.DEFAULT_FOLDER)
    assert release.detector in (shipped.DEFAULT_FOLDER / "README.md").read_text()
