"""Other programs that send a face by VMC."""

from __future__ import annotations

from dataclasses import dataclass

from ..addresses import LOOPBACK
from ..arguments import Address, PanelField, argument
from ..protocols import vmc
from ..specs import FIREWALL_HINT, MenuEntry, SourceGroup, SourceSpec, no_peer
from .face_source import FaceSource

_MAX_SENDERS = 16


class VmcSource(FaceSource):
    """Receives a VMC performer, such as VSeeFace or VMagicMirror."""

    name, port, label = "vmc", vmc.PORT, "VMC"

    def __init__(self, host: str = LOOPBACK, port: int | None = None) -> None:
        super().__init__(host, port)
        self.receivers: dict[tuple[str, int], vmc.Receiver] = {}

    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """Handle a message or bundle."""
        if not vmc.is_vmc(data):
            return False
        if addr not in self.receivers and len(self.receivers) > _MAX_SENDERS:
            self.receivers.clear()
        receiver = self.receivers.setdefault(addr, vmc.Receiver())
        for values in receiver.push(data):
            self.receive_face(addr[0], addr, values, unknown=receiver.unknown)
        return True

    def diagnose(self) -> str:
        """Why nothing of use comes although packets do, "" if unknown."""
        without_face = [addr[0] for addr, receiver in self.receivers.items() if not receiver.named]
        if without_face and len(without_face) == len(self.receivers) and not super().diagnose():
            return f"VMC comes from {without_face[0]}, but no face: let the program send its blend shapes, too"
        return super().diagnose()


@dataclass(frozen=True)
class VmcOptions:
    """Arguments of `vmc` as a source."""

    address: Address = argument(
        Address(port=vmc.PORT),
        positional=True,
        help="UDP port that the program sends to",
        field=PanelField("vmc_port", "Port", "UDP port that the application sends to"),
    )


SPEC = SourceSpec(
    kind="vmc",
    summary="a program that sends VMC, such as VSeeFace or VMagicMirror",
    options=VmcOptions,
    peer=no_peer,
    create=lambda options, context: VmcSource(options.address.host or context.host, options.address.port),
    group=SourceGroup.CAMERA,
    hints=("the sending program sends to another port", "its sending is switched off", FIREWALL_HINT),
    menu=MenuEntry("VMC", 3, "VMC Application", "An application on this computer that sends VMC", "NETWORK_DRIVE"),
)
