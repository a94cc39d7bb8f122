"""Training examples: performances with simulated sensors, or a performer's own paired take.

Simulated signals are calibrated as recordings are, so that training includes the errors of calibration.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import InnerfaceError
from ...face.channels import OUTPUT_CHANNELS
from ...face.face_model import FaceModel
from ...take import Track, TrackKind
from ...take.resample import resample_linear
from ..kinematics import Motion
from ..layout import Layout
from ..motion import calibrate_take
from ..signal import from_track
from .boards import BOARDS, Board
from .effects import PRESETS, Effects
from .simulate import random_relaxed_face, simulate

_MAX_GAP_S = 0.25  # between rows of a camera that are interpolated
_SIZES = {  # of a board's errors
    *("gyro_noise_mdps", "gyro_bias_dps", "gyro_walk_dps", "gyro_scale", "misalignment"),
    *("accel_noise_ug", "accel_bias_mg", "accel_scale", "magnet_ut"),
}


@dataclass(frozen=True)
class TrainingExample:
    """Motion of one take, its true `weights` (T, 55) of OUTPUT_CHANNELS, and the frames `use` (T,) to learn from.

    `rest` (52,): the relaxed face at which the sensors were zeroed, as a camera saw it; None where it is not known.
    """

    motion: Motion
    weights: Array
    use: Array
    rest: Array | None = None


def random_effects(rng: np.random.Generator, all_sites: bool = False) -> Effects:
    """Draw effects between "clean" and worse than "rough": every size on its own, any rate, any relaxed face.

    `all_sites`: no site is dead or comes loose, since moments need all sites.
    """
    low, high = PRESETS["clean"], PRESETS["rough"]
    values: dict[str, Any] = {}
    for entry in fields(Effects):
        a, b = getattr(low, entry.name), getattr(high, entry.name)
        if isinstance(b, float) and a != b and entry.name not in ("dead", "loose", "gyro_range_dps"):
            values[entry.name] = a + (b - a) * float(rng.beta(1.0, 2.2)) * 1.15
    values["coupling_hz"] = (20.0, 60.0) if rng.uniform() < 0.9 else (0.0, 0.0)
    values["rate_hz"] = float(rng.choice([60.0, 100.0, 200.0], p=[0.3, 0.6, 0.1]))
    values["relaxed"] = (0.0, 1.0) if rng.uniform() < 0.5 else (0.9, 1.0)
    values["heading_deg"] = 180.0 if rng.uniform() < 0.8 else 10.0
    if not all_sites:
        values["dead"], values["loose"] = high.dead, high.loose
    return replace(low, **values)


def random_board(rng: np.random.Generator) -> Board:
    """Draw a part near one that is sold, with any of the fast fusions: errors from half to twice those of its data."""
    part = BOARDS[str(rng.choice(list(BOARDS)))]
    sizes = {
        e.name: getattr(part, e.name) * float(np.exp(rng.normal(0, 0.35))) for e in fields(Board) if e.name in _SIZES
    }
    return replace(part, **sizes, fusion=str(rng.choice(["vqf", "game"], p=[0.75, 0.25])))


def simulated_example(
    track: Track,
    face: FaceModel,
    layout: Layout,
    *,
    effects: Effects,
    rng: np.random.Generator,
    causal: bool = False,
    board: Board | None = None,
) -> TrainingExample | None:
    """Simulate and calibrate one take; None where too many sensors are lost for the calibration."""
    rest = random_relaxed_face(track, effects, rng)
    take = simulate(track, face, layout, effects=effects, seed=rng, board=board, relaxed=rest)
    signal = from_track(take.tracks[TrackKind.IMU])
    try:
        motion = calibrate_take(signal, layout, causal=causal)[1]
    except InnerfaceError:
        return None
    use = (motion.time >= track.time[0]) & (motion.time <= track.time[-1])
    weights = np.nan_to_num(resample_linear(track.time, track.select(OUTPUT_CHANNELS), motion.time))
    return TrainingExample(motion, weights, use, rest)


def paired_example(imu: Track, camera: Track, layout: Layout, *, causal: bool = False) -> TrainingExample:
    """An example from sensors and camera of one performance on one clock, without frames in which the face was lost.

    Raises InnerfaceError where the sensors cannot be calibrated, or the two share no time.
    """
    motion = calibrate_take(from_track(imu), layout, causal=causal)[1]
    tracked = ~camera.lost_rows()
    time = camera.time[tracked]
    weights = resample_linear(time, camera.select(OUTPUT_CHANNELS)[tracked], motion.time)
    right = np.clip(np.searchsorted(time, motion.time), 1, len(time) - 1)
    gap = time[right] - time[right - 1]
    use = (motion.time >= time[0]) & (motion.time <= time[-1]) & (gap < _MAX_GAP_S)
    if not use.any():
        raise InnerfaceError(
            f"sensors ({motion.time[0]:.1f} to {motion.time[-1]:.1f} s) and camera ({time[0]:.1f} to {time[-1]:.1f} s) "
            "share no time; add --align"
        )
    return TrainingExample(motion, np.nan_to_num(weights), use)
