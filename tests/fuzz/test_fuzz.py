"""A few hundred damaged inputs of `benchmarks/fuzz.py`: what is read or refused, nothing else.

One worker reads them, since a codec may crash on them.
"""

import random
import sys
from pathlib import Path

import pytest

from avfake.clips import Clip
from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector import Detector
from avfake.errors import BundleError

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks import fuzz, fuzz_originals  # noqa: E402  (outside of the package)
from benchmarks.mutations import boxes, mutate_media  # noqa: E402
from benchmarks.text_mutations import mutate_text  # noqa: E402

NUM_INPUTS = 300
SMALL = ("plain.mp4", "h264.mkv", "h264.ts", "mpeg4.avi", "sound.wav", "sound.ogg", "picture.png")


@pytest.fixture(scope="module")
def work(
    studio_root: Path,
    prepared: PreparedFolder,
    run_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The undamaged files, made of what other tests have made already."""
    folder = tmp_path_factory.mktemp("fuzz")
    written = folder / "written"
    written.mkdir()
    (written / "studio").symlink_to(studio_root)
    (written / "clips").symlink_to(prepared.path)
    (written / "run").symlink_to(run_folder)
    fuzz_originals.make_media(folder / "media", min(studio_root.glob("*.mp4")), names=SMALL)
    return folder


def test_damaged_files_are_read_or_refused_and_never_answered_for_unread(work: Path) -> None:
    table = fuzz.read_all(fuzz.Config(NUM_INPUTS, seed=5, workers=1), work)
    bad = table[table["outcome"].isin(fuzz.BAD)]
    assert bad.empty, bad[["index", "outcome", "what", "detail"]].to_dict("records")
    assert set(table["kind"]) == set(fuzz.READERS)


def test_a_seed_gives_the_same_damage_again(work: Path) -> None:
    content = (work / "media" / "plain.mp4").read_bytes()
    first, again = (mutate_media(content, ".mp4", random.Random(8)) for _ in range(2))
    assert first == again
    assert mutate_text(b"[1]", ".json", random.Random(1)) == mutate_text(
        b"[1]", ".json", random.Random(1)
    )
    assert {b"moov", b"stsz", b"mdat"} <= {kind for kind, _, _ in boxes(content)}


@pytest.mark.parametrize("part", ["visual", "audio", "fusion", "overall_head"])
def test_networks_that_give_no_numbers_are_a_fault_of_the_detector(
    detector_folder: Path, prepared: PreparedFolder, part: str
) -> None:
    loaded = Detector.from_pretrained(detector_folder)
    for weights in getattr(loaded.members[0].models[0], part).parameters():
        weights.data.fill_(float("nan"))
    with pytest.raises(BundleError, match="give no numbers"):
        loaded.predict_clip(Clip.open(str(prepared.clips[0].archive)))
