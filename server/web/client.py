"""A WebSocket client: what it subscribed to, what waits to be sent to it, and how many requests it may still make."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

STREAMS = ("face", "sensors", "status")
_REQUEST_RATE, _REQUEST_BURST = 20.0, 40  # requests per second, and at once
_MAX_QUEUED_FACES = 8  # a client that is further behind skips to the newest


class Client:
    """One connection.

    Attributes
    ----------
    streams
        Some of STREAMS.
    faces
        Encoded faces that wait to be sent.
    skipped
        Number of faces that the client was too slow for.
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.streams: set[str] = set()
        self.faces: deque[bytes] = deque()
        self.skipped = 0
        self._sensors: bytes | None = None  # only the newest waits
        self._status: str | None = None
        self._wake = asyncio.Event()
        self._allowance, self._last_request = float(_REQUEST_BURST), time.monotonic()

    def queue_face(self, data: bytes) -> None:
        """Queue an encoded face."""
        if len(self.faces) >= _MAX_QUEUED_FACES:
            self.skipped += len(self.faces)
            self.faces.clear()
        self.faces.append(data)
        self._wake.set()

    def queue_sensors(self, data: bytes) -> None:
        """Queue encoded sensor data, in place of older ones."""
        self._sensors = data
        self._wake.set()

    def queue_status(self, text: str) -> None:
        """Queue a status, in place of an older one."""
        self._status = text
        self._wake.set()

    def allow_request(self) -> bool:
        """Count a request and return whether it is within the rate limit."""
        now = time.monotonic()
        self._allowance = min(self._allowance + (now - self._last_request) * _REQUEST_RATE, _REQUEST_BURST)
        self._last_request = now
        self._allowance -= 1
        return self._allowance >= 0

    async def send_queued(self) -> None:
        """Send what is queued until the connection is closed."""
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self.faces:
                    await self.connection.send(self.faces.popleft())
                sensors, self._sensors = self._sensors, None
                status, self._status = self._status, None
                for data in (sensors, status):
                    if data is not None:
                        await self.connection.send(data)
        except ConnectionClosed:
            pass
