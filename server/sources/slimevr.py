"""SlimeVR trackers."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...core.arrays import Array
from ..addresses import LOOPBACK
from ..arguments import Address, PanelField, argument
from ..messages import DeviceInfo, ImuSample
from ..protocols import slimevr
from ..specs import FIREWALL_HINT, WIFI_HINT, MenuEntry, SourceGroup, SourceSpec, local_network
from .udp_source import UdpSource

if TYPE_CHECKING:
    from ..hub import Hub


_RESTART_PACKETS = 25
_FIRST_ANSWER_S, _LAST_ANSWER_S = 1.0, 30.0  # until a repeated handshake is answered again; doubles in between


class _Tracker:
    """State of one tracker: its last packet, and per sensor the last orientation, acceleration and time of sending.

    `confirmed`: it has sent something after its handshake was answered, so the answers do arrive at it. An address that
    another computer gave as its own does not, and would get more bytes than were sent in its name.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.confirmed = False
        self._answer_at, self._answer_interval_s = 0.0, _FIRST_ANSWER_S
        self.device, self.last_packet, self.last_received = f"{address[0]}:{address[1]}", -1, time.monotonic()
        self._fallen_back = 0  # packets in a row whose numbers are not new
        self.rotation: dict[int, Array] = {}
        self.acceleration: dict[int, Array] = {}
        self.last_sent: dict[int, float] = {}

    def is_new(self, number: int) -> bool:
        """Count a packet by its number; False for one that is repeated or older than the last.

        Many in a row are no stragglers: the tracker began anew, and its numbers with it.
        """
        if number and number <= self.last_packet:
            self._fallen_back += 1
            if self._fallen_back < _RESTART_PACKETS:
                return False
        self._fallen_back, self.last_packet = 0, number
        return True

    def confirm(self) -> None:
        """Note that it has sent something else than a handshake."""
        self.confirmed, self._answer_interval_s = True, _FIRST_ANSWER_S

    def answers_handshake(self, now: float) -> bool:
        """Count a handshake and return whether it is answered: the first one, and later ones ever more rarely."""
        if now < self._answer_at:
            return False
        self._answer_at = now + self._answer_interval_s
        self._answer_interval_s = min(2 * self._answer_interval_s, _LAST_ANSWER_S)
        return True


