"""The dataset's own split: a field of each row, or lists of keys in files of their own."""

from dataclasses import replace

from avfake.datasets.candidates import Candidate
from avfake.datasets.expressions import Expression, Scope
from avfake.datasets.scan import Listing, some
from avfake.datasets.spec import DatasetSpec, SplitLists
from avfake.datasets.table_schema import list_table
from avfake.datasets.tables import read_table
from avfake.datasets.values import as_text
from avfake.errors import ManifestError


class SplitReader:
    """Says in which split of the dataset's own a row is."""

    def __init__(self, spec: DatasetSpec, listing: Listing) -> None:
        self.split: Expression | SplitLists = spec.split
        self.members: dict[str, str] = {}
        self.found: set[str] = set()
        self.absent: list[str] = []
        if isinstance(spec.split, SplitLists):
            for name, glob in spec.split.lists.items():
                self._read_list(spec.split, name, glob, listing)

    def _read_list(self, split: SplitLists, name: str, glob: str, listing: Listing) -> None:
        described = replace(list_table(name, glob, split.format), optional=split.optional)
        table = read_table(described, listing, {})
        if not table.files:
            self.absent.append(glob)
        for record in table.records:
            key = as_text(record.values["value"]) or ""
            if self.members.setdefault(key, name) != name:
                raise ManifestError(
                    f"{record.where}: {key} is in the lists of {self.members[key]} and of {name}"
                )

    def split_of(self, candidate: Candidate, scope: Scope) -> str | None:
        split = self.split
        if not isinstance(split, SplitLists):
            return as_text(split.evaluate(scope))
        key = as_text(split.key.evaluate(scope))
        is_meant = not split.media or candidate.names["media"] in split.media
        if is_meant and key in self.members:
            self.found.add(key)
            return self.members[key]
        return as_text(split.otherwise.evaluate(scope))

    def warnings(self) -> list[str]:
        """Lists that are not there, and entries of lists that no row answers."""
        warnings = []
        if self.absent:
            warnings.append(f"there is no split list {some(self.absent)}; its split stays empty")
        left = [key for key in self.members if key not in self.found]
        if left:
            warnings.append(f"{len(left)} entries of the split lists fit no file: {some(left)}")
        return warnings
