"""The status of a hub: one definition for panels, command line, clients and control page (docs/protocol.md).

Fields are in the order of the JSON object; `json_keys` names those whose key is another word.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, ClassVar, Literal, TypeVar, cast

from ..core.printable import one_line

_T = TypeVar("_T")

State = Literal["ok", "poor", "away", "failed"]
"""Of a source or a sink: it works; it works in part; it waits for another program or device; a person has to act."""


@dataclass(frozen=True)
class Health:
    """How a source or a sink is doing, and a sentence on what is wrong and how to fix it ("" where nothing is)."""

    state: State = "ok"
    problem: str = ""


@dataclass(frozen=True)
class ComponentStatus:
    """A source or a sink.

    Attributes:
        name: its kind.
        description: one line on what it waits for or where it sends.
        state, problem: as in `Health`.
        can_retry: whether the command `retry` makes it try again.
        dropped: packets that a source received and made no message of, by the reason (`interfaces.CountsDrops`).
    """

    json_keys: ClassVar[dict[str, str]] = {"description": "about"}

    name: str
    description: str
    state: State
    problem: str
    can_retry: bool = False
    dropped: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class StreamStatus:
    """One device of one source.

    Attributes:
        source, device, name: where it comes from, the device's identity and its name.
        kind: "imu", "face", "bio" or "device".
        state: "ok", "poor" (loses more than a twentieth, or has a problem) or "away".
        rate_hz: samples per second, lately.
        received, lost, late, repeated: packets, of boards samples; late ones came after newer ones.
        drift_ppm, restarts: of the device's clock.
        battery_v: None where unknown.
        silent_s: since its last packet.
        problem: a sentence, "" where there is none.
        sensors: per sensor, the share of recent samples that lacked it.
        address: HOST:PORT that it comes from, "" where it has none.
        rival: HOST:PORT of a second sender of the same name, which is left out; "" without one.
        shown, dropped: of those received, what went into the face, and by the reason (`sample_account`) what did not.
    """

    source: str
    device: str
    name: str
    kind: str
    state: str = "ok"
    rate_hz: float = 0.0
    received: int = 0
    lost: int = 0
    late: int = 0
    repeated: int = 0
    drift_ppm: float = 0.0
    restarts: int = 0
    battery_v: float | None = None
    silent_s: float = 0.0
    problem: str = ""
    sensors: dict[str, float] = field(default_factory=dict[str, float])
    shown: int = 0
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    address: str = ""
    rival: str = ""


@dataclass(frozen=True)
class WaitingStatus:
    """A device that was never allowed: of which source, its address, and how many packets it has sent."""

    source: str
    device: str
    address: str
    packets: int


@dataclass(frozen=True)
class SilenceStatus:
    """A source that has been silent for that many seconds, and likely causes, the likeliest first."""

    source: str
    seconds: float
    causes: list[str]


@dataclass(frozen=True)
class SiteStatus:
    """A site: "none", "ok", "poor" or "away"; its losses (0..1) and its sensor ("device/key"), if any."""

    state: str
    loss: float | None = None
    sensor: str | None = None


@dataclass(frozen=True)
class CheckStatus:
    """The guided check: what is asked for now, s until it ends, the share that is done, and findings on the places of
    IMUs and on electrodes (None: not checked yet; empty: all is well)."""

    json_keys: ClassVar[dict[str, str]] = {
        "progress": "done",
        "placement_notes": "places",
        "electrode_notes": "electrodes",
    }

    step: str = ""
    left_s: float = 0.0
    progress: float = 0.0
    placement_notes: list[str] | None = None
    electrode_notes: list[str] | None = None


@dataclass(frozen=True)
class ElectrodeStatus:
    """One electrode: "none", "ok", "poor" or "away"; a sentence on what is wrong; µV at rest and of mains hum."""

    json_keys: ClassVar[dict[str, str]] = {"message": "words"}

    name: str
    state: str
    message: str
    rest_uv: float
    mains_uv: float


@dataclass(frozen=True)
class BoardStatus:
    """The board whose electrodes make the face: whether there is a network, whether faces come, a note for the user."""

    json_keys: ClassVar[dict[str, str]] = {"message": "say"}

    device: str
    network: bool
    live: bool
    message: str
    channels: list[ElectrodeStatus]


@dataclass(frozen=True)
class LatencyStatus:
    """From a sample's arrival until its face goes out, ms: percentiles."""

    p50: float = 0.0
    p99: float = 0.0


