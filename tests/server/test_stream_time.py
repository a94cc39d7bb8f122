"""Times that a simulated device's samples get, whatever happens to its clock, its numbers and its packets."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.formats.mcap_take import read_summary
from innerface.server.messages import FaceSample, ImuSample
from innerface.server.streams import Stream

EVENT_S, END_S = 8.0, 16.0


@dataclass
class Packets:
    """What a device sends: its times, its numbers (None without), when that really was, and when it arrived."""

    device: np.ndarray
    numbers: np.ndarray | None
    true: np.ndarray
    arrival: np.ndarray


def even(hz=100.0, seed=0, jitter=0.003, end=END_S):
    rng = np.random.default_rng(seed)
    true = np.arange(int(end * hz)) / hz
    arrival = np.maximum.accumulate(true + 0.002 + rng.exponential(jitter, len(true)))
    return Packets(true + 100.0, np.arange(len(true)), true, arrival)


def receive(packets, kind=ImuSample):
    """The stream, and the time of each packet; NaN for those that were dropped."""
    stream, times = Stream("source", "device", "imu"), np.full(len(packets.true), np.nan)
    for k in np.argsort(packets.arrival, kind="stable"):
        number = None if packets.numbers is None else int(packets.numbers[k])
        if kind is ImuSample:
            one = np.array([[1.0, 0, 0, 0]])
            message = ImuSample("device", ("0",), one, one[:, 1:], float(packets.device[k]), number)
        else:
            message = FaceSample("device", {"jawOpen": 0.5}, float(packets.device[k]))
        at = stream.timestamp(message, float(packets.arrival[k]))
        times[k] = np.nan if at is None else at
    return stream, times


def assert_back_within_3_s(packets, since=EVENT_S):
    stream, times = receive(packets)
    assert (np.diff(times[~np.isnan(times)]) > 0).all()
    settled = packets.true > since + 3.0
    assert not np.isnan(times[settled]).any() and np.abs(times - packets.true)[settled].max() <= 0.02
    assert np.isfinite(times).sum() + stream.account.dropped.total() == len(times)
    return stream


def jump(packets, seconds):
    packets.device = packets.device + np.where(packets.true >= EVENT_S, seconds, 0.0)


def pause(packets, seconds):
    keep = (packets.true < EVENT_S) | (packets.true >= EVENT_S + seconds)
    jump(packets, -seconds)
    packets.numbers = np.cumsum(keep) - 1 if packets.numbers is not None else None
    for name in ("device", "true", "arrival") + (("numbers",) if packets.numbers is not None else ()):
        setattr(packets, name, getattr(packets, name)[keep])


def reset(packets, began, seconds):
    """The device is switched off for some seconds, and counts time and packets from 0."""
    keep, again = (packets.true < began) | (packets.true >= began + seconds), packets.true >= began + seconds
    packets.device = np.where(again, packets.true - began - seconds, packets.device)
    if packets.numbers is not None:
        packets.numbers = np.where(again, np.arange(len(again)) - again.argmax(), packets.numbers)[keep]
    packets.device, packets.true, packets.arrival = packets.device[keep], packets.true[keep], packets.arrival[keep]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31),
    st.sampled_from([30.0, 60.0, 100.0]),
    st.booleans(),
    st.one_of(
        st.tuples(st.just("jump"), st.floats(0.3, 4e3)),
        st.tuples(st.just("jump"), st.floats(-4e3, -0.3)),
        st.tuples(st.just("pause"), st.floats(0.3, 4.0)),
        st.tuples(st.just("reset"), st.floats(0.3, 4.0)),
        st.tuples(st.just("wrap"), st.just(0.0)),
    ),
)
def test_whatever_happens_to_a_clock_its_times_are_right_again_within_3_s(seed, hz, numbered, event):
    packets, (kind, seconds) = even(hz, seed), event
    if not numbered:
        packets.numbers = None
    since = EVENT_S + (seconds if kind in ("pause", "reset") else 0.0)
    if kind == "wrap":  # of the microseconds' 32 bits
        wrap = 2**32 * 1e-6
        packets.device = (packets.true + wrap - EVENT_S) % wrap
    elif kind == "reset":
        reset(packets, EVENT_S, seconds)
    else:
        {"jump": jump, "pause": pause}[kind](packets, seconds)
    stream = assert_back_within_3_s(packets, since)
    assert stream.clock.restarts >= 1 and any("began anew" in note for note in stream.pop_notes())


@pytest.mark.parametrize("off_s", [0.3, 1.0])
def test_a_device_that_browns_out_after_power_on_and_one_that_is_reset_twice_come_back(off_s):
    brown_out = even()
    brown_out.device = brown_out.true.copy()
    reset(brown_out, 1.5, off_s)
    assert_back_within_3_s(brown_out, 1.5 + off_s)
    twice = even()
    reset(twice, EVENT_S, off_s)
    reset(twice, EVENT_S + 2, off_s)
    assert_back_within_3_s(twice, EVENT_S + 2 + off_s)


@pytest.mark.parametrize("held_s", [0.3, 1.5, 3.0])
@pytest.mark.parametrize("numbered", [True, False])
def test_packets_that_wifi_held_and_sent_in_a_burst_keep_their_own_times(held_s, numbered):
    packets = even()
    held = (packets.true >= EVENT_S) & (packets.true < EVENT_S + held_s)
    packets.arrival[held] = EVENT_S + held_s + 1e-4 * np.arange(held.sum())
    packets.arrival = np.maximum.accumulate(packets.arrival)
    if not numbered:
        packets.numbers = None
    stream, times = receive(packets)
    assert np.abs(times - packets.true).max() <= 0.02 and stream.clock.restarts == 0
    assert not stream.pop_notes() and stream.fault == ""


def test_a_pause_with_the_clock_going_on_is_no_new_epoch():
    packets = even(end=30.0)
    keep = (packets.true < EVENT_S) | (packets.true >= EVENT_S + 10)
    stream, times = receive(
        Packets(packets.device[keep], np.arange(keep.sum()), packets.true[keep], packets.arrival[keep])
    )
    assert stream.clock.restarts == 0 and np.abs(times - packets.true[keep]).max() <= 0.02


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_numbers_that_wrap_lose_and_repeat_nothing(bits):
    packets = even()
    packets.numbers = (packets.numbers + 2**bits - 50) % 2**bits
    stream, times = receive(packets)
    counter = stream.counter
    assert (counter.lost, counter.repeated, counter.restarts, stream.clock.restarts) == (0, 0, 0, 0)
    assert np.abs(times - packets.true).max() <= 0.02


def test_old_packets_that_are_played_again_are_dropped():
    packets = even()
    among, after = slice(300, 500), slice(-200, None)
    again = [
        (packets.device[among], packets.numbers[among], packets.arrival[among] + 8.0),  # while it goes on
        (packets.device[after], packets.numbers[after], packets.arrival[-1] + 1e-4 * np.arange(1, 201)),  # in a burst
        (packets.device[after], packets.numbers[after], packets.arrival[after] + 3.0),  # as they were
    ]
    whole = Packets(
        np.concatenate([packets.device, *(d for d, _, _ in again)]),
        np.concatenate([packets.numbers, *(n for _, n, _ in again)]),
        np.concatenate([packets.true, np.zeros(600)]),
        np.concatenate([packets.arrival, *(a for _, _, a in again)]),
    )
    stream, times = receive(whole)
    assert np.isnan(times[-600:]).all() and np.abs(times[:-600] - packets.true).max() <= 0.02
    assert stream.account.dropped == {"repeated": 600} and stream.clock.restarts == 0


@pytest.mark.parametrize("factor", [1.005, 0.995, 1.04])
def test_a_clock_that_runs_fast_or_slow_is_followed(factor):
    packets = even(end=40.0)
    packets.device = packets.true * factor
    stream, times = receive(packets)
    assert np.abs(times - packets.true)[packets.true > 10].max() <= 0.02
    assert ("too fast" in stream.fault) == (factor == 1.04)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("counts twice as fast", lambda t: 2 * t, "advances by 2 s"),
        ("declares twice the rate", lambda t: t / 2, "advances by 0.5 s"),
        ("milliseconds as microseconds", lambda t: t / 1000, "advances by 0.001 s"),
        ("microseconds as milliseconds", lambda t: t * 1000, "advances by 1e+03 s"),
        ("stands still", lambda t: 0 * t + 5, "does not advance"),
        ("steps once a second", np.floor, "does not advance"),
        ("each time twice", lambda t: np.floor(t * 30) / 30, "does not advance"),
        ("random", lambda t: np.random.default_rng(0).uniform(0, 1e3, len(t)), "does not advance"),
        ("no number", lambda t: t * np.nan, "no number"),
        ("infinite", lambda t: t + np.inf, "no number"),
        ("out of range", lambda t: t * 0 - 1e300, "no number"),
    ],
)
def test_faces_of_a_time_that_is_of_no_use_are_timed_by_their_arrival(name, change, told):
    packets = even(hz=60.0)
    packets.device, packets.numbers = change(packets.true), None
    stream, times = receive(packets, FaceSample)
    settled = packets.true > 5
    assert np.abs(times - packets.arrival)[settled].max() < 1e-3 and (np.diff(times[settled]) > 0).all()
    notes = [note for note in stream.pop_notes() if told in note]
    assert len(notes) == 1 and (told in stream.fault or told == "no number")


def test_one_stamp_that_is_far_off_does_not_move_the_clock():
    packets = even()
    packets.device[500], packets.device[900] = 9e9, -5e5
    stream, times = receive(packets)
    assert stream.clock.restarts == 0 and np.abs(times - packets.true).max() <= 0.02


def test_a_recording_says_which_device_had_a_time_of_no_use(bridge, clock, tmp_path):
    async def work(hub):
        hub.commands.record("take")
        for k in range(600):
            clock.time += 1 / 60
            hub.receive("livelinkface", FaceSample("phone", {"jawOpen": 0.5}, float(k // 60)))
        return await hub.commands.stop_recording()

    result = bridge(work, clock=clock)
    assert [text for text in result["quality"] if text.startswith("phone: its time does not advance")]
    assert "phone: its time does not advance" in read_summary(tmp_path / "take.mcap").metadata["quality"]


@pytest.mark.parametrize("seconds", [-0.2, -0.1])
def test_a_clock_that_loses_less_than_a_quarter_of_a_second_is_right_again_within_3_s_and_told(seconds):
    packets = even()
    jump(packets, seconds)
    stream = assert_back_within_3_s(packets)
    assert stream.clock.restarts == 1 and any("began anew" in note for note in stream.pop_notes())


@pytest.mark.parametrize("seed", range(5))
def test_a_device_that_begins_anew_with_any_number_is_back_within_3_s_although_packets_overtake_one_another(seed):
    packets = even(seed=seed)
    packets.arrival = packets.true + 0.002 + np.random.default_rng(seed).exponential(0.008, len(packets.true))
    again = packets.true >= EVENT_S
    packets.device = np.where(again, packets.true - EVENT_S, packets.device)
    packets.numbers = np.where(again, packets.numbers - packets.numbers[again.argmax()] + 300, packets.numbers)
    _, times = receive(packets)
    settled = packets.true > EVENT_S + 3.0
    assert not np.isnan(times[settled]).any() and np.abs(times - packets.true)[settled].max() <= 0.02
