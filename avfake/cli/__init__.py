"""`avfake VERB ...`: one table from verb to function; the only room that prints."""

from avfake.cli.main import main, run_recipe

__all__ = ["main", "run_recipe"]
