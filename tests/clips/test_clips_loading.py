"""Loading beside the training: the same batches by any number of processes, named failures."""

import multiprocessing
import os
import signal
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from avfake.augment.config import AugmentConfig, MixConfig
from avfake.augment.mixing import MixingCollate
from avfake.augment.pipeline import build_pipeline
from avfake.clips.archive import Clip, ClipMeta, PersonMeta, pack_clip
from avfake.clips.dataset import ClipDataset, ClipEntry, Draw, TrainingSample
from avfake.clips.loading import EpochDraws, load_batches, named_failures
from avfake.clips.sample import SampleConfig
from avfake.errors import AvfakeError
from avfake.labels import Labels
from avfake.media.types import Waveform

NUM_CLIPS, NUM_FRAMES, SIDE = 6, 4, 32
SAMPLING = SampleConfig(num_frames=2, num_windows=1, window_seconds=0.2)


def clip_of(number: int, *, shift: int = 0) -> Clip:
    """Noise of its own; the boxes are everyone's."""
    rng = np.random.default_rng(number)
    box, points = [8.0, 8.0, 24.0, 24.0], [[12.0, 14.0]] * 5
    person = PersonMeta(
        person_id=0,
        frame_indices=list(range(shift, NUM_FRAMES + shift)),
        boxes=[box] * NUM_FRAMES,
        confidences=[1.0] * NUM_FRAMES,
        landmarks=[points] * NUM_FRAMES,
    )
    sound = Waveform(rng.uniform(-0.5, 0.5, 16_000).astype(np.float32), 16_000)
    seconds = [0.1 * i for i in range(NUM_FRAMES + shift)]
    meta = ClipMeta(f"{number}", "0", "ok", (), {}, seconds, (person,), 1.0)
    crops = rng.integers(0, 256, (NUM_FRAMES, SIDE, SIDE, 3), np.uint8)
    return pack_clip(meta, [crops], sound, jpeg_quality=95)


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[ClipEntry]:
    folder = tmp_path_factory.mktemp("clips")
    for number in range(NUM_CLIPS):
        clip_of(number).save(folder / f"{number}.zip")
    return [
        ClipEntry(folder / f"{i}.zip", Labels(*[float(i % 2)] * 3), Labels(1, 1, 1))
        for i in range(NUM_CLIPS)
    ]


def order(epoch: int) -> np.ndarray:
    return np.random.default_rng(epoch).permutation(NUM_CLIPS)


def two_epochs(entries: list[ClipEntry], workers: int) -> list[dict[str, torch.Tensor]]:
    augment = build_pipeline(AugmentConfig(picture=("flip",), sound=("level",)))
    draws = EpochDraws(order)
    loader = load_batches(
        ClipDataset(entries, SAMPLING, seed=5, augment=augment),
        batch_size=4,
        draws=draws,
        join=MixingCollate(MixConfig(mixup_rate=0.5, cutmix_rate=0.5), 5),
        workers=workers,
    )
    batches = []
    started = set()
    for epoch in (1, 2):
        draws.start(epoch)
        with named_failures([loader]):
            batches += list(loader)
        started |= {child.pid for child in multiprocessing.active_children()}
    assert len(started) == workers  # not once more for the second epoch
    return batches


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a single core
def test_any_number_of_processes_gives_the_same_batches(entries: list[ClipEntry]) -> None:
    state = torch.get_rng_state()
    alone = two_epochs(entries, 0)
    assert len(alone) == 4
    assert not torch.equal(alone[0]["faces"], alone[2]["faces"])
    for workers in (1, 2):
        for one, other in zip(alone, two_epochs(entries, workers), strict=True):
            assert set(one) == set(other)
            assert all(torch.equal(one[key], other[key]) for key in one)
    assert not multiprocessing.active_children()
    assert torch.equal(state, torch.get_rng_state())


