"""Checks of outputs before any work: refuse what cannot be written or would destroy something.

Every verb checks an `Output` as a file or a folder, and as a table for the rows of one that exists
there. `files` does the writing.
"""

import csv
import errno
import io
import os
import stat
import tempfile
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from avfake.errors import ConfigError
from avfake.storage.files import descriptor_of, is_stream, read_if_there, resolved, target_of
from avfake.storage.remote import MEMBER, URL, AnyPath, state_of

TERMINALS = (4, 5, *range(136, 144))
"""Major device numbers of terminals (Linux)."""
READ_ONLY_STORES = ("http", "https", "zip", "tar", "libarchive")


@dataclass(frozen=True)
class Output:
    """A file or a folder that a command is about to write. Every check raises ConfigError."""

    path: AnyPath
    flag: str = "--out"
    """What the user wrote before it, for the message."""
    inputs: Collection[AnyPath] = ()
    """What the command reads; the output must not be the same file under any name."""
    remote: bool = False
    """URLs can be written, too."""

    def check_file(
        self, what: str = "table", endings: Sequence[str] = (".csv",), mark: bytes = b""
    ) -> None:
        """Refuse a file that cannot be written, is an input, or would replace another file.

        Pipes, terminals, /dev/null and open descriptors (/dev/stdout) are accepted: they are
        written through.

        Args:
            what: kind of the content, in a word
            endings: those of files of this content; () = any
            mark: bytes near the start or the end of files that this command wrote, which alone may
                be replaced; b"" = any
        """
        local = self._on_disk()
        names = [self.path]
        if local is None:
            if self.path.is_dir():
                raise self._error(f" is a folder; name the {what} in it")
        else:
            self._check_device(local)
            if self._is_open_stream(local):
                return
            self._check_not_read(local)
            self._check_can_be_written(local, what)
            if is_stream(local):
                return
            names = [local, resolved(local)]
        if endings and not any(name.suffix.lower() in endings for name in names):
            better = self.path.with_name(self.path.name.partition(".")[0] + endings[0])
            raise self._error(
                f": a {what} is written as {' or '.join(endings)}; give a name that ends so, such "
                f"as {better}"
            )
        if mark and local is not None and local.exists():
            self._check_mark(local, mark)

    def check_folder(self, mark: str = "", writes: Sequence[str] = ()) -> None:
        """Refuse a folder that cannot be written, is an input, or holds other files.

        Args:
            mark: name of a file that shows that this command made the folder; "" = there is none
            writes: names that the command writes into it; none of them may be an input
        """
        local = self._on_disk()
        if local is not None:
            found = self._stat(local)
            if found is not None and not stat.S_ISDIR(found.st_mode):
                raise self._error(" is a file; a folder is needed")
            for written in (local, *(local / name for name in writes)):
                self._check_not_read(written)
            self._check_can_hold(resolved(local))
        others = [name for name in writes if state_of(self.path / name)]
        if others and not (mark and state_of(self.path / mark)):
            raise self._error(
                f" holds {', '.join(others[:3])}, which this command did not make; it was left as "
                "it is: give another folder"
            )

    def check_table(
        self,
        columns: Sequence[str],
        rows: Callable[[], Collection[str]] | None = None,
        optional: Collection[str] = (),
    ) -> None:
        """Refuse a table there that is not of this command, or has rows that would be lost.

        Args:
            columns: of the table that is to be written; the first says which row is which
            rows: gives what stands in the first column of all rows that will be written, and is
                called after the table was read; None = any row may go
            optional: those of `columns` that may be absent
        """
        content = None if target_of(self.path) is None else read_if_there(self.path)
        if not content:
            return
        text = content.decode("utf-8-sig", errors="surrogateescape")
        try:
            header, *lines = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        except (csv.Error, ValueError):
            header, lines = [], []
        fixed = [name for name in header if name not in optional]
        if fixed != [name for name in columns if name not in optional]:
            raise self._error(
                " is there already and is no table that this command made; it was left as it is: "
                "give another name"
            )
        known = rows() if rows else {cells[0] for cells in lines}
        lost = [cells[0] for cells in lines if cells[0] not in known]
        if lost:
            more = ", ..." if len(lost) > 3 else ""
            raise self._error(
                f" has {len(lost)} rows of other files, which would be lost "
                f"({', '.join(lost[:3])}{more}); give another name, or move it away"
            )

    def _error(self, why: str) -> ConfigError:
        return ConfigError(f"{self.flag} {self.path}{why}")

    def _on_disk(self) -> Path | None:
        """Return the path on this machine's disk; None for the URL of another store."""
        text = str(self.path)
        scheme, sign, rest = text.partition(":/")
        is_address = URL.match(text) or (sign and scheme.isalnum() and len(scheme) > 1)
        if not is_address or Path(scheme + ":").is_dir():
            return Path(text)
        if not self.remote:
            raise self._error(": this is written to a disk here, not to a URL")
        if scheme != "file":
            if urlsplit(text).scheme in READ_ONLY_STORES:
                raise self._error(": nothing can be written to such a URL (docs/remote.md)")
            read = {str(one).partition(MEMBER)[0].rstrip("/") for one in self.inputs}
            if text.rstrip("/") in read:
                raise self._error(" is also read by this command; give another name")
            return None
        path = Path("/" + rest.lstrip("/"))
        if os.path.lexists(path) and (path.is_symlink() or not (path.is_file() or path.is_dir())):
            raise self._error(f": give links, pipes and devices as a path: {path}")
        return path

    def _check_device(self, path: Path) -> None:
        """Refuse a device other than a terminal or /dev/null."""
        found = self._stat(path)
        if found is None:
            return
        if stat.S_ISBLK(found.st_mode) or stat.S_ISSOCK(found.st_mode):
            raise self._error(" is a device or a socket; give the name of a file")
        is_null = found.st_rdev == os.stat(os.devnull).st_rdev  # noqa: PTH116
        if stat.S_ISCHR(found.st_mode) and not is_null and os.major(found.st_rdev) not in TERMINALS:
            raise self._error(" is a device; give the name of a file")

    def _is_open_stream(self, path: Path) -> bool:
        """Return whether a path is an open descriptor; refuse one not open for writing."""
        descriptor = descriptor_of(path)
        if descriptor is None:
            return False
        try:
            os.write(descriptor, b"")
        except OSError as error:
            raise self._error(f" is not open for writing ({error.strerror})") from error
        return True

    def _check_can_be_written(self, path: Path, what: str) -> None:
        found = self._stat(path)
        if found is not None:
            if stat.S_ISDIR(found.st_mode):
                raise self._error(f" is a folder; name the {what} in it")
            if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
                raise self._error(
                    f" is one of {found.st_nlink} names (hard links) of the same file, and the "
                    "others would lose what they show; give another name"
                )
            if not os.access(path, os.W_OK):
                raise self._error(" may not be written (its permissions say so)")
            if not stat.S_ISREG(found.st_mode):
                return
        self._check_can_hold(resolved(path).parent)

    def _check_can_hold(self, folder: Path) -> None:
        """Refuse unless a file can be made in a folder, or in the nearest one above it."""
        while not os.path.lexists(folder) and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            raise self._error(f": {folder} is a file, no folder to write into")
        if not os.access(folder, os.W_OK):
            raise self._error(f": no permission to write into {folder}")
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(4096))
                file.flush()
        except OSError as error:
            raise self._error(
                f": nothing can be written into {folder} ({error.strerror})"
            ) from error

    def _check_not_read(self, path: Path) -> None:
        """Refuse a path that is the same file as an input, or as the archive of one."""
        for one in self.inputs:
            for name in (str(one), str(one).partition(MEMBER)[0]):
                with suppress(OSError):  # where one of both is not there
                    read = name.removeprefix("file://")
                    if not URL.match(read) and path.samefile(read):
                        raise ConfigError(
                            f"{self.flag} {path} is also read by this command ({name}); give "
                            "another name"
                        )

    def _check_mark(self, path: Path, mark: bytes) -> None:
        with path.open("rb") as file:
            found = file.read(4096)
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            found += file.read()
        if found and mark not in found:
            raise self._error(
                " is there already and was not made by this command; it was left as it is: give "
                "another name"
            )

    def _stat(self, path: Path) -> os.stat_result | None:
        """Return the state of a path, None if there is no such file; refuse one unreadable."""
        try:
            return path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            explained = {
                errno.ENAMETOOLONG: "the name is too long for a file",
                errno.ELOOP: "the link leads to itself",
            }.get(error.errno or 0, error.strerror)
            raise self._error(f" cannot be written: {explained}") from error
