"""Drifts within a take: of each sensor's heading, and of the zero of its rotation.

Heading: without a magnetometer every sensor's world turns about the vertical by degrees within a minute. When the head
moves, all sensors see the same rotation, so its direction shows how far each world has drifted. Zero: tape creeps and
fusion filters lean; whenever the face comes back to rest near its neutral, what is left there is the error. A pose that
is held may be an expression as well as a rest, so it counts once, however long it lasts.

Both are Kalman filters over blocks of half a second. Blocks are measured alike live and offline, so a stream gives the
same as a batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self, cast

import numpy as np

from ..arrays import Array
from ..numerics import quaternion as quat
from ..numerics.kalman import Covariance, KalmanFilter, rts_smooth
from ..rates import FRAME_RATE

BLOCK_FRAMES = 30
BLOCK_S = BLOCK_FRAMES / FRAME_RATE
SPAN_FRAMES = 24  # frames between the two ends of a rotation that is compared
# VQF without a magnetometer drifts by degrees a minute [C].
_HEADING_WALK = np.radians(3.0) / np.sqrt(60.0)  # rad per sqrt(s)
_HEADING_RATE_SD = np.radians(5.0) / 60.0  # rad/s, sd of a sensor's own constant drift
_HEADING_START_SD = np.radians(2.0)  # sd after the nod and shake
_MIN_HEADING_SD = np.radians(2.0)  # no block measures a heading better than this
_MAX_HEADING_VARIANCE = 0.3  # rad^2; blocks above this are not used
_TURN_NOISE_SD = np.radians(1.0)  # of rotations that are compared; a head that is stiller shows no heading
_CORRELATION_FACTOR = 2.0  # a face that moves with the head (singing) misleads more than noise would
_ZERO_START_SD = np.radians(0.3)
_ZERO_WALK = np.radians(0.5) / np.sqrt(60.0)  # rad per sqrt(s) [C]
_ZERO_RATE_SD = np.radians(1.0) / 60.0  # rad/s, sd of a steady drift [C]
_MIN_ZERO_SD = np.radians(5.0)  # a resting face is within this of its neutral
_HOLD_MEMORY = 0.7  # share of a hold's length that a block of motion leaves: after a blink it is the same hold
_MAX_REST_OFFSET = np.radians(8.0)  # a site farther from its zero is held, not resting
_MAX_REST_SPREAD = np.radians(1.0)  # a resting site moves less than this within a block
_MIN_REST_SHARE = 0.85  # of the sites: one held corner of the mouth is an expression
_ZERO_OUTLIER_SCALE = np.radians(6.0)
_PUSHED_SD = np.radians(3.0)  # of a zero after its sensor was pushed aside
_COMMON_DRIFT_RATIO = 2.0  # times the median site's deviation that counts as drift of all sites


@dataclass(frozen=True)
class DriftFilter(KalmanFilter):
    """Kalman filter of a drift, which may give less weight to measurements that can be an expression that is held.

    Attributes
    ----------
    outlier_scale : a measurement of vectors (..., S, 3) that lies this far from the estimate, rad, while those of the
        other sites do not, gets a quarter of the weight; 0: all measurements weigh alike
    held : (..., S, 1), blocks in a row that were measured. They show one pose, and so they count as one measurement
        however long it is held: the k-th gets the weight 1 / (k (k + 1)), and these add up to 1.
    """

    outlier_scale: float = 0.0
    held: Array | float = 0.0

    def update(self, measured: Array, variance: Array | float) -> Self:
        """The state after a measurement of the drift; an infinite variance changes nothing.

        A face far from its neutral is held, not resting, and changes nothing either.
        """
        if not self.outlier_scale:
            return super().update(measured, variance)
        known = np.isfinite(variance)
        deviation = np.where(known, measured - self.value, 0.0)
        squared_deviation = (deviation**2).sum(-1, keepdims=True)
        near = squared_deviation < _MAX_REST_OFFSET**2
        known = known & near & (near.mean(axis=-2, keepdims=True) > _MIN_REST_SHARE)
        variance = np.where(known, variance, np.inf)
        # where every site deviates, that is drift
        common = _COMMON_DRIFT_RATIO * np.median(squared_deviation, axis=-2, keepdims=True)
        variance = variance * (1 + squared_deviation / (self.outlier_scale**2 + common)) ** 2
        held = np.where(np.all(known, axis=-1, keepdims=True), self.held + 1, self.held * _HOLD_MEMORY)
        return replace(super().update(measured, variance * (self.held + 1) * (self.held + 2)), held=held)


def smooth_blocks(start: DriftFilter, measured: Array, variance: Array) -> Array:
    """Drifts (N, ...) in the middle of N blocks, given the measurements of all blocks before and after."""
    predicted: list[DriftFilter] = []
    updated = [start.update(measured[0], variance[0])]
    for z, v in zip(measured[1:], variance[1:]):
        predicted.append(updated[-1].predict(BLOCK_S))
        updated.append(predicted[-1].update(z, v))
    return rts_smooth(predicted, updated, [BLOCK_S] * len(predicted))


def span_rotations(rotation: Array) -> Array:
    """Rotation vectors (T - SPAN_FRAMES, S, 3) in the world between frames that lie SPAN_FRAMES apart."""
    return quat.to_rotvec(quat.multiply(rotation[SPAN_FRAMES:], quat.conjugate(rotation[:-SPAN_FRAMES])))


def heading_measurements(turn: Array, reference: Array) -> tuple[Array, Array]:
    """Heading errors (N, S) rad of blocks of rotations (N, BLOCK_FRAMES, S, 3), and their variances.

    `reference` (N, BLOCK_FRAMES, 3): the reference's rotations. The complex number z + ix of a rotation about a
    horizontal axis is multiplied by exp(i psi) where the world's heading is psi, so psi is the angle of
    sum(c_reference conj(c_site)). What no heading explains (the face moves) is the measurement's noise. The variance
    is infinite where a block shows no heading.
    """
    known = ~(np.isnan(turn).any(-1) | np.isnan(reference).any(-1)[..., None])
    site = np.where(known, turn[..., 2] + 1j * turn[..., 0], 0)
    head = np.where(known, (reference[..., 2] + 1j * reference[..., 0])[..., None], 0)
    vertical_difference = np.where(known, turn[..., 1] - reference[..., None, 1], 0.0)
    product = (head * site.conj()).sum(1)
    power = (np.abs(head) ** 2).sum(1)
    noise = known.sum(1) * _TURN_NOISE_SD**2
    residual = noise + power + (np.abs(site) ** 2).sum(1) - 2 * np.abs(product) + (vertical_difference**2).sum(1)
    enough = known.sum(1) > BLOCK_FRAMES // 2
    with np.errstate(divide="ignore", invalid="ignore"):
        variance: Array = _CORRELATION_FACTOR * residual / power + _MIN_HEADING_SD**2
    error = cast(Array, np.angle(product))
    return error, np.where(enough & (power > 0) & (variance < _MAX_HEADING_VARIANCE), variance, np.inf)


def _known_and_mean(vectors: Array) -> tuple[Array, Array]:
    """Which rotation vectors (N, BLOCK_FRAMES, F, 3) are known (N, BLOCK_FRAMES, F), and their means (N, F, 3)."""
    known = ~np.isnan(vectors).any(-1)
    return known, np.where(known[..., None], vectors, 0.0).sum(1) / np.maximum(known.sum(1), 1)[..., None]


def block_means(vectors: Array) -> Array:
    """Means (N, F, 3) of blocks of rotation vectors (N, BLOCK_FRAMES, F, 3); NaN where less than half are known."""
    known, mean = _known_and_mean(vectors)
    return np.where((known.sum(1) > BLOCK_FRAMES // 2)[..., None], mean, np.nan)


def zero_measurements(vectors: Array) -> tuple[Array, Array]:
    """Zero errors (N, F, 3) of rotation vectors (N, BLOCK_FRAMES, F, 3), and their variances.

    The variance is infinite in blocks in which the face is not still.
    """
    known, mean = _known_and_mean(vectors)
    count = np.maximum(known.sum(1), 1)[..., None]
    spread = np.sqrt((np.where(known[..., None], vectors - mean[:, None], 0.0) ** 2).sum((1, 3)) / count[..., 0])
    present = known.sum(1) > BLOCK_FRAMES // 2
    still = (spread < _MAX_REST_SPREAD) | ~present
    resting = still.mean(axis=1) > _MIN_REST_SHARE
    informative = present & still & resting[:, None]
    return mean, np.where(informative[..., None], _MIN_ZERO_SD**2, np.inf) + np.zeros_like(mean)


def heading_filter(count: int) -> DriftFilter:
    """The filter of `count` sites' headings."""
    return _start((count,), sd=_HEADING_START_SD, rate_sd=_HEADING_RATE_SD, walk=_HEADING_WALK)


