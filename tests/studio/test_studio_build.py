"""A studio on disk: complete, balanced, repeatable, and honest about what is forged."""

import csv
import hashlib
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avfake.errors import AvfakeError, ConfigError
from avfake.media.frames import iter_frames
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.storage.files import _this_process
from avfake.studio.build import build_studio
from avfake.studio.family import forged_area
from avfake.studio.plan import ClipPlan, StudioConfig, plan_families

SMALL = StudioConfig(num_clips=8, seconds=1.0, seed=11, frame_sizes=((192, 160), (160, 192)))


@pytest.fixture(scope="module")
def small_studio(tmp_path_factory) -> tuple[Path, tuple[ClipPlan, ...]]:
    """Folder and plan of two families."""
    folder = tmp_path_factory.mktemp("studio")
    return folder, build_studio(folder, SMALL, workers=0, show_progress=False)


def kind(clip) -> tuple[bool, bool]:
    return clip.face_fake, clip.voice_fake


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def one_family(clips) -> dict[tuple[bool, bool], str]:
    return {kind(clip): clip.filename for clip in clips if clip.family == clips[0].family}


def pictures(path: Path) -> np.ndarray:
    return np.stack([pixels for _, pixels in iter_frames(path)]).astype(np.int16)


def test_every_listed_file_is_there_and_none_else(small_studio) -> None:
    folder, clips = small_studio
    metadata = json.loads((folder / "metadata.json").read_text())
    with (folder / "truth.csv").open() as file:
        truth = {row["filename"]: row for row in csv.DictReader(file)}
    assert {p.name for p in folder.glob("*.mp4")} == set(metadata) == set(truth)
    assert len(clips) == len(truth) == 8
    for name, entry in metadata.items():
        assert (entry["label"] == "FAKE") == (truth[name]["label"] == "true")
        assert entry.get("original", "") == truth[name]["original"]
        forged = "true" in (truth[name]["face_fake"], truth[name]["voice_fake"])
        assert forged == (truth[name]["label"] == "true")
        assert forged == bool(truth[name]["method"])


def test_files_have_picture_and_sound_of_the_length_asked(small_studio) -> None:
    folder, clips = small_studio
    for clip in clips:
        described = probe(folder / clip.filename)
        assert (described.has_video, described.has_audio) == (True, True)
        assert described.num_frames == SMALL.num_frames
        assert described.duration_seconds == pytest.approx(SMALL.seconds, abs=0.1)
        assert (described.width, described.height) in SMALL.frame_sizes


@pytest.mark.parametrize("num_clips", [1, 2, 4, 7, 40, 42])
def test_the_plan_is_balanced_and_keeps_people_apart(num_clips: int) -> None:
    families = plan_families(replace(SMALL, num_clips=num_clips))
    clips = [clip for family in families for clip in family.clips]
    assert len(clips) == num_clips
    counts = Counter(map(kind, clips))
    assert max(counts.values()) - min(counts.get(k, 0) for k in counts) <= 1
    originals = {clip.filename for clip in clips if not clip.label}
    assert {clip.original for clip in clips if clip.label} <= originals
    people: dict[str, set[str]] = {}
    for clip in clips:
        named = {clip.identity, clip.face_source, clip.voice_source} - {""}
        people.setdefault(clip.family, set()).update(named)
    assert sum(map(len, people.values())) == len(set().union(*people.values()))


def test_a_family_does_not_depend_on_how_many_there_are() -> None:
    few, many = (plan_families(replace(SMALL, num_clips=n)) for n in (8, 80))
    assert [family.clips for family in few] == [family.clips for family in many[:2]]
    other = plan_families(replace(SMALL, seed=12))
    assert few[0].clips[0].filename != other[0].clips[0].filename


def test_the_same_seed_gives_the_same_bytes_with_other_workers(small_studio, tmp_path) -> None:
    folder, _ = small_studio
    build_studio(tmp_path / "s", SMALL, workers=1, show_progress=False)
    assert digests(tmp_path / "s") == digests(folder)


