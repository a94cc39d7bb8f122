"""OpenBCI Cyton through its USB dongle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.arrays import Array
from ..arguments import argument
from ..messages import BioSample
from ..protocols import cyton
from ..specs import MenuEntry, SourceGroup, SourceSpec
from .board_inputs import INPUTS_FIELD, BoardInputs, parse_inputs
from .serial_source import ELECTRODES_PORT_FIELD, NO_PORT, SerialSource, serial_peer, serial_ports


class CytonSource(SerialSource):
    """Receives an OpenBCI Cyton: eight channels at 250 Hz, of which `inputs` are used."""

    name, label = "cyton", "an OpenBCI Cyton"

    def __init__(self, port: str, inputs: BoardInputs | None = None, baud: int = cyton.BAUD) -> None:
        super().__init__(port, baud)
        self.reader, self.inputs = cyton.Reader(), inputs or BoardInputs()
        self.inputs.check(cyton.CHANNELS)
        self.sample_count, self.last_counter = 0, -1

    def on_open(self, connection: Any) -> None:
        """Reset the board and start streaming."""
        connection.write(cyton.RESET)
        reply = b""
        for _ in range(30):
            reply += connection.read(512)
            if b"$$$" in reply:
                break
        connection.write(cyton.BEGIN)

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
    channels: str = argument(
        "",
        metavar="1+2",
        help="inputs that are worn; all of them unless given",
        field=INPUTS_FIELD,
    )
    names: str = argument("", metavar="A+B", help="what these inputs are called in takes")


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
