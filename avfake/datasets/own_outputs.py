"""What avfake itself writes, so that no second run reads it as input.

A folder of results is known by a file that only avfake leaves there, and loses the names that
avfake writes beside it; whatever else lies there was put there by somebody and is read. A table is
known by the journal, or the notes, that lie beside it.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Output:
    """A kind of folder that avfake writes."""

    marker: str
    """Name of the file that it is known by."""
    begins: bytes
    """How that file begins."""
    names: str
    """Pattern of the names that avfake writes there."""


OUTPUTS = (
    Output(  # prepare, forge_clips, join_clips, degrade_clips
        "clips.yaml",
        b"hash: ",
        r"archives|journal|journal\.jsonl|manifest\.csv|manifest\.csv\.json|status\.csv|clips\.yaml",
    ),
    Output(  # labels
        "derived.csv",
        b"clip_id,face_fake,voice_fake,",
        r"masks|journal\.jsonl|manifest\.csv|manifest\.csv\.json|derived\.csv",
    ),
    Output(  # a training run
        "environment.json",
        b'{\n "commit": ',
        r"member_\d+|detector|figures|(?:config|environment|choices)\.json"
        r"|(?:plan|out_of_fold|test_scores|results)\.csv",
    ),
)
COMPANIONS = {".journal.jsonl": b"", ".audit.jsonl": b"", ".json": b'{\n "dataset": '}
"""Ending after the name of a table that avfake wrote -> how that file begins."""
PREPARED_CLIP = re.compile(r"meta\.json|sound\.flac|faces/\d+_\d+\.jpg")
"""The members of the archive of a prepared clip."""


def written_files(names: Collection[str], begins: Callable[[str, bytes], bool]) -> dict[str, str]:
    """Those of these posix paths that avfake wrote -> the folder of results that they lie in.

    begins: whether the file of that name begins with those bytes
    """
    found: dict[str, str] = {}
    for output in OUTPUTS:
        for marker in names:
            folder, slash, last = marker.rpartition("/")
            if last == output.marker and begins(marker, output.begins):
                there = re.compile(
                    f"{re.escape(folder + slash)}(?:{output.names})(?:/.*)?", re.DOTALL
                )
                found |= {name: folder or "." for name in names if there.fullmatch(name)}
    return found


def written_tables(names: Collection[str], begins: Callable[[str, bytes], bool]) -> set[str]:
    """Those of these posix paths that are tables of avfake: scores, manifests."""
    found = set()
    for name in names:
        for ending, start in COMPANIONS.items():
            table = name.removesuffix(ending)
            if name.endswith(ending) and table in names and (not start or begins(name, start)):
                found |= {table, name}
    return found


def is_prepared_clip(members: Collection[str]) -> bool:
    """Whether an archive with these members is a prepared clip."""
    return "meta.json" in members and all(map(PREPARED_CLIP.fullmatch, members))
