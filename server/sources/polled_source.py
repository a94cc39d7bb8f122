"""Transport of boards and cameras whose library is polled in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..hub import Hub
    from ..messages import BioSample, FaceSample

_RETRY_S = 2.0


class PolledSource(ABC):
    """Polls a board or camera in a thread, and reconnects when it is lost."""

    name = ""
    poll_interval_s = 0.02  # 0 where polling itself waits

    def __init__(self) -> None:
        self.stop_event = threading.Event()
        self.thread: threading.Thread | None = None
        self.problem = ""

    async def start(self, hub: Hub) -> None:
        """Connect and start polling. Raises InnerfaceError."""
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
        while not self.stop_event.wait(self.poll_interval_s):
            try:
                if self.problem:
                    self.connect()
                    self.problem = ""
                message = self.poll()
                if message is not None:
                    self.hub.receive_soon(self.name, message)
            except Exception as error:  # the libraries' errors share no base class
                if not self.problem:
                    self._disconnect_quietly()
                self.problem = f"lost ({error}); reconnecting"
                self.stop_event.wait(_RETRY_S)
        self._disconnect_quietly()

    def with_problem(self, text: str) -> str:
        """What `describe` returns: a text, and the problem, if any."""
        return text + (f"; {self.problem}" if self.problem else "")

    def _disconnect_quietly(self) -> None:
        with contextlib.suppress(Exception):
            self.disconnect()

    @abstractmethod
    def connect(self) -> None:
        """Open the board or stream. Raises InnerfaceError."""

    @abstractmethod
    def disconnect(self) -> None:
        """Close it."""

    @abstractmethod
    def poll(self) -> BioSample | FaceSample | None:
        """Return the samples since the last call, None without any."""
