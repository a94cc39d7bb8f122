"""Transport of sinks that send datagrams."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from ...core.errors import InnerfaceError
from ..status import Health

if TYPE_CHECKING:
    from ..frame import Frame
    from ..hub import Hub

_ERROR_HELD_S = 3.0  # systems answer datagrams that nobody receives with an error at most once a second or so


class UdpSink(ABC):
    """Sends each face as the datagrams that a subclass encodes.

    Receivers confirm nothing: what the system says (nothing listens there, no way there) is all that is known.
    """

    name = ""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.transport: Any = None
        self.sent = 0
        self._problem, self._failed_at = "", 0.0

    async def start(self, hub: Hub) -> None:
        """Open a socket. Raises InnerfaceError if the address does not exist."""
        self.hub = hub
        try:
            self.transport, _ = await hub.loop.create_datagram_endpoint(
                lambda: _ErrorListener(self), remote_addr=(self.host, self.port)
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
            for datagram in self.encode(frame):
                self.transport.sendto(datagram)
            self.sent += 1

    @abstractmethod
    def encode(self, frame: Frame) -> list[bytes]:
        """Return the datagrams of a face."""

    def on_error(self, error: OSError) -> None:
        """The system did not deliver a datagram."""
        target = f"{self.host}:{self.port}"
        if isinstance(error, ConnectionRefusedError):
            self._problem = f"nothing listens at {target}; start the receiving program, or correct the address"
        else:
            self._problem = f"{target} cannot be reached ({error.strerror or error}); check the network and the address"
        self._failed_at = self.hub.now()

    def health(self) -> Health:
        """Away while the system reports that faces do not arrive."""
        if self._problem and self.hub.now() - self._failed_at < _ERROR_HELD_S:
            return Health("away", self._problem)
        return Health()

    def describe(self) -> str:
        """Return the address and the number of faces sent."""
        return f"{self.host}:{self.port}, {self.sent} faces"


class _ErrorListener(asyncio.DatagramProtocol):
    def __init__(self, sink: UdpSink) -> None:
        self.sink = sink

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            self.sink.on_error(exc)
