import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.take import audio

RATE = audio.RATE


@pytest.fixture(scope="module")
def song():
    return made_up(0, 60)


def made_up(seed, seconds):
    """Notes with harmonics and noisy attacks."""
    rng = np.random.default_rng(seed)
    out, at = np.zeros(seconds * RATE), 0.0
    while at < seconds - 0.7:
        begin, length = int(at * RATE), int(rng.uniform(0.15, 0.6) * RATE)
        t, pitch = np.arange(length) / RATE, rng.choice([110, 147, 165, 220, 262, 330, 392, 440])
        out[begin : begin + length] += sum(
            np.sin(2 * np.pi * pitch * h * t + rng.uniform(0, 6)) / h for h in range(1, 9)
        ) * np.exp(-4 * t)
        if rng.random() < 0.5:
            out[begin : begin + 800] += rng.normal(0, 1, 800) * np.exp(-np.arange(800) / 200)
        at += rng.choice([0.25, 0.375, 0.5]) * rng.uniform(0.93, 1.07)
    return out / np.abs(out).max()


def heard(song, offset, ppm, seconds, noise_db, seed=1):
    """What a phone hears of the song in a room: echoes, noise, a clock of its own."""
    rng = np.random.default_rng(seed)
    at = (np.arange(int(seconds * RATE)) / RATE - offset) / (1 + ppm * 1e-6)
    out = np.interp(at, np.arange(len(song)) / RATE, song, left=0, right=0)
    echo = rng.normal(0, 0.03, RATE // 2) * np.exp(-np.arange(RATE // 2) / (0.12 * RATE))
    echo[0] = 1.0
    out = np.convolve(out, echo)[: len(out)]
    return out / out.std() + rng.normal(0, 10 ** (noise_db / 20), len(out))


@pytest.mark.parametrize(
    ("offset", "ppm", "seconds", "noise_db"),
    [(-20.0, 0, 30, -10), (-10.123, 50, 45, -6), (5.5, -80, 60, -3), (-30.0, 0, 12, 0)],
)
def test_a_take_finds_its_place_in_a_song_to_milliseconds_in_a_noisy_room(song, offset, ppm, seconds, noise_db):
    found = audio.align(heard(song, offset, ppm, seconds, noise_db), song)
    for b in (max(-offset, 0.0), max(-offset, 0.0) + (seconds - max(offset, 0.0)) * 0.9):  # at both ends of the overlap
        assert abs((1 + found.drift_ppm * 1e-6) * b + found.offset_s - (1 + ppm * 1e-6) * b - offset) < 0.003
    assert found.confidence > 0.6


def test_another_song_is_refused(song):
    with pytest.raises(InnerfaceError, match="do not match"):
        audio.align(made_up(7, 30), song)


@pytest.mark.parametrize("wrong", [np.zeros(RATE * 5), np.zeros(100), np.random.default_rng(0).normal(size=RATE // 2)])
def test_silence_and_snippets_are_told_in_one_line(song, wrong):
    with pytest.raises(InnerfaceError) as told:
        audio.align(wrong, song)
    assert "\n" not in str(told.value)


def test_noise_alone_is_refused(song):
    with pytest.raises(InnerfaceError, match="do not match"):
        audio.align(np.random.default_rng(3).normal(size=20 * RATE), song)
