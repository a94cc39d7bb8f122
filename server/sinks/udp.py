"""Faces as datagrams: VMC to avatars, Live Link Face packets to Unreal."""

from __future__ import annotations

import asyncio
import time
import uuid
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, LIVE_LINK_FACE
from ..frame import Frame, live_link_values
from ..hub import Hub
from ..protocols import live_link_face, vmc


class _UdpSink(ABC):
    name = ""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.transport: Any = None
        self.sent = 0

    async def start(self, hub: Hub) -> None:
        """Open a socket. Raises InnerfaceError for an address that does not exist."""
        self.hub = hub
        try:
            self.transport, _ = await hub.loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=(self.host, self.port)
            )
        except OSError as error:
            raise InnerfaceError(
                f"{self.name}: {self.host}:{self.port} cannot be sent to ({error.strerror or error}); mend the address"
            ) from None

    async def stop(self) -> None:
        """Close the socket."""
        if self.transport is not None:
            self.transport.close()

    def put(self, frame: Frame) -> None:
        """Send a face."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.sendto(self.encode(frame))
            self.sent += 1

    @abstractmethod
    def encode(self, frame: Frame) -> bytes:
        """A face's bytes."""

    def describe(self) -> str:
        """Where it goes."""
        return f"{self.host}:{self.port}, {self.sent} faces"


class VmcSink(_UdpSink):
    """VMC performer: VSeeFace, VNyan, Warudo, Unity and Blender receivers. `camel`: names as ARKit's instead of PascalCase."""

    name = "vmc"

    def __init__(self, host: str = "127.0.0.1", port: int = vmc.PORT, camel: bool = False, head: bool = True) -> None:
        super().__init__(host, port)
        self.encoder = vmc.Encoder(camel, head)

    def encode(self, frame: Frame) -> bytes:
        """One bundle: all shapes, Apply, the head."""
        yaw, pitch, roll = frame.values[len(ARKIT) :].tolist()
        return self.encoder.encode(frame.values[: len(ARKIT)], (yaw, pitch, roll))


class LiveLinkSink(_UdpSink):
    """Live Link Face, version 6, as Unreal's ARKit plugin takes it. `subject`: what Unreal lists."""

    name = "livelink"

    def __init__(self, host: str = "127.0.0.1", port: int = live_link_face.PORT, subject: str = "Innerface") -> None:
        super().__init__(host, port)
        self.subject = subject
        self.id = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"innerface.{subject}")).upper()  # Unreal keeps subjects by it
        self.order = [LIVE_LINK_FACE.index(name) for name in live_link_face.UDP_ORDER]
        self.day_offset = time.time() % 86_400

    def encode(self, frame: Frame) -> bytes:
        """61 values in Unreal's order."""
        values = live_link_values(frame)
        values[: len(ARKIT)] = np.clip(values[: len(ARKIT)], 0, 1)
        frame_number = (self.day_offset + frame.time) * 60
        packet = live_link_face.Packet(
            self.id, self.subject, int(frame_number), float(frame_number % 1), 60, 1, values[self.order]
        )
        return live_link_face.encode(packet)
