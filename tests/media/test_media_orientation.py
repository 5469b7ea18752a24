"""Pictures come out as a player shows them: all eight ways to lie, any pixels, any size."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image
from talks import join

from avfake.media.frames import iter_frames, read_frames
from avfake.media.probing import probe

WIDTH, HEIGHT = 96, 64
QUARTERS = {"top left": 40, "top right": 90, "bottom left": 150, "bottom right": 220}
INVERSE = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation -> what was done to the upright picture before it was stored."""
MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
"""The same as display matrix: a, b, c, d."""


def upright(width=WIDTH, height=HEIGHT):
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = QUARTERS["top left"]
    picture[: height // 2, width // 2 :] = QUARTERS["top right"]
    picture[height // 2 :, : width // 2] = QUARTERS["bottom left"]
    picture[height // 2 :, width // 2 :] = QUARTERS["bottom right"]
    return picture


def stored(orientation, picture=None):
    image = Image.fromarray(upright() if picture is None else picture)
    turned = INVERSE[orientation]
    return image if turned is None else image.transpose(turned)


def write_video(path, pictures, *, orientation=1, aspect=None, codec="libx264", scale=1):
    a, b, c, d = (65536 * scale * value for value in MATRICES[orientation])
    with av.open(str(path), "w") as container:
        fine = {"qp": "4", "bf": "0"} if codec != "libvpx" else {"crf": "4", "b": "2M"}
        stream = container.add_stream(codec, rate=25, options=fine)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if orientation != 1:
            stream.set_display_matrix((a, b, 0, c, d, 0, 0, 0, 1 << 30))
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def quarters(picture, *, left=0, top=0, width=None, height=None):
    """Name -> level in the middle of each quarter of (a part of) a picture."""
    part = picture[top : top + (height or len(picture)), left : left + (width or picture.shape[1])]
    height, width = part.shape[:2]
    return {
        name: int(part[round(y * height), round(x * width)].mean())
        for name, (y, x) in {
            "top left": (0.25, 0.25),
            "top right": (0.25, 0.75),
            "bottom left": (0.75, 0.25),
            "bottom right": (0.75, 0.75),
        }.items()
    }


@pytest.mark.parametrize("orientation", MATRICES)
@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_the_whole_display_matrix_counts(tmp_path, orientation, ending):
    if ending == "mkv" and orientation in (5, 7):
        pytest.skip("Matroska has no way to say it")
    lying = np.asarray(stored(orientation))
    path = write_video(tmp_path / f"a.{ending}", [lying] * 3, orientation=orientation)
    info = probe(path)
    frames = read_frames(path, [0.0, 0.08]).pixels
    assert frames.shape[1:] == (HEIGHT, WIDTH, 3) == (info.height, info.width, 3)
    for frame in (*frames, next(iter_frames(path))[1]):
        assert quarters(frame) == pytest.approx(QUARTERS, abs=4)


@pytest.mark.parametrize("orientation", MATRICES)
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff"])
def test_every_exif_orientation_counts(tmp_path, orientation, ending):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    stored(orientation).save(path, exif=exif.tobytes())
    info = probe(path)
    frame = read_frames(path, info.sample_times(1)).pixels[0]
    assert frame.shape == (HEIGHT, WIDTH, 3) == (info.height, info.width, 3)
    assert quarters(frame) == pytest.approx(QUARTERS, abs=6)


@pytest.mark.parametrize(
    ("orientation", "degrees", "is_mirrored"),
    [
        *((1, 0, False), (2, 0, True), (3, 180, False), (4, 180, True)),
        *((5, 270, True), (6, 90, False), (7, 90, True), (8, 270, False)),
    ],
)
def test_turn_and_mirroring_are_told(tmp_path, orientation, degrees, is_mirrored):
    """Mirrored first, then turned clockwise, the stored picture is upright."""
    path = tmp_path / "a.mp4"
    info = probe(write_video(path, [np.asarray(stored(orientation))], orientation=orientation))
    assert (info.rotation_degrees, info.is_mirrored) == (degrees, is_mirrored)
    lying = np.asarray(stored(orientation))
    mirrored = lying[:, ::-1] if is_mirrored else lying
    assert np.array_equal(np.rot90(mirrored, -degrees // 90), upright())


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + b"\xff" * 9])
def test_damaged_exif_data_turns_nothing(tmp_path, exif):
    plain = tmp_path / "plain.jpg"
    Image.fromarray(upright()).save(plain)
    content = plain.read_bytes()
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    path = tmp_path / "a.jpg"
    path.write_bytes(content[:2] + segment + content[2:])
    assert quarters(read_frames(path, [0.0]).pixels[0]) == pytest.approx(QUARTERS, abs=6)


@pytest.mark.parametrize("orientation", [1, 2, 6, 7])
@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_wide_pixels_are_those_of_the_stored_picture(tmp_path, orientation, ending):
    if ending == "mkv" and orientation == 7:
        pytest.skip("Matroska has no way to say it")
    aspect = Fraction(4, 3)
    lying = np.asarray(stored(orientation))
    path = write_video(tmp_path / f"a.{ending}", [lying], orientation=orientation, aspect=aspect)
    info, frame = probe(path), read_frames(path, [0.0]).pixels[0]
    turned = orientation >= 5
    expected = (WIDTH, round(HEIGHT * 4 / 3)) if turned else (round(WIDTH * 4 / 3), HEIGHT)
    assert (info.width, info.height) == expected == frame.shape[1::-1]
    assert info.pixel_aspect == pytest.approx(4 / 3, rel=1e-3)
    assert quarters(frame) == pytest.approx(QUARTERS, abs=4)


def coded(size, aspect=None, count=25):
    """Pictures that show the same scene once their pixels are made square."""
    return {"pictures": [upright(*size)] * count, "aspect": aspect}


@pytest.mark.parametrize("ending", ["ts", "webm", "h264"])
def test_a_change_of_resolution_keeps_everything_in_its_place(tmp_path, ending):
    """As calls do: the same scene, small at first, then large, then small again."""
    sizes = [(96, 64), (192, 128), (96, 64)][: 2 if ending == "webm" else 3]
    codec = "libvpx" if ending == "webm" else "libx264"
    parts = [
        write_video(tmp_path / f"{n}.{ending}", **coded(size), codec=codec)
        for n, size in enumerate(sizes)
    ]
    path = join(tmp_path / f"all.{ending}", *parts)
    info = probe(path)
    frames = read_frames(path, [0.5 + n for n in range(len(sizes))]).pixels
    assert frames.shape == (len(sizes), 128, 192, 3)
    assert (info.width, info.height) == (192, 128)
    for frame in frames:
        assert quarters(frame) == pytest.approx(QUARTERS, abs=6)
    assert {picture.shape for _, picture in iter_frames(path)} == {(128, 192, 3)}


@pytest.mark.parametrize("sizes", [[(96, 64)] * 2, [(96, 64), (192, 128)]])
def test_a_change_of_resolution_in_mp4_is_found(tmp_path, sizes):
    """Parts copied into one MP4 file, each with its own parameters before its pictures."""
    path = tmp_path / "all.mp4"
    parts = [write_video(tmp_path / f"{n}.ts", **coded(size)) for n, size in enumerate(sizes)]
    with av.open(str(path), "w") as container:
        stream = None
        for number, part in enumerate(parts):
            with av.open(str(part)) as given:
                stream = stream or container.add_stream_from_template(given.streams.video[0])
                start = given.streams.video[0].start_time
                for packet in given.demux(video=0):
                    if packet.size:
                        packet.pts += number * 90_000 - start
                        packet.dts += number * 90_000 - start
                        packet.stream = stream
                        container.mux(packet)
    info = probe(path)
    assert (info.width, info.height) == sizes[1]
    frames = read_frames(path, [0.5, 1.5]).pixels
    assert frames.shape[1:3] == sizes[1][::-1]
    for frame in frames:
        assert quarters(frame) == pytest.approx(QUARTERS, abs=6)


@pytest.mark.parametrize("ending", ["ts", "h264"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_a_change_of_shape_distorts_nothing(tmp_path, ending, codec):
    if codec == "mpeg2video" and ending == "h264":
        ending = "m2v"
    wide = write_video(tmp_path / f"a.{ending}", **coded((96, 64)), codec=codec)
    tall = write_video(tmp_path / f"b.{ending}", **coded((64, 96)), codec=codec)
    path = join(tmp_path / f"all.{ending}", wide, tall)
    first, second = read_frames(path, [0.5, 1.5]).pixels
    assert first.shape == second.shape == (96, 96, 3)
    assert quarters(first, top=16, height=64) == pytest.approx(QUARTERS, abs=6)
    assert not first[:14].any()
    assert not first[82:].any()
    assert quarters(second, left=16, width=64) == pytest.approx(QUARTERS, abs=6)
    assert not second[:, :14].any()


@pytest.mark.parametrize("aspects", [(1, 2), (2, 1), (1, 2, 1)])
def test_a_change_of_pixel_aspect_counts_from_its_frame_on(tmp_path, aspects):
    """Coded 96 x 64 throughout; wide pixels make that 192 x 64."""
    parts = [
        write_video(
            tmp_path / f"{n}.ts",
            [upright()] * 25,
            aspect=Fraction(aspect) if aspect != 1 else None,
        )
        for n, aspect in enumerate(aspects)
    ]
    path = join(tmp_path / "all.ts", *parts)
    shown = [picture for _, picture in iter_frames(path)]
    assert {picture.shape for picture in shown} == {(64, 192, 3)}
    assert len(shown) == 25 * len(aspects)
    for index, picture in enumerate(shown):
        if aspects[index // 25] == 2:
            assert quarters(picture) == pytest.approx(QUARTERS, abs=6)
        else:
            assert not picture[:, :46].any()
            assert quarters(picture, left=48, width=96) == pytest.approx(QUARTERS, abs=6)


def test_pictures_of_one_size_stay_untouched(tmp_path):
    path = write_video(tmp_path / "a.mkv", [upright()] * 30)
    frames = read_frames(path, [0.2, 0.8]).pixels
    assert frames.shape == (2, HEIGHT, WIDTH, 3)
    assert np.abs(frames.astype(int) - upright()).max() <= 8