def test_a_broken_run_goes_on_where_it_was(small_studio, tmp_path) -> None:
    folder, clips = small_studio
    copy = Path(shutil.copytree(folder, tmp_path / "s"))
    (copy / clips[2].filename).unlink()
    (copy / "truth.csv").unlink()
    untouched = (copy / clips[0].filename).stat().st_mtime_ns
    torch.set_num_threads(2)
    build_studio(copy, SMALL, workers=0, show_progress=False)
    assert torch.get_num_threads() == 2  # those of the caller are as they were
    assert digests(copy) == digests(folder)
    assert (copy / clips[0].filename).stat().st_mtime_ns == untouched


def test_a_voice_fake_has_the_picture_of_the_genuine_clip(small_studio) -> None:
    folder, clips = small_studio
    family = {k: pictures(folder / name) for k, name in one_family(clips).items()}
    genuine = family[False, False]

    def difference(other: np.ndarray) -> float:
        return float(np.percentile(np.abs(other - genuine).mean(axis=3), 99.5))

    assert difference(family[False, True]) < 12
    assert difference(family[True, False]) > 2 * difference(family[False, True])
    assert difference(family[True, True]) > 2 * difference(family[False, True])


def test_a_face_fake_has_the_sound_of_the_genuine_clip(small_studio) -> None:
    folder, clips = small_studio
    family = {
        k: read_sound(folder / name, 16_000).waveform().samples[:15_000]
        for k, name in one_family(clips).items()
    }

    def likeness(k: tuple[bool, bool]) -> float:
        return float(np.corrcoef(family[False, False], family[k])[0, 1])

    assert likeness((True, False)) > 0.98
    assert likeness((False, True)) < 0.9
    assert likeness((True, True)) < 0.9


def test_a_folder_of_another_studio_is_refused(small_studio, tmp_path) -> None:
    folder, _ = small_studio
    with pytest.raises(ConfigError, match="seed 11 there, 12 asked"):
        build_studio(folder, replace(SMALL, seed=12), workers=0)
    (tmp_path / "holiday.mp4").touch()
    with pytest.raises(ConfigError, match="choose another folder"):
        build_studio(tmp_path, SMALL, workers=0)


def test_a_family_that_fails_is_reported_and_the_truth_not_written(small_studio, tmp_path) -> None:
    whole, clips = small_studio
    folder = Path(shutil.copytree(whole, tmp_path / "s"))
    (folder / clips[0].filename).unlink()
    (folder / "truth.csv").unlink()
    blocked = folder / clips[0].filename
    partial_name = blocked.with_name(f".whole.partial-{_this_process()}.mp4")
    partial_name.mkdir()  # where the clip is about to be written
    with pytest.raises(AvfakeError, match="1 of 2 families could not be built; run again"):
        build_studio(folder, SMALL, workers=0, show_progress=False)
    assert not (folder / "truth.csv").exists()


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"num_clips": 0}, "num_clips"),
        ({"seconds": 0.5}, "seconds"),
        ({"difficulty": 1.2}, "difficulty"),
        ({"seed": -1}, "seed"),
        ({"fps": 1}, "fps"),
        ({"frame_sizes": ((64, 64),)}, "frame_sizes"),
    ],
)
def test_settings_out_of_range_are_named(wrong, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        StudioConfig(**({"num_clips": 4} | wrong))


def test_the_forged_area_is_where_a_fake_differs_from_its_original(small_studio):
    folder, _ = small_studio
    family = plan_families(SMALL)[1]
    for number, clip in enumerate(family.clips):
        area = forged_area(family, SMALL, number)
        assert area.any() == clip.face_fake
        if clip.face_fake:
            fake, original = (
                np.stack([picture for _, picture in iter_frames(folder / name)]).astype(int)
                for name in (clip.filename, clip.original)
            )
            difference = np.abs(fake - original).mean(axis=3)
            assert difference[area].mean() > 5 * difference[~area].mean()
