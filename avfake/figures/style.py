"""The one look of all pictures: sizes, colours and how a picture gets to disk."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from avfake.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008): told apart by all common kinds of colour blindness, and in grey by their line.
BLUE, VERMILION, GREEN, ORANGE, GREY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#777777"
OUTPUT_LINES = {
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
_STYLE = {
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
    """A figure to draw into, which is written to `out` (png) at the end: whole, or not at all."""
    import matplotlib as mpl  # late: only runs that draw pay for it
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width_px / DPI, height_px / DPI), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title, x=0.01, ha="left", fontsize=14, fontweight="bold")
        yield figure
        image = io.BytesIO()
        # Without the name of the program, equal content gives equal bytes.
        figure.savefig(image, format="png", metadata={"Software": None})
    write_whole(out, image.getvalue())


def unit_square(axes: "Axes", *, x: str, y: str) -> None:
    """Both axes from 0 to 1, at one scale, with their meaning."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x, ylabel=y, aspect="equal")
