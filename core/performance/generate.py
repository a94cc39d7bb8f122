"""Performances without end, wide enough to train on: one made-up performer acts, speaks, sings and rests for as long as is asked."""

from __future__ import annotations

import numpy as np

from ..channels import ARKIT, OUTPUT
from ..take import Track
from .acts import ACTS, single
from .canvas import INDEX, Canvas, rise
from .eyes import blink, look
from .style import Style, style

CLOSE_SLACK = 0.06  # real takes close the mouth by so much more than the jaw is open


def generate(seconds: float, rng: np.random.Generator, rate: float = 60.0) -> Track:
    """A weights track of `seconds` at `rate` rows a second, time from 0: (T, 55) weights and head angles (rad) of one random performer."""
    who = style(rng)
    canvas = Canvas(seconds, rate)
    shares = np.array([share for _, share in ACTS]) * rng.gamma(1.0, 1.0, len(ACTS))  # every performance dwells on other acts
    at = rng.uniform(0, 0.5)
    while at < seconds:
        act = ACTS[int(rng.choice(len(ACTS), p=shares / shares.sum()))][0]
        length = rng.uniform(2.0, 9.0)
        act(canvas, at, min(at + length, seconds), who, rng)
        at += length * rng.uniform(0.75, 1.1)
    single(canvas, 0.0, seconds * 0.4 * who.lively, who, rng)  # and things of their own beside
    look(canvas, who, rng)
    blink(canvas, who, rng)
    weights = finish(canvas, who, rng)
    return Track("weights", canvas.time, OUTPUT, np.concatenate([weights, _head(canvas, rng)], axis=1))


def finish(canvas: Canvas, who: Style, rng: np.random.Generator) -> np.ndarray:
    """What is drawn, as this performer's face and a camera's solver would show it: (T, 52)."""
    drawn = canvas.values + canvas.values @ who.along
    drawn = drawn * who.gain
    drawn = 1.06 * np.tanh(np.clip(drawn, 0, None) ** 2.0 / 1.1236) ** 0.5  # straight at first, bent near its end
    out = who.rest + (1 - who.rest) * drawn
    jaw, close = INDEX["jawOpen"], INDEX["mouthClose"]
    out[:, close] = np.minimum(out[:, close], out[:, jaw] + CLOSE_SLACK * rng.uniform(0, 1))
    if who.tremor:
        step = max(int(canvas.rate / 4), 1)
        knots = rng.normal(0, who.tremor, (len(canvas.time) // step + 3, len(ARKIT)))
        at = np.arange(len(canvas.time)) / step
        left = at.astype(int)
        share = rise(at - left)[:, None]
        out += (knots[left] * (1 - share) + knots[left + 1] * share) * (0.3 + np.sqrt(np.clip(out, 0, 1)))
        out += rng.normal(0, 0.15 * who.tremor, out.shape)
    return np.clip(out, -0.02, 1.08)


def _head(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Yaw, pitch, roll (T, 3) rad: sway, turns to look somewhere, nods to a beat, or stillness."""
    t = canvas.time
    out = np.zeros((len(t), 3))
    if rng.uniform() < 0.3:
        return out  # a tripod, as in most recordings with a phone
    size = rng.uniform(0.005, 0.08)
    for axis, share in enumerate((1.0, 0.7, 0.5)):
        for f in (0.12, 0.31, 0.74):
            out[:, axis] += size * share / 2 * np.sin(2 * np.pi * f * rng.uniform(0.8, 1.25) * t + rng.uniform(0, 2 * np.pi))
    for _ in range(rng.poisson(canvas.seconds / 10)):
        at, hold, fast = rng.uniform(0, canvas.seconds), rng.uniform(0.5, 4.0), rng.uniform(0.3, 0.9)
        turn = rng.normal(0, [0.3, 0.15, 0.1])
        out += np.clip(turn, -0.7, 0.7) * (rise((t - at) / fast) - rise((t - at - hold) / fast))[:, None]
    if rng.uniform() < 0.3:
        at = rng.uniform(0, canvas.seconds)
        bars = rise((t - at) / 1.0) * (1 - rise((t - at - rng.uniform(3, 12)) / 1.0))
        out[:, 1] += rng.uniform(0.01, 0.07) * bars * np.sin(2 * np.pi * rng.uniform(1.0, 2.2) * t)
    return out
