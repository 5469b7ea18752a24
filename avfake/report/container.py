"""What a container states about its origin: context for a reader, never part of a score.

Statements of a file about itself are easily changed, and are shown as what they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from avfake.errors import MediaError
from avfake.media import OpenMedia, open_media
from avfake.report.provenance import has_manifest

MAX_CHARS = 200
"""A longer statement is cut."""
START_BYTES = 262_144
"""Bytes at the start and at the end of a file that are searched for the names of programs."""
CREATION = ("creation_time", "com.apple.quicktime.creationdate", "date")
PROGRAMS = ("com.apple.quicktime.software", "software", "encoded_by", "tool", "writing_app")
DEVICE = ("com.apple.quicktime.make", "com.apple.quicktime.model", "make", "model")
CREATOR_TOOL = re.compile(rb"CreatorTool(?:>|=[\"'])([^<\"']{1,200})")
"""A name of a program in XMP, as editors write it into video and pictures."""
ENCODER_MARK = re.compile(rb"(x26[45]) \(?(?:build|core|- core) ?(\d+)|(x264 - core \d+)")
"""What x264 and x265 write into their first packet."""
MANIFEST_WORDS = {
    True: "present, not verified",
    False: "none found",
    None: "not looked for in this kind of file",
}


@dataclass(frozen=True)
class ContainerFacts:
    """Statements of a file about itself."""

    stated: dict[str, str] = field(default_factory=dict)
    """Name of the fact -> what the file states; only what is stated."""
    manifest: str = MANIFEST_WORDS[None]
    """Whether a C2PA manifest is there, in words."""


def container_facts(path: str | Path) -> ContainerFacts:
    """Return what the container at `path` states; empty for a file that cannot be read."""
    try:
        with open_media(path) as media:
            stated = dict(_facts(media))
            return ContainerFacts(stated, MANIFEST_WORDS[has_manifest(media.file)])
    except (MediaError, OSError):
        return ContainerFacts()  # the verdict has the reason


def _facts(media: OpenMedia) -> Iterator[tuple[str, str]]:
    """Yield the facts that are stated, in the order of the page."""
    container = media.container
    tags = {key.lower(): value for key, value in container.metadata.items()}
    streams = [stream for stream in (media.video, media.audio) if stream is not None]
    found = {
        "container": container.format.long_name or container.format.name,
        "brand": tags.get("major_brand", ""),
        "size": f"{media.file.stat().st_size:,} bytes",
        "bit rate": _kbps(container.bit_rate),
        "creation time": _first(tags, CREATION),
        "encoder": tags.get("encoder", ""),
        "device": " ".join(tags[key] for key in DEVICE if key in tags),
        "software": _first(tags, PROGRAMS),
    }
    for stream in streams:
        name = "picture" if stream is media.video else "sound"
        codec = stream.codec_context
        of = {key.lower(): value for key, value in stream.metadata.items()}
        found[f"{name}: codec"] = " ".join(filter(None, (codec.name, codec.profile)))
        found[f"{name}: bit rate"] = _kbps(codec.bit_rate or 0)
        found[f"{name}: encoder"] = of.get("encoder", "")
        found[f"{name}: handler"] = of.get("handler_name", "")
    found |= _named_in_bytes(media.file)
    for name, value in found.items():
        if shown := _shown(value):
            yield name, shown


def _named_in_bytes(file: Path) -> dict[str, str]:
    """Return the programs that write their name not into tags, but into the content."""
    with file.open("rb") as stream:
        content = stream.read(START_BYTES)
        stream.seek(max(0, stream.seek(0, 2) - START_BYTES))
        content += stream.read()
    found = {}
    if tool := CREATOR_TOOL.search(content):
        found["editing software (XMP)"] = tool[1].decode("utf-8", "replace")
    if mark := ENCODER_MARK.search(content):
        found["picture: encoder in the stream"] = mark[0].decode("ascii", "replace")
    return found


def _first(tags: dict[str, str], names: tuple[str, ...]) -> str:
    return next((tags[name] for name in names if tags.get(name)), "")


def _kbps(bits: int | None) -> str:
    return f"{bits / 1000:,.0f} kbit/s" if bits else ""


def _shown(value: str) -> str:
    """Return a statement on one line, without characters that do not print, and not too long."""
    text = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + " ..."
