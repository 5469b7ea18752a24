"""From a fake to its original: paths in a spec become clip_ids, and absent ones are counted."""

import posixpath

from avfake.datasets.candidates import Candidate
from avfake.datasets.expressions import Link
from avfake.datasets.scan import some
from avfake.errors import ManifestError


class Links:
    """Resolves links between the rows of one manifest."""

    def __init__(self, candidates: dict[str, Candidate], dataset: str) -> None:
        self.candidates, self.dataset = candidates, dataset
        self.by_name: dict[str, list[str]] = {}
        for clip_id in candidates:
            self.by_name.setdefault(posixpath.basename(clip_id), []).append(clip_id)
        self.absent: dict[str, int] = {}
        self.unclear: dict[str, int] = {}
        self.elsewhere: dict[str, int] = {}
        self.unnamed: list[str] = []
        self.has_place = False
        """Whether the dataset names originals at all."""

    def resolve(self, link: Link | None, candidate: Candidate) -> str | None:
        """The clip_id that the link means, present or not; `dataset:path` for another dataset."""
        if link is None:
            return None
        self.has_place = True
        if link.dataset and link.dataset != self.dataset:
            self.elsewhere[link.dataset] = self.elsewhere.get(link.dataset, 0) + 1
            return f"{link.dataset}:{link.path}"
        path = posixpath.normpath(link.path)
        if path in self.candidates:
            return path
        if link.required:
            raise ManifestError(f"{candidate.where}: its original {path} is not there")
        named = self.by_name.get(posixpath.basename(path), []) if link.anywhere else []
        named = [name for name in named if name != candidate.clip_id]
        if len(named) == 1:
            return named[0]
        counts = self.unclear if named else self.absent
        counts[path] = counts.get(path, 0) + 1
        return path

    def note_unnamed(self, clip_id: str, *, is_blank: bool) -> None:
        """A fake that is tied to no original; is_blank: its record has an empty place for one."""
        self.unnamed.append(clip_id)
        self.has_place = self.has_place or is_blank

    def warnings(self) -> list[str]:
        """What was not found, each a sentence."""
        texts = {
            "are not in the dataset": self.absent,
            "could be any of several files of that name": self.unclear,
        }
        found = [
            f"{len(names)} originals, of {sum(names.values())} fakes, {text}: {some(list(names))}"
            for text, names in texts.items()
            if names
        ]
        found += [
            f"the originals of {count} fakes belong to another dataset, {name}"
            for name, count in self.elsewhere.items()
        ]
        if self.unnamed and self.has_place:
            found.append(
                f"{len(self.unnamed)} fakes name no original, and each is a group of its own: "
                f"{some(self.unnamed)}"
            )
        return found
