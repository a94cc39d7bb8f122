"""Innerface devices on the network."""

from __future__ import annotations

from dataclasses import dataclass

from ..addresses import LOOPBACK
from ..arguments import Address, PanelField, argument
from ..protocols import device
from ..specs import ADDRESS_HINT, FIREWALL_HINT, WIFI_HINT, MenuEntry, SourceGroup, SourceSpec, local_network
from .steady_ports import SteadyPorts
from .udp_source import UdpSource

DEVICE_PORT = 7645


class DeviceSource(UdpSource):
    """Innerface's own device packets (docs/protocol.md)."""

    name, port, label = "device", DEVICE_PORT, "Innerface devices"

    def __init__(self, host: str = LOOPBACK, port: int | None = None) -> None:
        super().__init__(host, port)
        self._ports = SteadyPorts()

    def handle(self, data: bytes, addr: tuple[str, int]) -> bool:
        """Handle a packet; reply to a device that looks for its host."""
        packet = device.parse(data)
        if packet is None or self.hub is None:
            return False
        if isinstance(packet, device.Hello):
            self.transport.sendto(device.welcome(packet.sequence, round(self.hub.now() * 1e6)), addr)
        sender = self._ports.steady(addr)
        for message in device.to_messages(packet, addr[0]):
            self.forward(message, sender)
        return True


@dataclass(frozen=True)
class DeviceOptions:
    """Arguments of `device`."""

    address: Address = argument(
        Address(port=DEVICE_PORT),
        positional=True,
        help="UDP port that devices send to",
        field=PanelField("device_port", "Port", "UDP port that devices send to"),
    )


SPEC = SourceSpec(
    kind="device",
    summary="Innerface devices by Wi-Fi",
    options=DeviceOptions,
    peer=local_network,
    create=lambda options, context: DeviceSource(options.address.host or context.host, options.address.port),
    group=SourceGroup.SENSORS,
    hints=("it is off, or its battery is empty", ADDRESS_HINT, WIFI_HINT, FIREWALL_HINT),
    needs_lan=True,
    menu=MenuEntry("DEVICE", 2, "Wi-Fi Device", "Innerface devices on your network", "URL"),
)
