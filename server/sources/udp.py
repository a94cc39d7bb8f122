"""Everything that comes as datagrams: Innerface's own devices, SlimeVR trackers, Live Link Face, iFacialMocap, VMC."""

from __future__ import annotations

import asyncio
import socket
import time
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ...core.errors import InnerfaceError
from ..addresses import LOOPBACK, loopback
from ..hub import Hub
from ..messages import About, Face, Imu
from ..silence import AFTER_S
from ..wire import device, ifacialmocap, live_link_face, osc, slimevr, vmc

DEVICE_PORT = 7645


class Udp(ABC, asyncio.DatagramProtocol):
    """A socket that a subclass reads: `got(data, address)`. Answers go out by `transport.sendto`."""

    name, port, what = "udp", 0, "datagrams"

    def __init__(self, host: str = LOOPBACK, port: int | None = None) -> None:
        self.host, self.port = host, self.port if port is None else port
        self.transport: Any = None
        self.hub: Hub | None = None
        self.packets, self.foreign, self.heard, self.opened = 0, 0, 0.0, 0.0

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
        self.opened = time.monotonic()

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
        if self.hub is not None and self.got(data, addr):
            self.heard = time.monotonic()
        else:
            self.foreign += 1

    def error_received(self, exc: Exception) -> None:
        """asyncio's: an answer could not be delivered; the next one may."""

    @abstractmethod
    def got(self, data: bytes, addr: tuple[str, int]) -> bool:
        """Read a datagram; False for one that is not ours."""

    def about(self) -> str:
        """What is waited for, where, and after a while why it may not come."""
        silent = time.monotonic() - max(self.heard, self.opened)
        hint = ""
        if silent > AFTER_S and self.opened:
            if loopback(self.host):
                hint = "; only this computer can reach it: give --host and a token, or this source an address, for devices of the network"
            else:
                hint = "; nothing comes: is a firewall in the way, does the Wi-Fi keep its guests apart, is the app in another mode?"
        return f"{self.what} at UDP {self.host}:{self.port}{hint}"


class Devices(Udp):
    """Innerface's own device packets (docs/protocol.md)."""

    name, port, what = "device", DEVICE_PORT, "Innerface devices"

    def got(self, data: bytes, addr: tuple[str, int]) -> bool:
        """A packet; a device that looks for its host is answered."""
        packet = device.parse(data)
        if packet is None or self.hub is None:
            return False
        if isinstance(packet, device.Hello):
            self.transport.sendto(device.welcome(packet.sequence, round(self.hub.now() * 1e6)), addr)
        for message in device.messages(packet, addr[0]):
            self.hub.receive(self.name, message)
        return True


