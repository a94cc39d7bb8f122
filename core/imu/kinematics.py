"""The equations of a calibrated face: what a sensor's orientation and acceleration say about the skin, head motion removed.

Pure functions over frames; they know nothing of spans or of what came before. Notation: B = Y R, a sensor's orientation
with its heading Y mended, in the world of the reference (the ear's sensor). Equations: docs/design.md, "Calibration".
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..numerics import quaternion as quat
from ..rates import FRAME_RATE
from .signal import GRAVITY, LOOKAHEAD
from .spans import Span

GRAVITY_UP = np.array([0.0, GRAVITY, 0.0])


@dataclass(frozen=True)
class Calibration:
    """What the two spans tell.

    `sites`: S ids as in the layout; `reference`: index of the site that is fixed to the skull, or -1 where it is lost;
    `heading` (S,) rad that turns a site's world into the reference's; `neutral` (S, 4) a site's orientation at rest seen from
    the reference; `axes` (4,) from the reference's frame to the head's; `bias` (S, 3) m/s^2 in the sensor's frame;
    `levers` (S, 3) metres from the reference, head axes; `use_levers`: whether subtracting them helped in the turn;
    `upper` (S,) weights of the sites that stand in for a lost reference; `linear`: gravity is already taken off;
    `at_rest` (4,) the reference's orientation at rest; `renamed`: sites that were taped at another's place, and their right names;
    `neutral_span`, `turn_span` in seconds from the first row; `notes`: sentences for the user.
    """

    sites: tuple[str, ...]
    reference: int
    heading: np.ndarray
    neutral: np.ndarray
    axes: np.ndarray
    at_rest: np.ndarray
    bias: np.ndarray
    levers: np.ndarray
    use_levers: bool
    upper: np.ndarray
    linear: bool
    neutral_span: Span
    turn_span: Span
    renamed: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def face_indices(self) -> list[int]:
        """Indices of the sites on the face."""
        return [s for s in range(len(self.sites)) if s != self.reference]


@dataclass(frozen=True)
class Motion:
    """How the face moves, in head axes (+X to the performer's left, +Y up, +Z out of the face), at FRAME_RATE.

    `time` (T,); `sites`: F ids on the face; `rotation` (T, F, 3) rotation vectors from neutral, rad; `acceleration` (T, F, 3)
    against the head, m/s^2; `head` (T, 3) yaw, pitch, roll, rad. NaN where missing. `heading` (T, F) rad, `zero` (T, F, 3) rad:
    the drifts that were taken out.
    """

    time: np.ndarray
    sites: tuple[str, ...]
    rotation: np.ndarray
    acceleration: np.ndarray
    head: np.ndarray
    heading: np.ndarray
    zero: np.ndarray

    def present(self) -> np.ndarray:
        """(T, F) bool."""
        return ~(np.isnan(self.rotation).any(-1) | np.isnan(self.acceleration).any(-1))


def correct_heading(calibration: Calibration, rotation: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """Orientations (T, S, 4) in the reference's world: headings as calibrated, and the drift `heading` (T, S) taken out on the left only,
    since the neutral was taken before it."""
    return quat.multiply(quat.about_axis(1, calibration.heading + heading), rotation)


def face_rotation(calibration: Calibration, corrected: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Rotation vectors (T, F, 3) of the face sites from neutral, in head axes: eq 2 and 3, head motion removed.

    A Q(t) Q(neutral)^-1 A^-1 with Q = R_ref^-1 B: the same as H^T (*R_aux)^T Y *R Y^T H.
    """
    relative = quat.multiply(quat.conjugate(head)[:, None], corrected[:, calibration.face_indices])
    return quat.rotate(
        calibration.axes,
        quat.to_rotvec(quat.multiply(relative, quat.conjugate(calibration.neutral[calibration.face_indices]))),
    )


def remove_zero_error(zero: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Rotation vectors with the slow error `zero` taken out (same shapes)."""
    return quat.to_rotvec(quat.multiply(quat.from_rotvec(-zero), quat.from_rotvec(vectors)))


def head_angles(calibration: Calibration, head: np.ndarray, at_rest: np.ndarray) -> np.ndarray:
    """Yaw, pitch, roll (T, 3) in rad of the head against its rest: H^T *R_aux H."""
    relative = quat.multiply(quat.multiply(calibration.axes, quat.conjugate(at_rest)), head)
    return quat.to_euler_yxz(quat.multiply(relative, quat.conjugate(calibration.axes)))


def head_rotation(
    corrected: np.ndarray,
    neutral: np.ndarray,
    reference: int,
    upper: np.ndarray,
    reference_offset: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The reference's orientation (T, 4), from its own sensor where it is measured, else from what the upper face agrees on.

    `bridge` (4,): what the sensor last added to the upper face's opinion; it is held while the sensor is lost, so nothing jumps,
    and handed on as the second result.
    """
    estimates = quat.multiply(
        corrected, quat.conjugate(neutral)
    )  # (T, S, 4): each site's idea of the reference's orientation
    known = ~np.isnan(estimates).any(-1)
    weight = np.where(known, upper, 0.0)
    filled = np.where(known[..., None], estimates, 0.0)
    first = np.take_along_axis(filled, weight.argmax(1)[:, None, None], axis=1)
    filled = filled * np.where((filled * first).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    face_estimate = (weight[..., None] * filled).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        face_estimate = face_estimate / np.linalg.norm(face_estimate, axis=-1, keepdims=True)
        deviation = np.arccos(np.clip(np.abs((filled * face_estimate[:, None]).sum(-1)), 0, 1)) * 2
        face_estimate = ((weight / (1 + (deviation / np.radians(3.0)) ** 2))[..., None] * filled).sum(
            1
        )  # a site that moves counts less
        face_estimate = face_estimate / np.linalg.norm(face_estimate, axis=-1, keepdims=True)
    reference_offset = np.array([1.0, 0, 0, 0]) if reference_offset is None else reference_offset
    if reference < 0:
        return face_estimate, reference_offset
    measured = estimates[:, reference]
    offsets = np.concatenate([reference_offset[None], quat.multiply(quat.conjugate(face_estimate), measured)])
    last_known = np.maximum.accumulate(np.where(np.isnan(offsets).any(-1), 0, np.arange(len(offsets))))
    held_offsets = offsets[last_known]
    return np.where(known[:, [reference]], measured, quat.multiply(face_estimate, held_offsets[1:])), held_offsets[-1]


def second_difference(rotation: np.ndarray) -> np.ndarray:
    """(T, 3, 3): what the triangle of eq 5 makes of a lever's acceleration, per metre of lever, in the rotating frame.

    R(t)^T (R(t+c) + R(t-c) - 2 R(t)) / (c tau)^2: the Euler and centripetal terms together, through the same filter as the
    accelerometers. The first and last c frames repeat their neighbours.
    """
    m, c = quat.to_matrix(rotation), LOOKAHEAD
    out = np.zeros_like(m)
    if len(m) > 2 * c:
        inner = np.swapaxes(m[c:-c], -1, -2) @ (m[2 * c :] + m[: -2 * c] - 2 * m[c:-c]) * (FRAME_RATE / c) ** 2
        out[c:-c], out[:c], out[-c:] = inner, inner[0], inner[-1]
    return out


def relative_acceleration(
    calibration: Calibration, corrected: np.ndarray, acceleration: np.ndarray, head: np.ndarray, tensor: np.ndarray
) -> np.ndarray:
    """Accelerations of all sites against the reference (T, S, 3) in head axes: `swing` (T, 3, 3) per metre of lever, head axes."""
    world = quat.rotate(corrected, acceleration - calibration.bias)
    if not calibration.linear:
        world = world - GRAVITY_UP
    in_head_axes = quat.rotate(quat.multiply(calibration.axes, quat.conjugate(head))[:, None], world)
    if calibration.use_levers:
        in_head_axes = in_head_axes - np.einsum("tij,sj->tsi", tensor, calibration.levers)
    known = ~np.isnan(in_head_axes).any(-1)
    weight = np.where(known, calibration.upper, 0.0)
    total = np.maximum(weight.sum(1), 1e-9)[:, None]
    fallback = (weight[..., None] * np.where(known[..., None], in_head_axes, 0.0)).sum(1) / total
    base = (
        fallback
        if calibration.reference < 0
        else np.where(known[:, [calibration.reference]], in_head_axes[:, calibration.reference], fallback)
    )
    return in_head_axes - base[:, None]


def head_acceleration_tensor(calibration: Calibration, head: np.ndarray) -> np.ndarray:
    """`second_difference` of the reference's orientation (T, 4), in head axes (T, 3, 3)."""
    a = quat.to_matrix(calibration.axes)
    return a @ second_difference(head) @ a.T