def zero_filter(count: int) -> DriftFilter:
    """The filter of `count` face sites' zeros (rotation vectors)."""
    return _start(
        (count, 3), sd=_ZERO_START_SD, rate_sd=_ZERO_RATE_SD, walk=_ZERO_WALK, outlier_scale=_ZERO_OUTLIER_SCALE
    )


def _start(
    shape: tuple[int, ...], *, sd: float, rate_sd: float, walk: float, outlier_scale: float = 0.0
) -> DriftFilter:
    """No drift, known to `sd`, with a rate known to `rate_sd` per s and a random walk of `walk` per sqrt(s)."""
    zero = np.zeros(shape)
    covariance = Covariance(zero + sd**2, zero, zero + rate_sd**2)
    return DriftFilter(zero, zero, covariance, value_noise=walk**2, outlier_scale=outlier_scale)


def interpolate_blocks(values: Array, frame_count: int, delay_frames: float) -> Array:
    """Interpolate values of blocks (N, ...) at every frame: linear between centres of blocks, held at the ends.

    `delay_frames`: how much later than its block a value belongs.
    """
    position = np.clip((np.arange(frame_count) + 0.5 - delay_frames) / BLOCK_FRAMES - 0.5, 0, len(values) - 1)
    left = np.minimum(position.astype(int), max(len(values) - 2, 0))
    fraction = (position - left).reshape(-1, *[1] * (values.ndim - 1))
    return values[left] * (1 - fraction) + values[np.minimum(left + 1, len(values) - 1)] * fraction


