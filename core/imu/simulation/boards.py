"""Motion-sensor parts, what their gyroscopes and accelerometers measure, and the orientation that fusion makes of it.

Errors of orientation are not drawn at random here: they follow from the same noisy signals that a device fuses, so that
they belong to its accelerometer's. Letters grade sources as in `effects`: [B] front page of a data sheet, [C] assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ...arrays import Array
from ...errors import InnerfaceError
from ...numerics import quaternion as quat
from ..signal import GRAVITY
from .sensor_errors import slow_noise

_BITS = 16
_WARM_UP_S = 90.0  # time constant of a board's temperature after it is turned on [C]
_REST_S = 4.0  # after power-on; VQF's rest detection asks for 1.5 s
_FIELD_UT, _DIP_DEG = 48.0, 60.0  # of the earth's magnetic field in the middle latitudes
_Z_UP_TO_Y_UP = np.array([np.sqrt(0.5), -np.sqrt(0.5), 0.0, 0.0])


@dataclass(frozen=True)
class Board:
    """A part on its board with its fusion.

    Attributes:
        label: what it is called.
        raw_hz: rate at which gyroscope and accelerometer are fused, at least.
        gyro_noise_mdps: white noise, mdeg/s/sqrt(Hz).
        gyro_bias_dps: range of the bias at power-on, of which fusion removes what it finds at rest.
        gyro_walk_dps: sd of the bias's random walk after a minute, and of its change while the board warms up [C].
        gyro_scale: sd of the scale error; misalignment: sd of what one axis sees of another, rad [C].
        gyro_range_dps: full scale.
        accel_noise_ug: white noise, ug/sqrt(Hz).
        accel_bias_mg: range of the constant bias.
        accel_scale: sd of the scale error.
        accel_range_g: full scale.
        magnetometer: whether heading comes from the magnetic field (9 axes).
        magnet_ut: sd of constant and of wandering disturbances of the field at the sensor [C].
        fusion: "vqf", "madgwick", or "game" (a game rotation vector: slow to believe its accelerometer).
    """

    label: str
    raw_hz: float = 200.0
    gyro_noise_mdps: float = 7.0
    gyro_bias_dps: float = 0.5
    gyro_walk_dps: float = 0.02
    gyro_scale: float = 0.01
    misalignment: float = 0.005
    gyro_range_dps: float = 2000.0
    accel_noise_ug: float = 160.0
    accel_bias_mg: float = 20.0
    accel_scale: float = 0.01
    accel_range_g: float = 8.0
    magnetometer: bool = False
    magnet_ut: float = 3.0
    fusion: str = "vqf"


BOARDS: dict[str, Board] = {
    # 3.8 mdeg/s, 70 ug [B]; SlimeVR's firmware fuses 204.8 Hz by VQF [A].
    "icm45686": Board("ICM-45686", 204.8, 3.8, 0.5, 0.01, 0.005, 0.003, 4000.0, 70.0, 10.0, 0.005, 32.0),
    # 2.8 mdeg/s, 60 ug [B].
    "lsm6dsv16x": Board("LSM6DSV16X", 240.0, 2.8, 1.0, 0.01, 0.005, 0.005, 2000.0, 60.0, 12.0, 0.005, 8.0),
    # 7 mdeg/s, 160 ug, zero rate +-0.5 deg/s [B]; SlimeVR's firmware: 200 Hz, VQF [A].
    "bmi270": Board("BMI270", 200.0, 7.0, 0.5, 0.02, 0.004, 0.005, 2000.0, 160.0, 20.0, 0.004, 16.0),
    # 15 mdeg/s, 150-200 ug, scale +-3 % at board level [B]; heading by a QMC5883P, as in the IMUSIC paper [A].
    "qmi8658": Board(
        "QMI8658 with QMC5883P", 224.0, 15.0, 1.0, 0.03, 0.015, 0.01, 1024.0, 175.0, 40.0, 0.015, 8.0, magnetometer=True
    ),
    # Its game rotation vector drifts by 0.5 deg a minute and is off by 2.5 deg in motion [B]; 14 mdeg/s, 150 ug [C].
    "bno085": Board(
        "BNO085", 400.0, 14.0, 0.3, 0.01, 0.01, 0.005, 2000.0, 150.0, 20.0, 0.01, 8.0, fusion="game"
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Measurement:
    """What boards send: `rotation` (T, S, 4) from sensors to a world with y up, `force` (T, S, 3) m/s^2."""

    rotation: Array
    force: Array


def measure(
    rotation: Array, force: Array, board: Board, *, rate: float, rng: np.random.Generator, magnetic_north: float = 0.0
) -> Measurement:
    """Measure and fuse the motion of S sensors, T samples at `rate` Hz. Raises InnerfaceError without VQF.

    Before, the sensors lie still for some seconds, in which fusion finds the gyroscopes' bias, as devices ask for.

    Parameters
    ----------
    rotation : (T, S, 4) true orientations, from sensors to a world with y up
    force : (T, S, 3) true specific forces in the sensors' frames, m/s^2
    board : the part
    rate : Hz
    rng : random generator
    magnetic_north : rad, heading of the field
    """
    count, still = rotation.shape[1], round(_REST_S * rate)
    rotation = np.concatenate([np.repeat(rotation[:1], still, axis=0), rotation])
    force = np.concatenate([np.repeat(force[:1], still, axis=0), force])
    rows = len(rotation)
    turn = quat.to_rotvec(quat.multiply(quat.conjugate(rotation[:-1]), rotation[1:])) * rate
    gyro = _readings(
        np.concatenate([turn[:1], turn]),
        rate,
        scale=board.gyro_scale,
        misalignment=board.misalignment,
        noise=np.radians(board.gyro_noise_mdps * 1e-3),
        limit=np.radians(board.gyro_range_dps),
        bias=_gyro_bias(rows, count, board, rate=rate, rng=rng),
        rng=rng,
    )
    accel = _readings(
        force,
        rate,
        scale=board.accel_scale,
        misalignment=board.misalignment,
        noise=board.accel_noise_ug * 1e-6 * GRAVITY,
        limit=board.accel_range_g * GRAVITY,
        bias=rng.uniform(-1, 1, (1, count, 3)) * board.accel_bias_mg * 1e-3 * GRAVITY,
        rng=rng,
    )
    field = None
    if board.magnetometer:
        field = _magnetic_field(rotation, board, rate=rate, magnetic_north=magnetic_north, rng=rng)
    fused = quat.multiply(_Z_UP_TO_Y_UP, _fuse(gyro, accel, field, board=board, rate=rate))
    return Measurement(fused[still:], accel[still:])


def _readings(
    true: Array,
    rate: float,
    *,
    scale: float,
    misalignment: float,
    noise: float,
    limit: float,
    bias: Array,
    rng: np.random.Generator,
) -> Array:
    """Readings (T, S, 3) of true values: scale and cross-axis errors, bias, noise, saturation, quantisation."""
    count = true.shape[1]
    matrix = np.eye(3) * (1 + scale * rng.normal(0, 1, (count, 1, 3))) + misalignment * rng.normal(
        0, 1, (count, 3, 3)
    ) * (1 - np.eye(3))
    out = (matrix @ true[..., None])[..., 0] + bias
    out += noise * np.sqrt(rate / 2) * rng.normal(0, 1, out.shape)
    step = limit / 2 ** (_BITS - 1)
    return np.clip(np.rint(out / step) * step, -limit, limit - step)


def _gyro_bias(rows: int, count: int, board: Board, *, rate: float, rng: np.random.Generator) -> Array:
    """The gyroscopes' bias (T, S, 3) rad/s: at power-on, its random walk, and what warming up changes."""
    walk = rng.normal(0, board.gyro_walk_dps / np.sqrt(60 * rate), (rows, count, 3)).cumsum(axis=0)
    warmth = 1 - np.exp(-np.arange(rows) / rate / _WARM_UP_S)
    bias = rng.uniform(-1, 1, (count, 3)) * board.gyro_bias_dps
    return np.radians(bias + walk + warmth[:, None, None] * board.gyro_walk_dps * rng.normal(0, 1, (count, 3)))


