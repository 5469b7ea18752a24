"""A folder in, its files and those in its zip archives out, by their path from the root."""

import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from avfake.errors import SpecError
from avfake.remote import Place, inside, list_url, open_place, place_of

JUNK = re.compile(r"(?:^|/)(?:\.[^/]*|__MACOSX)(?:/|$)")
"""Hidden files and what macOS leaves behind."""
MAX_TABLE_BYTES = 2 << 30
"""Of one table, read into memory whole; the largest published one has 557 MB."""


@dataclass
class Listing:
    """The files below a root. A zip member has the path it would have after unpacking in place."""

    root: Place
    """Absolute."""
    files: dict[str, str] = field(default_factory=dict)
    """Posix path from the root -> what `media.local_file` opens."""
    members: dict[str, str] = field(default_factory=dict)
    """Posix path from the root -> the archive that holds it, for files that lie in one."""
    warnings: list[str] = field(default_factory=list)

    def below(self, folder: str) -> "Listing":
        """The same listing seen from a folder inside the root."""
        start = folder.strip("/") + "/"
        found, members = (
            {name.removeprefix(start): p for name, p in paths.items() if name.startswith(start)}
            for paths in (self.files, self.members)
        )
        return Listing(inside(self.root, folder), found, members, self.warnings)

    def read(self, name: str) -> bytes:
        """The content of one file, which is a table."""
        path = self.files[name]
        try:
            if name not in self.members:
                with open_place(place_of(path)) as file:
                    return _read_table(file, path)
            member = path.removeprefix(f"{self.members[name]}!/")
            with _unzip(self.members[name]) as archive, archive.open(member) as file:
                return _read_table(file, path)
        except OSError as error:
            raise SpecError(f"{path}: cannot be read ({error})") from error


@contextmanager
def _unzip(path: str) -> Iterator[zipfile.ZipFile]:
    with open_place(place_of(path)) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            raise SpecError(f"{path}: cannot be read ({error})") from error


def _read_table(file: IO[bytes], path: str) -> bytes:
    blocks, size = list[bytes](), 0
    while block := file.read(1 << 20):
        blocks.append(block)
        size += len(block)
        if size > MAX_TABLE_BYTES:
            raise SpecError(
                f"{path}: has more than {MAX_TABLE_BYTES} bytes, which is no table of labels; "
                "split it, or take out of it what the spec does not read"
            )
    return b"".join(blocks)


def some(names: list[str], limit: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def scan_folder(root: str | Path) -> Listing:
    """All files below `root`, found in one pass without opening any but the zip archives."""
    place = place_of(root)
    listing = _scan_disk(place) if isinstance(place, Path) else _scan_store(place)
    archives = [name for name in listing.files if name.lower().endswith(".zip")]
    _add_members(listing, archives)
    return listing


def _scan_disk(root: Path) -> Listing:
    path = Path(os.path.abspath(root))  # noqa: PTH100  links stay as the user wrote them
    if not path.exists():
        raise SpecError(f"{path}: there is no such folder")
    if not path.is_dir():
        raise SpecError(f"{path}: this is a file; give the folder that holds the dataset")
    listing = Listing(path)
    _walk(listing, str(path), "", set())
    listing.files = dict(sorted(listing.files.items()))
    return listing


def _scan_store(root: str) -> Listing:
    found = {name: url for name, url in list_url(root).items() if not JUNK.search(name)}
    if not found:
        raise SpecError(f"{root}: there is no file below it; give the folder of the dataset")
    return Listing(root.rstrip("/"), found)


def _walk(listing: Listing, folder: str, prefix: str, through: set[str]) -> None:
    """Adds what lies in `folder`; `through` are the linked folders above, to leave a circle."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not JUNK.match(entry.name)]
    except OSError as error:
        listing.warnings.append(f"{folder}: cannot be listed ({error.strerror}); it was left out")
        return
    for entry in found:
        if entry.is_file():
            listing.files[prefix + entry.name] = entry.path
        elif entry.is_dir():
            real = os.path.realpath(entry.path) if entry.is_symlink() else None
            if real is None:
                _walk(listing, entry.path, f"{prefix}{entry.name}/", through)
            elif real not in through and not _contains(real, folder):
                _walk(listing, entry.path, f"{prefix}{entry.name}/", through | {real})


def _contains(outer: str, inner: str) -> bool:
    return (os.path.realpath(inner) + "/").startswith(outer + "/")


def _add_members(listing: Listing, archives: list[str]) -> None:
    on_disk = set(listing.files)
    for archive in archives:
        hidden = []
        for name, member in _members(listing, archive):
            if name in on_disk:
                hidden.append(name)
            elif name in listing.files:
                raise SpecError(
                    f"{name} lies in two archives, {listing.files[name]} and "
                    f"{listing.files[archive]}: unpack each into its own folder"
                )
            else:
                listing.members[name] = listing.files[archive]
                listing.files[name] = f"{listing.files[archive]}!/{member}"
        if hidden:
            listing.warnings.append(
                f"{archive}: {len(hidden)} of its files are there unpacked too, "
                f"the unpacked ones are used: {some(hidden)}"
            )


def _members(listing: Listing, archive: str) -> list[tuple[str, str]]:
    """(path from the root, name in the archive) of each file in it; unsafe names are refused."""
    try:
        with _unzip(listing.files[archive]) as opened:
            names = list(dict.fromkeys(i.filename for i in opened.infolist() if not i.is_dir()))
    except (OSError, SpecError) as error:
        listing.warnings.append(f"{archive}: cannot be opened ({error}); its files are left out")
        return []
    refused = [name for name in names if not is_safe(name)]
    if refused:
        listing.warnings.append(
            f"{archive}: refused {len(refused)} members whose names lead out of the archive: "
            f"{some(refused)}"
        )
    folder = archive.rpartition("/")[0]
    start = f"{folder}/" if folder else ""
    return [(start + name, name) for name in names if is_safe(name) and not JUNK.search(name)]


def is_safe(name: str) -> bool:
    """Whether a member's name stays inside the folder that it would be unpacked into."""
    parts = PurePosixPath(name.replace("\\", "/"))
    return not (parts.is_absolute() or ".." in parts.parts or re.match(r"[A-Za-z]:", name))


def glob_pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    """One pattern that matches whole posix paths as any of the globs does.

    `*` and `?` stay inside a folder, `**/` is any number of folders, none included, `[...]` a set.
    """
    return re.compile("|".join(f"(?:{_translate(glob)})" for glob in globs) or r"(?!)")


def _translate(glob: str) -> str:
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])", glob)
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    wild = (known.get(p) or p.replace("[!", "[^", 1) for p in pieces[1::2])
    plain = map(re.escape, pieces[::2])
    return "".join(a + b for a, b in zip(plain, [*wild, ""], strict=True))
