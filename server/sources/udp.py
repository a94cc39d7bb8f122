"""Everything that comes as datagrams: Innerface's own devices, SlimeVR trackers, Live Link Face, iFacialMocap, VMC."""

from __future__ import annotations

import asyncio
import socket
import time
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ...core.errors import InnerfaceError
from ..addresses import LOOPBACK, is_loopback
from ..hub import Hub
from ..messages import DeviceInfo, FaceSample, ImuSample
from ..protocols import device, ifacialmocap, live_link_face, osc, slimevr, vmc
from ..silence_hints import SILENT_AFTER_S

DEVICE_PORT = 7645


class UdpSource(ABC, asyncio.DatagramProtocol):
    """A socket that a subclass reads: `got(data, address)`. Answers go out by `transport.sendto`."""

    name, port, label = "udp", 0, "datagrams"

    def __init__(self, host: str = LOOPBACK, port: int | None = None) -> None:
        self.host, self.port = host, self.port if port is None else port
        self.transport: Any = None
        self.hub: Hub | None = None
        self.packets, self.rejected, self.last_received, self.opened_at = 0, 0, 0.0, 0.0

    async def start(self, hub: Hub) -> None:
        """Open the socket. Raises InnerfaceError."""
        self.hub = hub
        try:
            await hub.loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, self.port))
        except (OSError, OverflowError) as error:
            raise InnerfaceError(
                f"{self.name}: UDP port {self.port} on {self.host} cannot be opened ({getattr(error, 'strerror', None) or error}); "
                "end the other program that has it, or give another port"
            ) from None
        self.host, self.port = self.transport.get_extra_info("sockname")[:2]
        self.opened_at = time.monotonic()

    async def stop(self) -> None:
        """Close the socket."""
        if self.transport is not None:
            self.transport.close()

    def connection_made(self, transport: Any) -> None:
        """asyncio's."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """asyncio's."""
        self.packets += 1
        if self.hub is not None and self.handle(data, addr):
            self.last_received = time.monotonic()
        else:
            self.rejected += 1

    def error_received(self, exc: Exception) -> None:
        """asyncio's: an answer could not be delivered; the next one may."""

    @abstractmethod
    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """Read a datagram; False for one that is not ours."""

    def describe(self) -> str:
        """What is waited for, where, and after a while why it may not come."""
        silent_s = time.monotonic() - max(self.last_received, self.opened_at)
        hint = ""
        if silent_s > SILENT_AFTER_S and self.opened_at:
            if is_loopback(self.host):
                hint = "; only this computer can reach it: give --host and a token, or this source an address, for devices of the network"
            else:
                hint = "; nothing comes: is a firewall in the way, does the Wi-Fi keep its guests apart, is the app in another mode?"
        return f"{self.label} at UDP {self.host}:{self.port}{hint}"


class DeviceSource(UdpSource):
    """Innerface's own device packets (docs/protocol.md)."""

    name, port, label = "device", DEVICE_PORT, "Innerface devices"

    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """A packet; a device that looks for its host is answered."""
        packet = device.parse(data)
        if packet is None or self.hub is None:
            return False
        if isinstance(packet, device.Hello):
            self.transport.sendto(device.welcome(packet.sequence, round(self.hub.now() * 1e6)), addr)
        for message in device.to_messages(packet, addr[0]):
            self.hub.receive(self.name, message)
        return True


