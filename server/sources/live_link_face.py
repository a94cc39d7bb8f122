"""The Live Link Face app on an iPhone."""

from __future__ import annotations

from dataclasses import dataclass

from ..addresses import LOOPBACK
from ..arguments import Address, PanelField, argument
from ..messages import DeviceInfo
from ..protocols import live_link_face
from ..specs import FIREWALL_HINT, WIFI_HINT, MenuEntry, SourceGroup, SourceSpec, local_network
from .face_source import FaceSource


class LiveLinkFaceSource(FaceSource):
    """Receives the Live Link Face app in its mode Live Link (ARKit)."""

    name, port, label = "livelinkface", live_link_face.PORT, "Live Link Face (mode Live Link (ARKit))"

    def __init__(
        self, host: str = LOOPBACK, port: int | None = None, *, swap_mouth: bool = True, swap_jaw: bool = False
    ) -> None:
        super().__init__(host, port)
        self.swap_mouth, self.swap_jaw = swap_mouth, swap_jaw
        self.subjects: dict[str, str] = {}

    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """Handle a frame, with or without a face."""
        packet = live_link_face.parse(data)
        if packet is None or self.hub is None:
            return False
        values = live_link_face.named_weights(packet, self.swap_mouth, self.swap_jaw)
        device = packet.device or addr[0]
        if device not in self.subjects and len(self.subjects) < 64:
            self.subjects[device] = packet.subject
            self.forward(DeviceInfo(device, packet.subject), addr)
        time = live_link_face.packet_seconds(packet)
        self.receive_face(device, addr, values, time=time, title=packet.subject)
        return True


@dataclass(frozen=True)
class LiveLinkFaceOptions:
    """Arguments of `livelinkface`."""

    address: Address = argument(
        Address(port=live_link_face.PORT),
        positional=True,
        help="UDP port that the app sends to",
        field=PanelField("livelink_port", "Port", "UDP port that the app sends to"),
    )
    keep_mouth: bool = argument(False, help="do not exchange the mouth's left and right, as the app sends them")
    swap_jaw: bool = argument(False, help="exchange the jaw's left and right")


SPEC = SourceSpec(
    kind="livelinkface",
    summary="the Live Link Face app on an iPhone, in its mode Live Link (ARKit)",
    options=LiveLinkFaceOptions,
    peer=local_network,
    create=lambda options, context: LiveLinkFaceSource(
        options.address.host or context.host,
        options.address.port,
        swap_mouth=not options.keep_mouth,
        swap_jaw=options.swap_jaw,
    ),
    group=SourceGroup.CAMERA,
    hints=(
        "the app's Live Link target is not this address and port",
        "the app is in another mode than Live Link (ARKit)",
        WIFI_HINT,
        FIREWALL_HINT,
    ),
    needs_lan=True,
    menu=MenuEntry(
        "LIVELINKFACE",
        1,
        "Live Link Face",
        "Epic's iPhone app, in its Live Link (ARKit) mode",
        "OUTLINER_OB_CAMERA",
    ),
)
