"""Planted shortcuts are caught by the probe of their kind; clean tables pass."""

from typing import Any

import numpy as np
import pytest

from avfake.audit.probes import Probe, run_probes
from avfake.evaluation.bootstrap import Interval

QUICK = 200
"""Draws of the bootstrap."""
Facts = dict[str, Any]


def clean(count: int = 160, seed: int = 0) -> tuple[list[Facts], np.ndarray, list[str]]:
    """Facts drawn without a look at the label; four clips a group."""
    rng = np.random.default_rng(seed)
    facts = [
        {
            "ending": ".mp4",
            "video_codec": str(rng.choice(["h264", "hevc"])),
            "size_bytes": int(rng.integers(1e5, 1e6)),
            "duration_seconds": float(rng.uniform(2, 10)),
            "fps": 25.0,
            "width": int(rng.choice([320, 640])),
            "rms_db": float(rng.normal(-24, 3)),
            "leading_silence_seconds": float(rng.uniform(0, 0.3)),
        }
        for _ in range(count)
    ]
    return facts, (np.arange(count) % 4 > 0).astype(float), [f"g{k // 4}" for k in range(count)]


def caught(facts: list[Facts], labels: np.ndarray, groups: list[str]) -> set[str]:
    return {
        probe.name
        for probe in run_probes(facts, labels, groups, num_resamples=QUICK)
        if probe.is_shortcut
    }


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_clean_table_passes(seed: int) -> None:
    assert caught(*clean(seed=seed)) == set()


@pytest.mark.parametrize(
    ("probe", "fake"),
    [
        ("leading silence", {"leading_silence_seconds": 0.5}),
        ("codec", {"video_codec": "vp9"}),
        ("fps", {"fps": 30.0}),
        ("loudness", {"rms_db": -40.0}),
        ("sample rate", {"sample_rate": 16_000}),
        ("crop size", {"crop_px": 90.0}),
    ],
)
def test_a_planted_shortcut_is_caught_by_its_probe_alone(probe: str, fake: dict) -> None:
    facts, labels, groups = clean()
    facts = [f | fake if label else f for f, label in zip(facts, labels, strict=True)]
    assert caught(facts, labels, groups) == {probe, "all together"}


def test_facts_that_are_the_same_for_all_or_unknown_say_so() -> None:
    notes = {probe.name: probe.note for probe in run_probes(*clean(), num_resamples=QUICK)}
    assert notes["fps"] == "the same for all"
    assert notes["crop size"] == "not known"


def test_an_auc_far_below_a_half_tells_as_much_as_one_far_above() -> None:
    assert Probe("x", Interval(0.2, 0.1, 0.3), 50, 0.6).is_shortcut
    assert not Probe("x", Interval(0.4, 0.3, 0.5), 50, 0.6).is_shortcut


def test_too_few_groups_are_no_ground_to_judge_on() -> None:
    facts, labels, _ = clean(8)
    probes = run_probes(facts, labels, ["one"] * 8, num_resamples=QUICK)
    assert {probe.note for probe in probes} == {"too few groups of each class"}
    assert not any(probe.is_shortcut for probe in probes)
