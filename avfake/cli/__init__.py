"""The command line `avfake VERB ...`: one table from verb to function (`main.VERBS`)."""

from avfake.cli.main import annotate, card, main, report, run_recipe, stress

__all__ = ["annotate", "card", "main", "report", "run_recipe", "stress"]
