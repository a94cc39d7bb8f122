"""More performances out of those at hand: mirrored, warped in time, stronger or weaker, resting differently, spliced.

Every function takes tracks as they are recorded (any rate, rows without a face) and gives new ones at an even rate without gaps.
"""

from __future__ import annotations

import numpy as np

from ..channels import ARKIT, GROUPS, HEAD_ANGLES, OUTPUT, mirrored
from ..resample import linear
from ..take import Track
from .acts import single
from .canvas import INDEX, Canvas, rise
from .generate import CLOSE_SLACK
from .style import style

_FLIP = [OUTPUT.index(mirrored(c)) for c in OUTPUT]
_TURN = np.array([-1.0 if c in ("headYaw", "headRoll") else 1.0 for c in OUTPUT])
_TOGETHER = [[INDEX[c] for g in groups for c in GROUPS[g]] for groups in (("mouth",), ("brow",), ("cheek",), ("mouth", "cheek"))]
_FADE = 40  # frames of a cross-fade between pieces
_REGIONS = (GROUPS["mouth"], GROUPS["brow"], GROUPS["cheek"], GROUPS["eye_left"] + GROUPS["eye_right"], HEAD_ANGLES)


def at_rate(track: Track, rate: float = 60.0) -> Track:
    """The track's 55 channels (OUTPUT) at an even rate, time from 0, gaps bridged, absent channels 0."""
    time = np.arange(max(int(track.duration * rate), 1) + 1) / rate
    values = np.nan_to_num(linear(track.time - track.time[0], track.select(OUTPUT), time))
    return Track("weights", time, OUTPUT, values)


def mirror(track: Track) -> Track:
    """Left for right; the head turns and leans the other way."""
    even = at_rate(track)
    return Track("weights", even.time, OUTPUT, even.values[:, _FLIP] * _TURN)


def time_warp(track: Track, rng: np.random.Generator, slowest: float = 0.7, fastest: float = 1.5) -> Track:
    """Played at a speed that changes smoothly between the two."""
    even = at_rate(track)
    knots = max(int(even.duration / 4) + 2, 2)
    speed = np.exp(rng.uniform(np.log(slowest), np.log(fastest), knots))
    pace = np.interp(even.time, np.linspace(0, even.time[-1], knots), speed)
    when = np.concatenate([[0.0], np.cumsum(2 / (pace[1:] + pace[:-1]) * np.diff(even.time))])  # each original moment comes at
    time = np.arange(int(when[-1] * 60) + 1) / 60
    return Track("weights", time, OUTPUT, linear(when, even.values, time))


def gains(track: Track, rng: np.random.Generator, least: float = 0.6, most: float = 1.4) -> Track:
    """Every channel stronger or weaker, both sides of a pair mostly alike; never beyond 1.08, and mouthClose never gains on the jaw."""
    even = at_rate(track)
    gain = rng.uniform(least, most, len(OUTPUT))
    gain = 0.75 * np.sqrt(gain * gain[_FLIP]) + 0.25 * gain
    gain[OUTPUT.index("mouthClose")] = gain[OUTPUT.index("jawOpen")]
    values = even.values * gain
    values[:, : len(ARKIT)] = np.minimum(values[:, : len(ARKIT)], np.maximum(1.08, even.values[:, : len(ARKIT)]))
    return Track("weights", even.time, OUTPUT, values)


def offset_rest(track: Track, rng: np.random.Generator) -> Track:
    """Another resting face below the same motion: w -> rest + (1 - rest) w."""
    even = at_rate(track)
    rest = np.concatenate([style(rng).rest, np.zeros(len(HEAD_ANGLES))])
    return Track("weights", even.time, OUTPUT, rest + (1 - rest) * even.values)


