"""Files below a folder on disk, and which of them are no input.

Junk is left out, linked folders are followed, circles end. So that no second run reads what avfake
wrote, a folder of results is recognised by a file that only avfake leaves there, and loses the
names that avfake writes beside it; everything else there is the user's and is read. A table of
avfake is recognised by the journal, or the notes, beside it.
"""

import os
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

JUNK = re.compile(
    r"(?:^|/)(?:\.[^/]*|__MACOSX|@eaDir|#recycle|\$RECYCLE\.BIN|System Volume Information"
    r"|lost\+found|Thumbs\.db|ehthumbs\.db|desktop\.ini)(?:/|$)",
    re.IGNORECASE,
)
"""Hidden files, and what systems leave beside the files of a user."""
_MANIFEST = r"journal\.jsonl|manifest\.csv|manifest\.csv\.json"
OUTPUTS = (
    # prepare, ForgeryConfig.forge, join_clips
    ("clips.yaml", b"hash: ", rf"archives|journal|{_MANIFEST}|status\.csv|clips\.yaml"),
    # labels
    ("derived.csv", b"clip_id,face_fake,voice_fake,", rf"masks|{_MANIFEST}|derived\.csv"),
    (  # a training run
        "environment.json",
        b'{\n "commit": ',
        r"member_\d+|detector|figures|(?:config|environment|choices)\.json"
        r"|(?:plan|out_of_fold|test_scores|results)\.csv",
    ),
)
"""Folders that avfake writes: (file that marks one, how it begins, pattern of the names there)."""
COMPANIONS = {".journal.jsonl": b"", ".audit.jsonl": b"", ".json": b'{\n "dataset": '}
"""Ending after the name of a table that avfake wrote -> how that file begins."""
PREPARED_CLIP = re.compile(r"meta\.json|sound\.flac|faces/\d+_\d+\.jpg")
"""The members of the archive of a prepared clip."""


def some(names: Sequence[str], limit: int = 5) -> str:
    """Return the first few names, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def note(names: Sequence[str], text: str) -> list[str]:
    """Return a sentence that counts and names files or rows, `3 {text}: a, b, c`; [] for none."""
    return [f"{len(names)} {text}: {some(names)}"] if names else []


def is_junk(path: str) -> bool:
    """Return whether a posix path has a part that is hidden, or that no user put there."""
    return JUNK.search(path) is not None


def written_files(names: Collection[str], begins: Callable[[str, bytes], bool]) -> dict[str, str]:
    """Return those of these posix paths that avfake wrote -> the folder of results they lie in.

    begins: whether the file of that name begins with those bytes
    """
    found: dict[str, str] = {}
    for mark, start, written in OUTPUTS:
        for marker in names:
            folder, slash, last = marker.rpartition("/")
            if last == mark and begins(marker, start):
                there = re.compile(f"{re.escape(folder + slash)}(?:{written})(?:/.*)?", re.DOTALL)
                found |= {name: folder or "." for name in names if there.fullmatch(name)}
    return found


def written_tables(names: Collection[str], begins: Callable[[str, bytes], bool]) -> set[str]:
    """Return those of these posix paths that are tables of avfake: scores, manifests."""
    found = set()
    for name in names:
        for ending, start in COMPANIONS.items():
            table = name.removesuffix(ending)
            if name.endswith(ending) and table in names and (not start or begins(name, start)):
                found |= {table, name}
    return found


def is_prepared_clip(members: Collection[str]) -> bool:
    """Return whether an archive with these members is a prepared clip."""
    return "meta.json" in members and all(map(PREPARED_CLIP.fullmatch, members))


@dataclass
class Walked:
    """The files below a folder."""

    root: str
    """The real path of the folder."""
    files: dict[str, str] = field(default_factory=dict)
    """Posix path from the folder -> path, sorted."""
    twins: dict[str, str] = field(default_factory=dict)
    """Path from the folder of a file that lies under several -> the same one for all of them."""
    notes: list[str] = field(default_factory=list)
    linked: dict[str, str] = field(default_factory=dict)
    """Path from the folder of a file behind a link -> its real path."""
    followed: set[str] = field(default_factory=set)
    """Real paths of the linked folders."""
    broken: list[str] = field(default_factory=list)
    """Links that lead nowhere."""


def walk(root: Path) -> Walked:
    """Return the files below `root`, with those below linked folders, by their names there.

    A link to a folder that it lies in ends there. So does, inside a linked folder, a link to what
    is listed anyway: links between many folders would show each file under any number of names.
    """
    walked = Walked(os.path.realpath(root))
    _walk(walked, str(root), "", ())
    walked.files = dict(sorted(walked.files.items()))
    walked.twins = _twins(walked)
    walked.notes += note(sorted(walked.broken), "links lead nowhere, and were left out")
    second = [name for name, first in walked.twins.items() if name != first]
    walked.notes += note(second, "files lie under a second name, through links")
    return walked


def _walk(walked: Walked, folder: str, prefix: str, crossed: tuple[str, ...]) -> None:
    """Add what lies in `folder`; `crossed`: the real folders of the links that led here."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((e for e in entries if not is_junk(e.name)), key=lambda e: e.name)
    except OSError as error:
        walked.notes.append(f"{folder}: cannot be listed ({error.strerror}); it was left out")
        return
    here = os.path.realpath(folder)
    for entry in found:
        name = prefix + entry.name
        if _is(entry, "file"):
            walked.files[name] = entry.path
            if entry.is_symlink():
                walked.linked[name] = os.path.realpath(entry.path)
            elif crossed:
                walked.linked[name] = f"{here}/{entry.name}"
        elif not _is(entry, "dir"):
            walked.broken += [name] if entry.is_symlink() else []
        elif not entry.is_symlink():
            _walk(walked, entry.path, f"{name}/", crossed)
        else:
            above = (*crossed, here)
            real = os.path.realpath(entry.path)
            again = crossed and (real in walked.followed or _is_inside(real, walked.root))
            if not again and not any(_is_inside(one, real) for one in above):
                walked.followed.add(real)
                _walk(walked, entry.path, f"{name}/", above)


def _is(entry: os.DirEntry[str], kind: str) -> bool:
    try:
        return entry.is_file() if kind == "file" else entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_inside(path: str, folder: str) -> bool:
    return f"{path}/".startswith(folder.rstrip("/") + "/")


def _twins(walked: Walked) -> dict[str, str]:
    """Return all names of one file -> its real one if that lies below the root, else the first."""
    names = dict[str, list[str]]()
    for name, real in walked.linked.items():
        names.setdefault(real, []).append(name)
    twins = dict[str, str]()
    for real, found in names.items():
        inner = os.path.relpath(real, walked.root) if _is_inside(real, walked.root) else ""
        known = [inner] if inner in walked.files and inner not in walked.linked else []
        every = known + found
        if len(every) > 1:
            twins |= dict.fromkeys(every, every[0])
    return twins
