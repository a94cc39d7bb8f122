"""iFacialMocap and Facemotion3D."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.errors import InnerfaceError
from ..addresses import LOOPBACK
from ..arguments import PanelField, argument
from ..protocols import ifacialmocap
from ..specs import FIREWALL_HINT, WIFI_HINT, MenuEntry, SourceGroup, SourceSpec, local_network
from .face_source import FaceSource

if TYPE_CHECKING:
    from ..hub import Hub


class IFacialMocapSource(FaceSource):
    """Receives iFacialMocap and Facemotion3D; asks the phone to send, and again while it does not."""

    name, port, label = "ifacialmocap", ifacialmocap.PORT, "iFacialMocap or Facemotion3D"
    full_weight = ifacialmocap.FULL_WEIGHT

    def __init__(self, host: str = LOOPBACK, port: int | None = None, phone: str = "") -> None:
        super().__init__(host, port)
        self.phone, self.address = phone, ""
        self.task: asyncio.Task[None] | None = None

    async def start(self, hub: Hub) -> None:
        """Open the socket and ask the phone to send. Raises InnerfaceError."""
        if self.phone:  # resolved once, because it blocks
            try:
                self.address = str((await hub.loop.getaddrinfo(self.phone, self.port, family=socket.AF_INET))[0][4][0])
            except OSError as error:
                raise InnerfaceError(
                    f"ifacialmocap: the phone '{self.phone}' is not found ({error.strerror}); "
                    "give the address that it shows"
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
        """Handle a text frame."""
        frame = ifacialmocap.parse(data) if self.address in ("", addr[0]) else None
        if frame is None:
            return False
        values = frame.weights | frame.angles if frame.tracked else {}
        self.receive_face(addr[0], addr, values, unknown=frame.unknown)
        return True

    def describe(self) -> str:
        """Return what it listens for and which phone it asks."""
        return super().describe() + (
            f" (asking {self.phone})"
            if self.phone
            else "; give the phone's address, ifacialmocap:PHONE_IP, to ask it to send"
        )


@dataclass(frozen=True)
class IFacialMocapOptions:
    """Arguments of `ifacialmocap`."""

    phone: str = argument(
        "",
        positional=True,
        metavar="PHONE",
        help="the phone's address, which is asked to send; without it the app is told this computer's",
        field=PanelField(
            "phone",
            "Phone",
            "Address of the phone, as shown in the app; may be empty if the app is given this computer's address",
        ),
    )
    port: int = argument(ifacialmocap.PORT, metavar="N", help="UDP port that the app sends to")


SPEC = SourceSpec(
    kind="ifacialmocap",
    summary="iFacialMocap or Facemotion3D on a phone",
    options=IFacialMocapOptions,
    peer=local_network,
    create=lambda options, context: IFacialMocapSource(
        context.peer_host if options.phone else context.host, options.port, options.phone
    ),
    group=SourceGroup.CAMERA,
    hints=(
        "the phone's address is another one",
        "the app is not in front, or sends to another computer",
        WIFI_HINT,
        FIREWALL_HINT,
    ),
    needs_lan=True,
    menu=MenuEntry("IFACIALMOCAP", 2, "iFacialMocap", "iFacialMocap or Facemotion3D on a phone", "OUTLINER_OB_CAMERA"),
)
