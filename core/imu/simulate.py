"""Simulated face-worn IMUs: what sensors taped to a face would send while it performs a weights take.

Simulated, not recorded: `effects` lists every disturbance with its source. Before the performance the simulated
performer relaxes, nods (chin down first), shakes the head (to their left first) and taps the chin three times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import bilinear, lfilter
from scipy.spatial.transform import Rotation

from ..channels import ARKIT, HEAD_ANGLES
from ..errors import InnerfaceError
from ..face_model import FaceModel
from ..resample import bridge
from ..take import Take, Track
from .effects import Effects
from .layout import Layout
from .signal import GRAVITY, ImuSignal, to_track

RELAX, NOD, SHAKE, TAPS = (-12.0, -8.0), (-8.0, -6.0), (-6.0, -3.6), (-2.6, -2.2, -1.8)  # seconds before the performance
PATCH_M = 0.006  # radius of the skin under a sensor (IMUSIC's units measure 12 x 10 mm)
_FINE = 240.0  # internal samples a second, at least: a whole multiple of the sensors' rate
_COARSE = 60.0  # at which the skin is posed; between, its motion is a cubic spline
_NECK = np.array([0.0, -0.06, -0.01])  # where the head turns, metres in the head frame
_TAP = 25.0  # m/s^2, a finger on the chin


@dataclass(frozen=True)
class Patch:
    """Skin under one sensor: `vertices` (P,) of the face, or none where it is fixed to the skull at `place` (3,)."""

    vertices: np.ndarray
    place: np.ndarray


def patches(face: FaceModel, layout: Layout, placement_mm: float, rng: np.random.Generator) -> list[Patch]:
    """The skin that each site's sensor rides on, displaced by the placement error."""
    skin = face.neutral[face.region]
    out = []
    for site, place in zip(layout.sites, layout.positions):
        wanted = place + rng.normal(0, placement_mm * 1e-3 / np.sqrt(3), 3)
        if site == layout.reference:
            out.append(Patch(np.zeros(0, dtype=int), wanted))
            continue
        centre = skin[((skin - wanted) ** 2).sum(1).argmin()]
        gap = np.linalg.norm(skin - centre, axis=1)
        near = np.flatnonzero(gap < PATCH_M)
        near = near if len(near) >= 6 else np.argsort(gap)[:6]
        out.append(Patch(face.region[near], centre))
    return out