def test_a_draw_depends_on_its_epoch_and_place(entries: list[ClipEntry]) -> None:
    dataset = ClipDataset(entries, SAMPLING, seed=5)
    assert torch.equal(dataset[2]["faces"], dataset[Draw(0, 2, 2)]["faces"])
    assert not torch.equal(dataset[2]["sound"], dataset[Draw(1, 2, 2)]["sound"])
    assert not torch.equal(dataset[2]["sound"], dataset[Draw(0, 1, 2)]["sound"])


@dataclass(frozen=True)
class KilledByFakes:
    """An augmentation that does not survive."""

    needs_partner = False

    def __call__(self, sample: TrainingSample, rng: np.random.Generator) -> TrainingSample:
        if sample.labels[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return sample


def test_a_process_that_dies_is_an_error_that_names_its_clip(entries: list[ClipEntry]) -> None:
    three = [entries[0], entries[2], entries[1]]
    dataset = ClipDataset(three, SAMPLING, seed=0, augment=KilledByFakes())
    loader = load_batches(dataset, batch_size=1, workers=1)
    with (
        pytest.raises(AvfakeError, match=r"died \(.+\) while it read .+1\.zip\. If memory"),
        named_failures([loader]),
    ):
        list(loader)


def test_a_clip_that_cannot_be_read_is_named_alike_with_and_without_processes(
    entries: list[ClipEntry], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK no more")
    said = []
    for workers in (0, 1):
        dataset = ClipDataset([entries[0], ClipEntry(broken)], SAMPLING)
        loader = load_batches(dataset, batch_size=1, workers=workers)
        with pytest.raises(AvfakeError) as caught, named_failures([loader]):
            list(loader)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert said[0].startswith(f"{broken}: ")
    assert "Traceback" not in said[1]


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="out of memory"), named_failures([]):
        raise RuntimeError("CUDA out of memory")


class PartnerKeeper:
    """An augmentation that looks at the original."""

    needs_partner = True

    def __call__(self, sample: TrainingSample, rng: np.random.Generator) -> TrainingSample:
        self.partner = sample.partner
        return sample


def test_a_fake_comes_with_the_same_crops_of_its_original(tmp_path: Path) -> None:
    original, fake = clip_of(1), clip_of(2)
    original.save(tmp_path / "original.zip")
    fake.save(tmp_path / "fake.zip")
    clip_of(3, shift=1).save(tmp_path / "other_frames.zip")
    keeper = PartnerKeeper()
    entry = ClipEntry(tmp_path / "fake.zip", partner=tmp_path / "original.zip")
    item = ClipDataset([entry], SAMPLING, seed=0, augment=keeper)[0]
    crops = np.stack([fake.crop(0, position) for position in range(NUM_FRAMES)])
    shown = item["faces"].numpy().transpose(0, 2, 3, 1)
    picks = [int(np.flatnonzero((crops == face).all((1, 2, 3)))[0]) for face in shown]
    assert len(set(picks)) == 2
    assert keeper.partner is not None
    for pick, partner in zip(picks, keeper.partner, strict=True):
        np.testing.assert_array_equal(partner, original.crop(0, pick))
    unlike = ClipEntry(tmp_path / "fake.zip", partner=tmp_path / "other_frames.zip")
    ClipDataset([unlike], SAMPLING, seed=0, augment=keeper)[0]
    assert keeper.partner is None


def test_all_that_is_taken_of_a_clip_is_read_in_one_opening(
    entries: list[ClipEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    openings = []
    really_open = zipfile.ZipFile

    def count(file: object) -> zipfile.ZipFile:
        openings.append(file)
        return really_open(file)

    monkeypatch.setattr(zipfile, "ZipFile", count)
    assert len(ClipDataset(entries, SAMPLING)[0]["faces"]) == 2
    assert len(openings) == 1
    clip = Clip.open(entries[0].archive)
    with clip.opened():
        first = clip.crop(0, 0)
    assert len(openings) == 2
    assert np.array_equal(clip.crop(0, 0), first)  # and outside it can be read as before
