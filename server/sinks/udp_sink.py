"""Transport of sinks that send datagrams."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from ...core.errors import InnerfaceError

if TYPE_CHECKING:
    from ..frame import Frame
    from ..hub import Hub


class UdpSink(ABC):
    """Sends each face as the datagram that a subclass encodes."""

    name = ""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.transport: Any = None
        self.sent = 0

    async def start(self, hub: Hub) -> None:
        """Open a socket. Raises InnerfaceError if the address does not exist."""
        self.hub = hub
        try:
            self.transport, _ = await hub.loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=(self.host, self.port)
            )
        except OSError as error:
            raise InnerfaceError(
                f"{self.name}: cannot send to {self.host}:{self.port} ({error.strerror or error}); correct the address"
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
        """Return the datagram of a face."""

    def describe(self) -> str:
        """Return the address and the number of faces sent."""
        return f"{self.host}:{self.port}, {self.sent} faces"
