"""Lips against sound, on drawn talkers whose mouths open with the loudness of their voice."""

from dataclasses import replace

import pytest
import torch
from talkers import RATE, talkers
from torch import Tensor

from avfake.errors import ConfigError
from avfake.models.audio import AudioConfig
from avfake.models.av_model import ModelConfig, build_model
from avfake.models.fusion import FusionConfig
from avfake.models.mouth import cut_mouths, shows_mouth
from avfake.models.outputs import sync_contrast
from avfake.models.sync import SPECTRA_A_STEP, SyncBranch, SyncConfig
from avfake.models.visual import VisualConfig

CONFIG = SyncConfig(mouth_px=40, width=12, embedding_dim=32)
MIDDLE = CONFIG.num_shifts // 2
VISUAL = VisualConfig("test_resnet", weights="none", size_px=32, embedding_dim=8, drop_path=0.0)
AUDIO = AudioConfig("test_resnet", weights="none", embedding_dim=12)


def branch_of(config: SyncConfig = CONFIG) -> SyncBranch:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SyncBranch(config).eval()


def batch_of(num_clips: int = 3, **options: object) -> dict[str, Tensor]:
    settings = {"seed": 5, "num_crops": 6, "sound_seconds": CONFIG.sound_seconds, **options}
    return talkers(num_clips, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained() -> SyncBranch:
    branch = branch_of()
    optimizer = torch.optim.Adam(branch.parameters(), 3e-3)
    for step in range(30):
        batch = batch_of(8, seed=step, num_crops=12)
        loss = sync_contrast(branch.train()(batch), torch.ones(8, dtype=torch.bool))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return branch.eval()


@torch.no_grad()
def test_lips_are_found_their_moment(trained: SyncBranch) -> None:
    out = trained(batch_of(40, seed=1000, num_crops=16))
    right = out.crop_similarity.argmax(dim=-1) == MIDDLE
    assert right.float().mean() > 0.3  # by chance 1 in 9, of single crops
    assert (out.similarity.argmax(dim=1) == MIDDLE).float().mean() > 0.9
    untrained = branch_of()(batch_of(40, seed=1000, num_crops=16))
    assert (untrained.similarity.argmax(dim=1) == MIDDLE).float().mean() < 0.5


@pytest.mark.parametrize("late_seconds", [-0.3, 0.1, 0.3])
@torch.no_grad()
def test_a_shifted_sound_is_found_where_it_is(trained: SyncBranch, late_seconds: float) -> None:
    out = trained(batch_of(40, seed=1001, num_crops=16, late_seconds=late_seconds))
    assert ((out.offset_seconds - late_seconds).abs() < 0.05).float().mean() > 0.85


@torch.no_grad()
def test_a_foreign_sound_fits_worse(trained: SyncBranch) -> None:
    own = trained(batch_of(40, seed=1002, num_crops=16))
    foreign = trained(batch_of(40, seed=1003, num_crops=16, foreign=True))
    assert (own.confidence[:, None] > foreign.confidence).float().mean() > 0.9


@torch.no_grad()
def test_of_two_people_the_one_who_talks_is_heard(trained: SyncBranch) -> None:
    own, foreign = batch_of(8, num_crops=12), batch_of(8, seed=6, num_crops=12)
    foreign["crop_sound"] = own["crop_sound"]
    both = {key: torch.cat([foreign[key], own[key]], dim=1) for key in own}
    both["persons"][:, 12:] = 1
    out, alone = trained(both), trained(own)
    talks = out.mask[:, 12:].any(dim=1)
    assert talks.sum() >= 7
    assert torch.allclose(out.similarity[talks], alone.similarity[talks], atol=1e-5)


def test_no_shift_can_be_told_by_its_place() -> None:
    """The same sound one step later gives the same vectors, one place on."""
    network = branch_of().sound_network
    log_power = torch.randn(2, 1, CONFIG.num_bands, network.num_spectra + SPECTRA_A_STEP)
    first = network(log_power[..., :-SPECTRA_A_STEP])
    second = network(log_power[..., SPECTRA_A_STEP:])
    assert first.shape == (2, CONFIG.num_shifts, CONFIG.embedding_dim)
    assert torch.allclose(first[:, 1:], second[:, :-1], atol=1e-5)


def test_padding_changes_nothing_and_clips_do_not_meet() -> None:
    branch, batch = branch_of(), batch_of()
    longer = {key: torch.cat([value, value.flip(1)], dim=1) for key, value in batch.items()}
    longer["faces_mask"][:, 6:] = False
    out = branch(batch)
    padded = branch(longer)
    assert torch.allclose(out.similarity, padded.similarity, atol=1e-5)
    assert torch.allclose(out.items, padded.items[:, :6], atol=1e-5)
    alone = branch({key: value[1:2] for key, value in batch.items()})
    assert torch.allclose(out.embedding[1], alone.embedding[0], atol=1e-5)


def test_what_cannot_be_compared_is_absent() -> None:
    batch = batch_of(5)
    batch["crop_sound"][0] = 0  # a silent clip beside others
    batch["faces_mask"][1, 1:] = False  # a single crop
    batch["persons"][2] = torch.arange(6)  # many people, once each
    batch["landmarks"][3] = 0  # no mouth to cut by
    out = branch_of()(batch)
    assert out.present.tolist() == [False, False, False, False, True]
    assert out.similarity[:4].eq(0).all()
    assert out.log_probabilities[:4].exp().sum(dim=1).tolist() == pytest.approx([1] * 4)
    nothing = branch_of().train()({**batch, "faces_mask": batch["faces_mask"] & False})
    assert not nothing.present.any()
    loss = sync_contrast(nothing, torch.ones(5, dtype=torch.bool))
    assert loss == 0
    loss.backward()


def test_only_genuine_clips_are_learned_from() -> None:
    batch, branch = batch_of(4), branch_of()
    genuine = torch.tensor([True, False, True, False])
    first = sync_contrast(branch(batch), genuine)
    batch["crop_sound"][1::2] = batch["crop_sound"][1::2].flip(-1)
    assert torch.allclose(first, sync_contrast(branch(batch), genuine), atol=1e-5)
    assert not torch.allclose(first, sync_contrast(branch(batch), ~genuine), atol=1e-3)


def test_the_loss_is_the_cross_entropy_of_the_right_pairs() -> None:
    out = branch_of()(batch_of(2))
    num_crops, num_shifts = 12, CONFIG.num_shifts
    perfect = torch.eye(num_crops).view(2, 6, num_crops)
    sounds = torch.zeros(2, 6, num_shifts, num_crops)
    sounds[:, :, MIDDLE] = perfect
    similarity = torch.zeros(2, 6, num_shifts)
    similarity[..., MIDDLE] = 1
    certain = torch.full((2, num_shifts), -1e4)
    certain[:, MIDDLE] = 0
    ideal = replace(
        out,
        mouths=perfect,
        sounds=sounds,
        crop_similarity=similarity,
        log_probabilities=certain,
        sharpness=torch.tensor(5.0),
    )
    # One right answer at e^5 among 8 other shifts and 11 other crops at e^0.
    expected = -torch.log(torch.tensor(5.0).exp() / (torch.tensor(5.0).exp() + 8 + 11)) / 2
    assert sync_contrast(ideal, torch.ones(2, dtype=torch.bool)) == pytest.approx(float(expected))


def test_mouths_come_upright_and_of_one_size() -> None:
    """A bright square where the mouth is, at another place, size and angle, looks the same."""
    points = torch.tensor([[-12.0, -14], [12, -14], [0, -1], [-8, 12], [8, 12]])
    grid = torch.stack(torch.meshgrid(*[torch.arange(96) + 0.5] * 2, indexing="xy"), dim=-1)
    cuts = []
    for angle, scale, place in ((0.0, 1.0, 48.0), (0.5, 1.3, 44.0)):
        sine, cosine = torch.tensor(angle).sin(), torch.tensor(angle).cos()
        turn = scale * torch.tensor([[cosine, sine], [-sine, cosine]])
        landmarks = place + points @ turn
        inner = (grid - place) @ torch.linalg.inv(turn) - torch.tensor([3.0, 10.0])
        face = 40 + 160 * (inner.abs() < 4).all(dim=-1).float().expand(1, 3, 96, 96)
        cuts.append(cut_mouths(face, landmarks[None], size_px=32, extent=1.4))
    assert cuts[0].shape == (1, 3, 32, 32)
    assert (cuts[0] - cuts[1]).abs().mean() < 0.15  # of unit deviation
    assert cuts[0][0, 0, :, 16:].mean() > cuts[0][0, 0, :, :16].mean()  # right stays right


def test_landmarks_that_are_no_face_are_refused() -> None:
    landmarks = batch_of(1)["landmarks"].repeat(3, 1, 1, 1)
    landmarks[1] = landmarks[1, :, :1]
    landmarks[2] = torch.nan
    assert shows_mouth(landmarks).all(dim=1).tolist() == [True, False, False]


def test_sync_moves_the_overall_logit_alone() -> None:
    model = build_model(ModelConfig(VISUAL, AUDIO, FusionConfig(hidden_dim=16), sync=CONFIG)).eval()
    batch = batch_of(4)
    batch["sound"] = 0.1 * torch.randn(4, 2, 4000)
    batch["sound_mask"] = torch.ones(4, 2, dtype=torch.bool)
    whole = model(batch)
    assert whole.sync is not None
    assert whole.sync.present.all()
    without = model({key: value for key, value in batch.items() if key != "crop_sound"})
    assert without.sync is None
    assert torch.equal(whole.logits[:, 1:], without.logits[:, 1:])
    assert not torch.allclose(whole.logits[:, 0], without.logits[:, 0], atol=1e-4)
    model.train()(batch).logits.sum().backward()
    assert model.sync.log_sharpness.grad is None
    assert all(p.grad is None for p in model.sync.sound_network.parameters())


def test_hiding_a_modality_hides_sync() -> None:
    fusion = FusionConfig(hidden_dim=16, modality_dropout=1.0, dropout=0.0)
    model = build_model(ModelConfig(VISUAL, None, fusion, sync=CONFIG)).train()
    seen: list[dict[str, Tensor]] = []
    model.fusion.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    model(batch_of(4))
    assert seen[0]["sync"].all()  # a model without ears has nothing to hide
    model = build_model(ModelConfig(VISUAL, AUDIO, fusion, sync=CONFIG)).train()
    model.fusion.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    sound = {"sound": torch.randn(4, 1, 4000), "sound_mask": torch.ones(4, 1, dtype=torch.bool)}
    model({**batch_of(4), **sound})
    assert not seen[1]["sync"].any()


def test_bfloat16_finds_about_the_same(trained: SyncBranch) -> None:
    batch = batch_of(8)
    full = trained(batch)
    with torch.autocast("cpu", torch.bfloat16):
        half = trained(batch)
    assert half.similarity.dtype == torch.float32
    assert torch.allclose(full.similarity, half.similarity, atol=0.1)


def test_sound_that_is_too_short_is_refused() -> None:
    batch = batch_of()
    batch["crop_sound"] = batch["crop_sound"][..., : RATE // 2]
    with pytest.raises(ValueError, match="must hold 1.24 s"):
        branch_of()(batch)


@pytest.mark.parametrize(
    "wrong",
    [{"window_seconds": 0.25}, {"max_offset_seconds": 0.0}, {"step_seconds": 0.5}, {"mouth_px": 8}],
)
def test_settings_that_do_not_fit_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SyncConfig(**wrong)  # type: ignore[arg-type]
