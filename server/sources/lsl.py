"""Biosignals by LSL (Lab Streaming Layer)."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.errors import InnerfaceError
from ...core.formats.biosignals import column_names, pick_voltages, select_channels, unit_scale
from ..arguments import PanelField, argument
from ..messages import BioSample
from ..specs import FIREWALL_HINT, MenuEntry, SourceGroup, SourceSpec, local_network
from .board_inputs import BoardInputs, channels_argument, names_argument, parse_inputs
from .polled_source import PolledSource

_MAX_NAMED, _MAX_LABEL = 6, 64
_SILENT_SAMPLES = 20  # of a slow stream, likewise


class LslSource(PolledSource):
    """Receives the LSL stream of a name or type, with a fixed sample rate.

    Its description decides as in recorded files: names of channels, units, and which are biosignals. `inputs`: channels
    that are used instead.
    """

    name = "lsl"
    _FIND_TIMEOUT_S = _DESCRIPTION_TIMEOUT_S = 5.0
    _SILENT_S = 3.0  # after which it is looked for again

    def __init__(self, stream: str, inputs: BoardInputs | None = None) -> None:
        super().__init__()
        self.stream, self.inputs = stream, inputs or BoardInputs()
        self._told: set[str] = set()
        self._last_received = 0.0

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
        if info.channel_format() == pylsl.cf_string:
            raise InnerfaceError(f"lsl: '{self.stream}' holds texts, not numbers; choose a stream of biosignals")
        self.rate, self._last_received = float(info.nominal_srate()), time.monotonic()
        self.inlet = pylsl.StreamInlet(info, processing_flags=pylsl.proc_clocksync | pylsl.proc_dejitter)
        try:
            self._choose_channels(_describe(self.inlet.info(self._DESCRIPTION_TIMEOUT_S)))
        except Exception as error:
            self.inlet.close_stream()
            if isinstance(error, InnerfaceError):
                raise
            raise InnerfaceError(f"lsl: '{self.stream}' does not describe itself ({error}); start it again") from None

    def _choose_channels(self, channels: _Channels) -> None:
        """Choose the inputs that are read: those that the user names, else the biosignals. Raises InnerfaceError."""
        count = len(channels.labels)
        selected, note = select_channels([channels.kinds], [channels.units])
        voltages = pick_voltages(channels.labels, channels.units, [k for k, is_one in enumerate(selected[0]) if is_one])
        notes = [] if self.inputs.numbers else [note, *voltages.notes] if note else voltages.notes
        self.index = self.inputs.indices(voltages.picks, count)
        if not self.index:
            raise InnerfaceError(
                f"lsl: '{self.stream}' has no channel in a unit of voltage; choose another stream, or channels=1+2"
            )
        self.scale = np.array([unit_scale(channels.units[k]) or 1.0 for k in self.index])
        names = column_names(channels.labels)
        self.columns = self.inputs.names or tuple(names[k] for k in self.index)
        left_out = [names[k] for k in range(count) if k not in self.index]
        if left_out and not self.inputs.numbers:
            notes = [
                *notes,
                f"{', '.join(left_out[:_MAX_NAMED])} left out, as no biosignal; channels=1+2 chooses others",
            ]
        for text in notes:
            if text not in self._told:
                self._told.add(text)
                self.hub.loop.call_soon_threadsafe(self.hub.note, f"lsl {self.stream}: {text}")

    def disconnect(self) -> None:
        """Close the inlet."""
        self.inlet.close_stream()

    def poll(self) -> BioSample | None:
        """Return the samples since the last call."""
        chunk, stamps = self.inlet.pull_chunk(0.0, 4096)
        if not stamps:
            self._look_for_another()
            return None
        self._last_received = time.monotonic()
        values = np.array(chunk, dtype=np.float64)[:, self.index] * self.scale
        return BioSample(self.stream, self.columns, values, self.rate, float(stamps[-1]))

    def _look_for_another(self) -> None:
        """Raise InnerfaceError after a silence: an inlet waits for its own sender only, not for a successor."""
        if time.monotonic() - self._last_received > max(self._SILENT_S, _SILENT_SAMPLES / self.rate):
            raise InnerfaceError("nothing comes any more")

    def describe(self) -> str:
        """Return the stream and its problem, if any."""
        return self.with_problem(f"LSL stream {self.stream}")


@dataclass(frozen=True)
class _Channels:
    """Names, types and units of a stream's channels."""

    labels: list[str]
    kinds: list[str]
    units: list[str]


def _describe(info: Any) -> _Channels:
    """Read /desc/channels/channel; what is missing there is numbered, of the stream's type, without a unit."""
    count, stream_type = info.channel_count(), str(info.type())
    channels = _Channels([f"ch{k + 1}" for k in range(count)], [stream_type] * count, [""] * count)
    element = info.desc().child("channels").child("channel")
    for k in range(count):
        if element.empty():
            break
        channels.labels[k] = element.child_value("label")[:_MAX_LABEL] or channels.labels[k]
        channels.kinds[k] = element.child_value("type") or stream_type
        channels.units[k] = element.child_value("unit")
        element = element.next_sibling("channel")
    return channels


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
    channels: str = channels_argument()
    names: str = names_argument()


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
