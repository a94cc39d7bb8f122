"""Biosignals by LSL (Lab Streaming Layer)."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.errors import InnerfaceError
from ..arguments import PanelField, argument
from ..messages import BioSample
from ..specs import FIREWALL_HINT, MenuEntry, SourceGroup, SourceSpec, local_network
from .board_inputs import INPUTS_FIELD, BoardInputs, parse_inputs
from .polled_source import PolledSource


class LslSource(PolledSource):
    """Receives the LSL stream of a name or type, with a fixed sample rate, in µV; `inputs`: channels that are used."""

    name = "lsl"
    _FIND_TIMEOUT_S = 5.0

    def __init__(self, stream: str, inputs: BoardInputs | None = None) -> None:
        super().__init__()
        self.stream, self.inputs = stream, inputs or BoardInputs()

    def connect(self) -> None:
        """Find the stream. Raises InnerfaceError."""
        try:
            pylsl: Any = importlib.import_module("pylsl")
        except (ImportError, RuntimeError) as error:
            raise InnerfaceError(f"pylsl does not load ({error}); pip install 'innerface[lab]'") from None
        streams = pylsl.resolve_byprop("name", self.stream, 1, self._FIND_TIMEOUT_S / 2) or pylsl.resolve_byprop(
            "type", self.stream, 1, self._FIND_TIMEOUT_S / 2
        )
        if not streams:
            raise InnerfaceError(
                f"lsl: no stream is called '{self.stream}' or has this type; start it, or check that "
                "both computers share a network"
            )
        info = streams[0]
        if not 1 <= info.nominal_srate() <= 50_000 or info.channel_count() > 256:
            raise InnerfaceError(
                f"lsl: '{self.stream}' has {info.channel_count()} channels at {info.nominal_srate():g} Hz; "
                "choose a stream of 1 to 50,000 Hz with at most 256 channels"
            )
        self.inputs.check(info.channel_count())
        self.rate, self.columns = float(info.nominal_srate()), tuple(f"ch{k + 1}" for k in range(info.channel_count()))
        self.inlet = pylsl.StreamInlet(info, processing_flags=pylsl.proc_clocksync | pylsl.proc_dejitter)

    def disconnect(self) -> None:
        """Close the inlet."""
        self.inlet.close_stream()

    def poll(self) -> BioSample | None:
        """Return the samples since the last call."""
        chunk, stamps = self.inlet.pull_chunk(0.0, 4096)
        if not stamps:
            return None
        return self.inputs.select(
            BioSample(self.stream, self.columns, np.array(chunk, dtype=np.float64), self.rate, float(stamps[-1]))
        )

    def describe(self) -> str:
        """Return the stream and its problem, if any."""
        return f"LSL stream {self.stream}" + (f"; {self.problem}" if self.problem else "")


@dataclass(frozen=True)
class LslOptions:
    """Arguments of `lsl`."""

    stream: str = argument(
        "EMG",
        positional=True,
        metavar="NAME",
        help="name or type of the stream",
        field=PanelField("electrodes_stream", "Stream", "Name or type of the LSL stream"),
    )
    channels: str = argument(
        "",
        metavar="1+2",
        help="inputs that are worn; all of them unless given",
        field=INPUTS_FIELD,
    )
    names: str = argument("", metavar="A+B", help="what these inputs are called in takes")


SPEC = SourceSpec(
    kind="lsl",
    summary="an LSL stream",
    options=LslOptions,
    peer=local_network,
    create=lambda options, _: LslSource(options.stream, parse_inputs(options.channels, options.names)),
    group=SourceGroup.ELECTRODES,
    hints=("no stream of that name is sent in this network", FIREWALL_HINT),
    extra="lab",
    library="pylsl",
    menu=MenuEntry("LSL", 4, "LSL Stream", "A biosignal stream on your network (Lab Streaming Layer)", "NETWORK_DRIVE"),
)