def actions(track: Track, rng: np.random.Generator) -> Track:
    """Things of their own on top: channels, alone or a few at once, that this performer never moved so. mouthClose stays with the jaw."""
    even = at_rate(track)
    who, canvas = style(rng), Canvas(len(even.time) / 60, 60.0)
    for _ in range(int(rng.integers(1, 4))):
        single(canvas, 0.0, canvas.seconds, who, rng)
    values, added = even.values.copy(), np.zeros((len(even.time), len(ARKIT)))
    rows = min(len(canvas.values), len(added))
    added[:rows] = canvas.values[:rows] * rng.uniform(0.4, 1.0)
    weights = values[:, : len(ARKIT)]
    weights = np.maximum(weights, added) if rng.uniform() < 0.3 else weights + added
    values[:, : len(ARKIT)] = _possible(weights, even.values[:, : len(ARKIT)])
    return Track("weights", even.time, OUTPUT, values)


def habits(track: Track, rng: np.random.Generator) -> Track:
    """Another performer's habits over the same rest: every channel goes further or less far, and draws others of its region along or away, both
    sides mostly alike. mouthClose stays with the jaw."""
    even = at_rate(track)
    weights, n = even.values[:, : len(ARKIT)], len(ARKIT)
    size, draw = rng.uniform(0.0, 0.35), np.zeros((n, n))
    for region in _TOGETHER:
        k = np.array(region)
        draw[np.ix_(k, k)] += rng.normal(0, size, (len(k), len(k))) * (rng.uniform(size=(len(k), len(k))) < 0.12)
    flip, jaw, close = _FLIP[:n], INDEX["jawOpen"], INDEX["mouthClose"]
    other = draw[np.ix_(flip, flip)]
    draw = 0.65 * (draw + other) + 0.25 * (draw - other)
    np.fill_diagonal(draw, 0.0)
    draw[:, jaw] *= 0.3
    draw[close], draw[:, close] = 0.0, 0.0
    gain = np.exp(rng.normal(0, 0.35, n))
    gain = np.sqrt(gain * gain[flip]) * (gain / gain[flip]) ** 0.12
    gain[close] = gain[jaw]
    rest = np.percentile(weights, 5, axis=0)
    active = weights - rest
    out = rest + (active + np.clip(active, 0, None) @ draw) * gain
    values = even.values.copy()
    values[:, :n] = _possible(out, weights)
    return Track("weights", even.time, OUTPUT, values)


def _possible(weights: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Weights (T, 52) in range, the mouth no farther closed than the jaw is open and a little, or than it was `before` (T, 52)."""
    close, jaw = INDEX["mouthClose"], INDEX["jawOpen"]
    out = np.clip(weights, -0.02, np.maximum(1.08, before))
    out[:, close] = np.minimum(out[:, close], out[:, jaw] + np.maximum(CLOSE_SLACK, before[:, close] - before[:, jaw]))
    return out


def splice(tracks: list[Track], rng: np.random.Generator, seconds: float) -> Track:
    """`seconds` put together from pieces of the tracks: the mouth of one with the brows, cheeks, eyes and head of others, cross-faded."""
    even = [at_rate(t) for t in tracks]
    time = np.arange(max(int(seconds * 60), 2)) / 60
    out = np.zeros((len(time), len(OUTPUT)))
    for region in _REGIONS:
        columns = [OUTPUT.index(c) for c in region]
        at = 0
        while at < len(time):
            source = even[int(rng.integers(len(even)))]
            length = int(rng.uniform(3.0, 12.0) * 60)
            first = int(rng.integers(max(len(source.time) - length, 1)))
            piece = source.values[first : first + length][: len(time) - at, columns]
            share = np.ones((len(piece), 1)) if at == 0 else rise(np.arange(len(piece)) / _FADE)[:, None]
            before = out[at : at + len(piece), columns]
            out[at : at + len(piece), columns] = before * (1 - share) + piece * share
            end = at + len(piece)
            out[end:, columns] = out[end - 1, columns]  # held, for the next piece to fade from
            at = max(end - _FADE, at + 1) if end < len(time) else end
    return Track("weights", time, OUTPUT, out)
