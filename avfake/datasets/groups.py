"""What must stay together: rows that share a value, a person or an original, joined into groups."""

from collections.abc import Hashable, Iterable, Sequence

from avfake.datasets.rows import Row


class Union:
    """Joins things that share anything, however long the chain between them."""

    def __init__(self) -> None:
        self.above: dict[Hashable, Hashable] = {}

    def root(self, item: Hashable) -> Hashable:
        """One member that stands for all that are joined with `item`."""
        top = item
        while (higher := self.above.setdefault(top, top)) != top:
            top = higher
        while item != top:
            self.above[item], item = top, self.above[item]
        return top

    def join(self, items: Iterable[Hashable]) -> None:
        first, *others = (self.root(item) for item in items)
        for other in others:
            self.above[other] = first
            first = self.root(first)


def merged_names(values: Sequence[Sequence[str]]) -> list[str]:
    """For each row, one name for its group: rows that share any value have the same name."""
    union = Union()
    for shared in values:
        union.join(shared)
    smallest: dict[Hashable, str] = {}
    for shared in values:
        root = union.root(shared[0])
        smallest[root] = min(*shared, smallest.get(root, shared[0]))
    return [smallest[union.root(shared[0])] for shared in values]


def rows_together(rows: Iterable[Row]) -> list[list[Row]]:
    """Sets of rows that no split may part, each sorted, the sets sorted by their first row.

    Rows belong together that share a group or an identity within a dataset, and a fake with its
    original; so do rows that are only joined through others.
    """
    ordered = sorted(rows, key=lambda row: row.clip_id)
    union = Union()
    for row in ordered:
        union.join(_ties(row))
    sets: dict[Hashable, list[Row]] = {}
    for row in ordered:
        sets.setdefault(union.root(("clip", row.dataset, row.clip_id)), []).append(row)
    return list(sets.values())


def _ties(row: Row) -> list[Hashable]:
    ties: list[Hashable] = [("clip", row.dataset, row.clip_id)]
    if row.group:
        ties.append(("group", row.dataset, row.group))
    if row.original:
        ties.append(("clip", row.dataset, row.original))
    if row.identity:
        ties.append(("identity", row.dataset, row.identity))
    return ties
