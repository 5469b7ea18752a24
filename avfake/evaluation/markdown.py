"""Tables as Markdown, and names in them as nothing but text."""

import re
from collections.abc import Sequence

# An underscore between letters emphasises nothing.
_MARKS = re.compile(r"([\\`*\[\]<>|~&$:]|(?<![^\W_])_|_(?![^\W_]))")


def markdown_table(lines: Sequence[Sequence[str]]) -> str:
    """Aligned Markdown; the first line is the header. Cells must not hold a bare |."""
    columns = range(len(lines[0]))
    widths = [max(3, *(len(line[column]) for line in lines)) for column in columns]
    ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
    padded = (
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in ruled
    )
    return "\n".join(f"| {line} |" for line in padded)


def as_text(name: object) -> str:
    """A name that Markdown and HTML show as it is, on one line, whatever it holds.

    Names of files and methods are other people's; bytes that are no text become "?".
    """
    shown = str(name).encode("utf-8", errors="replace").decode("utf-8")
    printable = "".join(one if one.isprintable() else " " for one in shown)
    return _MARKS.sub(r"\\\1", " ".join(printable.split()))
