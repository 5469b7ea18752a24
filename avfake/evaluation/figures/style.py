"""The common style of all figures, and how a figure is written."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avfake.errors import require
from avfake.storage import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008): told apart by all common kinds of colour blindness, and in grey by their line.
BLUE, VERMILION, GREEN, ORANGE, GREY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#777777"
OUTPUT_LINES: dict[str, dict[str, Any]] = {
    "overall": {"color": BLUE, "linestyle": "-"},
    "face": {"color": VERMILION, "linestyle": "--"},
    "voice": {"color": GREEN, "linestyle": "-."},
}
OUTPUT_TITLES = {
    "overall": "anything forged",
    "face": "face forged",
    "voice": "voice forged",
}
DPI = 100
_STYLE: dict[Any, Any] = {
    "figure.dpi": DPI,
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same picture on every machine
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "lines.linewidth": 2.0,
    "legend.frameon": False,
}


@contextmanager
def picture(out: Path, *, width_px: int, height_px: int, title: str) -> Iterator["Figure"]:
    """Yield a figure to draw into, written to `out` (png) at the end as a whole."""
    mpl = require("matplotlib", "report")  # late: it takes a second to import
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width_px / DPI, height_px / DPI), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title, x=8 / width_px, ha="left", fontsize=14, fontweight="bold")
        yield figure
        image = io.BytesIO()
        # Without the name of the program, equal content gives equal bytes.
        figure.savefig(image, format="png", metadata={"Software": None})
    write_whole(out, image.getvalue())


def unit_square(axes: "Axes", *, x: str, y: str) -> None:
    """Set both axes to 0 to 1, at one scale, with their labels."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x, ylabel=y, aspect="equal")
