"""Stamps of packets made into one clock: numbers in, numbers out."""

import numpy as np
import pytest

from avfake.media.stamps import Packets
from avfake.media.timeline import align

STEP, SOUND_STEP = 0.04, 0.02
NONE = np.nan


def every(seconds, step, start=0.0):
    return start + np.arange(round(seconds / step)) * step


def packets(kind, shown, order, *, decoded=None, step=None, lasting=None):
    shown = np.asarray(shown, float)
    step = step or (STEP if kind == "picture" else SOUND_STEP)
    return Packets(
        kind,
        np.asarray(order),
        shown if decoded is None else np.asarray(decoded, float),
        shown,
        np.full(len(shown), step) if lasting is None else lasting,
        step,
    )


def both(pictures, sounds, *, arrived=None):
    """Two streams whose packets lie in the file in the order in which they truly arrived."""
    pictures, sounds = np.asarray(pictures, float), np.asarray(sounds, float)
    if arrived is None:
        arrived = np.arange(len(pictures)) * STEP, np.arange(len(sounds)) * SOUND_STEP
    order = np.argsort(np.argsort(np.concatenate(arrived), kind="stable"), kind="stable")
    return [
        packets("picture", pictures, order[: len(pictures)]),
        packets("sound", sounds, order[len(pictures) :]),
    ]


def on_clock(streams):
    """(seconds of each packet of each stream on the clock of the file, the timelines)."""
    zero, lines = align(streams)
    return [s.shown + line.shifts - zero for s, line in zip(streams, lines, strict=True)], lines


def notes(lines):
    return [[(note.code, note.detail) for note in line.notes] for line in lines]


def test_plain_stamps_stay():
    streams = both(every(3, STEP, 1.4), every(3, SOUND_STEP, 1.4))
    (pictures, sounds), lines = on_clock(streams)
    assert not any(line.shifts.any() for line in lines)
    assert (pictures[0], sounds[0]) == (0, 0)
    assert [line.end_seconds for line in lines] == pytest.approx([3, 3])
    assert notes(lines) == [[], []]


@pytest.mark.parametrize("starts", [[0, 0], [5, 0, 0, 0], [0, 3.5, 1], [90, 10, 40]])
@pytest.mark.parametrize("lag", [0, 0.7])
def test_a_clock_that_starts_again_goes_on(starts, lag):
    """Parts of 2 s; the sound lies `lag` seconds later in the file than its picture."""
    parts = [(every(2, STEP, s), every(2, SOUND_STEP, s + 0.01)) for s in starts]
    pictures, sounds = (np.concatenate(one) for one in zip(*parts, strict=True))
    arrived = np.arange(len(pictures)) * STEP, np.arange(len(sounds)) * SOUND_STEP + lag
    (pictures, sounds), lines = on_clock(both(pictures, sounds, arrived=arrived))
    assert np.diff(pictures).min() > 0
    assert np.diff(sounds).min() > 0
    expected = 0.0
    for part, start in enumerate(starts):
        if part:  # a part that begins within 10 s after the one before it is a pause
            ahead = start - starts[part - 1]
            expected += ahead if 2 <= ahead <= 12 else 2.0
        assert pictures[part * 50] == pytest.approx(expected, abs=0.011)
        assert sounds[part * 100] - pictures[part * 50] == pytest.approx(0.01)
    codes = {code for code, _ in notes(lines)[0]}
    assert "clock_restarts" in codes
    assert notes(lines)[0] == notes(lines)[1]


def test_the_seconds_of_each_start_are_told():
    pictures = np.concatenate([every(2, STEP)] * 3)
    sounds = np.concatenate([every(2, SOUND_STEP)] * 3)
    _, lines = on_clock(both(pictures, sounds))
    said = [("clock_restarts", "the clock starts again at 2.0, 4.0 s")]
    assert notes(lines) == [said, said]


def test_sound_that_ends_early_starts_again_with_its_picture():
    pictures = np.concatenate([every(4, STEP), every(4, STEP)])
    sounds = np.concatenate([every(2, SOUND_STEP), every(4, SOUND_STEP)])
    arrived = (
        np.arange(200) * STEP,
        np.concatenate([every(2, SOUND_STEP), every(4, SOUND_STEP, 4.0)]),
    )
    (pictures, sounds), _ = on_clock(both(pictures, sounds, arrived=arrived))
    assert sounds[100] == pytest.approx(4.0) == pictures[100]


def test_sound_that_only_the_second_part_has_stays_with_it():
    pictures = np.concatenate([every(4, STEP), every(4, STEP)])
    arrived = np.arange(200) * STEP, every(4, SOUND_STEP, 4.0)
    (pictures, sounds), lines = on_clock(both(pictures, every(4, SOUND_STEP), arrived=arrived))
    assert sounds[0] == pytest.approx(4.0) == pictures[100]
    assert lines[1].start_seconds == pytest.approx(4.0)


