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
    head_height
        Of the bone Head above the neck, in m; None to leave the bone out.
    """

    name = "vmc"

    def __init__(
        self,
        host: str = LOOPBACK,
        port: int = vmc.PORT,
        *,
        camel: bool = False,
        head_height: float | None = vmc.HEAD_HEIGHT_M,
    ) -> None:
        super().__init__(host, port)
        self.encoder = vmc.Encoder(camel, head_height)

    def encode(self, frame: Frame) -> list[bytes]:
        """Return bundles of all shapes, the head and Apply; weights are clipped to 0..1."""
        values = clipped_values(frame)
        yaw, pitch, roll = values[len(ARKIT) :].tolist()
        return self.encoder.encode(values[: len(ARKIT)], (yaw, pitch, roll))


@dataclass(frozen=True)
class VmcOptions:
    """Arguments of `vmc` as a sink."""

    address: Address = argument(Address(LOOPBACK, vmc.PORT), positional=True, help="where to send to")
    camel: bool = argument(False, help="names as ARKit's (jawOpen) instead of PascalCase (JawOpen)")
    no_head: bool = argument(False, help="leave the head bone out: position and rotation")
    head_height: float = argument(
        vmc.HEAD_HEIGHT_M, metavar="M", help="of the avatar's head bone above its neck bone, m; some receivers apply it"
    )


SPEC = SinkSpec(
    kind="vmc",
    summary="avatars by VMC: VSeeFace, VNyan, Warudo, Unity, Blender receivers",
    options=VmcOptions,
    peer=lambda options: options.address.host,
    create=lambda options, _: VmcSink(
        options.address.host,
        options.address.port,
        camel=options.camel,
        head_height=None if options.no_head else options.head_height,
    ),
    toggle=StreamToggle(
        "send_vmc", "vmc_target", "VMC", "Send to VSeeFace, VNyan, Warudo and other applications that receive VMC", 1
    ),
)
