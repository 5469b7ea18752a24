"""What is damaged: small media of every container, bombs, and the files that avfake itself writes.

Made by ffmpeg, the studio and a tiny training, of a seed alone; nothing of it is in the repository.
"""

import io
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import imageio_ffmpeg

from avfake.clips import ClipConfig, prepare_clips
from avfake.datasets import build_manifest, load_spec
from avfake.faces import CropConfig
from avfake.studio import StudioConfig, build_studio
from avfake.training import TrainingConfig, train_and_test

SMALL = ["-vf", "scale=128:-2,fps=12", "-ac", "1"]
H264, AAC = ["-c:v", "libx264", "-g", "6"], ["-c:a", "aac", "-ar", "16000"]
PCM = ["-c:a", "pcm_s16le", "-ar", "16000"]
ENCODED: dict[str, list[str]] = {
    "plain.mp4": [*SMALL, *H264, *AAC],
    "fragmented.mp4": [*SMALL, *H264, *AAC, "-movflags", "frag_keyframe+empty_moov"],
    "faststart.mov": [*SMALL, *H264, *PCM, "-movflags", "faststart"],
    "hevc.mp4": [*SMALL, "-c:v", "libx265", "-x265-params", "log-level=none", *AAC],
    "mpeg4.avi": [*SMALL, "-c:v", "mpeg4", *PCM],
    "h264.mkv": [*SMALL, *H264, "-c:a", "flac"],
    "vp8.webm": [*SMALL, "-c:v", "libvpx", "-c:a", "libopus"],
    "h264.ts": [*SMALL, *H264, *AAC],
    "flv.flv": [*SMALL, "-c:v", "flv", *AAC],
    "mjpeg.mkv": [*SMALL, "-c:v", "mjpeg", *PCM],
    "streams.mkv": ["-map", "0:v", *["-map", "0:a"] * 100, *SMALL, *H264, *PCM],
    "sound.wav": ["-vn", *PCM],
    "float.wav": ["-vn", "-c:a", "pcm_f32le"],
    "sound.flac": ["-vn"],
    "sound.mp3": ["-vn", "-c:a", "libmp3lame"],
    "sound.ogg": ["-vn", "-c:a", "libvorbis"],
    "sound.opus": ["-vn", "-c:a", "libopus"],
    "sound.m4a": ["-vn", *AAC],
    "picture.jpg": ["-frames:v", "1", "-vf", "scale=128:-2"],
    "picture.png": ["-frames:v", "1", "-vf", "scale=128:-2"],
    "picture.gif": ["-vf", "scale=128:-2,fps=6"],
    "picture.webp": ["-frames:v", "1", "-vf", "scale=128:-2"],
    "picture.bmp": ["-frames:v", "1", "-vf", "scale=128:-2"],
    "picture.tiff": ["-frames:v", "1", "-vf", "scale=128:-2"],
}
"""Name -> options of ffmpeg. The ending decides on the surgery."""
STAMPS = {
    "negative": "setpts=PTS-30/TB",
    "jumping": "setpts='PTS+if(gt(N,5),100000/TB,0)'",
    "zero": "setpts=0",
    "slow": "setpts=PTS*10000",
}
"""Time stamps that no camera writes, by a filter of ffmpeg."""


def make_media(folder: Path, genuine: Path, *, names: tuple[str, ...] = ()) -> None:
    """Write the undamaged media into a folder: all, or those of these names alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or ENCODED:
        _encode(genuine, folder / name, ENCODED[name])
    if names:
        return
    for name, stamps in STAMPS.items():
        picture = ["-vf", f"scale=128:-2,fps=12,{stamps}", "-fps_mode", "passthrough"]
        for ending in (".mkv", ".ts"):
            _encode(genuine, folder / f"{name}{ending}", [*picture, *H264, *AAC])
    for name, content in bombs().items():
        (folder / name).write_bytes(content)
    quiet = ["-f", "lavfi", "-t", "40000", "-i", "anullsrc=r=8000:cl=mono"]
    _run([*quiet, "-c:a", "flac", str(folder / "bomb.flac")])


def _encode(source: Path, target: Path, options: list[str]) -> None:
    if not target.is_file():
        _run(["-t", "1", "-i", str(source), *options, str(target)])


def _run(arguments: list[str]) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-bitexact"]
    done = subprocess.run([*command, *arguments], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode and not Path(arguments[-1]).is_file():
        raise RuntimeError(f"ffmpeg {' '.join(arguments)}: {done.stderr[-300:]}")


def bombs() -> dict[str, bytes]:
    """Return name -> content of files that are small on disk and huge once decoded."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.mp4", bytes(200_000_000))
    return {
        "bomb.png": png(16_000, 16_000),
        "wide.png": png(1_000_000, 60),
        "screen.gif": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0xF0, 0, 0) + bytes(6)
        + b"\x2c" + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x44\x01\x00\x3b",
        "huge.bmp": b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 2**30, 2**30, 1, 24,
                                        *(0,) * 6),
        "inside.zip": packed.getvalue(),
    }  # fmt: skip


def png(width: int, height: int) -> bytes:
    """Return a black picture of that size, of a few kilobytes."""
    packer, row = zlib.compressobj(9), bytes(1 + (width + 7) // 8)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", packed), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def make_written(folder: Path) -> Path:
    """Write the files that avfake makes: a studio, clips, a run, its detector; return the studio.

    A folder that is there already is used again.
    """
    studio, clips, run = folder / "studio", folder / "clips", folder / "run"
    build_studio(studio, StudioConfig(24, seconds=1.0), workers=0, show_progress=False)
    manifest = build_manifest(load_spec("studio"), studio)
    prepared = prepare_clips(
        manifest, clips, ClipConfig(num_frames=4, crop=CropConfig(size_px=64)), workers=0
    )
    if not (run / "detector").is_dir():
        train_and_test("fuzz", [prepared], TrainingConfig.preset("tiny"), run)
    return studio
