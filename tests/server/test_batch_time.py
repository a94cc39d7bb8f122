import numpy as np
import pytest
from innerface.server.batch_time import BatchTime


def receive(rate, declared, seconds=40.0, batch_s=0.02, own_time=None, seed=0):
    """Times of the last sample of each batch, and when it was really taken."""
    rng, batches = np.random.default_rng(seed), BatchTime()
    true = np.arange(1, int(seconds / batch_s)) * batch_s
    counts = np.diff(np.floor(np.r_[0.0, true] * rate + 1e-6)).astype(int)
    arrival = true + 0.01 + rng.exponential(0.005, len(true))
    at = arrival if own_time is None else own_time(true)
    times = [batches.push(n, declared, at=t, arrival=a) for n, t, a in zip(counts.tolist(), at, arrival)]
    return batches, np.array(times), true


def test_batches_that_jitter_are_evenly_timed():
    batches, times, _ = receive(250.0, 250.0)
    assert batches.problem == "" and batches.rate is None
    assert np.abs(np.diff(times)[200:] - 0.02).max() < 2e-3


@pytest.mark.parametrize("rate", [500.0, 1000.0, 125.0])
def test_a_nominal_rate_that_is_not_the_real_one_is_told_and_time_does_not_run_away(rate):
    batches, times, true = receive(rate, 250.0)
    assert f"declares 250 samples/s and sends {rate:.3g}" in batches.problem
    assert batches.rate == pytest.approx(rate, rel=0.01)
    assert np.abs(times - true)[true > 8].max() < 0.06 and (np.diff(times) > 0).all()


def test_a_stream_that_loses_a_tenth_keeps_its_rate_and_says_so():
    batches, times, true = receive(225.0, 250.0)
    assert batches.rate is None and "or look for what loses samples" in batches.problem
    assert np.abs(times - true).max() < 0.15


def test_stamps_that_jump_back_do_not_stop_time():
    _, times, _ = receive(250.0, 250.0, own_time=lambda t: t - np.where(t > 20, 50.0, 0.0))
    assert (np.diff(times) > 0).all()
