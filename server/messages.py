"""Messages that sources send to the hub."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..core.arrays import Array
from ..core.printable import one_line, printable_names

_MAX_DEVICE_CHARS, _MAX_TEXT_CHARS = 64, 300


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


def with_printable_texts(message: Message) -> Message:
    """The message, with the texts of its sender each in one printable line of bounded length."""
    device = one_line(message.device, _MAX_DEVICE_CHARS)
    match message:
        case DeviceInfo():
            texts = (one_line(text, _MAX_TEXT_CHARS) for text in (message.name, message.firmware, message.problem))
            name, firmware, problem = texts
            extra = {one_line(k, _MAX_TEXT_CHARS): one_line(v, _MAX_TEXT_CHARS) for k, v in message.extra.items()}
            return replace(message, device=device, name=name, firmware=firmware, problem=problem, extra=extra)
        case BioSample() if not all(map(str.isprintable, message.columns)):
            return replace(message, device=device, columns=printable_names(message.columns))
        case ImuSample() if not all(map(str.isprintable, message.keys)):
            return replace(message, device=device, keys=printable_names(message.keys))
        case _:
            return message if device == message.device else replace(message, device=device)
