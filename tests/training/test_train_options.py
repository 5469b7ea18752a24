"""Frozen backbones, averaged and sharpness-aware weights, kept checkpoints, rates, trackers."""

import errno
import json
import resource
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_train_loop import (
    NUM_ROWS,
    Killed,
    Points,
    config_of,
    kill_after,
    loss,
    net,
    run,
    same,
    shuffled,
    validate,
)
from torch import Tensor, nn
from torch.utils.data import DataLoader

from avfake.errors import AvfakeError, ConfigError
from avfake.training.accelerator import is_main_process, on_main_process
from avfake.training.fit import fit
from avfake.training.fit_config import FitConfig
from avfake.training.optimizers import measure_statistics, sam_perturbation
from avfake.training.rate_finder import RateConfig, RateFinding, find_rate
from avfake.training.schedules import rate_factor, rate_of

OPTIONS = {
    "frozen": config_of(frozen_epochs=3),
    "swa": config_of(average="swa", average_start=0.4),
    "sam": config_of(optimizer="sgd", learning_rate=0.05, sam_rho=0.05),
    "all-checkpoints": config_of(keep_checkpoints="all", average="ema", average_decay=0.9),
    "late-best": config_of(first_best_epoch=4),
}


@pytest.mark.parametrize("config", OPTIONS.values(), ids=OPTIONS)
def test_a_killed_run_ends_as_an_undisturbed_one(tmp_path: Path, config: FitConfig) -> None:
    straight, expected = run(tmp_path / "straight", config)
    for epoch in (2, 3, 4):  # on both sides of each border
        with pytest.raises(Killed):
            run(tmp_path / "killed", config, after_epoch=kill_after(epoch))
    resumed, result = run(tmp_path / "killed", config)
    assert same(straight, resumed)
    assert [r.validation for r in result.history] == [r.validation for r in expected.history]


def weights_after(folder: Path, epoch: int) -> Path:
    """The weights that were validated after an epoch."""
    home = folder / "checkpoints" / f"epoch-{epoch:04d}"
    average = home / "average.safetensors"
    return average if average.exists() else home / "model.safetensors"


def states_of(folder: Path, config: FitConfig) -> list[dict[str, Tensor]]:
    """The weights after each epoch."""
    run(folder, replace(config, keep_checkpoints="all"))
    return [load_file(weights_after(folder, n + 1)) for n in range(config.epochs)]


def test_a_frozen_backbone_stands_still_and_then_moves(tmp_path: Path) -> None:
    states = states_of(tmp_path, config_of(frozen_epochs=2))
    start = net().state_dict()
    backbone = [name for name in start if name.startswith("backbone")]
    assert "backbone.1.running_mean" in backbone
    for state in states[:2]:
        assert all(torch.equal(state[name], start[name]) for name in backbone)
    assert not torch.equal(states[0]["head.1.weight"], start["head.1.weight"])
    assert not any(torch.equal(states[2][name], start[name]) for name in backbone)


def test_a_model_comes_back_trainable_from_frozen_epochs(tmp_path: Path) -> None:
    model, _ = run(tmp_path, config_of(frozen_epochs=6))
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_frozen_epochs_need_a_backbone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="module called backbone"):
        fit(
            nn.Linear(2, 1),
            loss=loss,
            train_batches=shuffled,
            validate=validate,
            config=config_of(frozen_epochs=1),
            run_folder=tmp_path,
        )


def test_a_backbone_is_compiled_for_the_training_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def compiled(module: nn.Module, **_: Any) -> None:
        # In the place of torch's compiler, which takes a minute.
        def forward(items: Tensor) -> Tensor:
            calls.append(len(items))
            return type(module).forward(module, items)

        module._compiled_call_impl = forward

    monkeypatch.setattr(nn.Module, "compile", compiled)
    trained, _ = run(tmp_path / "compiled", config_of(compile=True))
    assert len(calls) > 6
    assert trained.backbone._compiled_call_impl is None
    plain, _ = run(tmp_path / "plain", config_of())
    assert same(trained, plain)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")  # torch's own
def test_a_compiled_backbone_learns_the_same(tmp_path: Path) -> None:
    compiled, _ = run(tmp_path / "compiled", config_of(compile=True))
    plain, _ = run(tmp_path / "plain", config_of())
    for one, other in zip(compiled.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-3)