def _skin_motion(face: FaceModel, spots: list[Patch], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position (T, S, 3) and rotation vector (T, S, 3) of every patch in the head frame: a rigid frame fitted to its vertices
    (IMUSIC eq 6 with a patch instead of one triangle, least squares)."""
    frames, count = len(weights), len(spots)
    place, turn = np.zeros((frames, count, 3)), np.zeros((frames, count, 3))
    for s, spot in enumerate(spots):
        if not len(spot.vertices):
            place[:, s] = spot.place
            continue
        rest = face.neutral[spot.vertices]
        middle = rest.mean(axis=0)
        basis = face.deltas[:, spot.vertices].reshape(len(ARKIT), -1)
        moved = (weights @ basis).reshape(frames, -1, 3)
        place[:, s] = middle + moved.mean(axis=1)
        shape = rest[None] + moved - place[:, s, None]
        cross = np.einsum("pi,tpj->tij", rest - middle, shape) + 1e-12 * np.eye(3)
        # a flat patch says little about its normal's length: add the normal of both shapes, weighted as the patch is wide
        before, after = _normals(rest - middle), _normals(shape)
        cross += np.einsum("i,tj->tij", before, after) * ((rest - middle) ** 2).sum()
        u, _, vt = np.linalg.svd(cross)
        sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))
        fix = np.ones((frames, 1, 3))
        fix[:, 0, 2] = sign
        rotation = np.swapaxes(vt, 1, 2) * fix @ np.swapaxes(u, 1, 2)
        turn[:, s] = Rotation.from_matrix(rotation).as_rotvec()
    return place, turn


def _normals(points: np.ndarray) -> np.ndarray:
    """Unit normals (..., 3) of the planes through centred points (..., P, 3), pointing out of the face."""
    cov = np.swapaxes(points, -1, -2) @ points
    normal = np.linalg.eigh(cov)[1][..., 0]
    return normal * np.where(normal[..., 2:] < 0, -1.0, 1.0)


def _couple(values: np.ndarray, frequency: float, damping: float, fine: float) -> np.ndarray:
    """Second-order lag of the skin at `frequency` Hz (T, C)."""
    w = 2 * np.pi * frequency
    b, a = bilinear(np.array([w * w]), np.array([1, 2 * damping * w, w * w]), fs=fine)
    first = values[0]
    return np.asarray(lfilter(b, a, values - first, axis=0)) + first


def _bump(t: np.ndarray, start: float, end: float) -> np.ndarray:
    x = np.clip((t - start) / (end - start), 0, 1)
    return np.sin(np.pi * x) ** 2


def _head_pose(t: np.ndarray, track: Track, effects: Effects, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Angles (T, 3: yaw, pitch, roll) and shift (T, 3) of the head: the take's own angles, sway, nod and shake."""
    angles = np.zeros((len(t), 3))
    own = np.nan_to_num(bridge(track.time, track.select(HEAD_ANGLES)))
    fade = np.clip((t + 1.0) / 0.8, 0, 1)[:, None]
    angles += fade * np.stack([np.interp(t, track.time - track.time[0], own[:, k]) for k in range(3)], axis=1)
    moving = np.clip((t - SHAKE[1]) / 2.0, 0.03, 1.0)[:, None]  # while relaxing the head hardly moves
    shift = np.zeros((len(t), 3))
    for target, size in ((angles, np.radians(effects.sway_deg) * np.array([1.0, 0.7, 0.5])), (shift, effects.sway_mm * 1e-3 * np.ones(3))):
        for k in range(3):
            for f in (0.13, 0.31, 0.72):
                target[:, k] += moving[:, 0] * size[k] / 3 * np.sin(2 * np.pi * f * rng.uniform(0.8, 1.25) * t + rng.uniform(0, 2 * np.pi))
    third = (NOD[1] - NOD[0]) / 2
    angles[:, 1] += np.radians(rng.uniform(18, 26)) * (_bump(t, NOD[0], NOD[0] + third) - 0.7 * _bump(t, NOD[0] + third, NOD[1]))
    half = (SHAKE[1] - SHAKE[0]) / 2
    angles[:, 0] += np.radians(rng.uniform(24, 34)) * (_bump(t, SHAKE[0], SHAKE[0] + half) - _bump(t, SHAKE[0] + half, SHAKE[1]))
    if effects.walk:
        shift[:, 1] += moving[:, 0] * effects.walk / (2 * np.pi * 2.0) ** 2 * np.sin(2 * np.pi * 2.0 * t)
    return angles, shift


def simulate(track: Track, face: FaceModel, layout: Layout, effects: Effects, seed: int = 0) -> Take:
    """An IMU take (specific force, up = y) of a simulated performer who performs `track` on `face` with sensors at `layout`.

    The take keeps the performance's clock: its preamble lies before the first row, at earlier (perhaps negative) times.
    Raises InnerfaceError for a track without any of the 52 channels.
    """
    if not any(c in track.columns for c in ARKIT) or len(track.time) < 2:
        raise InnerfaceError("only a weights take of at least two rows can be performed; give one")
    rng = np.random.default_rng(seed)
    start = track.time[0]
    weights = np.nan_to_num(bridge(track.time, track.select(ARKIT)))
    lead = np.array([RELAX[0] - 1.0, -1.2])  # a relaxed face: the take's calmest, not the model's neutral
    calm = weights[np.abs(weights - np.median(weights, axis=0)).sum(1).argmin()]
    spline = CubicSpline(np.concatenate([lead, track.time - start]), np.concatenate([[calm, calm], weights]), bc_type="natural")
    fine = float(effects.rate_hz * np.ceil(_FINE / effects.rate_hz))
    t = RELAX[0] + np.arange(int((track.duration - RELAX[0]) * fine + 1e-6) + 1) / fine
    coarse = np.arange(t[0], t[-1] + 2 / _COARSE, 1 / _COARSE)
    face_weights = np.where((coarse < lead[1])[:, None], calm, spline(np.minimum(coarse, track.duration)))
    spots = patches(face, layout, effects.placement_mm, rng)
    place, turn = (CubicSpline(coarse, motion)(t) for motion in _skin_motion(face, spots, face_weights))
    if effects.coupling_hz[1] > 0:
        for s, spot in enumerate(spots):
            if len(spot.vertices):
                frequency, damping = rng.uniform(*effects.coupling_hz), rng.uniform(*effects.coupling_damping)
                place[:, s], turn[:, s] = (_couple(m[:, s], frequency, damping, fine) for m in (place, turn))

    angles, shift = _head_pose(t, track, effects, rng)
    facing = Rotation.from_euler("y", rng.uniform(-np.pi, np.pi))  # the room's axes know nothing of the face
    head = facing * Rotation.from_euler("YXZ", angles)
    rotation, acceleration = [], []
    for s in range(len(spots)):
        world = head.apply(place[:, s] - _NECK) + facing.apply(shift)
        a = np.gradient(np.gradient(world, 1 / fine, axis=0), 1 / fine, axis=0)
        a += _taps(t, head, spots[s].place, rng)
        if effects.cable:
            a += effects.cable * _pink(len(t), fine, rng)
        if effects.mounting_deg >= 180:
            mounting = Rotation.from_quat(rng.normal(0, 1, 4))  # any way round, uniformly
        else:
            axis = rng.normal(0, 1, 3)
            mounting = Rotation.from_rotvec(axis / np.linalg.norm(axis) * np.radians(rng.normal(0, effects.mounting_deg)))
        sensor = head * Rotation.from_rotvec(turn[:, s]) * mounting
        force = sensor.inv().apply(a + np.array([0.0, GRAVITY, 0.0]))
        rotation.append(_reported(t, sensor, effects, rng))
        acceleration.append(_measured(force, effects, fine, rng))
    return Take(f"simulated imu of {seed}", {"imu": to_track(_sample(t, start, layout, rotation, acceleration, effects, rng))})


def _taps(t: np.ndarray, head: Rotation, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Three taps of a finger on the chin, felt less the farther away a site is."""
    reach = np.exp(-np.linalg.norm(place - np.array([0.0, -0.07, 0.1])) / 0.05)
    pulse = sum(_TAP * rng.uniform(0.7, 1.2) * np.exp(-(((t - tap) / 0.012) ** 2)) for tap in TAPS)
    return head.apply(np.array([0.0, 0.3, -1.0]) * reach) * np.asarray(pulse)[:, None]


def _pink(count: int, fine: float, rng: np.random.Generator) -> np.ndarray:
    """Slow random tugs (T, 3) of unit sd."""
    b, a = bilinear(np.array([1.0]), np.array([1 / (2 * np.pi * 2.0), 1.0]), fs=fine)
    slow = np.asarray(lfilter(b, a, rng.normal(0, 1, (count, 3)), axis=0))
    return slow / max(slow.std(), 1e-9)


def _reported(t: np.ndarray, sensor: Rotation, effects: Effects, rng: np.random.Generator) -> np.ndarray:
    """Quaternions (T, 4; w first) as a fusion filter gives them: tilt wanders, heading is offset, drifts and is pulled."""
    step = float(t[1] - t[0])
    keep = np.exp(-step / effects.tilt_s)
    tilt = np.asarray(lfilter([np.sqrt(1 - keep * keep)], [1, -keep], rng.normal(0, 1, (len(t), 2)), axis=0))
    tilt = tilt * np.radians(effects.tilt_deg) / np.sqrt(2)
    walk = rng.normal(0, np.sqrt(step), (2, len(t))).cumsum(axis=1)
    heading = np.radians(rng.uniform(-1, 1) * effects.heading_deg) + np.radians(effects.heading_drift_dpm / np.sqrt(60)) * walk[0]
    heading = heading + np.radians(effects.gyro_noise_dps) * walk[1]
    if effects.magnet_deg:
        for _ in range(max(1, int((t[-1] - t[0]) / 40))):
            at = rng.uniform(t[0], t[-1])
            heading = heading + np.radians(rng.normal(0, effects.magnet_deg)) * _bump(t, at, at + rng.uniform(3, 10))
    error = Rotation.from_euler("y", heading[:, None]) * Rotation.from_rotvec(np.stack([tilt[:, 0], np.zeros(len(t)), tilt[:, 1]], axis=1))
    x, y, z, w = (error * sensor).as_quat().T
    return np.stack([w, x, y, z], axis=1)


def _measured(force: np.ndarray, effects: Effects, fine: float, rng: np.random.Generator) -> np.ndarray:
    """What the accelerometer makes of the specific force (T, 3): scale, bias, noise over its band, saturation."""
    noise = effects.accel_noise_ug * 1e-6 * GRAVITY * np.sqrt(fine / 2)
    scale = 1 + rng.normal(0, effects.accel_scale, 3) if effects.accel_scale else 1.0
    out = force * scale + rng.uniform(-1, 1, 3) * effects.accel_bias + rng.normal(0, 1, force.shape) * noise
    return np.clip(out, -effects.accel_range, effects.accel_range)


def _sample(
    t: np.ndarray,
    start: float,
    layout: Layout,
    rotation: list[np.ndarray],
    acceleration: list[np.ndarray],
    effects: Effects,
    rng: np.random.Generator,
) -> ImuSignal:
    """Rows at the sensors' rate, with jittered stamps, lost samples, gaps and perhaps a dead site."""
    pick = np.arange(0, len(t), max(1, round(1 / (effects.rate_hz * (t[1] - t[0])))))
    true = t[pick]
    q, a = np.stack(rotation, axis=1)[pick], np.stack(acceleration, axis=1)[pick]
    stamp = true + np.clip(rng.normal(0, effects.jitter_ms * 1e-3, len(pick)), -0.3 / effects.rate_hz, 0.3 / effects.rate_hz)
    stamp = np.maximum.accumulate(stamp + 1e-9 * np.arange(len(stamp)))
    lost = rng.uniform(size=q.shape[:2]) < effects.loss
    for s in range(q.shape[1]):
        for _ in range(rng.poisson(effects.gaps_per_min * (t[-1] - t[0]) / 60)):
            at = rng.uniform(0.0, max(t[-1], 1e-3))
            lost[(true > at) & (true < at + rng.uniform(0.1, 0.6)), s] = True
    face_sites = [s for s, site in enumerate(layout.sites) if site != layout.reference]
    if face_sites and rng.uniform() < effects.dead:
        lost[:, face_sites[int(rng.integers(len(face_sites)))]] = True
    q[lost], a[lost] = np.nan, np.nan
    keep = np.concatenate([[True], np.diff(stamp) > 0])
    return ImuSignal(start + stamp[keep], layout.sites, q[keep], a[keep], False, "y")
