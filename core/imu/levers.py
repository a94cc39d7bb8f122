"""Lever arms of sensors from accelerations in the nod and shake; from them front and back, and swapped sites."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..numerics import quaternion as quat
from ..numerics.assignment import assign
from .kinematics import Calibration, head_acceleration_tensor, lever_accelerations, relative_acceleration
from .signal import ImuSignal

_LEVER_PRIOR_SD_M = 0.01  # of most sensors' distance from their sites in the layout
_MAX_LEVER_SD_M = 0.02  # levers that are measured better than this can reveal swapped sites
_CORRELATION_FACTOR = 6.0  # accelerations of neighbouring frames share their errors
_MIN_LEVER_FRAMES = 10
_MAX_REVERSED_RATIO = 0.8  # of the residual, for a head seen from behind to be accepted
_G_SCALE_RANGE = (0.07, 0.14)  # of levers that are measured in g instead of m/s^2
# A swap must reduce the squared distances to this share, from at least so many metres to at most so many.
_MAX_SWAP_RATIO, _MIN_SWAP_DISTANCE_M, _MAX_SWAP_RESIDUAL_M = 0.3, 0.05, 0.035
_MAX_SWAP_COST_M = 0.1


def varying_accelerations(
    calibration: Calibration, frames: ImuSignal, head: Array, *, rows: slice
) -> tuple[Array, Array]:
    """Relative accelerations (T, S, 3) and the head's acceleration tensor (T, 3, 3) in some rows, without their means.

    `frames`: the calibration's sites, at FRAME_RATE; `head`: orientation of the reference in all rows.
    """
    corrected = quat.multiply(quat.about_axis(1, calibration.heading), frames.rotation)
    tensor = head_acceleration_tensor(calibration, head[rows])
    relative = relative_acceleration(
        calibration,
        corrected=corrected[rows],
        acceleration=frames.acceleration[rows],
        head=head[rows],
        tensor=tensor,
    )
    return relative - cast(Array, np.nanmean(relative, axis=0)), tensor - cast(Array, np.nanmean(tensor, axis=0))


def fit_levers(
    calibration: Calibration, frames: ImuSignal, head: Array, *, turn_rows: slice, levers: Array
) -> Calibration:
    """Fit the levers to the turn span; check front and back, and find swapped sites.

    Levers are used where subtracting their accelerations reduces the residual. Raises InnerfaceError where linear
    accelerations are in g.

    Parameters
    ----------
    calibration : without levers
    frames : the calibration's sites, at FRAME_RATE
    head : (T, 4), orientation of the reference
    turn_rows : rows of the turn span
    levers : (S, 3) m, from the reference, by the layout
    """
    notes: list[str] = []
    relative, tensor = varying_accelerations(calibration, frames, head, rows=turn_rows)
    centroid = (
        0.0 if calibration.reference >= 0 else (calibration.upper[:, None] * levers).sum(0) / calibration.upper.sum()
    )
    levers = levers - centroid

    def residual(lever_arms: Array, s: list[int]) -> float:
        return float(np.nansum((relative[:, s] - lever_accelerations(tensor, lever_arms[s])) ** 2))

    face = calibration.face_indices
    error_without_levers = residual(np.zeros_like(levers), face)
    reversed_levers = levers * [-1.0, 1.0, -1.0]  # of the head seen from behind
    if residual(reversed_levers, face) < _MAX_REVERSED_RATIO * min(residual(levers, face), error_without_levers):
        notes.append(
            "the nod began with the chin going up; front and back were distinguished by the sensors' accelerations"
        )
        calibration = replace(calibration, axes=quat.multiply(quat.about_axis(1, np.pi), calibration.axes))
        relative, tensor = relative * [-1.0, 1.0, -1.0], tensor * np.outer([-1.0, 1.0, -1.0], [-1.0, 1.0, -1.0])
    fitted, unconstrained = levers.copy(), np.full_like(levers, np.nan)
    known_rows = ~np.isnan(tensor).any((1, 2))
    for s in face:
        usable = known_rows & ~np.isnan(relative[:, s]).any(-1)
        if usable.sum() < _MIN_LEVER_FRAMES:
            continue  # the layout's lever stays
        m, a = tensor[usable].reshape(-1, 3), relative[usable, s].reshape(-1)
        best = cast(Array, np.linalg.lstsq(m, a, rcond=None)[0])
        noise = _CORRELATION_FACTOR * float(((a - m @ best) ** 2).mean()) + 1e-9
        normal, moment = m.T @ m / noise, m.T @ a / noise
        if np.linalg.eigvalsh(normal)[0] > 1 / _MAX_LEVER_SD_M**2:
            unconstrained[s] = best
        fitted[s] = np.linalg.solve(
            normal + np.eye(3) / _LEVER_PRIOR_SD_M**2, moment + levers[s] / _LEVER_PRIOR_SD_M**2
        )
    renamed = _find_swapped_sites(calibration, unconstrained, levers)
    levers_help = residual(fitted, face) < error_without_levers
    if frames.linear and levers_help:
        scale = float(
            np.nansum(unconstrained * levers) / max(np.nansum(np.where(np.isnan(unconstrained), 0, levers**2)), 1e-9)
        )
        if _G_SCALE_RANGE[0] < scale < _G_SCALE_RANGE[1]:
            raise InnerfaceError(
                f"linear accelerations are {1 / scale:.0f} times too small for the head's rotation: they look like g; "
                "multiply them by 9.80665"
            )
    return replace(
        calibration,
        levers=fitted + centroid,
        use_levers=levers_help,
        renamed=renamed,
        notes=(*calibration.notes, *notes),
    )


def _find_swapped_sites(calibration: Calibration, unconstrained: Array, levers: Array) -> dict[str, str]:
    """Names of sites whose levers match another site's better, and the correct names.

    `unconstrained` (S, 3): levers without the layout as a prior, NaN where they are not known well.
    """
    known = [s for s in calibration.face_indices if np.isfinite(unconstrained[s]).all()]
    if len(known) < 2:
        return {}
    common_offset = np.median(unconstrained[known] - levers[known], axis=0)  # error of the reference's own place
    squared_distance = ((unconstrained[known][:, None] - common_offset - levers[known][None]) ** 2).sum(-1)
    pairs = assign(np.minimum(squared_distance, _MAX_SWAP_COST_M**2))
    reassigned = [(known[a], known[b]) for a, b in pairs if a != b]
    swaps = [
        (a, b)
        for a, b in reassigned
        if squared_distance[known.index(a), known.index(a)] > _MIN_SWAP_DISTANCE_M**2
        and squared_distance[known.index(a), known.index(b)]
        < min(_MAX_SWAP_RESIDUAL_M**2, _MAX_SWAP_RATIO * squared_distance[known.index(a), known.index(a)])
    ]
    if {a for a, _ in swaps} != {b for _, b in swaps}:
        return {}
    return {calibration.sites[a]: calibration.sites[b] for a, b in swaps}
