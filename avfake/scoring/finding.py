"""The media files that a user has named, or that lie in folders and archives."""

import logging
from collections.abc import Sequence
from pathlib import Path

from avfake.datasets import media_in
from avfake.errors import ConfigError, SpecError
from avfake.media import ENDINGS
from avfake.scoring.submission import read_requested
from avfake.storage import AnyPath, as_path

_log = logging.getLogger(__name__)
MEDIA_ENDINGS = {f".{ending}" for endings in ENDINGS.values() for ending in endings}


def find_files(paths: Sequence[str | Path], requested: Path | None = None) -> list[AnyPath]:
    """Return the media files named, or below the folders and zip archives named, sorted.

    A named file is kept whatever its ending, and even if it is not there: it gets a status row.
    A URL with the ending of a media file is never taken for a folder. What is left out of a folder
    is logged; junk and files written by avfake are ignored.

    requested: a sample_submission.csv; only the files that it names are returned, in its order, of
        the one folder or zip archive given
    """
    if requested is not None:
        return _find_requested(paths, requested)
    if not paths:
        raise ConfigError("no file was named; give video or sound files, or folders of them")
    found: list[AnyPath] = []
    for path in map(as_path, paths):
        below = _below(path)
        found += [path] if below is None else below
    return list(dict.fromkeys(found))


def _below(path: AnyPath) -> Sequence[AnyPath] | None:
    """Return the sorted media files in a folder or zip archive; None for anything else."""
    if not _is_archive(path):
        is_media = isinstance(path, str) and path.suffix.lower() in MEDIA_ENDINGS
        if is_media or not path.is_dir():
            return None
    try:
        below, notes = media_in(path)
    except (OSError, SpecError) as error:
        raise ConfigError(f"{path} cannot be read as a zip archive: {error}") from error
    if not below:
        raise ConfigError("; ".join([f"{path} holds no media file", *notes]))
    for note in notes:
        _log.warning("%s: %s", path, note)
    return below


def _is_archive(path: AnyPath) -> bool:
    if path.suffix.lower() != ".zip":
        return False
    return path.is_file() if isinstance(path, Path) else not path.is_dir()


def _find_requested(paths: Sequence[str | Path], requested: Path) -> list[AnyPath]:
    """Return the files that a table names, those that are not there as well."""
    if len(paths) != 1:
        raise ConfigError(
            f"--requested needs one folder or zip archive, in which its files lie; got {len(paths)}"
        )
    source, names = as_path(paths[0]), read_requested(requested)
    if source.is_dir():
        return [source / name for name in names]
    if not _is_archive(source):
        raise ConfigError(f"{source} is no folder and no zip archive in which files could lie")
    found = {file.name: file for file in find_files([source])}
    return [found.get(name, as_path(f"{source}!/{name}")) for name in names]
