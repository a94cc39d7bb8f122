"""Transport of sources on a serial port; reconnects after the cable was unplugged."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...core.errors import InnerfaceError
from ..arguments import PanelField

if TYPE_CHECKING:
    from ..hub import Hub

NO_PORT = "no USB port was found; plug the device in, or enter its port under Connect"
ELECTRODES_PORT_FIELD = PanelField(
    "electrodes_port",
    "USB Port",
    "Serial port of the board or its dongle, such as COM3 or /dev/ttyUSB0; the first port found if empty",
)
_READ_BYTES = 4096
_RETRY_S = 1.0


def serial_peer(port: str) -> str:
    """Return the host of a port by network (pyserial's `socket://HOST:PORT`, `rfc2217://...`); "" for none."""
    try:
        return urlsplit(port).hostname or ""
    except ValueError:
        return ""


class SerialSource(ABC):
    """Reads a serial port in a thread; a subclass handles the bytes."""

    name, label = "serial", "a device"

    def __init__(self, port: str, baud: int = 921600) -> None:
        self.port, self.baud = port, baud
        self.connection: Any = None
        self.stop_event = threading.Event()
        self.thread: threading.Thread | None = None
        self.problem = ""

    async def start(self, hub: Hub) -> None:
        """Open the port. Raises InnerfaceError if it is missing, in use or not permitted."""
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

    def on_open(self, connection: Any) -> None:  # noqa: B027 - most devices need no setup
        """Set the device up."""

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
        """Handle bytes, split anywhere."""

    def describe(self) -> str:
        """Return the port and its problem, if any."""
        return f"{self.label} at {self.port}, {self.baud} baud" + (f"; {self.problem}" if self.problem else "")


def _remedy(port: str, error: Exception) -> str:
    """Return why a port cannot be opened and what to do."""
    text = str(error).lower()
    if "permission" in text or "access is denied" in text:
        advice = "on Linux add yourself to the group dialout (sudo usermod -aG dialout $USER) and log in again"
        return f"{port}: no permission; {advice}, or end the program that uses it"
    if "busy" in text or "exclusively" in text:
        return f"{port}: in use; end the other program that uses it"
    known = ", ".join(serial_ports()) or "none"
    return f"{port}: does not exist, or cannot be opened; plug the device in, known ports: {known}"


def serial_ports() -> list[str]:
    """Return this computer's serial ports."""
    try:
        from serial.tools import list_ports

        return [p.device for p in list_ports.comports()]
    except (ImportError, OSError):
        return []
