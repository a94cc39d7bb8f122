"""Kinematics of a calibrated face: from orientations and accelerations of sensors to motion of the skin on the head.

Pure functions over frames. Notation: B = Y R is a sensor's orientation R with its heading corrected by Y, in the world
of the reference (the sensor behind the ear). Equations: docs/methods.md, "IMU calibration".
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array
from ..numerics import quaternion as quat
from ..rates import FRAME_RATE
from .signal import GRAVITY, LOOKAHEAD
from .spans import Span

GRAVITY_UP = np.array([0.0, GRAVITY, 0.0])


@dataclass(frozen=True)
class Calibration:
    """Calibration of S sensors on a face.

    Attributes
    ----------
    sites : S ids, as in the layout
    reference : index of the site that is fixed to the skull; -1 where it is lost
    heading : (S,) rad, rotation of each site's world into the reference's, about the vertical
    neutral : (S, 4), each site's orientation at rest relative to the reference
    axes : (4,), from the reference's frame to the head's
    at_rest : (4,), the reference's orientation at rest
    bias : (S, 3) m/s^2, of the accelerometers in their own frames
    levers : (S, 3) m, from the reference, in head axes
    use_levers : whether subtracting the levers' accelerations reduced the residual of the turn span
    upper : (S,), weights of the sites that replace a lost reference
    linear : gravity is already removed from the accelerations
    neutral_span, turn_span : s from the first row
    renamed : sites that were taped at the place of another one, and their correct names
    notes : for the user
    """

    sites: tuple[str, ...]
    reference: int
    heading: Array
    neutral: Array
    axes: Array
    at_rest: Array
    bias: Array
    levers: Array
    use_levers: bool
    upper: Array
    linear: bool
    neutral_span: Span
    turn_span: Span
    renamed: dict[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()

    @property
    def face_indices(self) -> list[int]:
        """Indices of the sites on the face."""
        return [s for s in range(len(self.sites)) if s != self.reference]

    @property
    def face_sites(self) -> tuple[str, ...]:
        """Ids of the sites on the face."""
        return tuple(self.sites[s] for s in self.face_indices)


@dataclass(frozen=True)
class Motion:
    """Motion of F sites on the face at FRAME_RATE.

    Head axes: +X to the performer's left, +Y up, +Z out of the face.

    Attributes
    ----------
    time : (T,) s
    sites : F ids
    rotation : (T, F, 3) rad, rotation vectors from neutral; NaN where missing
    acceleration : (T, F, 3) m/s^2, relative to the head; NaN where missing
    head : (T, 3) rad: yaw, pitch, roll
    heading : (T, F) rad, heading drifts that were removed
    zero : (T, F, 3) rad, zero drifts that were removed
    """

    time: Array
    sites: tuple[str, ...]
    rotation: Array
    acceleration: Array
    head: Array
    heading: Array
    zero: Array

    def present(self) -> Array:
        """Samples (T, F) bool that hold both a rotation and an acceleration."""
        return ~(np.isnan(self.rotation).any(-1) | np.isnan(self.acceleration).any(-1))


def correct_heading(calibration: Calibration, rotation: Array, heading: Array) -> Array:
    """Orientations (T, S, 4) in the reference's world: headings as calibrated, plus the drifts `heading` (T, S)."""
    return quat.multiply(quat.about_axis(1, calibration.heading + heading), rotation)


def face_rotation(calibration: Calibration, corrected: Array, head: Array) -> Array:
    """Rotation vectors (T, F, 3) of the face sites from neutral, in head axes, without the head's motion (eq 2 and 3).

    A Q(t) Q(neutral)^-1 A^-1 with Q = R_ref^-1 B, which equals H^T (*R_aux)^T Y *R Y^T H.
    """
    relative = quat.multiply(quat.conjugate(head)[:, None], corrected[:, calibration.face_indices])
    return quat.rotate(
        calibration.axes,
        quat.to_rotvec(quat.multiply(relative, quat.conjugate(calibration.neutral[calibration.face_indices]))),
    )


def remove_zero_error(zero: Array, vectors: Array) -> Array:
    """Remove zero drifts, of sensors on the skin, from rotation vectors of the same shape."""
    return quat.to_rotvec(quat.multiply(quat.from_rotvec(vectors), quat.from_rotvec(-zero)))


def head_angles(calibration: Calibration, head: Array, at_rest: Array) -> Array:
    """Yaw, pitch and roll (T, 3) rad of the head relative to rest: H^T *R_aux H."""
    relative = quat.multiply(quat.multiply(calibration.axes, quat.conjugate(at_rest)), head)
    return quat.to_euler_yxz(quat.multiply(relative, quat.conjugate(calibration.axes)))


