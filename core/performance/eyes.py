"""Eyes: saccades and pursuit with both eyes together, lids that follow the gaze, blinks."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from .canvas import INDEX, Canvas, rise, row
from .style import Style

_LIDS_S = 0.1  # lids follow a saccade, but not in its 30 ms


def look(canvas: Canvas, who: Style, rng: np.random.Generator, far: float | None = None) -> None:
    """Gaze over the whole canvas: fixations, saccades of 30 to 60 ms, now and then a slow pursuit; lids lower with it. `far`: sd of how far they look, of a
    full weight; drawn if not given."""
    t = canvas.time
    yaw, pitch, at = np.zeros(len(t)), np.zeros(len(t)), 0.0
    spread, pace = rng.uniform(0.05, 0.4), rng.uniform(0.4, 1.8)
    spread = spread if far is None else far
    while at < canvas.seconds:
        first = int(at * canvas.rate)
        move = rise((t[first:] - at) / (rng.uniform(0.6, 2.0) if rng.uniform() < 0.12 else rng.uniform(0.03, 0.07)))
        farther = 2.0 if rng.uniform() < 0.1 else 1.0
        yaw[first:] += move * (rng.normal(0, spread * farther) - yaw[-1])
        pitch[first:] += move * (rng.normal(-0.05, 0.7 * spread * farther) - pitch[-1])
        at += rng.exponential(pace) + 0.15
    yaw, pitch = np.clip(yaw, -1, 1), np.clip(pitch, -1, 1)
    for name, part in (
        ("eyeLookOutLeft", yaw), ("eyeLookInRight", yaw), ("eyeLookInLeft", -yaw), ("eyeLookOutRight", -yaw),
        ("eyeLookUpLeft", pitch), ("eyeLookUpRight", pitch), ("eyeLookDownLeft", -pitch), ("eyeLookDownRight", -pitch),
    ):  # fmt: skip
        canvas.values[:, INDEX[name]] += np.clip(part, 0, 1)
    slow = uniform_filter1d(pitch, max(round(_LIDS_S * canvas.rate), 1), mode="nearest")
    lids = rng.uniform(0.2, 0.5) * np.clip(-slow, 0, 1)
    wide = rng.uniform(0.1, 0.4) * np.clip(slow, 0, 1)
    for side in ("Left", "Right"):
        canvas.values[:, INDEX[f"eyeBlink{side}"]] += lids
        canvas.values[:, INDEX[f"eyeWide{side}"]] += wide


def blink(canvas: Canvas, who: Style, rng: np.random.Generator) -> None:
    """Blinks over the whole canvas: whole, half and double ones, rarely a wink; they hide wide eyes."""
    at, every = rng.uniform(0.2, 2.0), rng.uniform(1.2, 5.0)
    while at < canvas.seconds - 0.4:
        depth = rng.uniform(0.85, 1.0) if rng.uniform() < 0.85 else rng.uniform(0.25, 0.7)
        apex = row({"eyeBlinkLeft": depth, "eyeBlinkRight": depth * rng.uniform(0.95, 1.03)})
        if rng.uniform() < 0.04:
            apex[INDEX["eyeBlinkLeft" if rng.uniform() < 0.5 else "eyeBlinkRight"]] *= 0.3
        closed = rng.uniform(0.3, 1.5) if rng.uniform() < 0.06 else rng.uniform(0.0, 0.06)
        mask = np.flatnonzero(apex)
        close, open_ = rng.uniform(0.085, 0.13), rng.uniform(0.12, 0.25)  # the fastest real take closes at 29 /s
        first, last = int(at * canvas.rate), min(int((at + close + closed + open_) * canvas.rate) + 2, len(canvas.time))
        t = canvas.time[first:last] - at
        shape = rise(t / close) * (1 - rise((t - close - closed) / open_))
        for k in mask:
            canvas.values[first:last, k] = np.maximum(canvas.values[first:last, k], apex[k] * shape)
        for side in ("Left", "Right"):
            canvas.values[first:last, INDEX[f"eyeWide{side}"]] *= 1 - shape
        at += 0.25 if rng.uniform() < 0.08 else rng.exponential(every) + 0.5
