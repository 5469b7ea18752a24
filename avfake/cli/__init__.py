"""The command line `avfake VERB ...`: one table from verb to function (`main.VERBS`)."""

from avfake.cli.main import main, run_recipe

__all__ = ["main", "run_recipe"]
