"""Biosignal boards through libraries that are extras: any BrainFlow board, and any LSL stream."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ...core.errors import InnerfaceError
from ..hub import Hub
from ..messages import BioSample
from .board_inputs import BoardInputs

_POLL_S, _RETRY_S = 0.02, 2.0


class _PolledSource(ABC):
    """A library that is asked in a thread."""

    name = ""

    def __init__(self) -> None:
        self.stop_event = threading.Event()
        self.thread: threading.Thread | None = None
        self.problem = ""

    async def start(self, hub: Hub) -> None:
        """Connect. Raises InnerfaceError."""
        self.hub = hub
        await asyncio.to_thread(self.connect)
        self.thread = threading.Thread(target=self._run, name=f"innerface {self.name}", daemon=True)
        self.thread.start()

    async def stop(self) -> None:
        """Disconnect."""
        self.stop_event.set()
        if self.thread is not None:
            await asyncio.to_thread(self.thread.join, 3.0)

    def _run(self) -> None:
        while not self.stop_event.wait(_POLL_S):
            try:
                if self.problem:
                    self.connect()
                    self.problem = ""
                message = self.poll()
                if message is not None:
                    self.hub.receive_soon(self.name, message)
            except Exception as error:  # the libraries' own errors share no base; a board that comes back goes on
                if not self.problem:
                    self._disconnect_quietly()
                self.problem = f"lost ({error}); looked for again"
                self.stop_event.wait(_RETRY_S)
        self._disconnect_quietly()

    def _disconnect_quietly(self) -> None:
        with contextlib.suppress(Exception):
            self.disconnect()

    @abstractmethod
    def connect(self) -> None:
        """Open the board or stream."""

    @abstractmethod
    def disconnect(self) -> None:
        """Close it."""

    @abstractmethod
    def poll(self) -> BioSample | None:
        """What has come since the last time."""


class BrainFlowSource(_PolledSource):
    """`board`: BrainFlow's number (-1: its synthetic board) or name; `parameters`: of BrainFlowInputParams, such as serial_port; `inputs`: that are worn."""

    name = "brainflow"

    def __init__(self, board: str, parameters: dict[str, str] | None = None, inputs: BoardInputs | None = None) -> None:
        super().__init__()
        self.board_name, self.parameters, self.inputs = board, parameters or {}, inputs or BoardInputs()
        self.count = 0

    def connect(self) -> None:
        """Prepare a session and begin. Raises InnerfaceError."""
        try:
            from brainflow.board_shim import BoardIds, BoardShim, BrainFlowError, BrainFlowInputParams

            BoardShim.disable_board_logger()  # loads its library, which may be missing, too
        except (ImportError, OSError) as error:
            raise InnerfaceError(f"brainflow does not load ({error}); pip install 'innerface[boards]'") from None
        try:
            number = int(self.board_name)
        except ValueError:
            names = {b.name.removesuffix("_BOARD").lower(): b.value for b in BoardIds}
            if self.board_name.lower() not in names:
                raise InnerfaceError(
                    f"brainflow board '{self.board_name}': give its number, or one of {', '.join(sorted(names))}"
                ) from None
            number = names[self.board_name.lower()]
        params = BrainFlowInputParams()
        for key, value in self.parameters.items():
            if not hasattr(params, key):
                raise InnerfaceError(f"brainflow: '{key}' is none of its parameters: {', '.join(sorted(vars(params)))}")
            setattr(params, key, type(getattr(params, key))(value))
        try:
            self.rows = BoardShim.get_exg_channels(number)
            self.inputs.check(len(self.rows))
            self.rate = float(BoardShim.get_sampling_rate(number))
            self.board: Any = BoardShim(number, params)
            self.board.prepare_session()
            self.board.start_stream()
        except BrainFlowError as error:
            raise InnerfaceError(
                f"brainflow board {self.board_name}: does not connect ({error}); check that it is on, its port and its radio"
            ) from None
        self.number = number

    def disconnect(self) -> None:
        """Release the session."""
        from brainflow.board_shim import BrainFlowError

        try:
            self.board.stop_stream()
            self.board.release_session()
        except BrainFlowError:
            pass

    def poll(self) -> BioSample | None:
        """All samples since the last time, in uV as BrainFlow gives them."""
        data = self.board.get_board_data()
        if not data.shape[1]:
            return None
        values = data[self.rows].T
        self.count += len(values)
        columns = tuple(f"exg{k + 1}" for k in range(len(self.rows)))
        return self.inputs.select(
            BioSample(f"board {self.number}", columns, np.ascontiguousarray(values), self.rate, self.count / self.rate)
        )

    def describe(self) -> str:
        """The board."""
        return f"BrainFlow board {self.board_name}" + (f"; {self.problem}" if self.problem else "")


class LslSource(_PolledSource):
    """The LSL stream of this name or type, at a rate that it declares, in uV; `inputs`: its channels that are worn."""

    name = "lsl"
    _FIND_TIMEOUT_S = 5.0

    def __init__(self, stream: str, inputs: BoardInputs | None = None) -> None:
        super().__init__()
        self.stream, self.inputs = stream, inputs or BoardInputs()

    def connect(self) -> None:
        """Find the stream. Raises InnerfaceError."""
        try:
            import pylsl
        except (ImportError, RuntimeError) as error:
            raise InnerfaceError(f"pylsl does not load ({error}); pip install 'innerface[lab]'") from None
        streams = pylsl.resolve_byprop("name", self.stream, 1, self._FIND_TIMEOUT_S / 2) or pylsl.resolve_byprop(
            "type", self.stream, 1, self._FIND_TIMEOUT_S / 2
        )
        if not streams:
            raise InnerfaceError(
                f"lsl: no stream is called '{self.stream}' or of this type; start it, or check that both computers share a network"
            )
        info = streams[0]
        if not 1 <= info.nominal_srate() <= 50_000 or info.channel_count() > 256:
            raise InnerfaceError(
                f"lsl: '{self.stream}' has {info.channel_count()} channels at {info.nominal_srate():g} Hz; a regular stream is needed"
            )
        self.inputs.check(info.channel_count())
        self.rate, self.columns = float(info.nominal_srate()), tuple(f"ch{k + 1}" for k in range(info.channel_count()))
        self.inlet = pylsl.StreamInlet(info, processing_flags=pylsl.proc_clocksync | pylsl.proc_dejitter)

    def disconnect(self) -> None:
        """Close the inlet."""
        self.inlet.close_stream()

    def poll(self) -> BioSample | None:
        """All samples since the last time."""
        chunk, stamps = self.inlet.pull_chunk(0.0, 4096)
        if not stamps:
            return None
        return self.inputs.select(
            BioSample(self.stream, self.columns, np.array(chunk, dtype=np.float64), self.rate, float(stamps[-1]))
        )

    def describe(self) -> str:
        """The stream."""
        return f"LSL stream {self.stream}" + (f"; {self.problem}" if self.problem else "")
