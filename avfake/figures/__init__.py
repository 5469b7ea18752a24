"""A run in, its pictures out (png): what it saw, how it learned, how good and how honest.

Drawn by matplotlib without a window, in one style. Each `draw_*` returns the path it wrote, or
raises `AvfakeError` where there is nothing to draw.
"""

from avfake.figures.confusion import draw_confusion
from avfake.figures.contact_sheet import draw_contact_sheet
from avfake.figures.curves import draw_curves
from avfake.figures.reliability import draw_reliability
from avfake.figures.roc import draw_roc
from avfake.figures.run import draw_answers, draw_batch, draw_training
from avfake.figures.stress import draw_stress

__all__ = [
    "draw_answers",
    "draw_batch",
    "draw_confusion",
    "draw_contact_sheet",
    "draw_curves",
    "draw_reliability",
    "draw_roc",
    "draw_stress",
    "draw_training",
]
