"""Said of a file that ends early: that it does, where its header states more, and never else."""

import re

import av
import numpy as np
import pytest
from talks import write_talk

from avfake.media.frames import iter_frames, read_frames
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio

RATE = 16_000
NOISE = Waveform(np.random.default_rng(0).normal(0, 0.1, 6 * RATE).astype(np.float32), RATE)


def cut(path, share=0.5):
    content = path.read_bytes()
    short = path.with_name(f"cut_{path.name}")
    short.write_bytes(content[: round(share * len(content))])
    return short


def seconds_said(notes):
    """(stated, there) of the one note that says so."""
    (detail,) = [note.detail for note in notes if note.code == "truncated"]
    stated, there = re.findall(r"([\d.]+) s", detail)
    return float(stated), float(there)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "flv"])
def test_a_video_that_was_cut_off_says_so(tmp_path, ending):
    options = {"movflags": "faststart"} if ending == "mp4" else {}
    path = write_talk(tmp_path / f"a.{ending}", seconds=4.0, options=options)
    assert read_frames(path, [0.0]).notes == ()
    assert read_sound(path).notes == ()
    short = cut(path)
    info = probe(short)
    assert 1 < info.duration_seconds < 3
    frames = read_frames(short, info.sample_times(20))
    assert len(frames) > 17  # they are taken where there are pictures
    assert frames.seconds[-1] == pytest.approx(info.video_end_seconds, abs=0.3)
    for notes in (frames.notes, read_sound(short).notes):
        stated, there = seconds_said(notes)
        assert stated == pytest.approx(4.0, abs=0.2)
        assert there == pytest.approx(info.duration_seconds, abs=0.3)


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "aif"])
def test_sound_that_was_cut_off_says_so(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    write_audio(path, NOISE)
    assert read_sound(path).notes == ()
    sound = read_sound(cut(path))
    assert sound.total_seconds == pytest.approx(3.0, abs=0.4)
    stated, there = seconds_said(sound.notes)
    assert stated == pytest.approx(6.0, abs=0.1)
    assert there == pytest.approx(sound.total_seconds, abs=0.1)


def test_m4a_that_was_cut_off_says_so(tmp_path):
    with av.open(str(tmp_path / "a.m4a"), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(NOISE.samples[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    sound = read_sound(cut(tmp_path / "a.m4a"))
    assert seconds_said(sound.notes) == pytest.approx((6.0, 3.0), abs=0.3)
    assert [note.code for note in sound.notes] == ["truncated"]


@pytest.mark.parametrize("ending", ["ts", "mpg"])
def test_a_file_that_states_no_length_is_as_long_as_it_is(tmp_path, ending):
    short = cut(write_talk(tmp_path / f"a.{ending}", seconds=4.0))
    assert not any(note.code == "truncated" for note in read_sound(short).notes)
    assert not any(note.code == "truncated" for note in read_frames(short, [0.0]).notes)
    assert 1.5 < probe(short).duration_seconds < 3.9


@pytest.mark.parametrize("size", [0, 2**32 - 1, 2**31 - 1])
def test_a_wav_file_from_a_pipe_states_no_length(tmp_path, size):
    path = tmp_path / "a.wav"
    write_audio(path, NOISE)
    content = bytearray(path.read_bytes())
    at = content.index(b"data")
    content[at + 4 : at + 8] = size.to_bytes(4, "little")
    content[4:8] = size.to_bytes(4, "little")
    path.write_bytes(content)
    sound = read_sound(path)
    assert sound.total_seconds == pytest.approx(6.0, abs=0.01)
    assert sound.notes == ()


def test_a_bit_rate_is_no_statement_of_length(tmp_path):
    """Without its own header, the length of an MP3 file is guessed from its first frame."""
    quiet = NOISE.samples.copy()
    quiet[: 2 * RATE] = 0  # few bits at first, many later: the guess is far too long
    path = tmp_path / "a.mp3"
    with av.open(str(path), "w", options={"write_xing": "0"}) as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="mono", options={"q": "2"})
        frame = av.AudioFrame.from_ndarray(quiet[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert probe(path).duration_seconds == pytest.approx(6.0, abs=0.2)
    assert read_sound(path).notes == ()


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_sound_may_be_longer_than_the_picture_or_shorter(tmp_path, ending):
    for factor in (0.25, 1.9):  # of the sound
        path = write_talk(
            tmp_path / f"a.{ending}", seconds=2.0, sound_at=lambda t, by=factor: t * by
        )
        info = probe(path)
        frames = read_frames(path, info.sample_times(20))
        assert len(frames) == 20
        assert frames.notes == ()
        assert "truncated" not in [note.code for note in read_sound(path).notes]


def test_packets_that_are_damaged_in_the_middle_are_counted(tmp_path):
    path = write_talk(tmp_path / "a.mkv", seconds=4.0)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size and 30 <= p.pts * 25 / 1000 < 40]
        for packet in packets:  # their slices, that is: not the frames of the container
            content[packet.pos + 8 : packet.pos + packet.size] = b"\xff" * (packet.size - 8)
    path.write_bytes(content)
    frames = read_frames(path, [3.9])
    noted = {note.code: note.detail for note in frames.notes}
    assert set(noted) <= {"damaged"}
    assert len(list(iter_frames(path))) >= 80


def test_a_second_half_of_zeros_is_damage_not_a_cut(tmp_path):
    path = write_talk(tmp_path / "a.mp4", seconds=4.0, options={"movflags": "faststart"})
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    middle = start + (len(content) - start) // 2
    content[middle:] = bytes(len(content) - middle)
    path.write_bytes(content)
    frames = read_frames(path, np.linspace(0, 3.9, 20))
    (note,) = frames.notes
    assert note.code == "damaged"
    lost, of = map(int, re.findall(r"\d+", note.detail))
    assert 80 < of <= 100  # pictures that are neither wanted nor referred to are not decoded
    assert 35 < 100 * lost / of < 65
