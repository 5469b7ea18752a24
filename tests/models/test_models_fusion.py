"""Every kind of fusion keeps the same promises: absence is a state, padding is nothing."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from avfake.errors import ConfigError
from avfake.models.fusion import FUSIONS, Fusion, FusionConfig, FusionKind, Stream, build_fusion

DIMS = {"visual": 6, "audio": 10, "sync": 5}
NUM_ITEMS = {"visual": 3, "audio": 4, "sync": 3}
HAS_HEAD = ("visual", "audio")
OVER_FEATURES = [kind for kind in FUSIONS if kind != "late"]
"""What fuses features; late fusion has logits and nothing else."""


def fusion_of(kind: FusionKind, dims: Mapping[str, int] = DIMS) -> Fusion:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_fusion(FusionConfig(kind, hidden_dim=16), dims).eval()


def stream_of(name: str, num_clips: int = 4, *, seed: int = 0) -> Stream:
    generator = torch.Generator().manual_seed(seed)
    items = torch.randn(num_clips, NUM_ITEMS[name], DIMS[name], generator=generator)
    mask = torch.ones(num_clips, NUM_ITEMS[name], dtype=torch.bool)
    mask[1, 1:] = False
    embedding = (items * mask.unsqueeze(-1)).sum(dim=1)
    logit = torch.randn(num_clips, generator=generator) if name in HAS_HEAD else None
    return Stream(embedding, items, mask, logit)


@pytest.fixture
def streams() -> dict[str, Stream]:
    return {name: stream_of(name, seed=i) for i, name in enumerate(DIMS)}


@pytest.fixture
def present() -> dict[str, Tensor]:
    return {name: torch.ones(4, dtype=torch.bool) for name in DIMS}


@pytest.mark.parametrize("kind", FUSIONS)
@pytest.mark.parametrize("names", [("visual",), ("audio",), ("visual", "audio"), tuple(DIMS)])
def test_features_have_the_stated_shape_for_any_streams(
    kind: FusionKind,
    names: tuple[str, ...],
    streams: dict[str, Stream],
    present: dict[str, Tensor],
) -> None:
    fusion = fusion_of(kind, {name: DIMS[name] for name in names})
    fused = fusion(streams, present)
    assert fused.shape == (4, fusion.fused_dim)
    assert fusion.fused_dim == (1 if kind == "late" else 16)
    assert not torch.allclose(fused[0], fused[2])
    # A stream that the model does not have is not looked at.
    assert torch.equal(fused, fusion({name: streams[name] for name in names}, present))


@pytest.mark.parametrize("kind", FUSIONS)
@pytest.mark.parametrize("missing", DIMS)
def test_what_stands_in_the_place_of_an_absent_stream_does_not_matter(
    kind: FusionKind, missing: str, streams: dict[str, Stream], present: dict[str, Tensor]
) -> None:
    fusion = fusion_of(kind)
    gone = {**present, missing: ~present[missing]}
    first = fusion(streams, gone)
    assert torch.allclose(first, fusion({**streams, missing: stream_of(missing, seed=9)}, gone))
    assert torch.allclose(first, fusion({**streams, missing: None}, gone), atol=1e-6)
    assert not torch.allclose(first, fusion(streams, present), atol=1e-4)


@pytest.mark.parametrize("kind", FUSIONS)
def test_one_absent_stream_leaves_the_other_clips_as_they_are(
    kind: FusionKind, streams: dict[str, Stream], present: dict[str, Tensor]
) -> None:
    fusion = fusion_of(kind)
    holed = {**present, "audio": torch.tensor([True, True, False, True])}
    others = torch.tensor([0, 1, 3])
    whole, part = fusion(streams, present), fusion(streams, holed)
    assert torch.allclose(whole[others], part[others], atol=1e-6)
    assert not torch.allclose(whole[2], part[2], atol=1e-4)


@pytest.mark.parametrize("kind", FUSIONS)
def test_padding_changes_nothing(
    kind: FusionKind, streams: dict[str, Stream], present: dict[str, Tensor]
) -> None:
    fusion = fusion_of(kind)
    padded = {
        name: replace(
            stream,
            items=torch.cat([stream.items, torch.full_like(stream.items, 7.0)], dim=1),
            mask=torch.cat([stream.mask, torch.zeros_like(stream.mask)], dim=1),
        )
        for name, stream in streams.items()
    }
    assert torch.allclose(fusion(streams, present), fusion(padded, present), atol=1e-6)


@pytest.mark.parametrize("kind", FUSIONS)
def test_a_batch_answers_as_its_clips_do_alone(
    kind: FusionKind, streams: dict[str, Stream], present: dict[str, Tensor]
) -> None:
    fusion = fusion_of(kind)
    together = fusion(streams, present)
    for i in range(4):
        alone = {name: _row(stream, i) for name, stream in streams.items()}
        fused = fusion(alone, {name: there[i : i + 1] for name, there in present.items()})
        assert torch.allclose(together[i], fused[0], atol=1e-6)


def test_cross_attention_sees_the_items_and_not_their_order(
    streams: dict[str, Stream], present: dict[str, Tensor]
) -> None:
    fusion = fusion_of("cross_attention")
    turned = replace(
        streams["visual"],
        items=streams["visual"].items.flip(1),
        mask=streams["visual"].mask.flip(1),
    )
    fused = fusion(streams, present)
    assert torch.allclose(fused, fusion({**streams, "visual": turned}, present), atol=1e-6)
    other = replace(streams["visual"], items=streams["visual"].items + 1)
    assert not torch.allclose(fused, fusion({**streams, "visual": other}, present), atol=1e-2)


@pytest.mark.parametrize("kind", OVER_FEATURES)
def test_only_the_combination_tells_and_it_is_found(kind: FusionKind) -> None:
    """Forged if exactly one of two signs is set: each stream alone says nothing."""
    generator = torch.Generator().manual_seed(1)
    signs = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]).repeat(8, 1)
    labels = (signs[:, 0] != signs[:, 1]).float()
    streams = {}
    for column, name in enumerate(("visual", "audio")):
        items = 0.3 * torch.randn(32, 2, DIMS[name], generator=generator)
        items[..., 0] += 2 * signs[:, column, None] - 1
        streams[name] = Stream(items.mean(1), items, torch.ones(32, 2, dtype=torch.bool), None)
    present = {name: torch.ones(32, dtype=torch.bool) for name in streams}
    torch.manual_seed(0)
    fusion = build_fusion(FusionConfig(kind, hidden_dim=16, dropout=0.0), DIMS_OF_TWO)
    head = nn.Linear(16, 1)
    optimizer = torch.optim.Adam([*fusion.parameters(), *head.parameters()], 0.02)
    for _ in range(150):
        logits = head(fusion(streams, present)).squeeze(-1)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert ((logits > 0) == (labels > 0.5)).all()
    assert loss < 0.1


DIMS_OF_TWO = {name: DIMS[name] for name in HAS_HEAD}


@pytest.mark.parametrize("kind", FUSIONS)
def test_gradient_reaches_every_weight_and_detached_streams_stay_out(
    kind: FusionKind, streams: dict[str, Stream], present: dict[str, Tensor]
) -> None:
    fusion = fusion_of(kind).train()
    leaves = {
        name: replace(
            stream,
            embedding=stream.embedding.requires_grad_(),
            items=stream.items.requires_grad_(),
            logit=None if stream.logit is None else stream.logit.requires_grad_(),
        )
        for name, stream in streams.items()
    }
    holed = {name: there.clone() for name, there in present.items()}
    for i, name in enumerate(DIMS):
        holed[name][i] = False
    fusion({n: s.detach() for n, s in leaves.items()}, holed).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in fusion.parameters())
    assert leaves["visual"].embedding.grad is None
    fusion(leaves, holed).square().sum().backward()
    for name in HAS_HEAD:
        tensors = (leaves[name].embedding, leaves[name].items, leaves[name].logit)
        assert any(t is not None and t.grad is not None for t in tensors)


def test_late_fusion_is_the_mean_of_the_logits_that_are_there() -> None:
    fusion = fusion_of("late", DIMS_OF_TWO)
    streams = {name: stream_of(name, seed=i) for i, name in enumerate(DIMS_OF_TWO)}
    face, voice = streams["visual"].logit, streams["audio"].logit
    assert face is not None
    assert voice is not None
    present = {
        "visual": torch.tensor([True, True, False, False]),
        "audio": torch.tensor([True, False, True, False]),
    }
    expected = torch.stack([(face[0] + voice[0]) / 2, face[1], voice[2], torch.zeros(())])
    assert torch.allclose(fusion(streams, present).squeeze(-1), expected)
    assert not list(fusion.parameters())


def test_heads_of_attention_must_divide_the_width() -> None:
    with pytest.raises(ConfigError, match="multiple of 4"):
        FusionConfig("cross_attention", hidden_dim=18)


def _row(stream: Stream, i: int) -> Stream:
    logit = None if stream.logit is None else stream.logit[i : i + 1]
    part = slice(i, i + 1)
    return Stream(stream.embedding[part], stream.items[part], stream.mask[part], logit)
