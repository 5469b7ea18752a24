"""The files of a folder and of the zip archives in it, by their posix paths from the root."""

import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from avfake import limits
from avfake.datasets.folders import (
    is_junk,
    is_prepared_clip,
    note,
    some,
    walk,
    written_files,
    written_tables,
)
from avfake.errors import AvfakeError, SpecError
from avfake.media import ENDINGS
from avfake.storage import AnyPath, as_path

MAX_TABLE_BYTES = 2 << 30
"""Limit for one table, which is read into memory whole; the largest published one has 557 MB."""
UNREAD_ENDINGS = (
    *("braw", "r3d", "ari", "swf", "bik", "smk", "mod", "m4p", "aax", "wvm", "raw", "pcm", "sln"),
    *("mid", "midi", "heic", "heif", "jxl", "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2"),
    *("raf", "psd", "rar", "7z", "tar", "tgz", "zip"),
)
"""Endings of possible media that are not read: encrypted, without header, no decoder, ambiguous, or
archives other than zip."""
READ = frozenset(ending for endings in ENDINGS.values() for ending in endings)


@dataclass
class Listing:
    """The files below a root. A zip member has the path it would have after unpacking in place."""

    root: AnyPath
    files: dict[str, str] = field(default_factory=dict)
    """Posix path from the root -> what `media.local_file` opens."""
    members: dict[str, str] = field(default_factory=dict)
    """Posix path from the root -> the archive that holds it, for files that lie in one."""
    twins: dict[str, str] = field(default_factory=dict)
    """Path of a file that linked folders show under several -> the same one for all of them."""
    own_tables: set[str] = field(default_factory=set)
    """Tables that avfake wrote: read where one is named, not where a pattern fits it."""
    clashes: list[tuple[str, str, str]] = field(default_factory=list)
    """(path from the root, archive, other archive) where two archives hold it."""
    warnings: list[str] = field(default_factory=list)
    own: dict[str, str] = field(default_factory=dict)
    """Files that avfake wrote and that are left out -> the folder of results they lie in."""

    def below(self, folder: str) -> "Listing":
        """Return the same listing with a folder inside the root as the root."""
        start = folder.strip("/") + "/"
        files, members, twins = (
            {name.removeprefix(start): p for name, p in paths.items() if name.startswith(start)}
            for paths in (self.files, self.members, self.twins)
        )
        tables = {n.removeprefix(start) for n in self.own_tables if n.startswith(start)}
        return Listing(self.root / folder, files, members, twins, tables, warnings=self.warnings)

    def read(self, name: str) -> bytes:
        """Return the content of one file, which is a table."""
        path, blocks, size = self.files[name], list[bytes](), 0
        try:
            with self._open(name) as file:
                while size <= MAX_TABLE_BYTES and (block := file.read(1 << 20)):
                    blocks.append(block)
                    size += len(block)
        except OSError as error:
            raise SpecError(f"{path}: cannot be read ({error})") from error
        if size > MAX_TABLE_BYTES:
            raise SpecError(
                f"{path}: has more than {MAX_TABLE_BYTES} bytes, which is no table of labels; "
                "split it, or take out of it what the spec does not read"
            )
        return b"".join(blocks)

    def begins(self, name: str, start: bytes) -> bool:
        """Return whether the content of a file begins so; False for one that cannot be read."""
        try:
            with self._open(name) as file:
                return file.read(len(start)) == start
        except (OSError, AvfakeError):
            return False

    def leave_out_own(self) -> None:
        """Leave out the files of folders of results."""
        found = written_files(self.files.keys(), self.begins)
        self.own |= found
        for name in found:
            del self.files[name]

    def note_own(self) -> None:
        """Note what was left out, and which of the files are tables of avfake."""
        self.own_tables = written_tables(self.files.keys(), self.begins)
        if self.own:
            where = some(list(dict.fromkeys(self.own.values())))
            self.warnings.append(
                f"{len(self.own)} files that avfake wrote were left out, in {where}"
            )

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        path = self.files[name]
        if name not in self.members:
            with as_path(path).open("rb") as file:
                yield file
            return
        member = path.removeprefix(f"{self.members[name]}!/")
        with _unzip(self.members[name]) as archive, archive.open(member) as file:
            yield file


@contextmanager
def _unzip(path: str) -> Iterator[zipfile.ZipFile]:
    with as_path(path).open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                if len(archive.filelist) > (most := limits.current().members):
                    raise SpecError(f"{path}: holds more than {most} files; split it")
                yield archive
        except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            raise SpecError(f"{path}: cannot be read ({error})") from error


def scan_folder(root: str | Path) -> Listing:
    """List all files below `root`, without those that are hidden, junk, or written by avfake.

    Only the zip archives are opened, and what may mark a folder of results. SpecError where there
    is no such folder, or where two archives hold a file of one path.
    """
    path = as_path(root)
    if isinstance(path, Path):
        path = Path(os.path.abspath(path))  # noqa: PTH100  links stay as the user wrote them
        if not path.exists():
            raise SpecError(f"{path}: there is no such folder")
        if not path.is_dir():
            raise SpecError(f"{path}: this is a file; give the folder that holds the dataset")
    listing = _list_folder(path)
    if isinstance(path, str) and not listing.files:
        raise SpecError(f"{path}: there is no file below it; give the folder of the dataset")
    for name, archive, other in listing.clashes:
        raise SpecError(
            f"{name} lies in two archives, {archive} and {other}: unpack each into its own folder"
        )
    return listing


