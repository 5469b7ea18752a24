"""All files below a folder on disk: junk left out, linked folders followed, circles ended."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

JUNK = re.compile(
    r"(?:^|/)(?:\.[^/]*|__MACOSX|@eaDir|#recycle|\$RECYCLE\.BIN|System Volume Information"
    r"|lost\+found|Thumbs\.db|ehthumbs\.db|desktop\.ini)(?:/|$)",
    re.IGNORECASE,
)
"""Hidden files, and what systems leave beside the files of a user."""


@dataclass
class Walked:
    """What lies below a folder."""

    root: str
    """Where the folder really lies."""
    files: dict[str, str] = field(default_factory=dict)
    """Posix path from the folder -> path, sorted."""
    twins: dict[str, str] = field(default_factory=dict)
    """Path from the folder of a file that lies under several -> the same one for all of them."""
    notes: list[str] = field(default_factory=list)
    linked: dict[str, str] = field(default_factory=dict)
    """Path from the folder of a file behind a link -> where it really lies."""
    followed: set[str] = field(default_factory=set)
    """Where the linked folders really lie."""
    broken: list[str] = field(default_factory=list)
    """Links that lead nowhere."""


def is_junk(path: str) -> bool:
    """Whether a posix path has a part that is hidden, or that no user put there."""
    return JUNK.search(path) is not None


def some(names: list[str], limit: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def walk(root: Path) -> Walked:
    """The files below `root`, with those below linked folders, by their names there.

    A link to a folder that it lies in ends there. So does, inside a linked folder, a link to what
    is listed anyway: links between many folders would show each file under any number of names.
    """
    walked = Walked(os.path.realpath(root))
    _walk(walked, str(root), "", ())
    walked.files = dict(sorted(walked.files.items()))
    walked.twins = _twins(walked)
    if walked.broken:
        broken = sorted(walked.broken)
        walked.notes.append(f"{len(broken)} links lead nowhere, and were left out: {some(broken)}")
    second = [name for name, first in walked.twins.items() if name != first]
    if second:
        walked.notes.append(
            f"{len(second)} files lie under a second name, through links: {some(second)}"
        )
    return walked


def _walk(walked: Walked, folder: str, prefix: str, crossed: tuple[str, ...]) -> None:
    """Adds what lies in `folder`; `crossed`: the real folders of the links that led here."""
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
    """Names of one file -> its real one if that lies below the root, else the first."""
    names = dict[str, list[str]]()
    for name, real in walked.linked.items():
        names.setdefault(real, []).append(name)
    twins = dict[str, str]()
    for real, found in names.items():
        inner = os.path.relpath(real, walked.root) if _is_inside(real, walked.root) else ""
        if inner in walked.files and inner not in walked.linked:
            found = [inner, *found]  # noqa: PLW2901
        if len(found) > 1:
            twins |= dict.fromkeys(found, found[0])
    return twins
