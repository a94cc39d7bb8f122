"""Messages that sources send to the hub."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.arrays import Array


@dataclass(slots=True)
class ImuSample:
    """A sample of a device's S sensors.

    Attributes
    ----------
    device
        Name of the device, stable over restarts.
    keys
        S IDs of its sensors; sites where the device knows them.
    rotation
        (S, 4), scalar first, sensor to world; NaN for sensors that did not answer.
    acceleration
        (S, 3) m/s² in the sensor's frame; NaN likewise.
    time
        s on the device's own clock; None if it has none.
    sequence
        Packet counter; None if there is none.
    linear
        Whether gravity is removed from `acceleration`.
    up
        The world's up axis, "x", "y" or "z"; "" if unknown.
    gyro
        (S, 3) rad/s in the sensor's frame, or None.
    status
        A byte per sensor, as in the device packet.
    battery
        V; NaN if unknown.
    substream
        Distinguishes sensors that a device sends one by one.
    sync
        Number of sync pulses, and the device's time of the last.
    """

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
    """Weights from a camera or another program, by ARKit channel name; empty if it tracks no face."""

    device: str
    values: dict[str, float]
    time: float | None = None
    sequence: int | None = None


@dataclass(slots=True)
class BioSample:
    """Biosignals: `values` (n, C) µV of `columns` at `rate` Hz, the newest last; NaN for lost samples."""

    device: str
    columns: tuple[str, ...]
    values: Array
    rate: float
    time: float | None = None
    sequence: int | None = None


@dataclass(frozen=True)
class DeviceInfo:
    """What a device reports about itself; it also shows that the device is alive. `battery` in V, NaN if unknown."""

    device: str
    name: str = ""
    firmware: str = ""
    battery: float = float("nan")
    problem: str = ""
    extra: dict[str, str] = field(default_factory=dict[str, str])


Message = ImuSample | FaceSample | BioSample | DeviceInfo
