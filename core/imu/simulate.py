"""Simulated face-worn IMUs: what sensors taped to a face would send while it performs a weights take.

Simulated, not recorded: `effects` lists every disturbance with its source. `head` says what the performer does before.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import lfilter

from ..channels import ARKIT, HEAD_ANGLES
from ..errors import InnerfaceError
from ..face_model import FaceModel
from ..resample import bridge
from ..take import Take, Track
from . import quaternion as quat
from . import sensors
from .effects import Effects
from .head import NECK, RELAX, TAPS, HeadMotion, move_head
from .layout import Layout
from .signal import GRAVITY, ImuSignal, to_track
from .skin import Patch, patches, skin_motion

_COARSE = 60.0  # frames a second at which the skin is posed; between, its motion is a cubic spline
_FINE = 200.0  # samples a second that accelerations and skin coupling need at least; a whole multiple of the sensors' rate
_ACTING = [k for k, c in enumerate(ARKIT) if not c.startswith("eyeLook")]  # gaze is no expression
_TAP = 25.0  # m/s^2, a finger on the chin
_CHIN = np.array([0.0, -0.07, 0.1])


def simulate(
    track: Track, face: FaceModel, layout: Layout, effects: Effects, seed: int | np.random.Generator = 0, linear: bool = False
) -> Take:
    """An IMU take (up = y) of a simulated performer who performs `track` on `face` with sensors at `layout`.

    The take keeps the performance's clock: its preamble lies before the first row, at earlier (perhaps negative) times.
    `linear`: the devices take gravity off by their own idea of where it is. Raises InnerfaceError for a track without any of
    the 52 channels.
    """
    if not any(c in track.columns for c in ARKIT) or len(track.time) < 2:
        raise InnerfaceError("only a weights take of at least two rows can be performed; give one")
    rng = np.random.default_rng(seed)
    fine = float(effects.rate_hz * np.ceil(_FINE / effects.rate_hz))
    t = RELAX[0] + np.arange(int((track.duration - RELAX[0]) * fine + 1e-6) + 1) / fine
    every = round(fine / effects.rate_hz)
    spots = patches(face, layout, effects.placement_mm, rng)
    place, speed, push, turn = _skin(t, track, face, spots, effects, rng)
    own = np.nan_to_num(bridge(track.time, track.select(HEAD_ANGLES)))
    head = move_head(t, np.stack([np.interp(t, track.time - track.time[0], own[:, k]) for k in range(3)], axis=1), effects, rng)
    force = _force(t, head, place, speed, push)[::every]
    t = t[::every]
    turn, rotation = turn[::every], head.rotation[::every]
    force += _taps(t, spots, rng)
    if effects.cable:
        force += effects.cable * sensors.slow_noise(len(t), 3 * len(spots), 2.0, effects.rate_hz, rng).reshape(-1, len(spots), 3)
    on_skin = quat.multiply(quat.from_rotvec(turn), sensors.mounting(t, len(spots), effects, rng))
    loose = sensors.comes_loose(t, [s for s, spot in enumerate(spots) if len(spot.vertices)], effects, rng)
    if loose is not None:
        on_skin[:, loose[0]] = quat.multiply(loose[1], on_skin[:, loose[0]])
    true = quat.multiply(rotation[:, None], on_skin)
    yaw_rate = _about_vertical(true, effects.rate_hz)
    error = sensors.orientation_error(t, yaw_rate, _pull(rotation, force, effects), effects, rng)
    sent = quat.multiply(error, true)
    felt = sensors.accelerometer(quat.rotate(quat.conjugate(on_skin), force), effects, effects.rate_hz, rng)
    if linear:
        felt = felt - quat.rotate(quat.conjugate(sent), np.broadcast_to([0.0, GRAVITY, 0.0], felt.shape))
    signal = _transmitted(t, float(track.time[0]), layout, sent, felt, effects, rng, linear)
    return Take("simulated imu", {"imu": to_track(signal)})


def _skin(
    t: np.ndarray, track: Track, face: FaceModel, spots: list[Patch], effects: Effects, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Place (T, S, 3), its speed and acceleration, and rotation vector of every patch in the head frame, through the skin's coupling."""
    weights = np.nan_to_num(bridge(track.time, track.select(ARKIT)))
    calm = weights[weights[:, _ACTING].sum(1).argmin()] * rng.uniform(*effects.relaxed)  # the take's least expression
    gain = np.exp(effects.anatomy * rng.normal(0, 1, len(ARKIT)))
    lead = np.array([RELAX[0] - 1.0, -1.2])  # relaxed until then, and on to the performance's first row
    spline = CubicSpline(np.concatenate([lead, track.time - track.time[0]]), np.concatenate([[calm, calm], weights]), bc_type="natural")
    coarse = np.arange(t[0], t[-1] + 2 / _COARSE, 1 / _COARSE)
    performed = np.where((coarse < lead[1])[:, None], calm, spline(np.minimum(coarse, track.duration)))
    place, turn = skin_motion(face, spots, performed * gain)
    path = CubicSpline(coarse, np.concatenate([place, turn], axis=2).reshape(len(coarse), -1))

    def shaped(values: np.ndarray) -> np.ndarray:
        return values.reshape(len(t), len(spots), 6)

    moved, speed, push = shaped(path(t)), shaped(path(t, 1))[..., :3], shaped(path(t, 2))[..., :3]
    if effects.coupling_hz[1] > 0:  # the coupling is linear: it delays place, speed and acceleration alike
        rate = 1 / float(t[1] - t[0])
        for s, spot in enumerate(spots):
            if len(spot.vertices):
                frequency, damping = rng.uniform(*effects.coupling_hz), rng.uniform(*effects.coupling_damping)
                both = sensors.lag(np.concatenate([moved[:, s], speed[:, s], push[:, s]], axis=1), frequency, damping, rate)
                moved[:, s], speed[:, s], push[:, s] = both[:, :6], both[:, 6:9], both[:, 9:]
    return moved[..., :3], speed, push, moved[..., 3:]