def _magnetic_field(
    rotation: Array, board: Board, *, rate: float, magnetic_north: float, rng: np.random.Generator
) -> Array:
    """The magnetic field (T, S, 3) uT in the sensors' frames, disturbed by the board and by the room."""
    rows, count = rotation.shape[:2]
    dip = np.radians(_DIP_DEG)
    room = _FIELD_UT * np.array(
        [np.cos(dip) * np.sin(magnetic_north), -np.sin(dip), np.cos(dip) * np.cos(magnetic_north)]
    )
    wander = slow_noise(rows, 3 * count, cutoff_hz=0.05, rate=rate, rng=rng).reshape(rows, count, 3)
    field = quat.rotate(quat.conjugate(rotation), room + board.magnet_ut * wander)
    return field + board.magnet_ut * rng.normal(0, 1, (count, 3)) + rng.normal(0, 0.4, field.shape)


def _fuse(gyro: Array, accel: Array, field: Array | None, *, board: Board, rate: float) -> Array:
    """Orientations (T, S, 4) from sensors to a world with z up, as the device computes them."""
    if board.fusion == "madgwick":
        return _madgwick(gyro, accel, rate)
    try:
        from vqf import VQF
    except ImportError:
        raise InnerfaceError("simulated boards need the fusion filter VQF: pip install 'innerface[fusion]'") from None
    settings: dict[str, Any] = {"tauAcc": 6.0, "motionBiasEstEnabled": False} if board.fusion == "game" else {}
    out = np.empty((*gyro.shape[:2], 4))
    for s in range(gyro.shape[1]):
        signals = [np.ascontiguousarray(x[:, s]) for x in (gyro, accel, *(() if field is None else (field,)))]
        fused = cast(dict[str, Array], VQF(1 / rate, **settings).updateBatch(*signals))  # pyright: ignore[reportUnknownMemberType]
        out[:, s] = fused["quat6D" if field is None else "quat9D"]
    return out