def test_compiling_needs_a_backbone(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fit.compile needs a backbone"):
        fit(
            nn.Linear(2, 1),
            loss=loss,
            train_batches=shuffled,
            validate=validate,
            config=config_of(compile=True),
            run_folder=tmp_path,
        )


def test_a_freed_backbone_begins_with_a_schedule_of_its_own() -> None:
    config = config_of(frozen_epochs=2, schedule="one_cycle")
    assert rate_of(config, 1.0) == rate_factor(config, 1.0, 2)
    assert rate_of(config, 2.0) == pytest.approx(1 / 25)
    assert rate_of(config, 6.0) == pytest.approx(config.final_fraction)


def test_swa_is_the_plain_mean_of_the_last_epochs(tmp_path: Path) -> None:
    config = config_of(average="swa", average_start=0.5)
    states_of(tmp_path, config)
    folders = [tmp_path / "checkpoints" / f"epoch-{n:04d}" for n in (4, 5, 6)]
    moments = [load_file(folder / "model.safetensors")["head.1.weight"] for folder in folders]
    average = load_file(folders[-1] / "average.safetensors")["head.1.weight"]
    assert torch.allclose(average, torch.stack(moments).mean(dim=0), atol=1e-6)
    assert not (tmp_path / "checkpoints" / "epoch-0003" / "average.safetensors").exists()


def test_batch_statistics_are_those_of_the_batches() -> None:
    model = net()
    with torch.no_grad():
        model.backbone[0].weight.mul_(3.0)
    measure_statistics(model, DataLoader(Points(), batch_size=16))
    seen = model.backbone[0](Points().points)
    norm = model.backbone[1]
    assert torch.allclose(norm.running_mean, seen.mean(dim=0), atol=1e-5)
    assert (norm.momentum, norm.training) == (0.1, False)


def test_sharpness_is_sought_along_the_gradient_and_leaves_no_trace() -> None:
    model = net().train()
    batch = next(iter(DataLoader(Points(), batch_size=16)))
    loss(model(batch), batch)[0].backward()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    start = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    with sam_perturbation(model, rho=0.5):
        assert all(p.grad is None for p in model.parameters())
        moved = torch.cat([p.detach().flatten() for p in model.parameters()]) - start
        model(batch)
    assert torch.allclose(moved, 0.5 * gradient / gradient.norm(), atol=1e-6)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_sharpness_aware_steps_are_those_of_the_paper(tmp_path: Path) -> None:
    """One parameter w, loss w**4 / 4: the step goes by (w + rho) ** 3."""

    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.tensor([2.0]))

        def forward(self, batch: dict[str, Tensor]) -> Tensor:
            return self.w

    config = config_of(
        epochs=1,
        clip_norm=0.0,
        optimizer="sgd",
        learning_rate=0.01,
        weight_decay=0.0,
        momentum=0.0,
        sam_rho=0.5,
        schedule="constant",
        warmup_epochs=0,
    )
    model = One()
    fit(
        model,
        loss=lambda w, _: ((w**4).sum() / 4, {}),
        train_batches=lambda epoch: [{"x": torch.zeros(1)}],
        validate=lambda m: {"log_loss": 0.0},
        config=config,
        run_folder=tmp_path,
    )
    assert model.w.item() == pytest.approx(2.0 - 0.01 * 2.5**3, rel=1e-5)


@pytest.mark.parametrize("wrong", [{"accumulation": 2}, {"mixed_precision": "fp16"}])
def test_sharpness_refuses_what_it_cannot_do(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="sam_rho"):
        FitConfig(sam_rho=0.1, **wrong)


def test_all_checkpoints_stay_on_request_and_are_light(tmp_path: Path) -> None:
    run(tmp_path / "all", config_of(keep_checkpoints="all"))
    folders = sorted((tmp_path / "all" / "checkpoints").iterdir())
    assert [folder.name for folder in folders] == [f"epoch-{n:04d}" for n in range(1, 7)]
    assert [(folder / "optimizer.pt").exists() for folder in folders] == [False] * 5 + [True]
    run(tmp_path / "last")
    kept = [path.name for path in (tmp_path / "last" / "checkpoints").iterdir()]
    assert kept == ["epoch-0006"]


