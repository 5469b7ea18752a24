"""Training ends at the same weights whether or not it was killed on the way, and learns."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from avfake.errors import ConfigError
from avfake.training.accelerator import outputs_of
from avfake.training.checkpoints import EpochRecord
from avfake.training.engine import DivergedError
from avfake.training.fit import FitResult, fit
from avfake.training.fit_config import FitConfig
from avfake.training.losses import masked_bce
from avfake.training.schedules import rate_factor

GENERATOR_SEED = 3
NUM_ROWS = 48


class Points(Dataset):
    """Points in the plane; those right of a line are fake."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(GENERATOR_SEED)
        self.points = torch.randn(NUM_ROWS, 2, generator=generator)
        self.labels = (self.points @ torch.tensor([1.0, -0.5]) > 0).float().unsqueeze(1)

    def __len__(self) -> int:
        return NUM_ROWS

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"points": self.points[index], "labels": self.labels[index]}


class Net(nn.Module):
    """Has all that a checkpoint can lose: dropout, running statistics, two rates."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(16, 1))

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.head(self.backbone(batch["points"])).float()


def net() -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net()


def loss(output: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    value = masked_bce(output, batch["labels"], torch.ones_like(output))
    return value, {"bce": value}


def shuffled(epoch: int) -> DataLoader:
    return DataLoader(Points(), batch_size=8, shuffle=True)


def validate(model: nn.Module) -> dict[str, float]:
    pairs = list(outputs_of(model, DataLoader(Points(), batch_size=16)))
    logits = torch.cat([output for output, _ in pairs])
    labels = torch.cat([batch["labels"] for _, batch in pairs])
    fakes, reals = logits[labels == 1], logits[labels == 0]
    return {
        "log_loss": float(masked_bce(logits, labels, torch.ones_like(labels))),
        "auc": float((fakes[:, None] > reals[None]).float().mean()),
    }


def config_of(**changes: Any) -> FitConfig:
    given = {
        "epochs": 6,
        "learning_rate": 0.03,
        "progress": False,
        "device": "cpu",
    }
    return FitConfig(**{**given, **changes})


def run(folder: Path, config: FitConfig | None = None, **changes: Any) -> tuple[Net, FitResult]:
    given: dict[str, Any] = {"loss": loss, "train_batches": shuffled, "validate": validate}
    model = net()
    result = fit(model, config=config or config_of(), run_folder=folder, **{**given, **changes})
    return model, result


class Killed(BaseException):
    """Stands in for a kill: nothing catches it."""


def kill_after(epoch: int) -> Callable[[EpochRecord], None]:
    def check(record: EpochRecord) -> None:
        if record.epoch == epoch:
            raise Killed

    return check


def same(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_toy_problem_is_learnt(tmp_path: Path) -> None:
    model, result = run(tmp_path, config_of(epochs=15))
    assert result.metrics["auc"] == 1.0
    assert result.history[-1].train["bce"] < result.history[0].train["bce"] * 0.6
    assert validate(model)["log_loss"] == pytest.approx(result.metrics["log_loss"])


@pytest.mark.parametrize(
    "config",
    [
        config_of(),
        config_of(optimizer="sgd", learning_rate=0.1, backbone_multiplier=0.5),
        config_of(average="ema", average_decay=0.9, accumulation=4, mixed_precision="bf16"),
        config_of(schedule="plateau", plateau_patience=0),
        config_of(optimizer="adam", learning_rate=3e-4, weight_decay=0.0),
    ],
    ids=["adamw", "sgd", "average-bf16", "plateau", "adam"],
)
def test_a_killed_run_ends_as_an_undisturbed_one(tmp_path: Path, config: FitConfig) -> None:
    straight, expected = run(tmp_path / "straight", config)
    for epoch in (2, 3):
        with pytest.raises(Killed):
            run(tmp_path / "killed", config, after_epoch=kill_after(epoch))
    resumed, result = run(tmp_path / "killed", config)
    assert same(straight, resumed)
    assert [r.validation for r in result.history] == [r.validation for r in expected.history]
    assert [r.train for r in result.history] == [r.train for r in expected.history]


def test_a_kill_amid_an_epoch_costs_that_epoch_only(tmp_path: Path) -> None:
    begun: list[int] = []

    def dying(epoch: int) -> Iterator[Any]:
        begun.append(epoch)
        return Dying() if begun == [1, 2, 3] else shuffled(epoch)  # type: ignore[return-value]

    class Dying(list):
        def __init__(self) -> None:
            super().__init__(shuffled(3))

        def __iter__(self) -> Iterator[Any]:
            yield self[0]
            raise Killed

    with pytest.raises(Killed):
        run(tmp_path / "a", train_batches=dying)
    resumed, _ = run(tmp_path / "a", train_batches=dying)
    straight, _ = run(tmp_path / "b")
    assert begun == [1, 2, 3, 3, 4, 5, 6]
    assert same(straight, resumed)


@pytest.mark.parametrize("victim", ["model.safetensors", "optimizer.pt", "state.json"])
def test_a_kill_amid_writing_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, victim: str
) -> None:
    straight, _ = run(tmp_path / "straight")
    with pytest.raises(Killed):
        run(tmp_path / "killed", after_epoch=kill_after(2))
    partial = tmp_path / "killed" / "checkpoints" / ".partial-1"
    partial.mkdir()
    (partial / victim).write_bytes(b"half")
    resumed, _ = run(tmp_path / "killed")
    assert same(straight, resumed)
    assert not partial.exists()


def test_a_kill_before_metrics_are_written_loses_no_line(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(tmp_path, after_epoch=kill_after(3))
    (tmp_path / "metrics.jsonl").unlink()
    run(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert {"train", "validation", "learning_rate", "seconds"} <= set(lines[0])


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    first, expected = run(tmp_path)

    def never(epoch: int) -> DataLoader:
        raise AssertionError("asked for batches")

    second, result = run(tmp_path, train_batches=never)
    assert same(first, second)
    assert result == expected


def test_the_best_epoch_is_kept_not_the_last(tmp_path: Path) -> None:
    losses = iter([0.5, 0.2, 0.4, 0.3, 0.6, 0.7])
    kept: list[dict[str, Tensor]] = []

    def scripted(model: nn.Module) -> dict[str, float]:
        kept.append({name: value.clone() for name, value in model.state_dict().items()})
        return {"log_loss": next(losses)}

    model, result = run(tmp_path, validate=scripted)
    assert result.best_epoch == 2
    assert result.metrics == {"log_loss": 0.2}
    assert all(torch.equal(value, kept[1][name]) for name, value in model.state_dict().items())
    assert set(load_file(result.best_path)) == set(kept[1])


def test_patience_ends_a_run_that_no_longer_improves(tmp_path: Path) -> None:
    losses = iter([0.5, 0.4, 0.6, 0.6, 0.1, 0.1])
    result = run(tmp_path, config_of(patience=2), validate=lambda m: {"log_loss": next(losses)})[1]
    assert (result.stopped, len(result.history), result.best_epoch) == ("patience", 4, 2)


def test_a_loss_that_is_no_number_stops_and_says_where(tmp_path: Path) -> None:
    def breaking(epoch: int) -> list[dict[str, Tensor]]:
        batches = list(shuffled(epoch))
        if epoch == 3:
            batches[1]["points"] = batches[1]["points"] * torch.nan
        return batches

    with pytest.raises(DivergedError, match="epoch 3, batch 2 of 6"):
        run(tmp_path, train_batches=breaking)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["epoch-0002"]
    assert len(run(tmp_path)[1].history) == 6


def test_a_validation_that_is_no_number_stops(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match="after epoch 1"):
        run(tmp_path, validate=lambda model: {"log_loss": float("nan")})


def test_a_metric_that_validation_lacks_is_answered_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'log_loss'\?"):
        run(tmp_path, config_of(metric="logloss"))


def test_other_settings_in_a_used_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(tmp_path, after_epoch=kill_after(1))
    with pytest.raises(ConfigError, match="epochs: 6 there, 9 now"):
        run(tmp_path, config_of(epochs=9))
    run(tmp_path)
    with pytest.raises(ConfigError, match="seed"):
        run(tmp_path, config_of(seed=1))


def test_the_seed_decides(tmp_path: Path) -> None:
    first, again = run(tmp_path / "a")[0], run(tmp_path / "b")[0]
    assert same(first, again)
    assert not same(first, run(tmp_path / "c", config_of(seed=1))[0])


def test_the_random_numbers_of_the_caller_are_left_alone(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    run(tmp_path, config_of(epochs=1))
    assert torch.equal(before, torch.random.get_rng_state())


def test_runs_of_different_precision_follow_each_other_in_one_process(tmp_path: Path) -> None:
    for precision in ("no", "bf16", "auto"):
        model, _ = run(tmp_path / precision, config_of(epochs=1, mixed_precision=precision))
        assert type(model).forward is Net.forward
        assert not {"forward", "_original_forward"} & set(vars(model))


def test_half_precision_without_a_gpu_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a GPU"):
        run(tmp_path, config_of(mixed_precision="fp16"))


def test_accumulated_batches_step_as_one_large_batch(tmp_path: Path) -> None:
    def batches(size: int) -> Callable[[int], DataLoader]:
        return lambda epoch: DataLoader(Points(), batch_size=size)

    def plain() -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return Plain()

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, batch: dict[str, Tensor]) -> Tensor:
            return self.layer(batch["points"])

    ends = []
    for size, accumulation in ((32, 1), (8, 4)):  # 48 rows: the last group is a short one
        model = plain()
        fit(
            model,
            loss=loss,
            train_batches=batches(size),
            validate=validate,
            config=config_of(
                accumulation=accumulation,
                optimizer="sgd",
                learning_rate=0.1,
                schedule="constant",
                warmup_epochs=0,
            ),
            run_folder=tmp_path / str(size),
        )
        ends.append(model.state_dict())
    assert torch.allclose(ends[0]["layer.weight"], ends[1]["layer.weight"], atol=1e-5)


def test_rates_follow_the_schedule(tmp_path: Path) -> None:
    config = config_of(learning_rate=0.03, backbone_multiplier=0.1)
    for record in run(tmp_path, config)[1].history:
        expected = 0.03 * rate_factor(config, record.epoch - 1 + 5 / 6, 6)
        assert record.learning_rate == pytest.approx(expected)


def test_an_epoch_without_batches_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="epoch 1 has no batches"):
        run(tmp_path, train_batches=lambda epoch: [])


def test_outputs_come_without_gradient_and_leave_the_mode_as_it_was() -> None:
    model = net().train()
    output, batch = next(outputs_of(model, DataLoader(Points(), batch_size=5)))
    assert output.shape == batch["labels"].shape == (5, 1)
    assert not output.requires_grad
    list(outputs_of(model, DataLoader(Points(), batch_size=5)))
    assert model.training