def head_rotation(
    corrected: Array,
    *,
    neutral: Array,
    reference: int,
    upper: Array,
    reference_offset: Array | None = None,
) -> tuple[Array, Array]:
    """Orientation of the reference (T, 4), from its own sensor where it is measured, else from the upper face.

    Parameters
    ----------
    corrected : (T, S, 4), orientations in the reference's world
    neutral : (S, 4), orientations at rest relative to the reference
    reference : index of its site, or -1
    upper : (S,), weights of the sites that replace it
    reference_offset : (4,), rotation from the upper face's estimate to the sensor's, when the sensor was last measured;
        it is held while the sensor is lost, so that nothing jumps

    Returns
    -------
    rotation : (T, 4)
    reference_offset : (4,), after the last frame
    """
    # (T, S, 4): each site's estimate of the reference's orientation
    estimates = quat.multiply(corrected, quat.conjugate(neutral))
    known = ~np.isnan(estimates).any(-1)
    weight = np.where(known, upper, 0.0)
    filled = np.where(known[..., None], estimates, 0.0)
    first = np.take_along_axis(filled, weight.argmax(1)[:, None, None], axis=1)
    filled = filled * np.where((filled * first).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    face_estimate = (weight[..., None] * filled).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        face_estimate = face_estimate / np.linalg.norm(face_estimate, axis=-1, keepdims=True)
        deviation = np.arccos(np.clip(np.abs((filled * face_estimate[:, None]).sum(-1)), 0, 1)) * 2
        # a site that moves counts less
        face_estimate = ((weight / (1 + (deviation / np.radians(3.0)) ** 2))[..., None] * filled).sum(1)
        face_estimate = face_estimate / np.linalg.norm(face_estimate, axis=-1, keepdims=True)
    reference_offset = np.array([1.0, 0, 0, 0]) if reference_offset is None else reference_offset
    if reference < 0:
        return face_estimate, reference_offset
    measured = estimates[:, reference]
    offsets = np.concatenate([reference_offset[None], quat.multiply(quat.conjugate(face_estimate), measured)])
    last_known = np.maximum.accumulate(np.where(np.isnan(offsets).any(-1), 0, np.arange(len(offsets))))
    held_offsets = offsets[last_known]
    return np.where(known[:, [reference]], measured, quat.multiply(face_estimate, held_offsets[1:])), held_offsets[-1]


def second_difference(rotation: Array) -> Array:
    """Second difference (T, 3, 3) of rotations (T, 4): accelerations per metre of lever, in the rotating frame.

    R(t)^T (R(t+c) + R(t-c) - 2 R(t)) / (c tau)^2: the Euler and centripetal terms together, filtered as the
    accelerometers are (eq 5). The first and last c frames repeat their neighbours.
    """
    m, c = quat.to_matrix(rotation), LOOKAHEAD
    out = np.zeros_like(m)
    if len(m) > 2 * c:
        inner = np.swapaxes(m[c:-c], -1, -2) @ (m[2 * c :] + m[: -2 * c] - 2 * m[c:-c]) * (FRAME_RATE / c) ** 2
        out[c:-c], out[:c], out[-c:] = inner, inner[0], inner[-1]
    return out


def relative_acceleration(
    calibration: Calibration, *, corrected: Array, acceleration: Array, head: Array, tensor: Array
) -> Array:
    """Accelerations (T, S, 3) relative to the reference, in head axes; `tensor`: from `head_acceleration_tensor`."""
    world = quat.rotate(corrected, acceleration - calibration.bias)
    if not calibration.linear:
        world = world - GRAVITY_UP
    in_head_axes = quat.rotate(quat.multiply(calibration.axes, quat.conjugate(head))[:, None], world)
    if calibration.use_levers:
        in_head_axes = in_head_axes - lever_accelerations(tensor, calibration.levers)
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


def lever_accelerations(tensor: Array, levers: Array) -> Array:
    """Accelerations (T, S, 3) of levers (S, 3) in a rotating frame; `tensor`: from `head_acceleration_tensor`."""
    return np.einsum("tij,sj->tsi", tensor, levers)  # pyright: ignore[reportUnknownMemberType]


def head_acceleration_tensor(calibration: Calibration, head: Array) -> Array:
    """Accelerations of the head per metre of lever (T, 3, 3), in head axes; `head` (T, 4) is the reference's."""
    a = quat.to_matrix(calibration.axes)
    return a @ second_difference(head) @ a.T
