"""The transport of all sources that hear datagrams."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from ...core.errors import InnerfaceError
from ..addresses import LOOPBACK, is_loopback

if TYPE_CHECKING:
    from ..hub import Hub

SILENT_AFTER_S = 5.0


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