def _force(t: np.ndarray, head: HeadMotion, place: np.ndarray, speed: np.ndarray, push: np.ndarray) -> np.ndarray:
    """Specific forces (T, S, 3) in head axes: gravity, the neck's acceleration, Euler, centripetal and Coriolis terms, and the skin's own."""
    step = float(t[1] - t[0])
    turn = np.zeros((len(t), 3))
    turn[1:-1] = quat.to_rotvec(quat.multiply(quat.conjugate(head.rotation[:-2]), head.rotation[2:])) / (2 * step)  # in head axes
    turn[0], turn[-1] = turn[1], turn[-2]
    spin = np.gradient(turn, step, axis=0)
    linear = np.gradient(np.gradient(head.neck, step, axis=0), step, axis=0) + [0.0, GRAVITY, 0.0]
    base = quat.rotate(quat.conjugate(head.rotation), linear)
    arm, omega = place - NECK, turn[:, None]
    return (
        base[:, None]
        + np.cross(np.broadcast_to(spin[:, None], arm.shape), arm)
        + np.cross(omega, np.cross(np.broadcast_to(omega, arm.shape), arm) + 2 * speed)
        + push
    )


def _taps(t: np.ndarray, spots: list[Patch], rng: np.random.Generator) -> np.ndarray:
    """Three taps of a finger on the chin (T, S, 3) in head axes, felt less the farther away a site is."""
    reach = np.array([np.exp(-np.linalg.norm(spot.place - _CHIN) / 0.05) for spot in spots])
    pulse = sum(_TAP * rng.uniform(0.7, 1.2) * np.exp(-(((t - tap) / 0.012) ** 2)) for tap in TAPS)
    return np.asarray(pulse)[:, None, None] * reach[:, None] * np.array([0.0, 0.3, -1.0])


def _about_vertical(rotation: np.ndarray, rate: float) -> np.ndarray:
    """How fast orientations (T, S, 4) turn about the room's vertical (T, S), rad/s."""
    turn = quat.to_rotvec(quat.multiply(rotation[1:], quat.conjugate(rotation[:-1])))[..., 1] * rate
    return np.concatenate([turn[:1], turn])


def _pull(rotation: np.ndarray, force: np.ndarray, effects: Effects) -> np.ndarray:
    """The head's horizontal acceleration (T, 2: x, z) over gravity as a fusion filter's slow path sees it."""
    if not effects.tilt_pull:
        return np.zeros((len(force), 2))
    room = quat.rotate(rotation, force.mean(axis=1))[:, [0, 2]] / GRAVITY
    keep = np.exp(-1 / (effects.tilt_s * effects.rate_hz))
    return np.asarray(lfilter([1 - keep], [1.0, -keep], room, axis=0))


def _transmitted(
    t: np.ndarray,
    start: float,
    layout: Layout,
    rotation: np.ndarray,
    acceleration: np.ndarray,
    effects: Effects,
    rng: np.random.Generator,
    linear: bool,
) -> ImuSignal:
    """What arrives: jittered time stamps that never run backwards, and the samples that are not lost."""
    limit = 0.3 / effects.rate_hz
    stamp = t + np.clip(rng.normal(0, 1, len(t)) * effects.jitter_ms * 1e-3, -limit, limit)
    gone = sensors.lost(t, rotation.shape[1], [s for s, site in enumerate(layout.sites) if site != layout.reference], effects, rng)
    q, a = np.where(gone[..., None], np.nan, rotation), np.where(gone[..., None], np.nan, acceleration)
    return ImuSignal(start + stamp, layout.sites, q, a, linear, "y")