class _Tracker:
    """What is known of one SlimeVR tracker."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.device, self.last, self.heard = f"{address[0]}:{address[1]}", -1, time.monotonic()
        self.rotation: dict[int, np.ndarray] = {}
        self.acceleration: dict[int, np.ndarray] = {}
        self.sent: dict[int, float] = {}


class SlimeVr(Udp):
    """SlimeVR trackers. A tracker that does not move sends nothing but signs of life; its last orientation is repeated then."""

    name, port, what = "slimevr", slimevr.PORT, "SlimeVR trackers"
    _BEAT_S, _REPEAT_S, _GONE_S = 0.5, 0.05, 2.0
    _MOST, _MOST_SENSORS = 64, 16

    def __init__(self, host: str = LOOPBACK, port: int | None = None) -> None:
        super().__init__(host, port)
        self.trackers: dict[tuple[str, int], _Tracker] = {}
        self.task: asyncio.Task[None] | None = None

    async def start(self, hub: Hub) -> None:
        """Open the socket and keep trackers company."""
        await super().start(hub)
        self.task = hub.loop.create_task(self._company())

    async def stop(self) -> None:
        """Close the socket."""
        if self.task is not None:
            self.task.cancel()
        await super().stop()

    def got(self, data: bytes, addr: tuple[str, int]) -> bool:
        """A datagram of a tracker's."""
        packet = slimevr.parse(data)
        if packet is None or self.hub is None:
            return False
        number, events = packet
        tracker = self.trackers.get(addr)
        if tracker is None:
            if len(self.trackers) >= self._MOST:
                return False
            if not any(isinstance(event, slimevr.Handshake) for event in events):
                return True  # met before the bridge was started again: it will shake hands when it hears nothing
            tracker = self.trackers[addr] = _Tracker(addr)
        if number and number <= tracker.last:
            return True  # out of order: the newer one is known
        tracker.last, tracker.heard = number, time.monotonic()
        for event in events:
            self._event(tracker, event, addr)
        return True

    def _event(self, tracker: _Tracker, event: slimevr.Event, addr: tuple[str, int]) -> None:
        assert self.hub is not None
        if isinstance(event, slimevr.Handshake):
            tracker.device, tracker.last = event.mac or tracker.device, -1
            self.transport.sendto(slimevr.HANDSHAKE_REPLY, addr)
            self.hub.receive(self.name, About(tracker.device, "SlimeVR tracker", event.firmware))
        elif isinstance(event, slimevr.SensorInfo):
            self.transport.sendto(slimevr.sensor_info_ack(event.sensor, event.state), addr)
            if event.state == 2:
                self.hub.receive(self.name, About(tracker.device, problem=f"sensor {event.sensor} reports an error; power it off and on"))
        elif isinstance(event, slimevr.Battery):
            self.hub.receive(self.name, About(tracker.device, battery=event.volts))
        elif isinstance(event, slimevr.Acceleration):
            tracker.acceleration[event.sensor] = event.acceleration
        elif isinstance(event, slimevr.Rotation):
            tracker.rotation[event.sensor] = event.rotation
            if event.acceleration is not None:
                tracker.acceleration[event.sensor] = event.acceleration
            self._send(tracker, event.sensor)

    def _send(self, tracker: _Tracker, sensor: int) -> None:
        """One sensor's sample: linear acceleration, z up. Acceleration comes just after its rotation, so it is a sample old."""
        assert self.hub is not None
        if sensor not in tracker.sent and len(tracker.sent) >= self._MOST_SENSORS:
            tracker.rotation.pop(sensor, None)
            return
        tracker.sent[sensor] = time.monotonic()
        force = tracker.acceleration.get(sensor, np.zeros(3))
        message = Imu(f"{tracker.device}", (str(sensor),), tracker.rotation[sensor][None], force[None], linear=True, up="z", part=str(sensor))
        self.hub.receive(self.name, message)

    async def _company(self) -> None:
        """Heartbeats, and repeats of sensors that are still."""
        beat = 0.0
        while True:
            await asyncio.sleep(self._REPEAT_S / 2)
            now = time.monotonic()
            for addr, tracker in list(self.trackers.items()):
                if now - tracker.heard > self._GONE_S:
                    if now - tracker.heard > 60.0:
                        del self.trackers[addr]
                    continue
                if now - beat > self._BEAT_S:
                    self.transport.sendto(slimevr.HEARTBEAT, addr)
                for sensor in list(tracker.rotation):
                    if now - tracker.sent.get(sensor, 0.0) > self._REPEAT_S:
                        tracker.acceleration[sensor] = np.zeros(3)
                        self._send(tracker, sensor)
            if now - beat > self._BEAT_S:
                beat = now


