import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.server.clock import DeviceClock, SequenceCounter


def heard(seconds, rate, drift_ppm, delay, seed=0, start=1234.5):
    """Device times, the hub's true times, and arrivals of packets that are held up by `delay(rng, n)` s."""
    rng = np.random.default_rng(seed)
    true = np.arange(int(seconds * rate)) / rate + 50.0
    device = start + (true - true[0]) * (1 + drift_ppm * 1e-6)
    return device, true, true + delay(rng, len(true))


def test_jitter_is_taken_out_and_drift_found():
    device, true, arrival = heard(120, 100, 150.0, lambda rng, n: 0.004 + np.abs(rng.normal(0, 0.008, n)))
    clock = DeviceClock()
    said = np.array([clock.to_hub_time(d, a) for d, a in zip(device, arrival)])
    late = slice(30 * 100, None)
    error = (said - true)[late] - 0.004  # the quickest packet's delay is the clock's own
    assert np.abs(error).max() < 2e-3 and np.std(error) < 6e-4
    assert np.std((arrival - true)[late]) > 4e-3  # what it was before
    assert clock.drift_ppm == pytest.approx(-150, abs=25)


def test_time_never_runs_backwards_and_steps_are_the_devices():
    device, _, arrival = heard(60, 100, -300.0, lambda rng, n: 0.002 + rng.exponential(0.01, n), seed=3)
    clock = DeviceClock()
    said = np.array([clock.to_hub_time(d, a) for d, a in zip(device, arrival)])
    assert (np.diff(said) > 0).all() and np.abs(np.diff(said)[500:] - 0.01).max() < 5e-4


def test_bursts_that_were_held_up_keep_their_own_times():
    def delay(rng, n):
        out = np.full(n, 0.003)
        out[3000:3020] += np.linspace(0.2, 0.0, 20)  # the network stalled, then everything came at once
        return out

    device, true, arrival = heard(40, 100, 0.0, delay)
    clock = DeviceClock()
    said = np.array([clock.to_hub_time(d, a) for d, a in zip(device, arrival)])
    assert np.abs(said - true - 0.003)[200:].max() < 1e-3 and clock.restarts == 0


def test_a_device_that_was_started_again_is_followed_at_once():
    device, true, arrival = heard(20, 100, 0.0, lambda rng, n: 0.003 + rng.exponential(0.002, n))
    device = np.where(np.arange(len(device)) < 1000, device, device - 1238.0)  # its clock counts from 0 again
    clock = DeviceClock()
    said = np.array([clock.to_hub_time(d, a) for d, a in zip(device, arrival)])
    assert clock.restarts == 1 and (np.diff(said) > 0).all() and np.abs(said - true)[1100:].max() < 0.02


def test_a_pause_of_the_device_is_no_restart():
    device, true, arrival = heard(30, 100, 80.0, lambda rng, n: np.full(n, 0.003))
    keep = np.r_[0:1000, 2500:3000]
    clock = DeviceClock()
    said = np.array([clock.to_hub_time(d, a) for d, a in zip(device[keep], arrival[keep])])
    assert clock.restarts == 0 and np.abs(said - true[keep]).max() < 0.01


def test_a_phones_frame_counter_that_is_off_by_two_thousandths_is_followed():
    device, true, arrival = heard(60, 60, 1700.0, lambda rng, n: 0.005 + np.abs(rng.normal(0, 0.004, n)))
    clock = DeviceClock()
    said = np.array([clock.to_hub_time(d, a) for d, a in zip(device, arrival)])
    assert np.abs(said - true - 0.005)[1200:].max() < 4e-3


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e6)), min_size=1, max_size=200))
def test_any_times_give_finite_ones(pairs):
    clock = DeviceClock()
    arrivals = np.sort([a for _, a in pairs])
    assert all(np.isfinite(clock.to_hub_time(d, a)) for (d, _), a in zip(pairs, arrivals))


def test_lost_late_and_repeated_packets_are_told_apart():
    counter = SequenceCounter()
    got = [counter.count(n) for n in (10, 11, 13, 12, 13, 16, 16)]
    assert [new for _, new in got] == [True, True, True, True, False, True, False]
    assert (counter.received, counter.lost, counter.late, counter.repeated) == (
        5,
        2,
        1,
        2,
    ) and counter.loss == pytest.approx(2 / 7)


def test_counters_wrap_and_begin_again():
    counter = SequenceCounter()
    for n in (2**32 - 2, 2**32 - 1, 0, 1):
        counter.count(n)
    assert counter.lost == 0 and counter.received == 4
    counter.count(5_000_000)
    counter.count(5_000_001)
    assert counter.lost == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 0.4), st.integers(0, 5))
def test_what_is_counted_is_what_happened(seed, loss, shuffle):
    rng = np.random.default_rng(seed)
    sent = [n for n in range(400) if rng.uniform() > loss or n in (0, 399)]
    order = sorted(sent[:-1], key=lambda n: n + rng.uniform(0, shuffle)) + sent[-1:]
    counter = SequenceCounter()
    assert all(counter.count(n)[1] for n in order)
    assert counter.received == len(sent) and abs(counter.lost - (400 - len(sent))) <= order[0]
