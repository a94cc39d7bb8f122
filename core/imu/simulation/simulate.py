"""Simulation of the signals that sensors on a face would send during a weights take.

`effects` lists the disturbances with their sources; `head_motion` has what the performer does before the take.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from scipy.interpolate import CubicSpline  # pyright: ignore[reportMissingTypeStubs]
from scipy.signal import lfilter  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from ...arrays import Array
from ...errors import InnerfaceError
from ...face.channels import ARKIT, HEAD_ANGLES
from ...face.face_model import FaceModel
from ...numerics import quaternion as quat
from ...take import Take, Track, TrackKind
from ...take.resample import check_pauses, fill_gaps
from ..layout import Layout
from ..signal import GRAVITY, ImuSignal, to_track
from ..skin import Patch, skin_motion, skin_patches
from . import sensor_errors
from .boards import Board, measure
from .effects import Effects
from .head_motion import NECK, RELAX, TAPS, HeadMotion, move_head

_SKIN_RATE_HZ = 60.0  # at which the skin is posed; between, its motion is a cubic spline
_MIN_RATE_HZ = 200.0  # for accelerations and skin coupling; rounded up to a multiple of the sensors' rate
_EXPRESSION_CHANNELS = [k for k, c in enumerate(ARKIT) if not c.startswith("eyeLook")]  # gaze is not an expression
_TAP_ACCELERATION = 25.0  # m/s^2, a finger on the chin
_CHIN_POSITION = np.array([0.0, -0.07, 0.1])


def simulate(
    track: Track,
    face: FaceModel,
    layout: Layout,
    *,
    effects: Effects,
    seed: int | np.random.Generator = 0,
    linear: bool = False,
    board: Board | None = None,
    relaxed: Array | None = None,
) -> Take:
    """Simulate an IMU take with y up. Raises InnerfaceError for a track without any of the 52 channels.

    The take is on the track's clock: the calibration lies before its first row, at earlier (perhaps negative) times.

    Parameters
    ----------
    track : weights of the performance
    face : the performer's face
    layout : sites of the sensors
    effects : disturbances
    seed : of all random numbers, or their generator
    linear : the devices remove gravity, by their own estimate of its direction
    board : the parts, which measure and fuse instead of the errors of sensors and fusion in `effects`
    relaxed : (52,), the performer's relaxed face, at which the sensors are zeroed; drawn from `effects` if not given
    """
    if not any(c in track.columns for c in ARKIT) or len(track.time) < 2:
        raise InnerfaceError("sensors can only be simulated on a weights take of at least two rows; give one")
    check_pauses(track.time)
    rng = np.random.default_rng(seed)
    min_rate = _MIN_RATE_HZ if board is None else board.raw_hz
    fine_rate = float(effects.rate_hz * np.ceil(min_rate / effects.rate_hz))
    t = RELAX[0] + np.arange(int((track.duration - RELAX[0]) * fine_rate + 1e-6) + 1) / fine_rate
    decimation = round(fine_rate / effects.rate_hz)
    kept = decimation if board is None else 1  # boards fuse all samples, and send some of them
    rate = fine_rate / kept
    site_patches = skin_patches(face, layout, effects.placement_mm, rng=rng)
    position, velocity, acceleration, skin_turn = _skin_trajectories(
        t, track, face, site_patches=site_patches, effects=effects, relaxed=relaxed, rng=rng
    )
    performance_angles = np.nan_to_num(fill_gaps(track.time, track.select(HEAD_ANGLES)))
    head = move_head(
        t,
        np.stack([np.interp(t, track.time - track.time[0], performance_angles[:, k]) for k in range(3)], axis=1),
        effects,
        rng=rng,
    )
    force = _specific_force(t, head, position, velocity=velocity, skin_acceleration=acceleration)[::kept]
    t = t[::kept]
    skin_turn, rotation = skin_turn[::kept], head.rotation[::kept]
    force += _chin_taps(t, site_patches, rng)
    if effects.cable:
        force += effects.cable * sensor_errors.slow_noise(
            len(t), 3 * len(site_patches), cutoff_hz=2.0, rate=rate, rng=rng
        ).reshape(-1, len(site_patches), 3)
    on_skin = [s for s, spot in enumerate(site_patches) if len(spot.vertices)]
    if effects.slip:
        skin_turn = sensor_errors.slip(skin_turn, effects, rate)
    if effects.wobble_deg:
        skin_turn = skin_turn + sensor_errors.wobble(force, on_skin, effects, rate=rate, rng=rng)
    sensor_to_head = quat.multiply(
        quat.from_rotvec(skin_turn), sensor_errors.mounting(t, len(site_patches), effects, rng=rng)
    )
    loosening = sensor_errors.random_loosening(t, on_skin, effects, rng=rng)
    if loosening is not None:
        sensor_to_head[:, loosening[0]] = quat.multiply(loosening[1], sensor_to_head[:, loosening[0]])
    true_rotation = quat.multiply(rotation[:, None], sensor_to_head)
    true_force = quat.rotate(quat.conjugate(sensor_to_head), force)
    if board is None:
        error = sensor_errors.orientation_error(
            t, _yaw_rate(true_rotation, rate), _tilt_pull(rotation, force, effects), effects=effects, rng=rng
        )
        sent_rotation = quat.multiply(error, true_rotation)
        measured_force = sensor_errors.accelerometer_readings(true_force, effects, rate, rng=rng)
    else:
        measured = measure(true_rotation, true_force, board, rate=rate, rng=rng)
        t, sent_rotation, measured_force = (
            t[::decimation],
            measured.rotation[::decimation],
            measured.force[::decimation],
        )
    if linear:
        measured_force = measured_force - quat.rotate(
            quat.conjugate(sent_rotation), np.broadcast_to([0.0, GRAVITY, 0.0], measured_force.shape)
        )
    signal = _transmit(
        t,
        float(track.time[0]),
        layout,
        rotation=sent_rotation,
        acceleration=measured_force,
        effects=effects,
        rng=rng,
        linear=linear,
    )
    return Take("simulated imu", {TrackKind.IMU: to_track(signal)})


def random_relaxed_face(track: Track, effects: Effects, rng: np.random.Generator) -> Array:
    """A relaxed face (52,) of this performer: a share of the performance's calmest face, as `effects` has it."""
    weights = np.nan_to_num(fill_gaps(track.time, track.select(ARKIT)))
    calmest = weights[weights[:, _EXPRESSION_CHANNELS].sum(1).argmin()]
    return calmest * rng.uniform(*effects.relaxed)