class _Tracker:
    """What is known of one SlimeVR tracker."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.device, self.last_packet, self.last_received = f"{address[0]}:{address[1]}", -1, time.monotonic()
        self.rotation: dict[int, np.ndarray] = {}
        self.acceleration: dict[int, np.ndarray] = {}
        self.last_sent: dict[int, float] = {}


class SlimeVrSource(UdpSource):
    """SlimeVR trackers. A tracker that does not move sends nothing but signs of life; its last orientation is repeated then."""

    name, port, label = "slimevr", slimevr.PORT, "SlimeVR trackers"
    _HEARTBEAT_S, _REPEAT_S, _AWAY_AFTER_S = 0.5, 0.05, 2.0
    _MAX_TRACKERS, _MAX_SENSORS = 64, 16

    def __init__(self, host: str = LOOPBACK, port: int | None = None) -> None:
        super().__init__(host, port)
        self.trackers: dict[tuple[str, int], _Tracker] = {}
        self.task: asyncio.Task[None] | None = None

    async def start(self, hub: Hub) -> None:
        """Open the socket and keep trackers company."""
        await super().start(hub)
        self.task = hub.loop.create_task(self._keep_alive())

    async def stop(self) -> None:
        """Close the socket."""
        if self.task is not None:
            self.task.cancel()
        await super().stop()

    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """A datagram of a tracker's."""
        packet = slimevr.parse(data)
        if packet is None or self.hub is None:
            return False
        number, events = packet
        tracker = self.trackers.get(addr)
        if tracker is None:
            if len(self.trackers) >= self._MAX_TRACKERS:
                return False
            if not any(isinstance(event, slimevr.Handshake) for event in events):
                return True  # met before the bridge was started again: it will shake hands when it hears nothing
            tracker = self.trackers[addr] = _Tracker(addr)
        if number and number <= tracker.last_packet:
            return True  # out of order: the newer one is known
        tracker.last_packet, tracker.last_received = number, time.monotonic()
        for event in events:
            self._handle_event(tracker, event, addr)
        return True

    def _handle_event(self, tracker: _Tracker, event: slimevr.Event, addr: tuple[str, int]) -> None:
        assert self.hub is not None
        if isinstance(event, slimevr.Handshake):
            tracker.device, tracker.last_packet = event.mac or tracker.device, -1
            self.transport.sendto(slimevr.HANDSHAKE_REPLY, addr)
            self.hub.receive(self.name, DeviceInfo(tracker.device, "SlimeVR tracker", event.firmware))
        elif isinstance(event, slimevr.SensorInfo):
            self.transport.sendto(slimevr.sensor_info_ack(event.sensor, event.state), addr)
            if event.state == 2:
                self.hub.receive(
                    self.name,
                    DeviceInfo(tracker.device, problem=f"sensor {event.sensor} reports an error; power it off and on"),
                )
        elif isinstance(event, slimevr.Battery):
            self.hub.receive(self.name, DeviceInfo(tracker.device, battery=event.volts))
        elif isinstance(event, slimevr.Acceleration):
            tracker.acceleration[event.sensor] = event.acceleration
        elif isinstance(event, slimevr.Rotation):
            tracker.rotation[event.sensor] = event.rotation
            if event.acceleration is not None:
                tracker.acceleration[event.sensor] = event.acceleration
            self._forward_sample(tracker, event.sensor)

    def _forward_sample(self, tracker: _Tracker, sensor: int) -> None:
        """One sensor's sample: linear acceleration, z up. Acceleration comes just after its rotation, so it is a sample old."""
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
        self.hub.receive(self.name, message)

    async def _keep_alive(self) -> None:
        """Heartbeats, and repeats of sensors that are still."""
        last_heartbeat = 0.0
        while True:
            await asyncio.sleep(self._REPEAT_S / 2)
            now = time.monotonic()
            for addr, tracker in list(self.trackers.items()):
                if now - tracker.last_received > self._AWAY_AFTER_S:
                    if now - tracker.last_received > 60.0:
                        del self.trackers[addr]
                    continue
                if now - last_heartbeat > self._HEARTBEAT_S:
                    self.transport.sendto(slimevr.HEARTBEAT, addr)
                for sensor in list(tracker.rotation):
                    if now - tracker.last_sent.get(sensor, 0.0) > self._REPEAT_S:
                        tracker.acceleration[sensor] = np.zeros(3)
                        self._forward_sample(tracker, sensor)
            if now - last_heartbeat > self._HEARTBEAT_S:
                last_heartbeat = now


class LiveLinkFaceSource(UdpSource):
    """The Live Link Face app, in its mode Live Link (ARKit)."""

    name, port, label = "livelinkface", live_link_face.PORT, "Live Link Face (mode Live Link (ARKit))"

    def __init__(
        self, host: str = LOOPBACK, port: int | None = None, swap_mouth: bool = True, swap_jaw: bool = False
    ) -> None:
        super().__init__(host, port)
        self.swap_mouth, self.swap_jaw = swap_mouth, swap_jaw
        self.subjects: dict[str, str] = {}

    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """A frame; without a face it is one as well."""
        packet = live_link_face.parse(data)
        if packet is None or self.hub is None:
            return False
        values = live_link_face.named_weights(packet, self.swap_mouth, self.swap_jaw)
        if packet.device not in self.subjects and len(self.subjects) < 64:
            self.subjects[packet.device] = packet.subject
            self.hub.receive(self.name, DeviceInfo(packet.device or addr[0], packet.subject))
        self.hub.receive(self.name, FaceSample(packet.device or addr[0], values, live_link_face.packet_seconds(packet)))
        return True


