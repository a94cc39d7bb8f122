"""Search for the turn span (nod and shake of the head) and the neutral span (relaxed face) in a take.

Neither needs headings: rates about the vertical, and about any horizontal axis, are equal in every world with the same
up axis. While the face is relaxed all sensors turn as one, which distinguishes a nod from a performance.
"""

from __future__ import annotations

import warnings
from typing import cast

import numpy as np
from scipy.ndimage import uniform_filter1d  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from ..arrays import Array
from ..errors import InnerfaceError
from ..numerics import quaternion as quat
from ..rates import FRAME_RATE

Span = tuple[float, float]  # seconds from the take's first row


class NoTurnError(InnerfaceError):
    """The take holds no nod and shake; in a stream one may still come."""


_STEP_FRAMES = 3  # frames on either side of a rate
_WINDOW_S = 4.5  # length of a nod and a shake
_PAUSE_S, _MARGIN_S = 0.4, 1.0  # pauses within a turn, and how far it may reach beyond the window
_MIN_SPEED_SHARE = 0.5  # of the turn's rate; what follows more slowly is sway of the performance
_MIN_TURN_DEG = 6.0  # amplitude of nod and shake that calibration needs
_RIGID_RATIO = 0.35  # rates of face sites may differ from the head's by this share while the face is relaxed
_STILL_DPS = 12.0  # a relaxed performer's head and face turn more slowly than this, degrees per second
_NEUTRAL_S = (0.5, 4.0)  # shortest and longest neutral span
_ORDINARY_S = (15.0, 40.0)  # least and most ordinary motion that replaces a nod and shake
_SEARCH_S = 8.0  # the neutral lies within this of the turn


def angular_rates(rotation: Array, step: int = _STEP_FRAMES) -> Array:
    """Angular rates (T, S, 3) rad/s in the world, by central differences over +- `step` frames; NaN at the ends."""
    out = np.full((*rotation.shape[:2], 3), np.nan)
    if len(rotation) > 2 * step:
        turn = quat.multiply(rotation[2 * step :], quat.conjugate(rotation[: -2 * step]))
        out[step:-step] = quat.to_rotvec(turn) * (FRAME_RATE / (2 * step))
    return out


def _nanmedian(values: Array, axis: int) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # frames without any sample
        return np.nanmedian(values, axis=axis)


def _window_means(values: Array, width: int) -> Array:
    """Mean of every window of `width` frames (T - width + 1,), missing frames as 0."""
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values))])
    return (total[width:] - total[:-width]) / width


