"""The files of a folder or archive that may be media, by their endings, and what is not read."""

from collections import Counter
from collections.abc import Collection, Iterable

from avfake.data.outputs import is_prepared_clip
from avfake.data.scan import archive_members, list_folder
from avfake.media import ENDINGS
from avfake.media.endings import UNREAD_ENDINGS
from avfake.remote import Place, inside, place_of

READ = frozenset(ending for endings in ENDINGS.values() for ending in endings)


def ending_of(name: str) -> str:
    """The ending of a posix path in small letters, without its dot; "" where it has none."""
    stem, dot, last = name.rpartition("/")[2].rpartition(".")
    return last.lower() if dot and stem else ""


def media_in_folder(folder: Place) -> tuple[list[Place], list[str]]:
    """(files with the ending of media, notes): all below the folder and in archives there, sorted.

    Hidden files, junk and what avfake wrote are left out; linked folders are followed.
    """
    listing = list_folder(folder)
    places = {
        name: inside(folder, name) if name not in listing.members else place_of(path)
        for name, path in listing.files.items()
    }
    found = sorted(name for name in places if ending_of(name) in READ)
    notes = listing.warnings + unread_note(places.keys() - set(found))
    return [places[name] for name in found], notes


def media_in_archive(archive: Place, separator: str) -> tuple[list[Place], list[str]]:
    """The same for a zip archive; OSError, SpecError or StoreError where it cannot be read."""
    members, notes = archive_members(str(archive))
    if is_prepared_clip(members):
        return [], ["it is a prepared clip, which avfake evaluate reads in its folder"]
    found = sorted(name for name in members if ending_of(name) in READ)
    notes += unread_note(set(members) - set(found))
    return [place_of(f"{archive}{separator}{name}") for name in found], notes


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