_MADGWICK_GAIN = 0.033  # rad/s, of the original paper for IMUs


def _madgwick(gyro: Array, accel: Array, rate: float) -> Array:
    """Madgwick's gradient-descent filter (2010, eq 25 to 33) for S sensors at once, begun level."""
    up = accel / np.maximum(np.linalg.norm(accel, axis=-1, keepdims=True), 1e-9)
    q = _level(up[0])
    out = np.empty((*gyro.shape[:2], 4))
    for k in range(len(gyro)):
        w, x, y, z = q.T
        error = np.stack(
            [
                2 * (x * z - w * y) - up[k, :, 0],
                2 * (w * x + y * z) - up[k, :, 1],
                2 * (0.5 - x * x - y * y) - up[k, :, 2],
            ],
            axis=-1,
        )
        gradient = np.stack(
            [
                -2 * y * error[:, 0] + 2 * x * error[:, 1],
                2 * z * error[:, 0] + 2 * w * error[:, 1] - 4 * x * error[:, 2],
                -2 * w * error[:, 0] + 2 * z * error[:, 1] - 4 * y * error[:, 2],
                2 * x * error[:, 0] + 2 * y * error[:, 1],
            ],
            axis=-1,
        )
        gradient /= np.maximum(np.linalg.norm(gradient, axis=-1, keepdims=True), 1e-9)
        rate_of_change = 0.5 * quat.multiply(q, np.concatenate([np.zeros((len(q), 1)), gyro[k]], axis=-1))
        q = q + (rate_of_change - _MADGWICK_GAIN * gradient) / rate
        q = q / np.linalg.norm(q, axis=-1, keepdims=True)
        out[k] = q
    return out


def _level(up: Array) -> Array:
    """Orientations (S, 4) that turn measured directions (S, 3) upwards, to z, on the shortest way."""
    axis = np.cross(up, np.broadcast_to([0.0, 0.0, 1.0], up.shape))
    q = np.concatenate([1 + up[:, 2:], axis], axis=-1)
    q[np.linalg.norm(q, axis=-1) < 1e-6] = [0.0, 1.0, 0.0, 0.0]
    return q / np.linalg.norm(q, axis=-1, keepdims=True)
