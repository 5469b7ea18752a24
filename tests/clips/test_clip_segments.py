"""Which crops and windows are forged, where a clip is forged for a while only."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avfake.augment.config import MixConfig
from avfake.augment.mixing import mix_batch
from avfake.clips.archive import Clip
from avfake.clips.dataset import ClipDataset, ClipEntry, collate
from avfake.clips.preparation.folder import PreparedFolder
from avfake.clips.sample import SampleConfig, Sampled
from avfake.labels import ForgedSegment, Labels
from avfake.models.outputs import ModelOutput
from avfake.training.config import LossConfig
from avfake.training.losses import multitask_loss

BOTH = Labels(1.0, 1.0, 1.0)
KNOWN = Labels(1.0, 1.0, 1.0)


class Taken:
    """Crops and windows at these times, as far as `Sampled.labels` looks."""

    def __init__(self, frames: list[float], windows: list[float]) -> None:
        self.crop_seconds = np.array(frames, np.float32)
        self.window_spans = np.array(windows, np.float32)[:, None] + np.float32([0, 1])


def seen(labels, segments, frames, windows):
    segments = [ForgedSegment(*segment) for segment in segments]
    seen, crops, spans = Sampled.labels(Taken(frames, windows), Labels(*labels), segments)
    return seen, crops.tolist(), spans.tolist()


def test_a_crop_is_forged_inside_and_a_window_where_it_overlaps() -> None:
    segments = [(1.0, 2.0, "face"), (2.5, 2.75, "voice")]
    found = seen(BOTH, segments, [0.5, 1.0, 1.5, 2.0, 2.1], [0.0, 1.6, 2.0, 2.6, 3.0])
    assert found == (BOTH, [0, 1, 1, 1, 0], [0, 1, 1, 1, 0])


def test_a_segment_of_both_counts_for_both() -> None:
    assert seen(BOTH, [(0.0, 0.6, "both")], [0.5, 1.5], [0.0, 1.0]) == (BOTH, [1, 0], [1, 0])


def test_a_sample_without_anything_forged_is_genuine() -> None:
    segments = [(5.0, 6.0, "both")]
    assert seen(BOTH, segments, [0.5], [0.0]) == ((0, 0, 0), [1], [1])
    assert seen(BOTH, segments, [5.5], [0.0]) == ((1, 1, 0), [1], [1])
    assert seen((1.0, 1.0, 0.0), segments[:1], [0.5], [0.0]) == ((0, 0, 0), [1], [1])


@pytest.mark.parametrize(
    ("labels", "segments"),
    [(BOTH, []), (BOTH, [(5.0, 6.0, "voice")]), ((0.0, 0.0, 0.0), []), ((1.0, 0.0, 0.0), [])],
)
def test_without_a_segment_the_label_of_the_clip_holds_everywhere(labels, segments) -> None:
    found, frames, _ = seen(labels, segments, [0.5, 1.5], [5.0])
    assert found == labels
    assert frames == [1, 1]


def test_a_stream_that_was_not_taken_keeps_its_label() -> None:
    assert seen(BOTH, [(5.0, 6.0, "both")], [], [0.0])[0] == (1, 1, 0)


@pytest.fixture(scope="module")
def fake(prepared: PreparedFolder) -> Path:
    return next(c.archive for c in prepared.clips if c.row.face_fake and c.row.voice_fake)


def test_batches_carry_labels_of_crops_and_windows(fake: Path) -> None:
    times = Clip.open(fake).meta.frame_seconds
    middle = (times[1] + times[2]) / 2
    sampling = SampleConfig(window_seconds=0.25)
    whole = ClipEntry(fake, BOTH, KNOWN)
    partly = ClipEntry(
        fake,
        BOTH,
        KNOWN,
        None,
        (ForgedSegment(0.0, middle, "face"), ForgedSegment(0.8, 9.0, "voice")),
    )
    data = ClipDataset([whole, partly], sampling)
    batch = collate([data[0], data[1]])
    assert batch["frame_labels"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batch["window_labels"].shape == batch["sound_mask"].shape
    assert batch["window_labels"][0].all()
    ends = torch.from_numpy(Sampled.of(Clip.open(fake), sampling).window_spans[:, 1])
    assert batch["window_labels"][1].bool().tolist() == (ends >= 0.8).tolist()
    assert 0 < batch["window_labels"][1].sum() < len(ends)


def test_the_loss_asks_each_crop_for_its_own_label(fake: Path) -> None:
    entry = ClipEntry(fake, BOTH, KNOWN, None, (ForgedSegment(0.0, 0.5, "face"),))
    batch = collate([ClipDataset([entry], SampleConfig(window_seconds=0.5))[0]])
    right = batch["frame_labels"] * 20 - 10

    def frames_loss(logits: torch.Tensor) -> float:
        output = ModelOutput(
            logits=torch.zeros(1, 3),
            valid=torch.ones(1, 3, dtype=torch.bool),
            frame_logits=logits,
            frame_shares=None,
            window_logits=None,
            window_shares=None,
            visual_embedding=None,
            audio_embedding=None,
            fused=torch.zeros(1, 1),
        )
        return float(multitask_loss(LossConfig(smoothing=0.0), output, batch)[1]["frames"])

    assert 0 < batch["frame_labels"].sum() < batch["frame_labels"].numel()
    assert frames_loss(right) < 1e-3
    assert frames_loss(torch.full_like(right, 10.0)) > 1.0


def test_a_genuine_stretch_forged_on_the_way_is_forged_in_every_crop(
    fake: Path,
) -> None:
    entry = ClipEntry(
        fake,
        BOTH,
        KNOWN,
        None,
        (ForgedSegment(50.0, 60.0, "face"), ForgedSegment(50.0, 60.0, "voice")),
    )

    class Forging:
        needs_partner = False

        def __call__(self, sample, rng):
            assert sample.labels == (0.0, 0.0, 0.0)
            return replace(sample, labels=Labels(1.0, 1.0, 0.0))

    item = ClipDataset([entry], SampleConfig(window_seconds=0.5), seed=0, augment=Forging())[0]
    assert item["frame_labels"].tolist() == [1.0] * 4
    assert not item["window_labels"].any()


def test_mixed_clips_have_mixed_labels_crop_by_crop(fake: Path) -> None:
    middle = Clip.open(fake).meta.frame_seconds[2]
    first = ClipEntry(fake, BOTH, KNOWN, None, (ForgedSegment(middle, 9.0, "face"),))
    genuine = ClipEntry(fake, Labels(), KNOWN)
    data = ClipDataset([first, genuine], SampleConfig(window_seconds=0.5))
    batch = mix_batch(
        collate([data[0], data[1]]), MixConfig(mixup_rate=1.0), np.random.default_rng(0)
    )
    share = batch["labels"][:, 1]
    assert 0.5 <= share[0] <= 1.0
    expected = share[:, None] * torch.tensor([0.0, 0.0, 1.0, 1.0])
    torch.testing.assert_close(batch["frame_labels"], expected)
