"""Tables as Markdown."""

from collections.abc import Sequence


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
