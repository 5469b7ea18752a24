"""The files of a folder or archive that may be media, by their endings, and what is not read."""

from collections import Counter
from collections.abc import Collection, Iterable

from avfake.datasets.scan import list_archive, list_folder
from avfake.media import ENDINGS, UNREAD_ENDINGS
from avfake.storage import AnyPath, as_path, inside, is_folder

READ = frozenset(ending for endings in ENDINGS.values() for ending in endings)


def ending_of(name: str) -> str:
    """The ending of a posix path in small letters, without its dot; "" where it has none."""
    stem, dot, last = name.rpartition("/")[2].rpartition(".")
    return last.lower() if dot and stem else ""


def media_in(place: AnyPath) -> tuple[list[AnyPath], list[str]]:
    """(files with the ending of media, notes): all below a folder and in its archives, sorted.

    place: a folder, or a zip archive; OSError, SpecError or StoreError where that cannot be read.
    Hidden files, junk and what avfake wrote are left out; linked folders are followed.
    """
    listing = list_folder(place) if is_folder(place) else list_archive(place)
    places = {
        name: as_path(path) if name in listing.members else inside(place, name)
        for name, path in listing.files.items()
    }
    found = sorted(name for name in places if ending_of(name) in READ)
    notes = listing.warnings + unread_note(places.keys() - set(found))
    return [places[name] for name in found], notes


def unread_note(names: Iterable[str], kinds: Collection[str] = ()) -> list[str]:
    """One line that counts, by ending, the files among these that may be media; none, no line.

    kinds: of media that are told of otherwise
    """
    told = {one for kind in kinds for one in ENDINGS[kind]}
    may_be = (READ | set(UNREAD_ENDINGS)) - told
    counts = Counter(one for one in map(ending_of, names) if one in may_be)
    if not counts:
        return []
    words = ", ".join(f"{count} .{one}" for one, count in counts.most_common())
    return [f"not read, though they may be media: {words}"]