def _skin_trajectories(
    t: Array,
    track: Track,
    face: FaceModel,
    *,
    site_patches: list[Patch],
    effects: Effects,
    relaxed: Array | None,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array, Array]:
    """Position, velocity, acceleration and rotation vector (T, S, 3) of every patch, with the skin's coupling.

    All in the head frame.
    """
    weights = np.nan_to_num(fill_gaps(track.time, track.select(ARKIT)))
    relaxed_weights = random_relaxed_face(track, effects, rng) if relaxed is None else relaxed
    gain = np.exp(effects.anatomy * rng.normal(0, 1, len(ARKIT)))
    lead_times = np.array([RELAX[0] - 1.0, -1.2])  # relaxed between these, then on to the performance's first row
    spline = CubicSpline(
        np.concatenate([lead_times, track.time - track.time[0]]),
        np.concatenate([[relaxed_weights, relaxed_weights], weights]),
        bc_type="natural",
    )
    coarse_times = np.arange(t[0], t[-1] + 2 / _SKIN_RATE_HZ, 1 / _SKIN_RATE_HZ)
    coarse_weights = np.where(
        (coarse_times < lead_times[1])[:, None], relaxed_weights, spline(np.minimum(coarse_times, track.duration))
    )
    position, turn = skin_motion(face, site_patches, coarse_weights * gain)
    trajectory = CubicSpline(coarse_times, np.concatenate([position, turn], axis=2).reshape(len(coarse_times), -1))

    def shaped(values: Array) -> Array:
        return values.reshape(len(t), len(site_patches), 6)

    pose, velocity, acceleration = (
        shaped(trajectory(t)),
        shaped(trajectory(t, 1))[..., :3],
        shaped(trajectory(t, 2))[..., :3],
    )
    if effects.coupling_hz[1] > 0:  # linear, so it filters position, velocity and acceleration alike
        rate = 1 / float(t[1] - t[0])
        for s, spot in enumerate(site_patches):
            if len(spot.vertices):
                frequency, damping = rng.uniform(*effects.coupling_hz), rng.uniform(*effects.coupling_damping)
                coupled = sensor_errors.apply_skin_coupling(
                    np.concatenate([pose[:, s], velocity[:, s], acceleration[:, s]], axis=1),
                    frequency=frequency,
                    damping=damping,
                    rate=rate,
                )
                pose[:, s], velocity[:, s], acceleration[:, s] = coupled[:, :6], coupled[:, 6:9], coupled[:, 9:]
    return pose[..., :3], velocity, acceleration, pose[..., 3:]


