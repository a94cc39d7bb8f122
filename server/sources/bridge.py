"""Another bridge as a source: its faces, by WebSocket (docs/protocol.md). It may run on another computer, with devices that this one cannot have."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote, urlsplit

from ...core.channels import OUTPUT
from ...core.errors import InnerfaceError
from ..frame import Frame, read_face
from ..hub import Hub
from ..messages import About, Face

_RETRY_S = 1.0
_LARGEST = 1 << 20


class Bridge:
    """`address`: ws://HOST:PORT, as `innerface serve` prints it; `token`: what it asks for."""

    name = "bridge"

    def __init__(self, address: str, token: str = "") -> None:
        parts = urlsplit(address if "//" in address else f"ws://{address}")
        try:
            port = parts.port
        except ValueError:
            port = None
        if parts.scheme not in ("ws", "http", "wss", "https") or not parts.hostname or port is None:
            raise InnerfaceError(f"bridge: '{address}' is no address; give ws://HOST:PORT as innerface serve prints it")
        secure = "wss" if parts.scheme in ("wss", "https") else "ws"
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self.address = f"{secure}://{host}:{port}/"
        query = parts.query.partition("token=")[2].partition("&")[0]
        self.link = self.address + (f"?token={quote(token, safe='')}" if token else f"?token={query}" if query else "")
        self.task: asyncio.Task[None] | None = None
        self.socket: Any = None

    async def start(self, hub: Hub) -> None:
        """Begin to connect; where nobody answers, again and again."""
        self.task = hub.loop.create_task(self._run(hub))
        self.task.add_done_callback(hub._broken)

    async def stop(self) -> None:
        """Hang up."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def cue(self, what: str) -> None:
        """Calibrate there."""
        if what in ("calibrate", "recentre"):
            self._ask(what)

    def _ask(self, command: str) -> None:
        if self.socket is not None:
            task = asyncio.get_running_loop().create_task(self._send({"command": command}))
            task.add_done_callback(lambda t: t.cancelled() or t.exception())

    async def _send(self, request: dict[str, Any]) -> None:
        if self.socket is not None:
            await self.socket.send(json.dumps({"id": 1} | request))

    async def _run(self, hub: Hub) -> None:
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus, WebSocketException

        while True:
            problem = ""
            try:
                async with connect(self.link, proxy=None, compression=None, max_size=_LARGEST, open_timeout=5, close_timeout=1) as self.socket:
                    await self._send({"command": "subscribe", "streams": ["face"]})
                    hub.receive(self.name, About(self.address, name="another bridge"))
                    async for message in self.socket:
                        self._heard(hub, message)
            except InvalidStatus as error:
                problem = "asks for its token" if error.response.status_code == 401 else f"refuses ({error.response.status_code})"
            except (OSError, TimeoutError, WebSocketException) as error:
                problem = f"does not answer ({type(error).__name__}); is innerface serve running there?"
            finally:
                self.socket = None
            if problem:
                hub.receive(self.name, About(self.address, name="another bridge", problem=f"{self.address} {problem}"))
            await asyncio.sleep(_RETRY_S)

    def _heard(self, hub: Hub, message: Any) -> None:
        if isinstance(message, bytes):
            frame = read_face(message)
            if frame is not None:
                hub.receive(self.name, face(self.address, frame))
            return
        try:
            said = json.loads(message)
            if said.get("ok") is False:
                hub.note(f"{self.address}: {str(said.get('error'))[:300]}")
        except (ValueError, AttributeError, RecursionError):
            pass  # not for us

    def about(self) -> str:
        """Where."""
        return f"faces of the bridge at {self.address}"


def face(device: str, frame: Frame) -> Face:
    """A frame as a message: none at all where it was not measured."""
    if not frame.seen:
        return Face(device, {}, frame.time)
    return Face(device, {c: float(v) for c, v in zip(OUTPUT, frame.values) if v == v}, frame.time)