def test_early_epochs_are_not_the_best(tmp_path: Path) -> None:
    losses = iter([0.1, 0.2, 0.4, 0.3, 0.6, 0.7])
    config = config_of(first_best_epoch=3, patience=2)
    model, result = run(tmp_path, config, validate=lambda m: {"log_loss": next(losses)})
    assert (result.best_epoch, result.metrics) == (4, {"log_loss": 0.3})
    assert len(result.history) == 6
    assert set(load_file(result.best_path)) == set(model.state_dict())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"average": "swaa"}, r"did you mean 'swa'"),
        ({"frozen_epochs": 7, "epochs": 6}, "frozen_epochs is 7, but there are only 6"),
        ({"first_best_epoch": 9, "epochs": 6}, "first_best_epoch is 9"),
        ({"average_start": 1.0}, "average_start"),
        ({"trackers": ("tensorbord",)}, r"did you mean 'tensorboard'\?"),
        ({"keep_checkpoints": "some"}, "last, all"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FitConfig(**wrong)


def test_weights_of_another_architecture_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(tmp_path, after_epoch=kill_after(1))
    wider = net()
    wider.head[1] = nn.Linear(16, 3)
    with pytest.raises(ConfigError, match=r"head\.1\.weight \(\[1, 16\] there, \[3, 16\] here\)"):
        fit(
            wider,
            loss=loss,
            train_batches=shuffled,
            validate=validate,
            config=config_of(),
            run_folder=tmp_path,
        )


@pytest.fixture
def small_disk() -> Iterator[Any]:
    """A call that lets files grow to so many bytes only; the system refuses the rest."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda num_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


# The weights are some 1.7 kB, the state of the optimizer is larger.
@pytest.mark.parametrize("num_bytes", [100, 2500], ids=["weights", "optimizer"])
def test_a_disk_that_is_full_costs_the_new_checkpoint_only(
    tmp_path: Path, small_disk: Any, num_bytes: int
) -> None:
    straight, _ = run(tmp_path / "straight")

    def fill(record: Any) -> None:
        if record.epoch == 2:
            small_disk(num_bytes)

    with pytest.raises(AvfakeError, match=r"epoch 3 could not be written to .*full/checkpoints"):
        run(tmp_path / "full", after_epoch=fill)
    small_disk(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    assert [p.name for p in (tmp_path / "full" / "checkpoints").iterdir()] == ["epoch-0002"]
    assert same(straight, run(tmp_path / "full")[0])


def test_no_space_left_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("avfake.training.checkpoints.torch.save", refuse)
    with pytest.raises(AvfakeError, match=r"No space left on device; the one before is kept"):
        run(tmp_path)


def test_the_rate_finder_finds_where_the_loss_falls(tmp_path: Path) -> None:
    model = net()
    before, random = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    search = RateConfig(lowest=1e-5, highest=100.0, num_steps=80)
    finding = find_rate(
        model,
        loss=loss,
        batches=DataLoader(Points(), batch_size=NUM_ROWS),
        config=config_of(optimizer="sgd", learning_rate=0.1, clip_norm=0.0),
        search=search,
    )
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    lowest = finding.rates[finding.smoothed.argmin()]
    assert 1e-3 < finding.suggestion < lowest < 100.0
    finding.save(tmp_path / "rates.csv")
    again = RateFinding.load(tmp_path / "rates.csv")
    assert np.array_equal(again.rates, finding.rates)
    assert again.suggestion == finding.suggestion


def test_the_steepest_descent_is_suggested() -> None:
    rates = np.geomspace(1e-6, 1.0, 61)
    smoothed = 1 / (1 + (rates / 1e-3) ** 2) + (rates / 0.3) ** 4  # falls steepest at 1e-3
    assert RateFinding(rates, smoothed, smoothed).suggestion == pytest.approx(1e-3)
    with pytest.raises(ConfigError, match="never fell"):
        _ = RateFinding(rates, rates, rates).suggestion


def test_a_tracker_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelerate.tracking.get_available_trackers", lambda: ["tensorboard"])
    with pytest.raises(ConfigError, match="pip install wandb"):
        run(tmp_path, config_of(epochs=1, trackers=("wandb",)))


def test_a_tracker_is_told_of_every_epoch_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelerate import tracking

    told: list[tuple[int, dict[str, float]]] = []
    configs: list[dict[str, Any]] = []

    class Recorder(tracking.GeneralTracker):
        name, requires_logging_directory, main_process_only = "wandb", False, True
        tracker = None

        def __init__(self, run_name: str) -> None:
            super().__init__()

        def store_init_configuration(self, values: dict[str, Any]) -> None:
            configs.append(values)

        def log(self, values: dict[str, float], step: int) -> None:
            told.append((step, values))

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "wandb", Recorder)
    wandb = tracking.LoggerType.WANDB
    monkeypatch.setattr("accelerate.tracking._available_trackers", [wandb])
    config = config_of(trackers=("wandb",), epochs=4)
    with pytest.raises(Killed):
        run(tmp_path, config, after_epoch=kill_after(2))
    _, result = run(tmp_path, config)
    assert [step for step, _ in told] == [1, 2, 3, 4]
    assert told[2][1]["validation/log_loss"] == result.history[2].validation["log_loss"]
    assert "train/bce" in told[0][1]
    assert [c["optimizer"] for c in configs] == ["adamw"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_gets_the_curves(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing import event_accumulator as accumulator

    with pytest.raises(Killed):
        run(tmp_path, after_epoch=kill_after(2))
    run(tmp_path)
    events = accumulator.EventAccumulator(str(tmp_path / "trackers" / "avfake"))
    events.Reload()
    steps = [event.step for event in events.Scalars("validation/log_loss")]
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert steps == [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]


def test_one_process_is_the_main_one() -> None:
    assert is_main_process()
    assert on_main_process(lambda: "seen") == "seen"
