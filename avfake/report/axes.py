"""Round numbers along an axis, and where on it they stand."""

import math
from dataclasses import dataclass

import numpy as np

MOST_TICKS = 6
"""More would run into each other on a telephone."""
LEAST_GAP_PERCENT = 10
"""Between two labels of a picture's height."""
FREQUENCIES_HZ = (250, 500, 1000, 2000, 4000, 8000, 16_000)


@dataclass(frozen=True)
class Tick:
    """A number on an axis."""

    percent: float
    """Of the way along the axis."""
    label: str


def ticks(low: float, high: float, unit: str) -> tuple[Tick, ...]:
    """Multiples of 1, 2 or 5 times a power of ten from `low` to `high`; none if that is nothing."""
    if high <= low:
        return ()
    power = 10.0 ** math.floor(math.log10((high - low) / MOST_TICKS))
    steps = (power * factor for factor in (1, 2, 5, 10))
    step = next(step for step in steps if (high - low) / step < MOST_TICKS)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    digits = max(0, -math.floor(math.log10(step) + 1e-6))
    return tuple(
        Tick(round(100 * (k * step - low) / (high - low), 2), f"{k * step:.{digits}f} {unit}")
        for k in range(first, last + 1)
    )


def band_ticks(band_hz: np.ndarray) -> tuple[Tick, ...]:
    """Octaves on an axis of bands [K], each as high as the others, lowest first; of two that would
    run into each other, as the low ones of a linear scale do, the higher."""
    middles = (np.arange(len(band_hz)) + 0.5) / len(band_hz)
    found: list[Tick] = []
    for hertz in reversed(FREQUENCIES_HZ):
        percent = round(100 * float(np.interp(hertz, band_hz, middles)), 2)
        is_clear = not found or found[-1].percent - percent >= LEAST_GAP_PERCENT
        if band_hz[0] <= hertz <= band_hz[-1] and is_clear:
            found.append(Tick(percent, f"{hertz} Hz"))
    return tuple(reversed(found))
