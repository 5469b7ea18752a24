"""Files whose time stamps start again, jump, or are missing: one clock for picture and sound."""

import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from talks import FPS, join, purity, strongest_hertz, write_talk

from avfake.media.frames import iter_frames, read_frames
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio

RATE = 16_000
TONES, GREYS = (500.0, 1000.0, 1500.0, 2000.0), (60, 110, 160, 210)


def codes(notes):
    return [note.code for note in notes]


def parts(folder, ending, count, **moved):
    return [
        write_talk(folder / f"{n}{ending}", grey=GREYS[n], hertz=TONES[n], **moved)
        for n in range(count)
    ]


def levels(frames):
    return frames.pixels.mean(axis=(1, 2, 3)).round().astype(int)


@pytest.mark.parametrize(
    ("ending", "count"), [(".ts", 2), (".ts", 4), (".mpg", 4), (".mkv", 2), (".webm", 2)]
)
def test_joined_files_are_read_one_after_the_other(tmp_path, ending, count):
    path = join(tmp_path / f"all{ending}", *parts(tmp_path, ending, count))
    info = probe(path)
    assert info.duration_seconds == pytest.approx(2 * count, abs=0.2)
    assert info.video_end_seconds == pytest.approx(2 * count, abs=0.2)
    middles = info.video_end_seconds / count * (np.arange(count) + 0.5)
    assert np.abs(levels(read_frames(path, middles)) - GREYS[:count]).max() <= 3
    every = [seconds for seconds, _ in iter_frames(path)]
    assert len(every) == 2 * FPS * count
    assert np.diff(every).min() > 0.02
    assert np.diff(every).max() < 0.2
    heard = read_sound(path).waveform()
    for middle, tone in zip(middles, TONES, strict=False):
        piece = heard.samples[round((middle - 0.5) * RATE) :][:RATE]
        assert strongest_hertz(piece, RATE) == pytest.approx(tone, abs=3)
        assert purity(piece) > 0.95  # nothing lies under it
    for notes in (read_frames(path, [0.0]).notes, read_sound(path).notes):
        assert codes(notes) == ["clock_restarts"]
    first_start = read_sound(path).notes[0].detail.split(" at ")[1][:3]
    assert float(first_start) == pytest.approx(2.0, abs=0.2)


def test_sound_stays_with_its_picture_in_every_part(tmp_path):
    """Picture and sound of the second part change together, though the first has little sound."""
    first = write_talk(
        tmp_path / "a.mkv", grey=60, hertz=500, sound_at=lambda t: t / 2
    )  # sound of half the length
    second = write_talk(tmp_path / "b.mkv", grey=200, hertz=2000)
    path = join(tmp_path / "all.mkv", first, second)
    changed = next(seconds for seconds, picture in iter_frames(path) if picture.mean() > 130)
    pieces = read_sound(path).pieces
    starts = [p.start_seconds for p in pieces if strongest_hertz(p.samples[-RATE:], RATE) > 1900]
    assert starts == [pytest.approx(changed, abs=0.05)]
    assert changed == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("sizes", [((64, 48), (48, 64)), ((64, 48), (128, 96))])
