"""What the decoder reads is read out of folders too, and what is not read is counted."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from trees import touch, write

from avfake.datasets.build import build_manifest
from avfake.datasets.listing import UNREAD_ENDINGS
from avfake.datasets.schema import load_spec
from avfake.errors import ConfigError, SpecError
from avfake.media.files import ENDINGS
from avfake.media.frames import read_frames
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.scoring.finding import find_files

SOUNDS = {
    "mka": ("matroska", "libopus", 48_000),
    "weba": ("webm", "libopus", 48_000),
    "oga": ("ogg", "flac", 16_000),
    "spx": ("ogg", "libopus", 48_000),
    "caf": ("caf", "pcm_s16le", 16_000),
    "au": ("au", "pcm_s16be", 16_000),
    "snd": ("au", "pcm_s16be", 16_000),
    "aifc": ("aiff", "pcm_s16be", 16_000),
    "amr": ("amr", "libopencore_amrnb", 8_000),
    "3ga": ("3gp", "aac", 16_000),
    "ac3": ("ac3", "ac3", 48_000),
    "eac3": ("eac3", "eac3", 48_000),
    "wv": ("wv", "wavpack", 16_000),
    "tta": ("tta", "tta", 16_000),
    "mp2": ("mp2", "mp2", 16_000),
    "m4b": ("ipod", "aac", 16_000),
    "w64": ("w64", "pcm_s16le", 16_000),
    "bwf": ("wav", "pcm_s16le", 16_000),
    "voc": ("voc", "pcm_u8", 16_000),
    "g722": ("g722", "g722", 16_000),
    "ra": ("rm", "ac3", 48_000),
    "latm": ("latm", "aac", 16_000),
}
VIDEOS = {
    "m2ts": ("mpegts", "libx264"),
    "MTS": ("mpegts", "libx264"),
    "vob": ("vob", "mpeg2video"),
    "m2v": ("mpeg2video", "mpeg2video"),
    "mxf": ("mxf", "mpeg2video"),
    "f4v": ("f4v", "libx264"),
    "3g2": ("3g2", "mpeg4"),
    "asf": ("asf", "wmv2"),
    "wtv": ("wtv", "mpeg2video"),
    "h264": ("h264", "libx264"),
    "hevc": ("hevc", "libx265"),
    "y4m": ("yuv4mpegpipe", "rawvideo"),
    "mjpeg": ("mjpeg", "mjpeg"),
    "nut": ("nut", "mpeg4"),
    "ivf": ("ivf", "libvpx"),
    "rm": ("rm", "rv10"),
    "divx": ("avi", "mpeg4"),
}
PICTURES = {
    "JPG": ("image2", "mjpeg"),
    "png": ("image2", "png"),
    "webp": ("webp", "libwebp"),
    "bmp": ("image2", "bmp"),
    "tif": ("image2", "tiff"),
    "gif": ("gif", "gif"),
}
PIXELS = {"mjpeg": "yuvj420p", "png": "rgb24", "bmp": "bgr24", "tiff": "rgb24", "gif": "rgb8"}


def write_tone(path: Path, container: str, codec: str, rate: int) -> None:
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
        frame = av.AudioFrame.from_ndarray(
            tone[None].astype(np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for given in (frame, None):
            for packet in stream.encode(given):
                out.mux(packet)


def write_pictures(path: Path, container: str, codec: str, count: int) -> None:
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, PIXELS.get(codec, "yuv420p")
        pixels = np.full((64, 96, 3), (200, 120, 40), np.uint8)
        for _ in range(count):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)


def has_codec(name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return True


@pytest.mark.parametrize("ending", SOUNDS)
def test_a_sound_that_is_read_when_named_is_read_in_a_folder(tmp_path: Path, ending: str) -> None:
    if not has_codec(SOUNDS[ending][1]):
        pytest.skip(f"no encoder {SOUNDS[ending][1]}")
    path = tmp_path / f"a.{ending}"
    write_tone(path, *SOUNDS[ending])
    samples = read_sound(path).waveform().samples
    assert np.abs(samples).max() == pytest.approx(0.3, abs=0.05)
    assert find_files([tmp_path]) == [path]


@pytest.mark.parametrize("ending", VIDEOS | PICTURES)
def test_a_picture_that_is_read_when_named_is_read_in_a_folder(tmp_path: Path, ending: str) -> None:
    container, codec = (VIDEOS | PICTURES)[ending]
    if not has_codec(codec):
        pytest.skip(f"no encoder {codec}")
    path = tmp_path / f"a.{ending}"
    write_pictures(path, container, codec, 1 if ending in PICTURES else 5)
    assert probe(path).width == 96
    red, _, blue = read_frames(path, np.array([0.0])).pixels[0].mean(axis=(0, 1))
    assert red > blue + 80
    assert find_files([tmp_path]) == [path]


def test_every_ending_is_read_in_either_case_by_every_verb(tmp_path: Path) -> None:
    for kind, endings in ENDINGS.items():
        names = [f"real/{n}.{e}" for e in endings for n, e in (("a", e), ("B", e.upper()))]
        root = touch(tmp_path / kind, *names)
        assert [file.name for file in find_files([root])] == sorted(n[5:] for n in names)
        rows = build_manifest(load_spec("folders"), root).rows
        assert sorted(row.clip_id for row in rows) == sorted(names)
        assert {row.has_video for row in rows} == {kind != "audio"}
        assert {row.has_audio for row in rows} == {
            {"video": None, "picture": False}.get(kind, True)
        }
        lines = "".join(f"{name},REAL\n" for name in names)
        write(root, "manifest.csv", "path,label\n" + lines)
        told = {r.clip_id: r for r in build_manifest(load_spec("csv"), root).rows}
        assert {name: told[name].has_video for name in names} == dict.fromkeys(
            names, kind != "audio"
        )


def test_endings_belong_to_one_kind_and_are_read_or_not() -> None:
    every = [ending for endings in (*ENDINGS.values(), UNREAD_ENDINGS) for ending in endings]
    assert len(every) == len(set(every))
    assert all(ending == ending.lower() for ending in every)


def test_what_is_not_read_is_counted_by_ending(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("a.mp4", "b.HEIC", "c.heic", "d.r3d", "e.txt", "f", "g.rar", "h.braw", "i.tar")
    touch(tmp_path, *names)
    assert find_files([tmp_path]) == [tmp_path / "a.mp4"]
    note = "not read, though they may be media: 2 .heic, 1 .braw, 1 .r3d, 1 .rar, 1 .tar"
    said = caplog.messages[0].replace(f"{tmp_path}: ", "")
    assert sorted(said.split(": ")[1].split(", ")) == sorted(note.split(": ")[1].split(", "))
    write(tmp_path, "metadata.json", {"a.mp4": {"label": "REAL"}})
    (warning,) = build_manifest(load_spec("dfdc"), tmp_path).warnings
    assert warning.startswith("not read, though they may be media: 2 .heic, ")


def test_a_folder_without_media_says_what_it_holds(tmp_path: Path) -> None:
    touch(tmp_path, "a.heic", "b.heic", "notes.txt")
    with pytest.raises(ConfigError, match=r"no media file; not read, though .*: 2 \.heic$"):
        find_files([tmp_path])
    with pytest.raises(SpecError, match=r"no file of dfdc among 3(.|\n)*: 2 \.heic$"):
        build_manifest(load_spec("dfdc"), tmp_path)


def test_photographs_in_a_folder_are_read_and_named_as_pictures(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.jpg", "real/b.PNG", "fake/c.webp")
    assert len(find_files([tmp_path])) == 3
    rows = {row.clip_id: row for row in build_manifest(load_spec("folders"), tmp_path).rows}
    told = {
        n: (r.label, r.face_fake, r.voice_fake, r.has_video, r.has_audio) for n, r in rows.items()
    }
    assert told == {
        "real/a.jpg": (False, False, None, True, False),
        "real/b.PNG": (False, False, None, True, False),
        "fake/c.webp": (True, True, None, True, False),
    }


def test_thumbnails_beside_videos_are_no_rows_and_are_said(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.mp4", "real/a.jpg", "fake/b.mp4", "fake/b.mp4.png", "cover.jpg")
    manifest = build_manifest(load_spec("folders"), tmp_path)
    assert [row.clip_id for row in manifest.rows] == ["fake/b.mp4", "real/a.mp4"]
    assert manifest.warnings == (
        "2 pictures were left out, because there are videos or sounds, which they may be parts "
        "of: fake/b.mp4.png, real/a.jpg; for pictures alone, give a folder of them",
        "1 media files fit no rule of the spec: cover.jpg",
    )


def test_pictures_in_a_part_of_the_competition_are_counted_and_no_rows(tmp_path: Path) -> None:
    write(tmp_path, "metadata.json", {"a.mp4": {"label": "REAL"}})
    touch(tmp_path, "a.mp4", "crops/a_0.png", "crops/a_1.png", "frames/a.jpg", "sound/a.wav")
    manifest = build_manifest(load_spec("dfdc"), tmp_path)
    assert [row.clip_id for row in manifest.rows] == ["a.mp4"]
    assert manifest.warnings == ("not read, though they may be media: 2 .png, 1 .jpg, 1 .wav",)


def test_a_table_may_name_photographs(tmp_path: Path) -> None:
    write(tmp_path, "manifest.csv", "path,label\na.jpg,FAKE\nb.mp4,FAKE\n")
    picture, video = build_manifest(load_spec("csv"), touch(tmp_path, "a.jpg", "b.mp4")).rows
    assert (picture.face_fake, picture.has_audio) == (True, False)
    assert (video.face_fake, video.has_audio) == (None, None)