def _specific_force(t: Array, head: HeadMotion, position: Array, *, velocity: Array, skin_acceleration: Array) -> Array:
    """Specific forces (T, S, 3) in head axes.

    Gravity, the neck's acceleration, Euler, centripetal and Coriolis terms, and the skin's acceleration.
    """
    step = float(t[1] - t[0])
    angular_velocity = np.zeros((len(t), 3))
    angular_velocity[1:-1] = quat.to_rotvec(quat.multiply(quat.conjugate(head.rotation[:-2]), head.rotation[2:])) / (
        2 * step
    )  # in head axes
    angular_velocity[0], angular_velocity[-1] = angular_velocity[1], angular_velocity[-2]
    angular_acceleration = np.gradient(angular_velocity, step, axis=0)
    neck_force = np.gradient(np.gradient(head.neck, step, axis=0), step, axis=0) + [0.0, GRAVITY, 0.0]
    base = quat.rotate(quat.conjugate(head.rotation), neck_force)
    lever_arm, omega = position - NECK, angular_velocity[:, None]
    return (
        base[:, None]
        + np.cross(np.broadcast_to(angular_acceleration[:, None], lever_arm.shape), lever_arm)
        + np.cross(omega, np.cross(np.broadcast_to(omega, lever_arm.shape), lever_arm) + 2 * velocity)
        + skin_acceleration
    )


def _chin_taps(t: Array, site_patches: list[Patch], rng: np.random.Generator) -> Array:
    """Accelerations (T, S, 3) of three taps of a finger on the chin, in head axes, decaying with distance."""
    falloff = np.array([np.exp(-np.linalg.norm(spot.position - _CHIN_POSITION) / 0.05) for spot in site_patches])
    pulse = sum(_TAP_ACCELERATION * rng.uniform(0.7, 1.2) * np.exp(-(((t - tap) / 0.012) ** 2)) for tap in TAPS)
    return np.asarray(pulse)[:, None, None] * falloff[:, None] * np.array([0.0, 0.3, -1.0])


def _yaw_rate(rotation: Array, rate: float) -> Array:
    """Angular rate (T, S) rad/s of orientations (T, S, 4) about the room's vertical."""
    turn = quat.to_rotvec(quat.multiply(rotation[1:], quat.conjugate(rotation[:-1])))[..., 1] * rate
    return np.concatenate([turn[:1], turn])


def _tilt_pull(rotation: Array, force: Array, effects: Effects) -> Array:
    """The head's horizontal acceleration (T, 2: x, z) over gravity, low-pass filtered as by a fusion filter."""
    if not effects.tilt_pull:
        return np.zeros((len(force), 2))
    horizontal = quat.rotate(rotation, force.mean(axis=1))[:, [0, 2]] / GRAVITY
    decay = np.exp(-1 / (effects.tilt_s * effects.rate_hz))
    return cast(Array, lfilter([1 - decay], [1.0, -decay], horizontal, axis=0))


def _transmit(
    t: Array,
    start: float,
    layout: Layout,
    *,
    rotation: Array,
    acceleration: Array,
    effects: Effects,
    rng: np.random.Generator,
    linear: bool,
) -> ImuSignal:
    """The signal that arrives: with jittered, increasing timestamps, and without lost samples."""
    limit = 0.3 / effects.rate_hz
    timestamps = t + np.clip(rng.normal(0, 1, len(t)) * effects.jitter_ms * 1e-3, -limit, limit)
    missing = sensor_errors.random_losses(
        t,
        rotation.shape[1],
        [s for s, site in enumerate(layout.sites) if site != layout.reference],
        effects=effects,
        rng=rng,
    )
    q, a = np.where(missing[..., None], np.nan, rotation), np.where(missing[..., None], np.nan, acceleration)
    return ImuSignal(start + timestamps, layout.sites, q, a, linear, "y")
