"""A take as the motion that alignment compares: weights as they are, IMU takes by way of inference."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from ..arrays import Array
from ..face.channels import ARKIT, GROUPS, ChannelGroup
from ..rates import FRAME_RATE
from ..take import Take, TrackKind
from ..take.alignment import MotionSignal, find_triple_tap
from ..take.resample import check_pauses, fill_gaps, resample_linear
from .inference import ImuInference, imu_track, infer
from .layout import Layout
from .linear_model import LinearModel
from .signal import from_track

_OBSERVED_CHANNELS = frozenset(GROUPS[ChannelGroup.MOUTH] + GROUPS[ChannelGroup.BROW] + GROUPS[ChannelGroup.CHEEK]) - {
    "tongueOut",
    "mouthShrugUpper",
}


def motion_signal(take: Take, layout: Layout, model: LinearModel) -> MotionSignal:
    """Motion of a weights take, or of an IMU take by its inference. Raises InnerfaceError for a take with neither."""
    if TrackKind.WEIGHTS not in take.kinds:
        return inferred_motion_signal(infer(take, layout, model), take)
    track = take.weights()
    check_pauses(track.time)
    times = track.time[0] + np.arange(int(track.duration * FRAME_RATE) + 1) / FRAME_RATE
    values = np.nan_to_num(resample_linear(track.time, track.select(ARKIT), times))
    jaw_speed = np.abs(np.gradient(values[:, [ARKIT.index("jawOpen"), ARKIT.index("jawForward")]], axis=0)).sum(1)
    taps = find_triple_tap(times, jaw_speed)
    return MotionSignal(float(times[0]), ARKIT, values, frozenset(ARKIT), taps, values)


def inferred_motion_signal(inference: ImuInference, take: Take) -> MotionSignal:
    """Motion of an IMU take whose inference is at hand."""
    track = inference.take.weights()
    rotation = inference.motion.rotation.reshape(len(track.time), -1)
    signals = np.nan_to_num(fill_gaps(track.time, rotation))
    return MotionSignal(
        float(track.time[0]), ARKIT, track.select(ARKIT), _OBSERVED_CHANNELS, find_chin_taps(take), signals
    )


def find_chin_taps(take: Take) -> Array | None:
    """Times (3,) of a triple tap on the chin in an IMU take, or None: transients that are strongest at the chin."""
    signal = from_track(imu_track(take))
    chin_sites = [k for k, s in enumerate(signal.sites) if s.startswith("mentalis")]
    other_sites = [k for k in range(len(signal.sites)) if k not in chin_sites]
    if not chin_sites or len(signal.time) < 16:
        return None
    flat = signal.acceleration.reshape(len(signal.time), -1)
    acceleration = fill_gaps(signal.time, flat).reshape(signal.acceleration.shape)
    width = max(int(0.15 * len(signal.time) / max(signal.time[-1] - signal.time[0], 1e-6)), 3)
    transient = np.linalg.norm(np.nan_to_num(acceleration - uniform_filter1d(acceleration, width, axis=0)), axis=-1)
    elsewhere = transient[:, other_sites].mean(1) if other_sites else 0.0
    return find_triple_tap(signal.time, np.clip(transient[:, chin_sites].max(1) - elsewhere, 0, None))
