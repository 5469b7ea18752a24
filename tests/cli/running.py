"""The type of the fixture `run`."""

from collections.abc import Callable

Run = Callable[..., tuple[int, str, str]]
"""Takes the words of a command; returns its exit code, and what it printed on both streams."""
