"""What creeps while a take goes on: each sensor's heading, and its zero.

Heading: without a magnetometer every sensor's world turns about the vertical by degrees within a minute. When the head
moves, all sensors see the same turn, so its direction tells how far each world has drifted. Zero: tape creeps and fusion
leans; whenever the face comes back to rest near its neutral, what is left there is the error.

Both are Kalman filters over blocks of half a second, on values that a chunk of frames adds to: stream equals batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..numerics import quaternion as quat
from ..rates import FRAME_RATE

BLOCK_FRAMES = 30  # frames
SPAN_FRAMES = 24  # frames between the two ends of a turn that are compared
_HEADING_WALK = np.radians(3.0) / np.sqrt(
    60.0
)  # rad per sqrt(s); VQF without magnetometer drifts by degrees a minute [C]
_HEADING_RATE_SD = np.radians(5.0) / 60.0  # rad/s, sd of a sensor's own constant drift
_HEADING_START_SD = np.radians(2.0)  # sd after the nod and shake
_MIN_HEADING_SD = np.radians(2.0)  # no block tells a heading better than this
_CORRELATION_FACTOR = 2.0  # a face that moves with the head (singing) misleads more than noise would
_ZERO_WALK = np.radians(3.0) / np.sqrt(60.0)
_MIN_ZERO_SD = np.radians(3.0)  # a resting face is within this of its neutral
_MAX_REST_OFFSET = np.radians(8.0)  # a site farther from neutral is held, not resting
_ZERO_OUTLIER_SCALE = np.radians(
    2.0
)  # a zero this far from where it was counts a quarter, unless the others moved as well
_COMMON_DRIFT_RATIO = 2.0  # "as well": so many times the median site's
_MAX_REST_SPREAD = np.radians(1.0)  # a resting site moves less than this within a block
_UNINFORMATIVE_VARIANCE = 1e6  # variance of a block that tells nothing


@dataclass
class DriftFilter:
    """A scalar and its rate per channel (..., 2 states), random walk of `walk` per sqrt(s), over blocks; vectorised over channels.

    `value`, `rate`: the estimate; `cov`: (vv, vr, rr). All arrays share one shape. `doubt`: a measurement whose vector (last axis) lies so far
    from the estimate, while those of the other sites (last axis but one) do not, counts a quarter, and less beyond: that is an expression which is
    held. 0: all count alike.
    """

    value: np.ndarray
    rate: np.ndarray
    cov: tuple[np.ndarray, np.ndarray, np.ndarray]
    walk: float
    outlier_scale: float = 0.0

    @classmethod
    def start(
        cls, shape: tuple[int, ...], sd: float, rate_sd: float, walk: float, outlier_scale: float = 0.0
    ) -> DriftFilter:
        """Zero, known to `sd`, with a constant rate known to `rate_sd` per s."""
        zero = np.zeros(shape)
        return cls(zero, zero, (zero + sd**2, zero, zero + rate_sd**2), walk, outlier_scale)

    def predict(self, dt: float) -> DriftFilter:
        """`dt` s later."""
        vv, vr, rr = self.cov
        cov = (vv + 2 * dt * vr + dt * dt * rr + self.walk**2 * dt, vr + dt * rr, rr)
        return replace(self, value=self.value + dt * self.rate, cov=cov)

    def update(self, measured: np.ndarray, variance: np.ndarray) -> DriftFilter:
        """With a measurement of the value; a variance of _NEVER and more changes nothing."""
        vv, vr, rr = self.cov
        informative = variance < _UNINFORMATIVE_VARIANCE
        if self.outlier_scale:
            squared_deviation = (np.where(informative, measured - self.value, 0.0) ** 2).sum(-1, keepdims=True)
            typical_deviation = _COMMON_DRIFT_RATIO * np.median(
                squared_deviation, axis=-2, keepdims=True
            )  # where every site is off, that is drift
            variance = variance * (1 + squared_deviation / (self.outlier_scale**2 + typical_deviation)) ** 2
        gain_v, gain_r = (
            np.where(informative, vv / (vv + variance), 0.0),
            np.where(informative, vr / (vv + variance), 0.0),
        )
        innovation = np.where(informative, measured - self.value, 0.0)
        cov = (vv - gain_v * vv, vr - gain_v * vr, rr - gain_r * vr)
        return replace(self, value=self.value + gain_v * innovation, rate=self.rate + gain_r * innovation, cov=cov)


def rts_smooth(start: DriftFilter, measured: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Values (N, ...) at the blocks' centres given all blocks, before and after (Rauch-Tung-Striebel)."""
    dt = BLOCK_FRAMES / FRAME_RATE
    predicted, updated = [], []
    state = start
    for z, var in zip(measured, variance):
        predicted.append(state)
        state = state.update(z, var)
        updated.append(state)
        state = state.predict(dt)
    value, rate = updated[-1].value, updated[-1].rate
    out = [value]
    for k in range(len(updated) - 2, -1, -1):
        u, p = updated[k], predicted[k + 1]
        vv, vr, rr = u.cov
        a, b, c = vv + dt * vr, vr, vr + dt * rr  # P F^T = [[a, b], [c, rr]]
        pvv, pvr, prr = p.cov
        det = pvv * prr - pvr * pvr
        det = np.where(np.abs(det) > 1e-30, det, 1.0)
        dv, dr = value - p.value, rate - p.rate
        sv, sr = (prr * dv - pvr * dr) / det, (pvv * dr - pvr * dv) / det
        value, rate = u.value + a * sv + b * sr, u.rate + c * sv + rr * sr
        out.append(value)
    return np.stack(out[::-1])


