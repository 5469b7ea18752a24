"""`avfake VERB ...`: one table from verb to function; the only package that prints."""

from avfake.cli.describing import card
from avfake.cli.main import main, run_recipe
from avfake.cli.reporting import annotate, report
from avfake.cli.stressing import stress

__all__ = [
    "annotate",
    "card",
    "main",
    "report",
    "run_recipe",
    "stress",
]
