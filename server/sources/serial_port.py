"""Devices on a serial line: Innerface's own packets in COBS frames, and OpenBCI's Cyton. A cable that is pulled and put back goes on by itself."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ...core.errors import InnerfaceError
from ..hub import Hub
from ..messages import BioSample
from ..protocols import cobs, cyton, device
from .board_inputs import BoardInputs

_READ_BYTES = 4096
_RETRY_S = 1.0


class SerialSource(ABC):
    """Reads a port in a thread of its own; a subclass makes messages of the bytes."""

    name, label = "serial", "a device"

    def __init__(self, port: str, baud: int = 921600) -> None:
        self.port, self.baud = port, baud
        self.connection: Any = None
        self.stop_event = threading.Event()
        self.thread: threading.Thread | None = None
        self.problem = ""

    async def start(self, hub: Hub) -> None:
        """Open the port. Raises InnerfaceError where it is missing, in use, or not permitted."""
        self.hub = hub
        try:
            self.connection = await asyncio.to_thread(self._open)
        except ImportError as error:
            raise InnerfaceError(
                f"serial ports need pyserial, which does not load ({error}); pip install pyserial"
            ) from None
        except (OSError, ValueError, OverflowError) as error:
            raise InnerfaceError(f"{self.name}: {_remedy(self.port, error)}") from None
        self.thread = threading.Thread(target=self._run, name=f"innerface {self.port}", daemon=True)
        self.thread.start()

    def _open(self) -> Any:
        import serial

        connection = serial.serial_for_url(self.port, baudrate=self.baud, timeout=0.1, write_timeout=1.0)
        self.on_open(connection)
        return connection

    def on_open(self, connection: Any) -> None:  # noqa: B027 - most devices need nothing said
        """What the device wants to hear first."""

    async def stop(self) -> None:
        """Close the port."""
        self.stop_event.set()
        if self.thread is not None:
            await asyncio.to_thread(self.thread.join, 2.0)
        if self.connection is not None:
            self.connection.close()

    def _run(self) -> None:
        while not self.stop_event.is_set():
            try:
                if self.connection is None:
                    self.connection = self._open()
                    self.problem = ""
                data = self.connection.read(max(1, min(self.connection.in_waiting, _READ_BYTES)))
            except (
                OSError,
                ValueError,
                TypeError,
            ) as error:  # TypeError: pyserial's read of a port that was closed meanwhile
                self.problem = _remedy(self.port, error)
                if self.connection is not None:
                    self.connection.close()
                self.connection = None
                self.stop_event.wait(_RETRY_S)
                continue
            if data:
                self.handle(data)

    @abstractmethod
    def handle(self, data: bytes) -> None:
        """Read bytes, however they are cut."""

    def describe(self) -> str:
        """The port, and what is wrong with it."""
        return f"{self.label} at {self.port}, {self.baud} baud" + (f"; {self.problem}" if self.problem else "")


class SerialDeviceSource(SerialSource):
    """Innerface's own packets, each a COBS frame."""

    label = "an Innerface device"

    def __init__(self, port: str, baud: int = 921600) -> None:
        super().__init__(port, baud)
        self.framer = cobs.Framer(device.MAX_PACKET_BYTES + 8)

    def handle(self, data: bytes) -> None:
        """Frames out of bytes."""
        for frame in self.framer.push(data):
            for message in device.to_messages(device.parse(frame), self.port):
                self.hub.receive_soon(self.name, message)


class CytonSource(SerialSource):
    """OpenBCI's Cyton by its dongle: eight channels at 250 Hz; `inputs`: those that are worn."""

    name, label = "cyton", "an OpenBCI Cyton"

    def __init__(self, port: str, inputs: BoardInputs | None = None, baud: int = cyton.BAUD) -> None:
        super().__init__(port, baud)
        self.reader, self.inputs = cyton.Reader(), inputs or BoardInputs()
        self.inputs.check(cyton.CHANNELS)
        self.sample_count, self.last_counter = 0, -1

    def on_open(self, connection: Any) -> None:
        """Reset, then begin."""
        connection.write(cyton.RESET)
        reply = b""
        for _ in range(30):
            reply += connection.read(512)
            if b"$$$" in reply:
                break
        connection.write(cyton.BEGIN)

    def handle(self, data: bytes) -> None:
        """Samples, with lost ones as NaN: the counter tells how many."""
        samples = self.reader.push(data)
        if not samples:
            return
        rows: list[np.ndarray] = []
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


def _remedy(port: str, error: Exception) -> str:
    """One line on why a port does not open."""
    text = str(error).lower()
    if "permission" in text or "access is denied" in text:
        advice = "on Linux add yourself to the group dialout (sudo usermod -aG dialout $USER) and log in again"
        return f"{port}: no permission; {advice}, or end the program that has it"
    if "busy" in text or "exclusively" in text:
        return f"{port}: another program has it; end that one"
    return f"{port}: there is no such port, or it cannot be opened; plug the device in, known ports: {', '.join(ports()) or 'none'}"


def ports() -> list[str]:
    """Serial ports of this computer."""
    try:
        from serial.tools import list_ports

        return [p.device for p in list_ports.comports()]
    except (ImportError, OSError):
        return []
