"""Motion of the eyes: conjugate saccades and pursuit, lids that follow the gaze, blinks."""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from .style import PerformerStyle
from .timeline import CHANNEL_INDEX, Timeline, minimum_jerk, weight_row

_LID_SMOOTHING_S = 0.1  # lids lag a saccade of 30 ms


def add_gaze(
    timeline: Timeline, style: PerformerStyle, rng: np.random.Generator, *, gaze_spread: float | None = None
) -> None:
    """Gaze over the whole timeline: fixations, saccades of 30 to 60 ms, at times a slow pursuit; lids follow.

    `spread` is the standard deviation of the gaze in weights, random by default.
    """
    t = timeline.time
    yaw, pitch, at = np.zeros(len(t)), np.zeros(len(t)), 0.0
    spread, fixation_s = rng.uniform(0.05, 0.4), rng.uniform(0.4, 1.8)
    spread = spread if gaze_spread is None else gaze_spread
    while at < timeline.seconds:
        first = int(at * timeline.rate)
        progress = minimum_jerk(
            (t[first:] - at) / (rng.uniform(0.6, 2.0) if rng.uniform() < 0.12 else rng.uniform(0.03, 0.07))
        )
        amplitude = 2.0 if rng.uniform() < 0.1 else 1.0
        yaw[first:] += progress * (rng.normal(0, spread * amplitude) - yaw[-1])
        pitch[first:] += progress * (rng.normal(-0.05, 0.7 * spread * amplitude) - pitch[-1])
        at += rng.exponential(fixation_s) + 0.15
    yaw, pitch = np.clip(yaw, -1, 1), np.clip(pitch, -1, 1)
    for name, weights in (
        ("eyeLookOutLeft", yaw),
        ("eyeLookInRight", yaw),
        ("eyeLookInLeft", -yaw),
        ("eyeLookOutRight", -yaw),
        ("eyeLookUpLeft", pitch),
        ("eyeLookUpRight", pitch),
        ("eyeLookDownLeft", -pitch),
        ("eyeLookDownRight", -pitch),
    ):
        timeline.values[:, CHANNEL_INDEX[name]] += np.clip(weights, 0, 1)
    lid_pitch = uniform_filter1d(pitch, max(round(_LID_SMOOTHING_S * timeline.rate), 1), mode="nearest")
    lid_closing = rng.uniform(0.2, 0.5) * np.clip(-lid_pitch, 0, 1)
    lid_widening = rng.uniform(0.1, 0.4) * np.clip(lid_pitch, 0, 1)
    for side in ("Left", "Right"):
        timeline.values[:, CHANNEL_INDEX[f"eyeBlink{side}"]] += lid_closing
        timeline.values[:, CHANNEL_INDEX[f"eyeWide{side}"]] += lid_widening


def add_blinks(timeline: Timeline, style: PerformerStyle, rng: np.random.Generator) -> None:
    """Blinks over the whole timeline: full, half and double ones, rarely a wink; they override wide eyes."""
    at, mean_interval = rng.uniform(0.2, 2.0), rng.uniform(1.2, 5.0)
    while at < timeline.seconds - 0.4:
        depth = rng.uniform(0.85, 1.0) if rng.uniform() < 0.85 else rng.uniform(0.25, 0.7)
        apex = weight_row({"eyeBlinkLeft": depth, "eyeBlinkRight": depth * rng.uniform(0.95, 1.03)})
        if rng.uniform() < 0.04:
            apex[CHANNEL_INDEX["eyeBlinkLeft" if rng.uniform() < 0.5 else "eyeBlinkRight"]] *= 0.3
        closed_s = rng.uniform(0.3, 1.5) if rng.uniform() < 0.06 else rng.uniform(0.0, 0.06)
        channels = np.flatnonzero(apex)
        closing_s, opening_s = rng.uniform(0.085, 0.13), rng.uniform(0.12, 0.25)  # real takes close at up to 29 /s
        first, last = (
            int(at * timeline.rate),
            min(int((at + closing_s + closed_s + opening_s) * timeline.rate) + 2, len(timeline.time)),
        )
        t = timeline.time[first:last] - at
        shape = minimum_jerk(t / closing_s) * (1 - minimum_jerk((t - closing_s - closed_s) / opening_s))
        for k in channels:
            timeline.values[first:last, k] = np.maximum(timeline.values[first:last, k], apex[k] * shape)
        for side in ("Left", "Right"):
            timeline.values[first:last, CHANNEL_INDEX[f"eyeWide{side}"]] *= 1 - shape
        at += 0.25 if rng.uniform() < 0.08 else rng.exponential(mean_interval) + 0.5
