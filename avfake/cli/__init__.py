"""`avfake VERB ...`: one table from verb to function; the only room that prints."""

from avfake.cli.describing import card
from avfake.cli.main import main, run_recipe
from avfake.cli.reporting import annotate, report
from avfake.cli.scoring import checked_files, predict_table
from avfake.cli.stressing import stress

__all__ = [
    "annotate",
    "card",
    "checked_files",
    "main",
    "predict_table",
    "report",
    "run_recipe",
    "stress",
]