class SlimeVrSource(UdpSource):
    """Receives SlimeVR trackers.

    A tracker at rest sends nothing but keep-alives, so its last orientation is repeated.
    """

    name, port, label = "slimevr", slimevr.PORT, "SlimeVR trackers"
    _HEARTBEAT_S, _REPEAT_S, _AWAY_AFTER_S = 0.5, 0.05, 2.0
    _MAX_TRACKERS, _MAX_SENSORS = 64, 16

    def __init__(self, host: str = LOOPBACK, port: int | None = None) -> None:
        super().__init__(host, port)
        self.trackers: dict[tuple[str, int], _Tracker] = {}
        self._told_full, self._repeated = False, 0
        self.task: asyncio.Task[None] | None = None

    async def start(self, hub: Hub) -> None:
        """Open the socket and start the heartbeats."""
        await super().start(hub)
        self.task = hub.loop.create_task(self._keep_alive())

    async def stop(self) -> None:
        """Close the socket."""
        if self.task is not None:
            self.task.cancel()
        await super().stop()

    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """Handle a datagram of a tracker."""
        packet = slimevr.parse(data)
        if packet is None or self.hub is None:
            return False
        number, events = packet
        tracker = self.trackers.get(addr)
        if tracker is None:
            if not any(isinstance(event, slimevr.Handshake) for event in events):
                return True  # paired before a restart: it sends a handshake once it hears nothing
            if len(self.trackers) >= self._MAX_TRACKERS and not self._drop_unconfirmed():
                self._tell_full()
                return True
            tracker = self.trackers[addr] = _Tracker(addr)
        is_handshake = any(isinstance(event, slimevr.Handshake) for event in events)
        if not is_handshake and not tracker.is_new(number):
            self._repeated += 1
            return True
        tracker.last_received = time.monotonic()
        if not is_handshake:
            tracker.confirm()
        for event in events:
            self._handle_event(tracker, event, addr)
        return True

    @property
    def dropped(self) -> dict[str, int]:
        """Datagrams that became no message, by the reason."""
        return super().dropped | ({"repeated": self._repeated} if self._repeated else {})

    def _tell_full(self) -> None:
        if not self._told_full and self.hub is not None:
            self._told_full = True
            self.hub.note(
                f"{self._MAX_TRACKERS} SlimeVR trackers are received; further ones are left out: turn some off"
            )

    def _drop_unconfirmed(self) -> bool:
        """Make room by dropping an address that has long sent nothing but a handshake; return whether there was one."""
        now = time.monotonic()
        for addr, tracker in self.trackers.items():
            if not tracker.confirmed and now - tracker.last_received > self._AWAY_AFTER_S:
                del self.trackers[addr]
                return True
        return False

    def _handle_event(self, tracker: _Tracker, event: slimevr.Event, addr: tuple[str, int]) -> None:
        assert self.hub is not None
        if isinstance(event, slimevr.Handshake):
            tracker.device, tracker.last_packet = event.mac or tracker.device, -1
            if tracker.answers_handshake(time.monotonic()):
                self.transport.sendto(slimevr.HANDSHAKE_REPLY, addr)
            self.forward(DeviceInfo(tracker.device, "SlimeVR tracker", event.firmware), addr)
        elif isinstance(event, slimevr.SensorInfo):
            self.transport.sendto(slimevr.sensor_info_ack(event.sensor, event.state), addr)
            if event.state == 2:
                problem = f"sensor {event.sensor} reports an error; turn it off and on"
                self.forward(DeviceInfo(tracker.device, problem=problem), addr)
        elif isinstance(event, slimevr.Battery):
            self.forward(DeviceInfo(tracker.device, battery=event.volts), addr)
        elif isinstance(event, slimevr.Acceleration):
            tracker.acceleration[event.sensor] = event.acceleration
        elif isinstance(event, slimevr.Rotation):
            tracker.rotation[event.sensor] = event.rotation
            if event.acceleration is not None:
                tracker.acceleration[event.sensor] = event.acceleration
            self._forward_sample(tracker, event.sensor, self.arrival)

    def _forward_sample(self, tracker: _Tracker, sensor: int, arrival: float | None = None) -> None:
        """Send a sensor's sample to the hub: z up, linear acceleration (one sample old, since it comes second)."""
        assert self.hub is not None
        if sensor not in tracker.last_sent and len(tracker.last_sent) >= self._MAX_SENSORS:
            tracker.rotation.pop(sensor, None)
            return
        tracker.last_sent[sensor] = time.monotonic()
        acceleration = tracker.acceleration.get(sensor, np.zeros(3))
        message = ImuSample(
            f"{tracker.device}",
            (str(sensor),),
            tracker.rotation[sensor][None],
            acceleration[None],
            linear=True,
            up="z",
            substream=str(sensor),
        )
        self.forward(message, tracker.address, self.hub.now() if arrival is None else arrival)

    async def _keep_alive(self) -> None:
        """Send heartbeats, and repeat samples of sensors at rest."""
        last_heartbeat = 0.0
        while True:
            await asyncio.sleep(self._REPEAT_S / 2)
            now = time.monotonic()
            for addr, tracker in list(self.trackers.items()):
                if now - tracker.last_received > self._AWAY_AFTER_S:
                    if now - tracker.last_received > 60.0:
                        del self.trackers[addr]
                    continue
                if tracker.confirmed and now - last_heartbeat > self._HEARTBEAT_S:
                    self.transport.sendto(slimevr.HEARTBEAT, addr)
                for sensor in list(tracker.rotation):
                    if now - tracker.last_sent.get(sensor, 0.0) > self._REPEAT_S:
                        tracker.acceleration[sensor] = np.zeros(3)
                        self._forward_sample(tracker, sensor)
            if now - last_heartbeat > self._HEARTBEAT_S:
                last_heartbeat = now


@dataclass(frozen=True)
class SlimeVrOptions:
    """Arguments of `slimevr`."""

    address: Address = argument(
        Address(port=slimevr.PORT),
        positional=True,
        help="UDP port that trackers send to",
        field=PanelField("slimevr_port", "Port", "UDP port that trackers send to"),
    )


SPEC = SourceSpec(
    kind="slimevr",
    summary="SlimeVR trackers",
    options=SlimeVrOptions,
    peer=local_network,
    create=lambda options, context: SlimeVrSource(options.address.host or context.host, options.address.port),
    group=SourceGroup.SENSORS,
    hints=("trackers are off", "SlimeVR's own server runs and takes them: end it", WIFI_HINT, FIREWALL_HINT),
    needs_lan=True,
    menu=MenuEntry("SLIMEVR", 4, "SlimeVR Trackers", "Trackers that use the SlimeVR protocol", "OUTLINER_OB_EMPTY"),
)
