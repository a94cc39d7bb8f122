"""Numbers of other programs and devices are checked before they are used: finite, and near what they can be."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..core.arrays import Array
from .messages import BioSample, DeviceInfo, FaceSample, ImuSample, Message

MAX_WEIGHT = 1000.0  # percent and degrees are less
_MAX_ACCELERATION = 1e4  # m/s²
_MAX_RATE = 1e6  # rad/s, samples/s
_MAX_MICROVOLTS = 1e9


def plausible(message: Message) -> Message | None:
    """The message without numbers that cannot be: each counts as missing, as those that a device did not send do.

    None where nothing is left to use.
    """
    match message:
        case FaceSample():
            values = plausible_weights(message.values)
            return message if len(values) == len(message.values) else replace(message, values=values)
        case ImuSample():
            return _plausible_imu(message)
        case BioSample():
            if not 0 < message.rate <= _MAX_RATE:
                return None
            values = _bounded(message.values, _MAX_MICROVOLTS)
            return message if values is message.values else replace(message, values=values)
        case DeviceInfo():
            return message if math.isfinite(message.battery) else replace(message, battery=math.nan)


def plausible_weights(values: dict[str, float]) -> dict[str, float]:
    """Those of the weights and angles that can be."""
    return {channel: value for channel, value in values.items() if abs(value) <= MAX_WEIGHT}  # not so for NaN


def _plausible_imu(message: ImuSample) -> ImuSample:
    rotation, acceleration = _bounded(message.rotation, 2.0), _bounded(message.acceleration, _MAX_ACCELERATION)
    gyro = None if message.gyro is None else _bounded(message.gyro, _MAX_RATE)
    if rotation is message.rotation and acceleration is message.acceleration and gyro is message.gyro:
        return message
    rotation[np.isnan(rotation).any(axis=1)] = np.nan  # a sensor that is partly missing is missing
    return replace(message, rotation=rotation, acceleration=acceleration, gyro=gyro)


def _bounded(values: Array, limit: float) -> Array:
    """The values, NaN in place of those beyond the limit; the array itself where there are none."""
    outside = np.abs(values) > limit
    return np.where(outside, np.nan, values) if outside.any() else values
