"""What sources hand to the hub, whatever they came over."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.arrays import Array


@dataclass(slots=True)
class ImuSample:
    """A sample of a device's sensors. `device`: what it calls itself, stable over restarts; `keys`: S ids of its sensors, which are sites where
    the device says so; `rotation` (S, 4) scalar first, sensor to world; `acceleration` (S, 3) m/s^2 in the sensor's frame; `gyro` (S, 3) rad/s
    or None; NaN where a sensor did not answer. `time`: the device's own clock in s, None where it has none; `sequence`: counts packets, None
    where nobody counts; `linear`: gravity is taken off; `up`: the world's up axis, "" if unknown; `battery`: volts, NaN if unknown;
    `part`: tells sensors apart that a device sends one by one; `sync`: (pulses so far, the device's time of the last)."""

    device: str
    keys: tuple[str, ...]
    rotation: Array
    acceleration: Array
    time: float | None = None
    sequence: int | None = None
    linear: bool = False
    up: str = ""
    gyro: Array | None = None
    status: bytes = b""
    battery: float = float("nan")
    substream: str = ""
    sync: tuple[int, float] | None = None


@dataclass(slots=True)
class FaceSample:
    """Weights from a camera or another program: `values` by channel name (Apple's camelCase), only those that were sent; empty: it sees no face."""

    device: str
    values: dict[str, float]
    time: float | None = None
    sequence: int | None = None


@dataclass(slots=True)
class BioSample:
    """Biosignals: `values` (n, C) uV (NaN: lost) of `columns` at `rate` Hz, the last one newest."""

    device: str
    columns: tuple[str, ...]
    values: Array
    rate: float
    time: float | None = None
    sequence: int | None = None


@dataclass(frozen=True)
class DeviceInfo:
    """What a device tells of itself: it is alive, its battery (V), what went wrong."""

    device: str
    name: str = ""
    firmware: str = ""
    battery: float = float("nan")
    problem: str = ""
    extra: dict[str, str] = field(default_factory=dict)


Message = ImuSample | FaceSample | BioSample | DeviceInfo