def media_in(path: AnyPath) -> tuple[list[AnyPath], list[str]]:
    """Return (files with the ending of media, notes): all below a folder and in its archives.

    path: a folder, or a zip archive; OSError, SpecError or StoreError where that cannot be read.
    Files are sorted. Hidden files, junk and what avfake wrote are left out; linked folders are
    followed.
    """
    listing = _list_folder(path) if path.is_dir() else _list_archive(path)
    paths = {
        name: as_path(file) if name in listing.members else path / name
        for name, file in listing.files.items()
    }
    found = sorted(name for name in paths if ending_of(name) in READ)
    notes = listing.warnings + unread_note(paths.keys() - set(found))
    return [paths[name] for name in found], notes


def unread_note(names: Iterable[str], kinds: Collection[str] = ()) -> list[str]:
    """Return a line that counts, by ending, the files among these that may be media; [] for none.

    kinds: of media that another line counts
    """
    counted = {ending for kind in kinds for ending in ENDINGS[kind]}
    may_be = (READ | set(UNREAD_ENDINGS)) - counted
    counts = Counter(one for one in map(ending_of, names) if one in may_be)
    if not counts:
        return []
    words = ", ".join(f"{count} .{one}" for one, count in counts.most_common())
    return [f"not read, though they may be media: {words}"]


def ending_of(name: str) -> str:
    """Return the ending of a posix path in small letters, without its dot; "" for none."""
    stem, dot, last = name.rpartition("/")[2].rpartition(".")
    return last.lower() if dot and stem else ""


def glob_pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    """Return one pattern that matches whole posix paths as any of the globs does.

    `*` and `?` stay inside a folder, `**/` is any number of folders, none included, `[...]` a set.
    """
    return re.compile("|".join(f"(?:{_translate(glob)})" for glob in globs) or r"(?!)")


def _translate(glob: str) -> str:
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])", glob)
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    wild = (known.get(p) or p.replace("[!", "[^", 1) for p in pieces[1::2])
    plain = map(re.escape, pieces[::2])
    return "".join(a + b for a, b in zip(plain, [*wild, ""], strict=True))


def _list_folder(root: AnyPath) -> Listing:
    """List the files of a folder that exists; their paths begin with `root` as it is written."""
    listing = Listing(root)
    if isinstance(root, str):
        listing.root = root.with_name(root.name)  # without a slash at the end
        listing.files = {n: url for n, url in root.files().items() if not is_junk(n)}
    else:
        walked = walk(root)
        listing.files, listing.twins = walked.files, walked.twins
        listing.warnings += walked.notes
    listing.leave_out_own()  # before archives are opened: there may be many of prepared clips
    _open_archives(listing)
    if listing.members:
        listing.leave_out_own()
    listing.note_own()
    return listing


def _list_archive(archive: AnyPath) -> Listing:
    """List a zip archive; OSError, SpecError or StoreError where it cannot be read."""
    listing, path = Listing(archive), str(archive)
    members, listing.warnings = _archive_members(path)
    if is_prepared_clip(members):
        listing.own = dict.fromkeys(members, "a prepared clip")
    else:
        listing.files = {name: f"{path}!/{name}" for name in members}
        listing.members = dict.fromkeys(members, path)
        listing.leave_out_own()
    listing.note_own()
    return listing


def _open_archives(listing: Listing) -> None:
    """Replace archives by what they hold, prepared clips apart."""
    on_disk = set(listing.files)
    for archive in [name for name in listing.files if name.lower().endswith(".zip")]:
        path, hidden = listing.files[archive], list[str]()
        try:
            members, notes = _archive_members(path)
        except (OSError, AvfakeError) as error:
            listing.warnings.append(
                f"{archive}: cannot be opened ({error}); its files are left out"
            )
            continue
        del listing.files[archive]
        listing.warnings += [f"{archive}: {one}" for one in notes]
        if is_prepared_clip(members):
            listing.own[archive] = archive
            continue
        start = archive.rpartition("/")[0]
        for member in members:
            name = f"{start}/{member}" if start else member
            if name in on_disk:
                hidden.append(name)
                continue
            if name in listing.members:
                listing.clashes.append((name, listing.members[name], path))
                name = f"{archive}!/{member}"
            listing.members[name] = path
            listing.files[name] = f"{path}!/{member}"
        unpacked = "of its files are there unpacked too, the unpacked ones are used"
        listing.warnings += [f"{archive}: {one}" for one in note(hidden, unpacked)]


def _archive_members(path: str) -> tuple[list[str], list[str]]:
    """Return (names of the files in an archive, notes): without junk, and without unsafe names.

    OSError, SpecError or StoreError where it cannot be read.
    """
    with _unzip(path) as opened:
        names = list(dict.fromkeys(i.filename for i in opened.infolist() if not i.is_dir()))
    refused = [name for name in names if not _is_safe(name)]
    unsafe = note(refused, "members whose names lead out of the archive")
    kept = [name for name in names if _is_safe(name) and not is_junk(name)]
    return kept, [f"refused {one}" for one in unsafe]


def _is_safe(name: str) -> bool:
    """Return whether a member's name stays inside the folder that it would be unpacked into."""
    parts = PurePosixPath(name.replace("\\", "/"))
    return not (parts.is_absolute() or ".." in parts.parts or re.match(r"[A-Za-z]:", name))
