"""OpenBCI Cyton through its USB dongle."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.arrays import Array
from ..arguments import argument
from ..messages import BioSample
from ..protocols import cyton
from ..specs import MenuEntry, SourceGroup, SourceSpec
from .board_inputs import BoardInputs, channels_argument, names_argument, parse_inputs
from .serial_source import ELECTRODES_PORT_FIELD, NO_PORT, SerialSource, serial_peer, serial_ports


class CytonSource(SerialSource):
    """Receives an OpenBCI Cyton: eight channels at 250 Hz, of which `inputs` are used."""

    name, label = "cyton", "an OpenBCI Cyton"

    def __init__(self, port: str, inputs: BoardInputs | None = None, baud: int = cyton.BAUD) -> None:
        super().__init__(port, baud)
        self.reader, self.inputs = cyton.Reader(), inputs or BoardInputs()
        self.inputs.check(cyton.CHANNELS)
        self.sample_count, self.last_counter = 0, -1

    @property
    def dropped(self) -> dict[str, int]:
        """Packets that became no sample, by the reason; of skipped bytes, as many as they would fill."""
        malformed = math.ceil(self.reader.skipped / cyton.FRAME_SIZE)
        return {"malformed": malformed} if malformed else {}

    def on_open(self, connection: Any) -> None:
        """Reset the board, which sets all inputs to gain 24, and start streaming its own eight inputs."""
        reply = self._ask(connection, cyton.RESET)
        if cyton.END_OF_REPLY not in reply:
            self._tell("did not answer its reset, so its gain may be another than 24: turn it off and on")
        if cyton.DAISY in reply:  # it would send the Daisy's inputs in every other packet
            self._ask(connection, cyton.EIGHT_CHANNELS)
            self._tell(
                "has a Daisy, whose inputs 9 to 16 are not read: for all sixteen use "
                f"brainflow:cyton_daisy,serial_port={self.port}"
            )
        connection.write(cyton.BEGIN)

    def _ask(self, connection: Any, command: bytes) -> bytes:
        """Send a command and return the reply, as far as it came within 3 s."""
        connection.write(command)
        reply = b""
        for _ in range(30):
            reply += connection.read(512)
            if cyton.END_OF_REPLY in reply:
                break
        return reply

    def _tell(self, text: str) -> None:
        self.hub.loop.call_soon_threadsafe(self.hub.note, f"the Cyton at {self.port} {text}")

    def handle(self, data: bytes) -> None:
        """Handle bytes; samples that the counter shows as lost become NaN."""
        samples = self.reader.push(data)
        if not samples:
            return
        rows: list[Array] = []
        for sample in samples:
            gap = (sample.counter - self.last_counter - 1) % 256 if self.last_counter >= 0 else 0
            rows += [np.full(cyton.CHANNELS, np.nan)] * min(gap, int(cyton.RATE))
            self.sample_count += gap + 1
            rows.append(sample.microvolts)
            self.last_counter = sample.counter
        columns = tuple(f"exg{k + 1}" for k in range(cyton.CHANNELS))
        self.hub.receive_soon(
            self.name,
            self.inputs.select(
                BioSample(self.port, columns, np.array(rows), cyton.RATE, self.sample_count / cyton.RATE)
            ),
        )


@dataclass(frozen=True)
class CytonOptions:
    """Arguments of `cyton`."""

    port: str = argument(
        "",
        positional=True,
        required=True,
        metavar="PORT",
        help="port of the dongle, such as COM3 or /dev/ttyUSB0",
        suggestions=serial_ports,
        field=replace(ELECTRODES_PORT_FIELD, missing=NO_PORT),
    )
    channels: str = channels_argument()
    names: str = names_argument()


SPEC = SourceSpec(
    kind="cyton",
    summary="an OpenBCI Cyton",
    options=CytonOptions,
    peer=lambda options: serial_peer(options.port),
    create=lambda options, _: CytonSource(options.port, parse_inputs(options.channels, options.names)),
    group=SourceGroup.ELECTRODES,
    hints=("it is off, or its dongle is at another port",),
    menu=MenuEntry("CYTON", 2, "OpenBCI Cyton", "Connected through its USB dongle", "PLUGIN"),
)
