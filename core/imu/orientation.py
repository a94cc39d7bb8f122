"""Sensor fusion of raw gyroscopes and accelerometers by VQF (Laidig 2023; PyPI `vqf`, the extra `fusion`)."""

from __future__ import annotations

from typing import cast

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..take.resample import check_pauses, fill_gaps

_MAX_RAD_S = 12.0  # 99th percentile of the rates of a nod and shake; above this they are in degrees per second
_MAX_GRID_RATIO = 10.0  # of a take's length to that of its rows at their median step
_MAX_GAP_S = 0.25  # a site is missing where its samples lie further apart


def fuse(time: Array, sites: tuple[str, ...], values: Array) -> Array:
    """Orientations (T, S, 4) as quaternions (w, x, y, z) from sensors to a world with z up; NaN where missing.

    Every site is filtered at the take's median rate. Raises InnerfaceError where `vqf` is not installed or nothing was
    measured.

    Parameters
    ----------
    time : (T,) s
    sites : S ids
    values : (T, S, 6), in the sensor's frame: angular rates in rad/s (or degrees/s, recognised by their size), then
        specific forces in m/s^2 (or g); NaN where missing
    """
    try:
        from vqf import VQF
    except ImportError:
        raise InnerfaceError(
            "takes with raw gyroscopes need the fusion filter VQF: pip install 'innerface[fusion]'"
        ) from None
    out = np.full((*values.shape[:2], 4), np.nan)
    known = ~np.isnan(values).any(-1)
    if not known.any() or len(time) < 3:
        raise InnerfaceError("no site has measured samples; check the sensors and record again")
    check_pauses(time)
    step = float(np.median(np.diff(time)))
    if time[-1] - time[0] > _MAX_GRID_RATIO * step * len(time):
        raise InnerfaceError("the times of the samples are too uneven for gyroscopes; correct them, or record again")
    grid = time[0] + np.arange(int((time[-1] - time[0]) / step) + 1) * step
    in_degrees = np.percentile(np.abs(values[..., :3][known]), 99) > _MAX_RAD_S
    scale = np.pi / 180 if in_degrees else 1.0
    unit = 9.80665 if 0.8 < np.median(np.linalg.norm(values[..., 3:][known], axis=-1)) < 1.25 else 1.0
    for s in range(len(sites)):
        if known[:, s].sum() < 3:
            continue
        bridged = fill_gaps(time, np.where(known[:, s, None], values[:, s], np.nan))
        uniform = np.stack([np.interp(grid, time, bridged[:, k]) for k in range(6)], axis=1)
        rates, forces = (np.ascontiguousarray(x) for x in (uniform[:, :3] * scale, uniform[:, 3:] * unit))
        fused = cast(dict[str, Array], VQF(step).updateBatch(rates, forces))["quat6D"]  # pyright: ignore[reportUnknownMemberType]
        row = np.clip(cast(Array, np.round((time - time[0]) / step)).astype(int), 0, len(grid) - 1)
        sample_times = time[known[:, s]]
        distance = np.abs(sample_times[np.clip(np.searchsorted(sample_times, time), 0, len(sample_times) - 1)] - time)
        distance = np.minimum(
            distance,
            np.abs(sample_times[np.clip(np.searchsorted(sample_times, time) - 1, 0, len(sample_times) - 1)] - time),
        )
        out[:, s] = np.where((known[:, s] | (distance < _MAX_GAP_S / 2))[:, None], fused[row], np.nan)
    return out
