"""Truth by construction: boxes and segments put together byte by byte."""

import io
import struct

import av
import numpy as np
import pytest
from PIL import Image

from avfake.media.writing import write_video
from avfake.report.container import MANIFEST_WORDS, container_facts
from avfake.report.evidence import Evidence
from avfake.report.page import render_page
from avfake.report.provenance import C2PA_BOX, C2PA_CONTENT, has_manifest
from avfake.verdict import Verdict


def box(kind, content):
    return struct.pack(">I4s", 8 + len(content), kind) + content


JUMBF = box(b"jumb", box(b"jumd", C2PA_CONTENT + b"\3c2pa\0"))
START = box(b"ftyp", b"isom\0\0\0\0")


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("context") / "a.mp4"
    write_video(path, np.full((10, 64, 64, 3), 128, np.uint8), fps=10)
    return path


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (START + box(b"uuid", C2PA_BOX + bytes(4) + b"manifest\0" + bytes(8) + JUMBF), True),
        (START + box(b"mdat", bytes(100)) + JUMBF, True),
        (START + struct.pack(">I4sQ", 1, b"mdat", 16 + 40) + bytes(40) + JUMBF, True),
        (START + box(b"mdat", JUMBF), False),  # inside of the content of the file
        (START + box(b"uuid", bytes(16) + C2PA_BOX), False),
        (START + struct.pack(">I4s", 3, b"mdat"), False),  # damaged: smaller than its header
        (START + struct.pack(">I4s", 0, b"mdat") + JUMBF, False),  # up to the end of the file
        (b"RIFF" + bytes(40), None),
        (b"", None),
    ],
)
def test_a_manifest_in_boxes(tmp_path, content, found):
    (tmp_path / "a.mp4").write_bytes(content)
    assert has_manifest(tmp_path / "a.mp4") is found


@pytest.mark.parametrize("has", [True, False])
def test_a_manifest_in_a_photograph(tmp_path, has):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    plain = buffer.getvalue()
    content = b"JP\0\1" + struct.pack(">I", 1) + JUMBF
    segment = b"\xff\xeb" + struct.pack(">H", 2 + len(content)) + content
    path = tmp_path / "a.jpg"
    path.write_bytes(plain[:2] + segment + plain[2:] if has else plain + JUMBF)
    assert has_manifest(path) is has
    assert container_facts(path).manifest == MANIFEST_WORDS[has]


def test_what_a_container_states(video, tmp_path):
    path = tmp_path / "tagged.mp4"
    with av.open(str(video)) as source, av.open(str(path), "w") as target:
        target.metadata["creation_time"] = "2024-05-06T07:08:09.000000Z"
        target.metadata["comment"] = "not shown"
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    tool = b"<xmp:CreatorTool>Editor <b>9</b></xmp:CreatorTool>".replace(b"<b>9</b>", b"9 & more")
    with path.open("ab") as file:
        file.write(box(b"free", tool))
    facts = container_facts(path)
    assert facts.stated["creation time"].startswith("2024-05-06")
    assert facts.stated["picture: codec"].startswith("h264")
    assert facts.stated["editing software (XMP)"] == "Editor 9 & more"
    assert facts.stated["picture: encoder in the stream"].startswith("x264 - core")
    assert facts.manifest == "none found"
    assert "not shown" not in str(facts)
    text = render_page(Evidence(Verdict.failed("a.mp4"), container=facts))
    assert "Editor 9 &amp; more" in text


def test_statements_are_cut_and_made_printable(video):
    from avfake.report.container import _shown

    assert _shown("a\0b\x1b[31m\n c") == "a b [31m c"
    assert len(_shown("x" * 1000)) == 204
    assert container_facts("nowhere.mp4").stated == {}