def test_parts_of_another_size_are_read_too(tmp_path, sizes):
    joined = [
        write_talk(tmp_path / f"{n}.ts", grey=GREYS[n], hertz=TONES[n], size=size)
        for n, size in enumerate(sizes)
    ]
    path = join(tmp_path / "all.ts", *joined)
    info = probe(path)
    frames = read_frames(path, [1.0, 3.0])
    assert (
        frames.pixels.shape[1:3]
        == (info.height, info.width)
        == tuple(max(sides) for sides in zip(*(size[::-1] for size in sizes), strict=True))
    )
    middle = frames.pixels[:, info.height // 2, info.width // 2].mean(axis=1)
    assert np.abs(middle - GREYS[:2]).max() <= 3


def test_sound_that_starts_again_alone_is_heard_once_each(tmp_path):
    """The pictures of the second part go on at 2 s, its sound starts at 0 again."""
    path = join(
        tmp_path / "all.mkv",
        write_talk(tmp_path / "a.mkv", grey=60, hertz=500),
        write_talk(tmp_path / "b.mkv", grey=200, hertz=2000, picture_at=lambda t: t + 2),
    )
    sound = read_sound(path)
    (piece,) = sound.pieces
    assert sound.total_seconds == pytest.approx(4.0, abs=0.05)
    for start, tone in ((0, 500), (2, 2000)):
        inner = piece.samples[round((start + 0.5) * RATE) :][:RATE]
        assert strongest_hertz(inner, RATE) == pytest.approx(tone, abs=3)
        assert purity(inner) > 0.95
    assert codes(sound.notes) == ["clock_restarts"]
    assert "sound alone" in sound.notes[0].detail
    frames = read_frames(path, [1.0, 3.0])
    assert levels(frames).tolist() == pytest.approx([60, 200], abs=3)
    assert frames.notes == ()


def test_pictures_that_step_back_by_a_second_are_all_shown(tmp_path):
    path = join(
        tmp_path / "all.mkv",
        write_talk(tmp_path / "a.mkv", grey=60, hertz=500),
        write_talk(
            tmp_path / "b.mkv",
            grey=200,
            hertz=2000,
            picture_at=lambda t: t + 1,
            sound_at=lambda t: t + 2,
        ),
    )
    every = list(iter_frames(path))
    assert len(every) == 4 * FPS
    assert every[-1][0] == pytest.approx(4 - 1 / FPS, abs=0.02)
    changed = next(seconds for seconds, picture in every if picture.mean() > 130)
    assert changed == pytest.approx(2.0, abs=0.02)
    assert codes(read_frames(path, [0.0]).notes) == ["clock_restarts"]
    assert read_sound(path).notes == ()


@pytest.mark.parametrize("ending", [".ts", ".mkv", ".mp4", ".flv"])
@pytest.mark.parametrize("ahead", [100.0, 5000.0])
def test_a_jump_of_the_clock_is_closed_up_and_named(tmp_path, ending, ahead):
    def jump(seconds):
        return seconds + (ahead if seconds >= 1 else 0)

    path = write_talk(tmp_path / f"a{ending}", picture_at=jump, sound_at=jump)
    assert probe(path).duration_seconds == pytest.approx(2.0, abs=0.1)
    assert len(list(iter_frames(path))) == 2 * FPS
    sound = read_sound(path)
    assert sound.total_seconds == pytest.approx(2.0, abs=0.1)
    assert sound.pieces[-1].start_seconds < 1.1
    assert probe(path).fps == pytest.approx(FPS)
    frames = read_frames(path, probe(path).sample_times(10))
    assert len(frames) == 10
    for notes in (frames.notes, sound.notes):
        assert codes(notes) == ["clock_jumps"]
        assert f"skips {ahead:.0f} s at 1.0 s" in notes[0].detail


@pytest.mark.parametrize("far", [1000.0, 10_000.0])
def test_a_first_picture_far_before_all_else_does_not_stand_alone(tmp_path, far):
    path = write_talk(
        tmp_path / "a.mkv",
        picture_at=lambda t: t + far if t else 0,
        sound_at=lambda t: t + far,
    )
    info = probe(path)
    assert info.duration_seconds == pytest.approx(2.0, abs=0.1)
    frames = read_frames(path, info.sample_times(10))
    assert len(frames) == 10
    assert codes(frames.notes) == ["clock_jumps"]
    assert f"{far:.0f} s" in frames.notes[0].detail
    assert read_sound(path).total_seconds == pytest.approx(2.0, abs=0.1)


def test_sound_far_after_its_picture_is_put_to_it(tmp_path):
    path = write_talk(tmp_path / "a.mkv", sound_at=lambda t: t + 10_000)
    assert probe(path).duration_seconds == pytest.approx(2.0, abs=0.1)
    sound = read_sound(path)
    assert sound.pieces[0].start_seconds == pytest.approx(0, abs=0.01)
    assert codes(sound.notes) == ["clock_jumps"]


@pytest.mark.parametrize("late", [0.4, 30.0])
def test_sound_may_start_late(tmp_path, late):
    path = write_talk(tmp_path / "a.mkv", seconds=2.0, sound_at=lambda t: t + late)
    sound = read_sound(path)
    assert sound.pieces[0].start_seconds == pytest.approx(late, abs=0.01)
    assert sound.notes == ()
    assert read_sound(path).waveform().duration_seconds == pytest.approx(late + 2, abs=0.01)


def test_a_counter_that_runs_over_is_no_jump(tmp_path):
    wraps_after = 2**33 / 90_000
    path = write_talk(tmp_path / "a.ts", options={"output_ts_offset": str(wraps_after - 1.0)})
    with av.open(str(path), options={"correct_ts_overflow": "0"}) as container:
        stamps = [packet.pts for packet in container.demux(video=0) if packet.size]
    assert max(stamps) - min(stamps) > 2**32  # so that it does run over inside
    assert probe(path).duration_seconds == pytest.approx(2.0, abs=0.1)
    assert len(list(iter_frames(path))) == 2 * FPS
    assert read_sound(path).notes == read_frames(path, [0.0]).notes == ()


def test_a_clock_that_starts_again_is_none_that_ran_over(tmp_path):
    """libavformat adds 26.5 hours where a later part starts much earlier."""
    late = write_talk(tmp_path / "a.ts", grey=60, options={"output_ts_offset": "500"})
    path = join(tmp_path / "all.ts", late, write_talk(tmp_path / "b.ts", grey=200))
    assert probe(path).duration_seconds == pytest.approx(4.0, abs=0.2)
    notes = read_sound(path).notes
    assert codes(notes) == ["clock_restarts"]
    assert levels(read_frames(path, [1.0, 3.0])).tolist() == pytest.approx([60, 200], abs=3)


@pytest.mark.parametrize(
    ("ending", "count"), [(".mkv", 4), (".mp4", 2), (".avi", 2), (".flv", 2), ("wav", 2)]
)
def test_joined_files_that_are_not_read_to_the_end_are_named(tmp_path, ending, count):
    if ending == "wav":
        write_audio(tmp_path / "0.wav", Waveform(np.full(RATE, 0.1, np.float32), RATE))
        joined = [tmp_path / "0.wav"] * 2
    else:
        joined = parts(tmp_path, ending, count)
    path = join(tmp_path / f"all.{ending.strip('.')}", *joined)
    notes = read_sound(path).notes
    assert "left_out" in codes(notes)
    assert "50 % of the bytes" in notes[-1].detail
    assert "left_out" not in codes(read_sound(joined[0]).notes)
    if ending != "wav":
        assert "left_out" in codes(read_frames(path, [0.0]).notes)


def test_streams_that_begin_where_others_end_are_named(tmp_path):
    other = write_talk(
        tmp_path / "b.ts", options={"mpegts_start_pid": "768", "mpegts_service_id": "7"}
    )
    path = join(tmp_path / "all.ts", write_talk(tmp_path / "a.ts"), other)
    for notes in (read_sound(path).notes, read_frames(path, [0.0]).notes):
        assert codes(notes) == ["left_out"]
        assert float(notes[0].detail.split(" s ")[0]) == pytest.approx(2.0, abs=0.2)


def test_streams_that_change_their_number_are_followed(tmp_path):
    other = write_talk(tmp_path / "b.ts", grey=200, options={"mpegts_start_pid": "768"})
    path = join(tmp_path / "all.ts", write_talk(tmp_path / "a.ts", grey=60), other)
    assert levels(read_frames(path, [1.0, 3.0])).tolist() == pytest.approx([60, 200], abs=3)
    assert read_sound(path).total_seconds == pytest.approx(4.0, abs=0.1)


def test_fragments_that_start_again_are_read(tmp_path):
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    joined = [
        write_talk(tmp_path / f"{n}.mp4", grey=GREYS[n], hertz=TONES[n], options=options)
        for n in range(2)
    ]
    path = join(tmp_path / "all.mp4", *joined)
    assert probe(path).duration_seconds == pytest.approx(4.0, abs=0.2)
    assert levels(read_frames(path, [1.0, 3.1])).tolist() == pytest.approx(GREYS[:2], abs=3)
    sound = read_sound(path).waveform().samples
    for start, tone in ((0.5, 500), (2.7, 1000)):
        piece = sound[round(start * RATE) :][:RATE]
        assert strongest_hertz(piece, RATE) == pytest.approx(tone, abs=3)


@pytest.mark.parametrize("ending", ["mp3", "aac", "opus", "flac"])
def test_joined_sound_is_heard_as_a_whole(tmp_path, ending):
    files = []
    for n in range(3):
        times = np.arange(2 * 48_000) / 48_000
        tone = Waveform((0.5 * np.sin(2 * np.pi * TONES[n] * times)).astype(np.float32), 48_000)
        files.append(tmp_path / f"{n}.{ending}")
        write_audio(files[-1], tone)
    path = join(tmp_path / f"all.{ending}", *files)
    sound = read_sound(path)
    lost = 0.3 if ending == "flac" else 0.1  # by libavformat, at every join
    assert sound.total_seconds == pytest.approx(6.0, abs=2 * lost)
    assert probe(path).duration_seconds == pytest.approx(sound.total_seconds, abs=0.1)
    for n in range(3):
        start = (n + 0.5) * sound.total_seconds / 3 - 0.5
        piece = sound.waveform().samples[round(start * RATE) :][:RATE]
        assert strongest_hertz(piece, RATE) == pytest.approx(TONES[n], abs=3)


@pytest.mark.parametrize(("codec", "ending"), [("libx264", "h264"), ("mpeg2video", "m2v")])
@pytest.mark.parametrize("rate", [10, 25])
def test_bare_pictures_get_their_times_from_their_rate(tmp_path, codec, ending, rate):
    if codec == "mpeg2video" and rate == 10:
        pytest.skip("MPEG-2 knows no such rate")
    path = tmp_path / f"a.{ending}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(40):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 + 5 * index, np.uint8))
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    info = probe(path)
    assert info.duration_seconds == pytest.approx(40 / rate, abs=0.05)
    assert info.fps == pytest.approx(rate)
    frames = read_frames(path, info.sample_times(8))
    assert len(frames) == 8
    assert np.abs(levels(frames) - (20 + 5 * np.arange(2, 42, 5))).max() <= 8
    assert codes(frames.notes) == ["no_clock"]
    assert f"{rate} pictures" in frames.notes[0].detail


@pytest.mark.parametrize("step", [600.0, 5000.0])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_slow_time_lapse_is_whole(tmp_path, make_video, indices_of, step, ending):
    path = make_video(tmp_path / f"a.{ending}", [step * n for n in range(12)])
    info = probe(path)
    assert info.video_end_seconds == pytest.approx(12 * step, rel=0.1)
    frames = read_frames(path, info.sample_times(24))
    found = indices_of(frames.pixels)
    assert found in (list(range(11)), list(range(12)))  # the last is shown for one step, or not
    assert frames.seconds == pytest.approx(step * np.array(found))
    assert frames.notes == ()


def test_sound_that_goes_on_after_the_picture_takes_no_picture_away(tmp_path, make_delayed_sound):
    path = make_delayed_sound(
        tmp_path / "a.mkv", delay_seconds=0.0, click_seconds=0.5, audio_codec="pcm_s16le"
    )
    info = probe(path)
    assert info.duration_seconds == pytest.approx(2.0, abs=0.05)
    assert info.video_end_seconds == pytest.approx(1.0, abs=0.05)
    frames = read_frames(path, info.sample_times(20))
    assert len(frames) == 20
    assert frames.notes == ()


CLOSED_EARLY = """
import sys
import av
from avfake.media.clock import _to_be_shown

for number in range(50):
    with av.open(sys.argv[1]) as container:
        stream = container.streams.video[0]
        stream.thread_type = "FRAME"
        stream.codec_context.thread_count = 2
        for _, packet in zip(range(4 + number % 5), container.demux(stream)):
            stream.decode(_to_be_shown(packet))
    del container, stream, packet
"""


def test_a_decoder_is_closed_while_its_threads_hold_copied_packets(tmp_path):
    """With packets in memory of Python both would wait for ever."""
    talk = write_talk(tmp_path / "talk.mp4", grey=60, hertz=500, size=(640, 480))
    command = [sys.executable, "-c", CLOSED_EARLY, str(talk)]
    subprocess.run(command, check=True, timeout=60)
