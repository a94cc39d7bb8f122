"""Faces to avatars by VMC."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.face.channels import ARKIT
from ..addresses import LOOPBACK
from ..arguments import Address, argument
from ..frame import Frame, clipped_values
from ..protocols import vmc
from ..specs import SinkSpec, StreamToggle
from .udp_sink import UdpSink


class VmcSink(UdpSink):
    """Sends faces by VMC.

    Parameters
    ----------
    host, port
        Of the receiver.
    camel
        Names as ARKit's (jawOpen) instead of PascalCase (JawOpen).
    head
        Whether the bone Head is sent.
    """

    name = "vmc"

    def __init__(self, host: str = LOOPBACK, port: int = vmc.PORT, *, camel: bool = False, head: bool = True) -> None:
        super().__init__(host, port)
        self.encoder = vmc.Encoder(camel, head)

    def encode(self, frame: Frame) -> bytes:
        """Return a bundle of all shapes, Apply and the head; weights are clipped to 0..1."""
        values = clipped_values(frame)
        yaw, pitch, roll = values[len(ARKIT) :].tolist()
        return self.encoder.encode(values[: len(ARKIT)], (yaw, pitch, roll))


@dataclass(frozen=True)
class VmcOptions:
    """Arguments of `vmc` as a sink."""

    address: Address = argument(Address(LOOPBACK, vmc.PORT), positional=True, help="where to send to")
    camel: bool = argument(False, help="names as ARKit's (jawOpen) instead of PascalCase (JawOpen)")
    no_head: bool = argument(False, help="leave the head's rotation out")


SPEC = SinkSpec(
    kind="vmc",
    summary="avatars by VMC: VSeeFace, VNyan, Warudo, Unity, Blender receivers",
    options=VmcOptions,
    peer=lambda options: options.address.host,
    create=lambda options, _: VmcSink(
        options.address.host, options.address.port, camel=options.camel, head=not options.no_head
    ),
    toggle=StreamToggle(
        "send_vmc", "vmc_target", "VMC", "Send to VSeeFace, VNyan, Warudo and other applications that receive VMC", 1
    ),
)