def test_sound_that_starts_again_alone_goes_on_alone():
    sounds = np.concatenate([every(3, SOUND_STEP), every(3, SOUND_STEP)])
    (pictures, sounds), lines = on_clock(both(every(6, STEP), sounds))
    assert pictures == pytest.approx(every(6, STEP))
    assert sounds == pytest.approx(every(6, SOUND_STEP))
    assert notes(lines)[0] == []
    assert notes(lines)[1] == [
        ("clock_restarts", "the clock of the sound alone starts again at 3.0 s")
    ]


@pytest.mark.parametrize("back", [0.5, 1.0, 30.0])
def test_pictures_that_jump_back_go_on(back):
    pictures = np.concatenate([every(3, STEP), every(3, STEP, 3 - back)])
    (pictures, sounds), lines = on_clock(both(pictures, every(6, SOUND_STEP)))
    assert pictures == pytest.approx(every(6, STEP))
    assert sounds == pytest.approx(every(6, SOUND_STEP))
    assert [code for code, _ in notes(lines)[0]] == ["clock_restarts"]


@pytest.mark.parametrize("ahead", [15.0, 497.0, 10_000.0])
def test_a_jump_of_both_is_closed_up(ahead):
    pictures = np.concatenate([every(3, STEP), every(3, STEP, 3 + ahead)])
    sounds = np.concatenate([every(3, SOUND_STEP), every(3, SOUND_STEP, 3 + ahead)])
    (pictures, sounds), lines = on_clock(both(pictures, sounds))
    assert pictures == pytest.approx(every(6, STEP), abs=1e-6)
    assert sounds == pytest.approx(every(6, SOUND_STEP), abs=1e-6)
    said = [("clock_jumps", f"the clock skips {ahead:.0f} s at 3.0 s")]
    assert notes(lines) == [said, said]


@pytest.mark.parametrize("far", [1000.0, 10_000.0])
def test_a_first_picture_far_from_all_else_is_put_to_it(far):
    pictures = np.concatenate([[0.0], every(3, STEP, far + STEP)])
    sounds = every(3, SOUND_STEP, far)
    arrived = np.arange(76) * STEP, np.arange(150) * SOUND_STEP + 0.001
    (_, sounds), lines = on_clock(both(pictures, sounds, arrived=arrived))
    assert max(line.end_seconds for line in lines) == pytest.approx(3.06, abs=0.03)
    assert sounds[-1] - sounds[0] == pytest.approx(2.98)
    assert lines[0].start_seconds == pytest.approx(0, abs=1e-3)
    assert [code for code, _ in notes(lines)[0]] == ["clock_jumps"]
    assert f"{far:.0f} s" in notes(lines)[0][0][1]


@pytest.mark.parametrize("far", [15.0, 1000.0, 10_000.0])
@pytest.mark.parametrize("which", ["picture", "sound"])
def test_a_first_packet_far_from_all_else_leaves_no_gap(far, which):
    pictures, sounds = every(3, STEP, far), every(3, SOUND_STEP, far)
    (pictures if which == "picture" else sounds)[0] = 0.0
    arrived = np.arange(75) * STEP + 1e-3 * (which == "sound"), np.arange(150) * SOUND_STEP
    _, lines = on_clock(both(pictures, sounds, arrived=arrived))
    assert max(line.end_seconds for line in lines) == pytest.approx(3.0, abs=0.1)
    assert [code for code, _ in notes(lines)[which == "sound"]] == ["clock_jumps"]


@pytest.mark.parametrize("stray", [-500.0, 700.0, 1e6])
def test_a_stray_stamp_between_others_is_ignored(stray):
    pictures = every(3, STEP)
    pictures[30] = stray
    _, lines = on_clock(both(pictures, every(3, SOUND_STEP)))
    assert np.flatnonzero(np.isnan(lines[0].shifts)).tolist() == [30]
    assert np.nanmax(np.abs(lines[0].shifts)) == 0
    assert lines[0].end_seconds == pytest.approx(3.0)
    assert [code for code, _ in notes(lines)[0]] == ["clock_jumps"]
    assert notes(lines)[1] == []


def test_a_stream_that_starts_far_away_is_put_to_the_other():
    (pictures, sounds), lines = on_clock(both(every(3, STEP), every(3, SOUND_STEP, 10_000.0)))
    assert (pictures[0], sounds[0]) == (0, 0)
    assert notes(lines) == [
        [],
        [("clock_jumps", "the clock of the sound alone skips 10000 s at 0.0 s")],
    ]


@pytest.mark.parametrize("late", [0.5, 8.0, 100.0, 3000.0])
def test_sound_may_start_late(late):
    (_, sounds), lines = on_clock(both(every(200, STEP), every(3, SOUND_STEP, late)))
    assert sounds[0] == pytest.approx(late)
    assert notes(lines) == [[], []]