def span_rotations(rotation: np.ndarray) -> np.ndarray:
    """Rotation vectors (T - SPAN, S, 3) in the world over the SPAN frames that end at each frame from SPAN on."""
    return quat.to_rotvec(quat.multiply(rotation[SPAN_FRAMES:], quat.conjugate(rotation[:-SPAN_FRAMES])))


def heading_measurements(turn: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heading error (N, S) rad that blocks of turns (N, BLOCK, S, 3) show against the reference's (N, BLOCK, 3), and its variance.

    z + ix of a turn about a horizontal axis rotates by exp(i psi) with the world's heading psi, so psi is the angle of
    sum(c_ref conj(c_site)). What no heading explains (the face moves) is the measurement's noise.
    """
    known = ~(np.isnan(turn).any(-1) | np.isnan(reference).any(-1)[..., None])
    site = np.where(known, turn[..., 2] + 1j * turn[..., 0], 0)
    head = np.where(known, (reference[..., 2] + 1j * reference[..., 0])[..., None], 0)
    vertical_difference = np.where(known, turn[..., 1] - reference[..., None, 1], 0.0)
    product = (head * site.conj()).sum(1)
    power = (np.abs(head) ** 2).sum(1)
    residual = power + (np.abs(site) ** 2).sum(1) - 2 * np.abs(product) + (vertical_difference**2).sum(1)
    enough = known.sum(1) > BLOCK_FRAMES // 2
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = _CORRELATION_FACTOR * residual / power + _MIN_HEADING_SD**2
    return np.angle(product), np.where(enough & (power > 0) & (variance < 0.3), variance, np.inf)


def zero_measurements(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What rotation vectors (N, BLOCK, F, 3) are left with at rest, (N, F, 3), and the variance: infinite where the face does not rest."""
    known = ~np.isnan(vectors).any(-1)
    count = np.maximum(known.sum(1), 1)[..., None]
    filled = np.where(known[..., None], vectors, 0.0)
    mean = filled.sum(1) / count
    spread = np.sqrt((np.where(known[..., None], vectors - mean[:, None], 0.0) ** 2).sum((1, 3)) / count[..., 0])
    offset = np.linalg.norm(mean, axis=-1)
    present = known.sum(1) > BLOCK_FRAMES // 2
    still = ((spread < _MAX_REST_SPREAD) & (offset < _MAX_REST_OFFSET)) | ~present
    resting = still.mean(axis=1) > 0.85  # the whole face: one held corner is an expression
    informative = present & still & resting[:, None]
    return mean, np.where(informative[..., None], _MIN_ZERO_SD**2, np.inf) + np.zeros_like(mean)


def heading_filter(count: int) -> DriftFilter:
    """The filter of `count` sites' headings."""
    return DriftFilter.start((count,), _HEADING_START_SD, _HEADING_RATE_SD, _HEADING_WALK)


def zero_filter(count: int) -> DriftFilter:
    """The filter of `count` face sites' zeros (rotation vectors)."""
    return DriftFilter.start((count, 3), np.radians(0.5), 0.0, _ZERO_WALK, _ZERO_OUTLIER_SCALE)


def interpolate_blocks(values: np.ndarray, frame_count: int, delay_frames: float) -> np.ndarray:
    """Block values (N, ...) at `frames` frames: straight lines between the blocks' centres, which lie `late` frames in, held at the ends."""
    position = np.clip((np.arange(frame_count) + 0.5 - delay_frames) / BLOCK_FRAMES - 0.5, 0, len(values) - 1)
    left = np.minimum(position.astype(int), max(len(values) - 2, 0))
    fraction = (position - left).reshape(-1, *[1] * (values.ndim - 1))
    return values[left] * (1 - fraction) + values[np.minimum(left + 1, len(values) - 1)] * fraction


@dataclass
class BlockTracker:
    """A Kalman filter fed by whole blocks; within a block the estimate ramps from the one before last to the last.

    `state`: the filter after the last whole block; `before`: the estimate before that; `frames`: of the running block.
    """

    state: DriftFilter
    previous: np.ndarray
    pending: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def start(cls, state: DriftFilter) -> BlockTracker:
        """Nothing seen yet."""
        return cls(state, state.value)

    def interpolate(self, fraction: np.ndarray) -> np.ndarray:
        """Estimates at `share` (n, 1, ...) of the running block."""
        return self.previous + fraction * (self.state.value - self.previous)

    def append(self, frames: np.ndarray) -> None:
        """Keep frames of the running block until it is whole."""
        self.pending.append(frames)

    def take_block(self) -> np.ndarray:
        """The running block's frames, which are let go."""
        out = np.concatenate(self.pending)
        self.pending = []
        return out

    def close_block(self, measured: np.ndarray, variance: np.ndarray) -> None:
        """End the running block with its measurement (1, ...)."""
        self.previous = self.state.value
        self.state = self.state.update(measured[0], variance[0]).predict(BLOCK_FRAMES / FRAME_RATE)
