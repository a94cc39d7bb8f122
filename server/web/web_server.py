"""WebSocket clients (JSON commands, binary frames) and the control page on one port. Protocol: docs/protocol.md.

It listens on loopback unless told otherwise, and requires a token elsewhere. Against requests from other web sites, it
checks Origin and Host: browsers must come from the page itself, by an address or localhost. A slow client skips frames.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import mimetypes
import time
from collections import deque
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from ...core.arrays import Array
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, OUTPUT_CHANNELS
from ..addresses import is_loopback, local_address
from ..frame import Frame, clipped_values, encode_face, encode_sensors
from ..hub import Hub

PORT = 7646
PAGE = Path(__file__).with_name("page")
_MAX_CLIENTS, _MAX_REQUEST_BYTES = 32, 16 << 10
_REQUEST_RATE, _REQUEST_BURST = 20.0, 40  # requests per second and client
_MAX_QUEUED_FACES = 8  # per client; more are skipped
_STATUS_INTERVAL_S = 0.5
CLIENT_STREAMS = ("face", "sensors", "status")


class _Client:
    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.streams: set[str] = set()
        self.faces: deque[bytes] = deque()
        self.sensors: bytes | None = None  # the newest of each, until it is sent
        self.status: str | None = None
        self.wake = asyncio.Event()
        self.skipped = 0
        self.allowance, self.last_request = float(_REQUEST_BURST), time.monotonic()

    def queue_face(self, data: bytes) -> None:
        if len(self.faces) >= _MAX_QUEUED_FACES:
            self.skipped += len(self.faces)
            self.faces.clear()
        self.faces.append(data)
        self.wake.set()

    def allow_request(self) -> bool:
        now = time.monotonic()
        self.allowance = min(self.allowance + (now - self.last_request) * _REQUEST_RATE, _REQUEST_BURST)
        self.last_request = now
        self.allowance -= 1
        return self.allowance >= 0


class WebServer:
    """Serves a hub; with a `token`, only to clients that know it. Raises InnerfaceError without one off loopback."""

    def __init__(self, hub: Hub, host: str = "127.0.0.1", port: int = PORT, token: str = "") -> None:
        if not is_loopback(host) and len(token) < 8:
            raise InnerfaceError(
                f"--host {host}: other computers could reach it; give --token, too, with at least 8 letters or digits"
            )
        self.hub, self.host, self.port, self.token = hub, host, port, token
        self.clients: set[_Client] = set()
        self.server: Any = None
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the port. Raises InnerfaceError."""
        from websockets.asyncio.server import serve

        try:
            self.server = await serve(
                self._handle_client,
                self.host,
                self.port,
                process_request=self._process_request,
                compression=None,
                max_size=_MAX_REQUEST_BYTES,
                max_queue=8,
                write_limit=16 << 10,
                ping_interval=10,
                ping_timeout=10,
                close_timeout=1,
            )
        except OSError as error:
            raise InnerfaceError(
                f"port {self.port} on {self.host} cannot be opened ({error.strerror or error}); end the other program "
                "that uses it, or give --port"
            ) from None
        self.port = self.server.sockets[0].getsockname()[1]
        self.hub.outputs.listeners.add(self._publish_face)
        self.hub.imu.sensor_listeners.add(self._publish_sensors)
        self.task = self.hub.loop.create_task(self._publish_status())

    async def stop(self) -> None:
        """Close all connections."""
        self.hub.outputs.listeners.discard(self._publish_face)
        self.hub.imu.sensor_listeners.discard(self._publish_sensors)
        if self.task is not None:
            self.task.cancel()
        if self.server is not None:
            self.server.close()
            await self.server.wait_closed()

    def page_url(self) -> str:
        """Return the URL of the control page, including the token."""
        host = self.host if self.host not in ("0.0.0.0", "::") else local_address()
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/" + (f"?token={quote(self.token, safe='')}" if self.token else "")

    def _process_request(self, connection: Any, request: Any) -> Any:
        """Return None to accept a WebSocket client, else the HTTP response."""
        path = urlsplit(request.path)
        if not _is_allowed_host(request.headers.get("Host", ""), self.host):
            return connection.respond(HTTPStatus.FORBIDDEN, "Use the address that innerface serve printed.\n")
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if upgrade or path.path in ("/", "/index.html"):
            token = parse_qs(path.query).get("token", [""])[0]
            if self.token and not hmac.compare_digest(token.encode(), self.token.encode()):
                return connection.respond(
                    HTTPStatus.UNAUTHORIZED,
                    "The token is missing or wrong: use the whole link that innerface serve printed.\n",
                )
        if upgrade:
            origin = request.headers.get("Origin")
            if origin is not None and urlsplit(origin).netloc != request.headers.get("Host", ""):
                return connection.respond(HTTPStatus.FORBIDDEN, "This request comes from another web site.\n")
            if len(self.clients) >= _MAX_CLIENTS:
                return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many clients.\n")
            return None
        return self._serve_page(connection, path.path)

    def _serve_page(self, connection: Any, path: str) -> Any:
        """Return a file of the control page, and no other file."""
        name = path.removeprefix("/") or "index.html"
        if (name == "index.html") != (path in ("/", "/index.html")) or name not in {
            p.name for p in PAGE.iterdir() if p.is_file()
        }:
            return connection.respond(HTTPStatus.NOT_FOUND, "There is no such page.\n")
        response = connection.respond(HTTPStatus.OK, "")
        response.body = (PAGE / name).read_bytes()
        for header in ("Content-Type", "Content-Length"):
            del response.headers[header]
        response.headers["Content-Type"] = (
            f"{mimetypes.guess_type(name)[0] or 'application/octet-stream'}; charset=utf-8"
        )
        response.headers["Content-Length"] = str(len(response.body))
        response.headers["Content-Security-Policy"] = (
            "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self' ws:; frame-ancestors 'none'"
        )
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def _publish_face(self, frame: Frame) -> None:
        data = None
        for client in self.clients:
            if "face" in client.streams:
                data = data or encode_face(replace(frame, values=clipped_values(frame)))
                client.queue_face(data)

    def _publish_sensors(self, now: float, arrival: float, angle: Array, acceleration: Array) -> None:
        data = None
        for client in self.clients:
            if "sensors" in client.streams:
                data = data or encode_sensors(self.hub.outputs.sequence, now, arrival, angle, acceleration)
                client.sensors = data
                client.wake.set()

    async def _publish_status(self) -> None:
        """Send the status to its subscribers twice a second."""
        while True:
            await asyncio.sleep(_STATUS_INTERVAL_S)
            subscribers = [c for c in self.clients if "status" in c.streams]
            if subscribers:
                text = json.dumps({"status": self.hub.status() | {"clients": len(self.clients)}})
                for client in subscribers:
                    client.status = text
                    client.wake.set()

    async def _handle_client(self, connection: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        client = _Client(connection)
        self.clients.add(client)
        sender = asyncio.ensure_future(self._send_loop(client))
        try:
            await connection.send(json.dumps({"hello": self._hello()}))
            async for text in connection:
                if not client.allow_request():
                    await connection.close(1008, "too many requests")
                    break
                await connection.send(json.dumps(await self._handle_request(client, text)))
        except ConnectionClosed:
            pass
        finally:
            self.clients.discard(client)
            sender.cancel()

    async def _send_loop(self, client: _Client) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                await client.wake.wait()
                client.wake.clear()
                while client.faces:
                    await client.connection.send(client.faces.popleft())
                for name in ("sensors", "status"):
                    data = getattr(client, name)
                    if data is not None:
                        setattr(client, name, None)
                        await client.connection.send(data)
        except ConnectionClosed:
            pass

    def _hello(self) -> dict[str, Any]:
        return {
            "protocol": 1,
            "program": "innerface",
            "channels": list(OUTPUT_CHANNELS),
            "confidence": list(ARKIT),
            "sites": list(self.hub.layout.sites),
            "positions_mm": (self.hub.layout.positions * 1000).round(1).tolist(),
            "reference": self.hub.layout.reference,
            "invented": self.hub.unobserved,
            "began": self.hub.start_time,
            "streams": list(CLIENT_STREAMS),
            "settings": self.hub.settings(),
        }

    async def _handle_request(self, client: _Client, text: Any) -> dict[str, Any]:
        """Return the reply to a request; errors are one line."""
        request_id = None
        try:
            request = json.loads(text)
            if not isinstance(request, dict):
                raise InnerfaceError('a request is an object such as {"id": 1, "command": "status"}')
            request_id = request.get("id")
            request_id = request_id if isinstance(request_id, (int, float, str)) else None
            command = _COMMANDS.get(str(request.get("command")))
            if command is None:
                raise InnerfaceError(f"there is no such command; there are {', '.join(_COMMANDS)}")
            result = await command(self, client, request)
        except InnerfaceError as error:
            return {"id": request_id, "ok": False, "error": str(error)}
        except (ValueError, TypeError, RecursionError):
            return {
                "id": request_id,
                "ok": False,
                "error": "the request cannot be read: it is one JSON object, with values as docs/protocol.md says",
            }
        return {"id": request_id, "ok": True} | (result or {})

    async def _subscribe(self, client: _Client, request: dict[str, Any]) -> None:
        streams = request.get("streams", [])
        if not isinstance(streams, list) or not set(map(str, streams)) <= set(CLIENT_STREAMS):
            raise InnerfaceError(f"streams: a list of some of {', '.join(CLIENT_STREAMS)}")
        client.streams = set(streams)

    async def _status(self, client: _Client, request: dict[str, Any]) -> dict[str, Any]:
        return {"status": self.hub.status() | {"clients": len(self.clients)}}

    async def _sources(self, client: _Client, request: dict[str, Any]) -> dict[str, Any]:
        status = self.hub.status()
        return {"sources": status["sources"], "streams": status["streams"]}

    async def _calibrate(self, client: _Client, request: dict[str, Any]) -> dict[str, Any]:
        return {"say": self.hub.commands.calibrate()}

    async def _record(self, client: _Client, request: dict[str, Any]) -> dict[str, Any]:
        return {"path": self.hub.commands.record(str(request.get("name", "")))}

    async def _stop(self, client: _Client, request: dict[str, Any]) -> dict[str, Any]:
        return await self.hub.commands.stop_recording()

    async def _mark(self, client: _Client, request: dict[str, Any]) -> dict[str, Any]:
        return {"mark": self.hub.commands.mark(str(request.get("text", "")))}

    async def _recentre(self, client: _Client, request: dict[str, Any]) -> None:
        self.hub.commands.recentre()

    async def _neutral(self, client: _Client, request: dict[str, Any]) -> None:
        self.hub.commands.set_neutral()

    async def _check(self, client: _Client, request: dict[str, Any]) -> None:
        self.hub.commands.check()

    async def _assign(self, client: _Client, request: dict[str, Any]) -> None:
        self.hub.commands.assign(str(request.get("sensor", "")), str(request.get("site", "")))

    async def _touch(self, client: _Client, request: dict[str, Any]) -> dict[str, Any]:
        return {"seconds": self.hub.commands.touch(str(request.get("site", "")))}


_COMMANDS: dict[str, Any] = {
    "status": WebServer._status,
    "sources": WebServer._sources,
    "subscribe": WebServer._subscribe,
    "calibrate": WebServer._calibrate,
    "record": WebServer._record,
    "stop": WebServer._stop,
    "mark": WebServer._mark,
    "recentre": WebServer._recentre,
    "assign": WebServer._assign,
    "touch": WebServer._touch,
    "neutral": WebServer._neutral,
    "check": WebServer._check,
}


def _is_allowed_host(header: str, host: str) -> bool:
    """Return whether a Host header is an address, localhost or `host`; another name may be DNS rebinding."""
    try:
        name = urlsplit(f"//{header}").hostname or ""
        if name in ("localhost", host):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
