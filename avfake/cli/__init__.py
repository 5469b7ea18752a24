"""`avfake VERB ...`: one table from verb to function; the only room that prints."""

from avfake.cli.main import main

__all__ = ["main"]
