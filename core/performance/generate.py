"""Random performances of any length for training: expressions, speech, song and rest of one synthetic performer."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT, OUTPUT_CHANNELS
from ..take import Track, TrackKind
from .actions import ACTIONS, single_channels
from .eyes import add_blinks, add_gaze
from .style import PerformerStyle, random_style
from .timeline import CHANNEL_INDEX, Timeline, minimum_jerk

MOUTH_CLOSE_TOLERANCE = 0.06  # by which mouthClose exceeds jawOpen in real takes


def generate(seconds: float, rng: np.random.Generator, rate: float = 60.0) -> Track:
    """Weights and head angles (rad) of a random performer, (T, 55), for `seconds` at `rate` Hz from time 0."""
    who = random_style(rng)
    timeline = Timeline(seconds, rate)
    # every performance favours other actions
    action_shares = np.array([share for _, share in ACTIONS]) * rng.gamma(1.0, 1.0, len(ACTIONS))
    at = rng.uniform(0, 0.5)
    while at < seconds:
        add_action = ACTIONS[int(rng.choice(len(ACTIONS), p=action_shares / action_shares.sum()))][0]
        length = rng.uniform(2.0, 9.0)
        add_action(timeline, at, min(at + length, seconds), style=who, rng=rng)
        at += length * rng.uniform(0.75, 1.1)
    single_channels(timeline, 0.0, seconds * 0.4 * who.activity, style=who, rng=rng)  # and independent channels on top
    add_gaze(timeline, who, rng)
    add_blinks(timeline, who, rng)
    weights = apply_style(timeline, who, rng)
    return Track(
        TrackKind.WEIGHTS,
        timeline.time,
        OUTPUT_CHANNELS,
        np.concatenate([weights, _head_angles(timeline, rng)], axis=1),
    )


def apply_style(timeline: Timeline, style: PerformerStyle, rng: np.random.Generator) -> Array:
    """Weights (T, 52) as a camera's solver would report the timeline of this performer."""
    weights = timeline.values + timeline.values @ style.coupling
    weights = weights * style.gain
    weights = (
        1.06 * np.tanh(np.clip(weights, 0, None) ** 2.0 / 1.1236) ** 0.5
    )  # linear at first, saturating near its end
    out = style.rest + (1 - style.rest) * weights
    jaw, close = CHANNEL_INDEX["jawOpen"], CHANNEL_INDEX["mouthClose"]
    out[:, close] = np.minimum(out[:, close], out[:, jaw] + MOUTH_CLOSE_TOLERANCE * rng.uniform(0, 1))
    if style.tremor:
        step = max(int(timeline.rate / 4), 1)
        knots = rng.normal(0, style.tremor, (len(timeline.time) // step + 3, len(ARKIT)))
        at = np.arange(len(timeline.time)) / step
        knot = at.astype(int)
        blend = minimum_jerk(at - knot)[:, None]
        out += (knots[knot] * (1 - blend) + knots[knot + 1] * blend) * (0.3 + np.sqrt(np.clip(out, 0, 1)))
        out += rng.normal(0, 0.15 * style.tremor, out.shape)
    return np.clip(out, -0.02, 1.08)


def _head_angles(timeline: Timeline, rng: np.random.Generator) -> Array:
    """Yaw, pitch, roll (T, 3) rad: sway, turns, nods to a beat, or none."""
    t = timeline.time
    out = np.zeros((len(t), 3))
    if rng.uniform() < 0.3:
        return out  # as in most recordings with a phone on a tripod
    sway = rng.uniform(0.005, 0.08)
    for axis, share in enumerate((1.0, 0.7, 0.5)):
        for f in (0.12, 0.31, 0.74):
            out[:, axis] += (
                sway * share / 2 * np.sin(2 * np.pi * f * rng.uniform(0.8, 1.25) * t + rng.uniform(0, 2 * np.pi))
            )
    for _ in range(rng.poisson(timeline.seconds / 10)):
        at, hold, turn_s = rng.uniform(0, timeline.seconds), rng.uniform(0.5, 4.0), rng.uniform(0.3, 0.9)
        turn = rng.normal(0, [0.3, 0.15, 0.1])
        out += (
            np.clip(turn, -0.7, 0.7)
            * (minimum_jerk((t - at) / turn_s) - minimum_jerk((t - at - hold) / turn_s))[:, None]
        )
    if rng.uniform() < 0.3:
        at = rng.uniform(0, timeline.seconds)
        nod_envelope = minimum_jerk((t - at) / 1.0) * (1 - minimum_jerk((t - at - rng.uniform(3, 12)) / 1.0))
        out[:, 1] += rng.uniform(0.01, 0.07) * nod_envelope * np.sin(2 * np.pi * rng.uniform(1.0, 2.2) * t)
    return out