def test_pauses_of_one_stream_stay_while_the_other_goes_on():
    pictures = np.concatenate([every(3, STEP), every(3, STEP, 300)])
    sounds = np.concatenate([every(100, SOUND_STEP), every(210, SOUND_STEP, 108)])
    _, lines = on_clock(both(pictures, sounds, arrived=(pictures, sounds)))
    assert not any(line.shifts.any() for line in lines)
    assert notes(lines) == [[], []]


def test_a_long_time_without_anything_is_closed_up_in_a_pause_too():
    pictures = np.concatenate([every(3, STEP), every(3, STEP, 300)])
    sounds = np.concatenate([every(100, SOUND_STEP), every(103, SOUND_STEP, 200)])
    (pictures, sounds), lines = on_clock(both(pictures, sounds, arrived=(pictures, sounds)))
    assert notes(lines) == [[("clock_jumps", "the clock skips 100 s at 100.0 s")]] * 2
    assert (pictures[75], sounds[5000]) == pytest.approx((200.0, 100.0))


def test_a_pause_of_both_that_is_short_stays():
    pictures = np.concatenate([every(3, STEP), every(3, STEP, 11)])
    sounds = np.concatenate([every(3, SOUND_STEP), every(3, SOUND_STEP, 11)])
    (pictures, _), lines = on_clock(both(pictures, sounds))
    assert pictures[-1] == pytest.approx(14 - STEP)
    assert notes(lines) == [[], []]


@pytest.mark.parametrize("step", [600.0, 5000.0])
def test_a_slow_time_lapse_stays(step):
    stream = packets("picture", every(20 * step, step), np.arange(20), step=step)
    (pictures,), (line,) = on_clock([stream])
    assert pictures[-1] == pytest.approx(19 * step)
    assert (line.notes, line.end_seconds) == ((), 20 * step)


def test_a_changing_frame_rate_stays():
    times = np.cumsum(np.random.default_rng(0).choice([0.02, 0.04, 0.5, 8.0, 45.0], 200))
    _, (line,) = on_clock([packets("picture", times, np.arange(200))])
    assert not line.shifts.any()
    assert line.notes == ()


def test_pictures_alone_that_jump_are_joined():
    times = np.concatenate([every(3, STEP), every(3, STEP, 1000)])
    (pictures,), (line,) = on_clock([packets("picture", times, np.arange(150))])
    assert pictures == pytest.approx(every(6, STEP))
    assert line.notes[0].detail == "the clock skips 997 s at 3.0 s"


def test_pictures_out_of_order_are_no_jump():
    shown = every(4, 1.0)[[0, 3, 1, 2]]
    shown = np.concatenate([shown + 4 * group for group in range(10)])
    decoded = np.sort(shown) - 2
    for given in (decoded, np.full(40, NONE)):
        stream = packets("picture", shown, np.arange(40), decoded=given, step=1.0)
        (pictures,), (line,) = on_clock([stream])
        assert pictures.tolist() == shown.tolist()
        assert line.notes == ()


def test_missing_stamps_follow_those_before_them():
    decoded = every(3, STEP)
    decoded[[0, 1, 40, 41]] = NONE
    stream = packets("picture", every(3, STEP), np.arange(75), decoded=decoded)
    _, (line,) = on_clock([stream])
    assert not line.shifts.any()
    assert line.notes == ()
    assert line.end_seconds == pytest.approx(3.0)


@pytest.mark.parametrize("stamp", [NONE, 0.0, 7.0])
def test_without_stamps_that_move_packets_are_counted(stamp):
    stream = packets("picture", np.full(75, stamp), np.arange(75))
    _, (line,) = align([stream])
    assert np.isnan(line.shifts).all()
    assert (line.start_seconds, line.end_seconds) == pytest.approx((0, 3.0))


def test_priming_is_not_content_but_negative_time_is():
    _, (line,) = align([packets("sound", every(3, SOUND_STEP, -0.04), np.arange(150))])
    zero, _ = align([packets("sound", every(3, SOUND_STEP, -5.0), np.arange(150))])
    assert line.start_seconds == 0.0
    assert line.end_seconds == pytest.approx(2.96)
    assert zero == -5.0


def test_empty_streams_are_no_harm():
    empty = packets("sound", [], [])
    zero, lines = align([packets("picture", every(1, STEP, 5.0), np.arange(25)), empty])
    assert zero == 5.0
    assert lines[1].filled_seconds == lines[1].end_seconds == 0.0
    assert align([empty])[0] == 0.0


def test_random_stamps_still_make_a_clock():
    rng = np.random.default_rng(1)
    for _ in range(50):
        sizes = rng.integers(1, 60, 2)
        streams = both(*(rng.choice([0, 1, 1e3, 1e5]) * rng.normal(size=n) for n in sizes))
        _, lines = align(streams)
        for line in lines:
            assert 0 <= line.start_seconds <= line.end_seconds < 1e9
