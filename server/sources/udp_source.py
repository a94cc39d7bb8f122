"""Transport of sources that receive datagrams."""

from __future__ import annotations

import asyncio
import math
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from ...core.errors import InnerfaceError
from ..addresses import LOOPBACK, is_loopback
from .foreign_packets import ForeignPackets
from .receive_buffer import ReceiveBuffer, open_socket

if TYPE_CHECKING:
    from ..hub import Hub
    from ..messages import Message

SILENT_AFTER_S = 5.0
_LOSS_CHECK_S, _LOSS_SHOWN_S = 0.5, 10.0  # between looks for packets that the system lost; how long that is a problem
_OVERFLOW = (
    "packets were lost because this computer was too busy to take them in time; end other programs, or let the device "
    "send less often"
)


class UdpSource(ABC, asyncio.DatagramProtocol):
    """A UDP socket whose datagrams a subclass handles; replies go out by `transport.sendto`.

    Attributes
    ----------
    host, port
        Where it listens; port 0 is any, and the real one after `start`.
    packets, rejected
        Number of datagrams, and of those that were not understood.
    last_received, opened_at
        Monotonic s; 0 before.
    foreign
        What comes of other protocols.
    arrival
        When the datagram that is handled came, s on the hub's clock.
    buffer
        The system's buffer of what waits; None before `start`.
    """

    name, port, label = "udp", 0, "datagrams"

    def __init__(self, host: str = LOOPBACK, port: int | None = None) -> None:
        self.host, self.port = host, self.port if port is None else port
        self.transport: Any = None
        self.hub: Hub | None = None
        self.packets, self.rejected, self.last_received, self.opened_at = 0, 0, 0.0, 0.0
        self.foreign = ForeignPackets(self.name)
        self.buffer: ReceiveBuffer | None = None
        self.arrival = 0.0
        self._lost, self._lost_at, self._looked_at = 0, -math.inf, -math.inf

    async def start(self, hub: Hub) -> None:
        """Open the socket. Raises InnerfaceError."""
        self.hub = hub
        try:
            sock = await open_socket(self.host, self.port)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InnerfaceError(
                f"{self.name}: UDP port {self.port} on {self.host} cannot be opened ({reason}); "
                "end the other program that uses it, or give another port"
            ) from None
        self.buffer = ReceiveBuffer(sock)
        await hub.loop.create_datagram_endpoint(lambda: self, sock=sock)
        self.host, self.port = self.transport.get_extra_info("sockname")[:2]
        self.opened_at = time.monotonic()

    async def stop(self) -> None:
        """Close the socket."""
        if self.transport is not None:
            self.transport.close()

    def connection_made(self, transport: Any) -> None:
        """Keep the transport (asyncio)."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Handle a datagram (asyncio), and others that wait."""
        self._receive(data, addr)
        if self.buffer is not None:
            for waiting_data, sender in self.buffer.waiting():
                self._receive(waiting_data, sender)
            self._look_for_losses(self.buffer)

    def _receive(self, data: bytes, addr: tuple[str, int]) -> None:
        self.packets += 1
        if self.hub is not None:
            age = 0.0 if self.buffer is None else self.buffer.age()  # first, so that a pause here makes it no earlier
            self.arrival = self.hub.now() - age
        if self.hub is not None and self.handle(data, addr):
            self.last_received = time.monotonic()
        else:
            self.rejected += 1
            note = self.foreign.add(data, addr[0], time.monotonic())
            if note and self.hub is not None:
                self.hub.note(f"{self.name}: {note}")

    def _look_for_losses(self, buffer: ReceiveBuffer) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOSS_CHECK_S:
            return
        self._looked_at, lost = now, buffer.lost
        if lost > self._lost:
            if self._lost == 0 and self.hub is not None:
                self.hub.note(f"{self.name}: {_OVERFLOW}")
            self._lost, self._lost_at = lost, now

    @property
    def dropped(self) -> dict[str, int]:
        """Datagrams that became no message, by the reason."""
        lost = self._lost if self.buffer is None else max(self.buffer.lost, self._lost)
        return {k: n for k, n in (("malformed", self.rejected), ("buffer_full", lost)) if n}

    @property
    def problem(self) -> str:
        """Whether packets have been lost lately, "" otherwise."""
        return _OVERFLOW if time.monotonic() - self._lost_at < _LOSS_SHOWN_S else ""

    def forward(self, message: Message, addr: tuple[str, int], arrival: float | None = None) -> None:
        """Pass a message to the hub, with the address that it came from; `arrival`: of the datagram if not given."""
        if self.hub is not None:
            arrival = self.arrival if arrival is None else arrival
            self.hub.receive(self.name, message, arrival, address=f"{addr[0]}:{addr[1]}")

    def error_received(self, exc: Exception) -> None:
        """Ignore that a reply could not be delivered (asyncio)."""

    @abstractmethod
    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """Handle a datagram; return False for one of another protocol."""

    def diagnose(self) -> str:
        """Why nothing of use comes although packets do, "" if unknown."""
        return self.foreign.diagnose(time.monotonic())

    def describe(self) -> str:
        """Return what it listens for and where and, after a silence, why nothing may arrive."""
        silent_s = time.monotonic() - max(self.last_received, self.opened_at)
        hint = self.diagnose()
        if not hint and silent_s > SILENT_AFTER_S and self.opened_at:
            if is_loopback(self.host) and not self.packets:
                hint = (
                    "only this computer can reach it: for devices of the network, give --host and a token, or an "
                    "address for this source"
                )
            elif not self.packets:
                hint = "nothing arrives: check the firewall, whether the Wi-Fi isolates its devices, and the app's mode"
            else:
                hint = f"nothing has come for {silent_s:.0f} s"
        room = "" if self.buffer is None else f", buffer {self.buffer.granted_bytes / 2**20:.1f} MB"
        return f"{self.label} at UDP {self.host}:{self.port}{room}" + (f"; {hint}" if hint else "")