class IFacialMocapSource(UdpSource):
    """iFacialMocap and Facemotion3D: the phone is asked to send, and asked again while it does not."""

    name, port, label = "ifacialmocap", ifacialmocap.PORT, "iFacialMocap or Facemotion3D"

    def __init__(self, host: str = LOOPBACK, port: int | None = None, phone: str = "") -> None:
        super().__init__(host, port)
        self.phone, self.address = phone, ""
        self.task: asyncio.Task[None] | None = None

    async def start(self, hub: Hub) -> None:
        """Open the socket and ask."""
        if self.phone:  # once: names are not looked up while faces wait
            try:
                self.address = str((await hub.loop.getaddrinfo(self.phone, self.port, family=socket.AF_INET))[0][4][0])
            except OSError as error:
                raise InnerfaceError(
                    f"ifacialmocap: the phone '{self.phone}' is not found ({error.strerror}); give the address that it shows"
                ) from None
        await super().start(hub)
        if self.phone:
            self.task = hub.loop.create_task(self._request_stream())

    async def stop(self) -> None:
        """Close the socket."""
        if self.task is not None:
            self.task.cancel()
        await super().stop()

    async def _request_stream(self) -> None:
        while True:
            if time.monotonic() - self.last_received > 1.0:
                self.transport.sendto(ifacialmocap.START, (self.address, ifacialmocap.PORT))
                self.transport.sendto(ifacialmocap.FACEMOTION3D_START, (self.address, ifacialmocap.FACEMOTION3D_PORT))
            await asyncio.sleep(1.0)

    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """A frame of text."""
        values = ifacialmocap.parse(data) if self.address in ("", addr[0]) else None
        if values is None or self.hub is None:
            return False
        self.hub.receive(self.name, FaceSample(addr[0], values))
        return True

    def describe(self) -> str:
        """As of others, and the phone that is asked."""
        return super().describe() + (
            f" (asking {self.phone})"
            if self.phone
            else "; give the phone's address, ifacialmocap:PHONE_IP, to ask it to send"
        )


class VmcSource(UdpSource):
    """Any VMC performer: another face tracker, VSeeFace, VMagicMirror."""

    name, port, label = "vmc", vmc.PORT, "VMC"

    def __init__(self, host: str = LOOPBACK, port: int | None = None) -> None:
        super().__init__(host, port)
        self.receivers: dict[tuple[str, int], vmc.Receiver] = {}

    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """A message or bundle."""
        if self.hub is None or data[:1] not in (b"/", b"#"):
            return False
        if addr not in self.receivers and len(self.receivers) > 16:
            self.receivers.clear()
        for values in self.receivers.setdefault(addr, vmc.Receiver()).push(data):
            self.hub.receive(self.name, FaceSample(addr[0], values))
        return True


class OscControlSource(UdpSource):
    """Commands by OSC: /innerface/recentre, /innerface/calibrate, /innerface/record [name], /innerface/stop, /innerface/mark [text]."""

    name, port, label = "osc", 39541, "OSC commands (/innerface/...)"

    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """A message or bundle of commands."""
        handled = False
        for address, args in osc.parse_messages(data):
            text = next((a for a in args if isinstance(a, str)), "")
            handled |= self._run_command(address, text)
        return handled

    def _run_command(self, address: str, text: str) -> bool:
        hub = self.hub
        if hub is None:
            return False
        try:
            match address:
                case "/innerface/recentre":
                    hub.commands.recentre()
                case "/innerface/calibrate":
                    hub.commands.calibrate()
                case "/innerface/record":
                    hub.commands.record(text)
                case "/innerface/stop":
                    self.stop_task = hub.commands.schedule_stop()
                case "/innerface/mark":
                    hub.commands.mark(text)
                case _:
                    return False
        except InnerfaceError as error:
            hub.note(str(error))
        return True