class LiveLinkFace(Udp):
    """The Live Link Face app, in its mode Live Link (ARKit)."""

    name, port, what = "livelinkface", live_link_face.PORT, "Live Link Face (mode Live Link (ARKit))"

    def __init__(self, host: str = LOOPBACK, port: int | None = None, swap_mouth: bool = True, swap_jaw: bool = False) -> None:
        super().__init__(host, port)
        self.swap_mouth, self.swap_jaw = swap_mouth, swap_jaw
        self.subjects: dict[str, str] = {}

    def got(self, data: bytes, addr: tuple[str, int]) -> bool:
        """A frame; without a face it is one as well."""
        packet = live_link_face.parse(data)
        if packet is None or self.hub is None:
            return False
        values = live_link_face.values(packet, self.swap_mouth, self.swap_jaw)
        if packet.device not in self.subjects and len(self.subjects) < 64:
            self.subjects[packet.device] = packet.subject
            self.hub.receive(self.name, About(packet.device or addr[0], packet.subject))
        self.hub.receive(self.name, Face(packet.device or addr[0], values, live_link_face.seconds(packet)))
        return True


class IFacialMocap(Udp):
    """iFacialMocap and Facemotion3D: the phone is asked to send, and asked again while it does not."""

    name, port, what = "ifacialmocap", ifacialmocap.PORT, "iFacialMocap or Facemotion3D"

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
                raise InnerfaceError(f"ifacialmocap: the phone '{self.phone}' is not found ({error.strerror}); give the address that it shows") from None
        await super().start(hub)
        if self.phone:
            self.task = hub.loop.create_task(self._ask())

    async def stop(self) -> None:
        """Close the socket."""
        if self.task is not None:
            self.task.cancel()
        await super().stop()

    async def _ask(self) -> None:
        while True:
            if time.monotonic() - self.heard > 1.0:
                self.transport.sendto(ifacialmocap.START, (self.address, ifacialmocap.PORT))
                self.transport.sendto(ifacialmocap.FACEMOTION3D_START, (self.address, ifacialmocap.FACEMOTION3D_PORT))
            await asyncio.sleep(1.0)

    def got(self, data: bytes, addr: tuple[str, int]) -> bool:
        """A frame of text."""
        values = ifacialmocap.parse(data) if self.address in ("", addr[0]) else None
        if values is None or self.hub is None:
            return False
        self.hub.receive(self.name, Face(addr[0], values))
        return True

    def about(self) -> str:
        """As of others, and the phone that is asked."""
        return super().about() + (f" (asking {self.phone})" if self.phone else "; give the phone's address, ifacialmocap:PHONE_IP, to ask it to send")


class Vmc(Udp):
    """Any VMC performer: another face tracker, VSeeFace, VMagicMirror."""

    name, port, what = "vmc", vmc.PORT, "VMC"

    def __init__(self, host: str = LOOPBACK, port: int | None = None) -> None:
        super().__init__(host, port)
        self.receivers: dict[tuple[str, int], vmc.Receiver] = {}

    def got(self, data: bytes, addr: tuple[str, int]) -> bool:
        """A message or bundle."""
        if self.hub is None or data[:1] not in (b"/", b"#"):
            return False
        if addr not in self.receivers and len(self.receivers) > 16:
            self.receivers.clear()
        for values in self.receivers.setdefault(addr, vmc.Receiver()).push(data):
            self.hub.receive(self.name, Face(addr[0], values))
        return True


class OscControl(Udp):
    """Commands by OSC: /innerface/recentre, /innerface/calibrate, /innerface/record [name], /innerface/stop, /innerface/mark [text]."""

    name, port, what = "osc", 39541, "OSC commands (/innerface/...)"

    def got(self, data: bytes, addr: tuple[str, int]) -> bool:
        """A message or bundle of commands."""
        known = False
        for address, args in osc.messages(data):
            text = next((a for a in args if isinstance(a, str)), "")
            known |= self._command(address, text)
        return known

    def _command(self, address: str, text: str) -> bool:
        hub = self.hub
        if hub is None:
            return False
        try:
            match address:
                case "/innerface/recentre":
                    hub.recentre()
                case "/innerface/calibrate":
                    hub.calibrate()
                case "/innerface/record":
                    hub.record(text)
                case "/innerface/stop":
                    self.stopping = hub.stop_soon()
                case "/innerface/mark":
                    hub.mark(text)
                case _:
                    return False
        except InnerfaceError as error:
            hub.note(str(error))
        return True