@dataclass(frozen=True)
class RecordingStatus:
    """The current recording. `dropped`: samples that neither disk nor memory took; `problem`: a sentence, or ""."""

    path: str
    seconds: float
    rows: int
    bytes: int
    dropped: int
    problem: str
    marks: int


@dataclass(frozen=True)
class HubStatus:
    """All that a user wants to know of a hub; without arguments, of one that has just been made.

    Attributes:
        time: s since the hub was made.
        sources, sinks, streams: what it is connected to, and what is received.
        sites, positions_mm: the layout's sites, and where they lie on the head, (S, 3).
        touching: the site whose sensor is to be tapped, "" where none is.
        calibrated, calibrating: whether there is a calibration, and whether someone waits for one.
        calibration_message: what to tell the performer.
        calibrating_s: how long a calibration has been sought.
        check: the guided check.
        sensor_notes: how good sensors are; None before it is known, empty when all is well.
        electrodes: None without a board.
        silent: sources that have been silent, with likely causes.
        unobserved: channels that no sensor shows, which the model makes up.
        output: where faces come from: "hybrid", "sensors", "electrodes", "camera" or "none".
        from_sensors: channel groups that come from sensors while a camera is there.
        output_hz: faces per second.
        latency_ms, delay_ms, lookahead_ms: from arrival to output; the age of faces, which audio is to be delayed by;
            the part of it that is by design.
        recording: None between takes.
        notes: the latest sentences for the user.
        clients: of the web server.
        dropped: messages that belong to no stream, by the reason: "out_of_room" (too many streams), "implausible",
            "other_sender" (a second one of a device's name), "not_allowed" (a device that waits).
        waiting: devices of the network that were never here, and wait to be allowed.
    """

    json_keys: ClassVar[dict[str, str]] = {
        "calibration_message": "calibration",
        "sensor_notes": "quality",
        "unobserved": "invented",
    }

    time: float = 0.0
    sources: list[ComponentStatus] = field(default_factory=list[ComponentStatus])
    sinks: list[ComponentStatus] = field(default_factory=list[ComponentStatus])
    streams: list[StreamStatus] = field(default_factory=list[StreamStatus])
    sites: dict[str, SiteStatus] = field(default_factory=dict[str, SiteStatus])
    positions_mm: list[list[float]] = field(default_factory=list[list[float]])
    touching: str = ""
    calibrated: bool = False
    calibrating: bool = False
    calibration_message: str = ""
    calibrating_s: float = 0.0
    check: CheckStatus = CheckStatus()
    sensor_notes: list[str] | None = None
    electrodes: BoardStatus | None = None
    silent: list[SilenceStatus] = field(default_factory=list[SilenceStatus])
    unobserved: list[str] = field(default_factory=list[str])
    output: str = "none"
    from_sensors: list[str] = field(default_factory=list[str])
    output_hz: float = 0.0
    latency_ms: LatencyStatus = LatencyStatus()
    delay_ms: float = 0.0
    lookahead_ms: float = 0.0
    recording: RecordingStatus | None = None
    notes: list[str] = field(default_factory=list[str])
    clients: int = 0
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    waiting: list[WaitingStatus] = field(default_factory=list[WaitingStatus])

    def to_json(self) -> dict[str, Any]:
        """The JSON object."""
        return _to_json(self)


def with_printable_texts(value: _T) -> _T:
    """A status, or a part of one, whose texts are fit for terminals, pages and panels, wherever they are from."""
    return cast(_T, _printable(value))


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, list):
        return [_printable(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {one_line(key): _printable(item) for key, item in cast("dict[str, Any]", value).items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _printable(getattr(value, f.name)) for f in fields(value)})
    return value


def json_keys_of(status_type: type[Any]) -> list[str]:
    """The keys of the JSON object of one of the classes above, in order."""
    renamed: dict[str, str] = getattr(status_type, "json_keys", {})
    return [renamed.get(f.name, f.name) for f in fields(status_type)]


def describe_dropped(dropped: dict[str, int]) -> str:
    """Counts by reason in words; without the first samples of a stream, which are always left out."""
    return ", ".join(
        f"{count:,} {reason.replace('_', ' ')}" for reason, count in dropped.items() if reason != "starting"
    )


def _to_json(value: Any) -> Any:
    if isinstance(value, SiteStatus) and value.sensor is None:
        return {"state": value.state}
    if is_dataclass(value) and not isinstance(value, type):
        return {
            key: _to_json(getattr(value, f.name))
            for key, f in zip(json_keys_of(type(value)), fields(value), strict=True)
        }
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in cast("dict[str, Any]", value).items()}
    return [_to_json(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value