def find_turn(rotation: Array) -> Span:
    """Find the nod and shake in rotations (T, S, 4) with y up. Raises NoTurnError where there is none."""
    omega = angular_rates(rotation)
    vertical, horizontal = omega[..., 1], np.linalg.norm(omega[..., [0, 2]], axis=-1)
    head_v, head_h = _nanmedian(vertical, 1), _nanmedian(horizontal, 1)  # the head is what most sites agree on
    disagreement = _nanmedian(np.hypot(vertical - head_v[:, None], horizontal - head_h[:, None]), 1)
    width = min(int(_WINDOW_S * FRAME_RATE), len(rotation))
    shake, nod, nonrigid = (_window_means(x**2, width) for x in (head_v, head_h, disagreement))
    rigid = nonrigid < _RIGID_RATIO**2 * (shake + nod)
    score = np.where(rigid, np.sqrt(np.minimum(shake, nod)), 0.0)
    # a nod or shake of a degrees and period 2 s has a mean square rate of (a pi)^2 / 2
    needed = np.radians(_MIN_TURN_DEG) * np.pi / np.sqrt(2) / 2
    if not len(score) or score.max() < needed:
        raise NoTurnError(
            "no nod and shake of the head with a relaxed face was found in the take; give --turn START:END, "
            "or record again: relax, nod, shake the head, then perform"
        )
    # calibration comes first in a take: the earliest good window, moved to the best one near it
    start = int(np.argmax(score >= max(0.6 * score.max(), needed)))
    upcoming = score[start : start + width]
    start += int(upcoming.argmax())
    # the span holds the fast and rigid frames around there; short pauses are allowed
    speed = np.nan_to_num(np.hypot(head_v, head_h))
    smooth_disagreement = cast(Array, uniform_filter1d(np.nan_to_num(disagreement), 15))
    fast = np.flatnonzero(
        (speed > _MIN_SPEED_SHARE * score[start])
        & (smooth_disagreement < _RIGID_RATIO * np.maximum(speed, score[start]))
    )
    core = fast[(fast >= start) & (fast < start + width)]
    if not len(core):
        core = np.array([start, start + width - 1])
    margin = int(_MARGIN_S * FRAME_RATE)
    fast = fast[(fast >= start - margin) & (fast < start + width + margin)]
    parts = np.split(fast, np.flatnonzero(np.diff(fast) > _PAUSE_S * FRAME_RATE) + 1)
    parts = [p for p in parts if len(p) and p[-1] >= core[0] and p[0] <= core[-1]]
    first, last = (int(parts[0][0]), int(parts[-1][-1])) if parts else (int(core[0]), int(core[-1]))
    return max(first - 6, 0) / FRAME_RATE, min(last + 6, len(rotation) - 1) / FRAME_RATE


def find_ordinary_motion(rotation: Array, neutral: Span | None) -> tuple[Span, Span] | None:
    """The relaxed face and what follows it, in a take (T, S, 4) without a nod; None where there is too little.

    The relaxed face is `neutral`, or the first still span near the beginning.
    """
    try:
        relaxed = neutral or find_neutral(rotation, (0.0, 0.0))
    except InnerfaceError:
        return None
    end = min(relaxed[1] + _ORDINARY_S[1], (len(rotation) - 1) / FRAME_RATE)
    return (relaxed, (relaxed[1], end)) if end - relaxed[1] >= _ORDINARY_S[0] else None


def find_neutral(rotation: Array, turn: Span) -> Span:
    """Find the still span next to the turn, preferably before it, in rotations (T, S, 4).

    A held expression is still, too, so spans further away are not accepted. Raises InnerfaceError where the performer
    did not keep still near the turn.
    """
    speed = np.degrees(np.linalg.norm(angular_rates(rotation), axis=-1))
    fastest = np.percentile(np.nan_to_num(speed), 80, axis=1)  # a single restless or missing sensor does not matter
    still = (fastest < _STILL_DPS) & ~np.isnan(speed).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], still, [False]]).astype(np.int8)))
    begin, end = turn[0] * FRAME_RATE, turn[1] * FRAME_RATE
    best: tuple[float, Span] | None = None
    for a, b in edges.reshape(-1, 2):
        a, b = int(a), int(b)
        if a < begin:  # before the turn: its end counts
            b = min(b, int(begin))
            a, distance, after_penalty = max(a, b - int(_NEUTRAL_S[1] * FRAME_RATE)), begin - b, 0.0
        else:
            a = max(a, int(end))
            b, distance, after_penalty = min(b, a + int(_NEUTRAL_S[1] * FRAME_RATE)), a - end, 1.0
        length = (b - a) / FRAME_RATE
        if length < _NEUTRAL_S[0] or distance > _SEARCH_S * FRAME_RATE:
            continue
        score = min(length, 2.0) - after_penalty - 0.25 * distance / FRAME_RATE
        if best is None or score > best[0]:
            best = score, (a / FRAME_RATE, (b - 1) / FRAME_RATE)
    if best is None:
        raise InnerfaceError(
            f"no still span of {_NEUTRAL_S[0]:g} s was found next to the nod and shake (at {turn[0]:.1f} s); "
            "give --neutral START:END, or record again with a relaxed face before the nod"
        )
    return best[1]
