"""Innerface devices on a serial port."""

from __future__ import annotations

from dataclasses import dataclass

from ..arguments import PanelField, argument
from ..protocols import cobs, device
from ..specs import MenuEntry, SourceGroup, SourceSpec
from .serial_source import NO_PORT, SerialSource, serial_peer, serial_ports

DEVICE_BAUD = 921600


class SerialDeviceSource(SerialSource):
    """Receives Innerface packets, each a COBS frame."""

    name, label = "serial", "an Innerface device"

    def __init__(self, port: str, baud: int = DEVICE_BAUD) -> None:
        super().__init__(port, baud)
        self.framer, self._rejected = cobs.Framer(device.MAX_PACKET_BYTES + 8), 0

    def handle(self, data: bytes) -> None:
        """Handle bytes, split anywhere."""
        for frame in self.framer.push(data):
            packet = device.parse(frame)
            self._rejected += packet is None
            for message in device.to_messages(packet, self.port):
                self.hub.receive_soon(self.name, message)

    @property
    def dropped(self) -> dict[str, int]:
        """Frames that became no message, by the reason."""
        malformed = self.framer.dropped + self._rejected
        return {"malformed": malformed} if malformed else {}


@dataclass(frozen=True)
class SerialDeviceOptions:
    """Arguments of `serial`."""

    port: str = argument(
        "",
        positional=True,
        required=True,
        metavar="PORT",
        help="such as COM3, /dev/ttyACM0 or /dev/cu.usbmodem1",
        suggestions=serial_ports,
        field=PanelField(
            "serial_port",
            "USB Port",
            "Serial port, such as COM3, /dev/ttyACM0 or /dev/cu.usbmodem1; the first port found if empty",
            missing=NO_PORT,
        ),
    )
    baud: int = argument(DEVICE_BAUD, metavar="N", help="baud rate")


SPEC = SourceSpec(
    kind="serial",
    summary="an Innerface device on a USB cable",
    options=SerialDeviceOptions,
    peer=lambda options: serial_peer(options.port),
    create=lambda options, _: SerialDeviceSource(options.port, options.baud),
    group=SourceGroup.SENSORS,
    hints=(
        "it is off, or another program has the port",
        "the cable only charges",
        "another port or baud rate is meant",
    ),
    menu=MenuEntry("SERIAL", 3, "USB Device", "An Innerface device connected by cable", "PLUGIN"),
)