@dataclass
class BlockTracker:
    """A drift filter that is updated by whole blocks, and interpolates within the running one.

    Attributes
    ----------
    state : the filter after the last whole block
    previous : the estimate one block earlier
    pending : chunks of frames of the running block
    """

    state: DriftFilter
    previous: Array
    pending: list[Array] = field(default_factory=list[Array])

    @classmethod
    def start(cls, state: DriftFilter) -> BlockTracker:
        """A tracker before its first block."""
        return cls(state, state.value)

    def interpolate(self, fraction: Array) -> Array:
        """Estimates at fractions (n, 1, ...) of the running block."""
        return self.previous + fraction * (self.state.value - self.previous)

    def append(self, frames: Array) -> None:
        """Keep frames of the running block until it is complete."""
        self.pending.append(frames)

    def take_block(self) -> Array:
        """Take the running block's frames out."""
        out = np.concatenate(self.pending)
        self.pending = []
        return out

    def push(self, site: int, turn: Array) -> None:
        """Add the turn (3,) of a sensor that was pushed aside to its zero."""
        state = self.state
        value, variance = state.value.copy(), state.covariance.value.copy()
        value[site] = quat.to_rotvec(quat.multiply(quat.from_rotvec(turn), quat.from_rotvec(value[site])))
        variance[site] += _PUSHED_SD**2
        self.state = replace(state, value=value, covariance=replace(state.covariance, value=variance))

    def close_block(self, measured: Array, variance: Array) -> None:
        """End the running block with its measurement (1, ...)."""
        self.previous = self.state.value
        self.state = self.state.update(measured[0], variance[0]).predict(BLOCK_S)
