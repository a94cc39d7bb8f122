"""WebSocket clients (JSON commands, binary frames) and the control page on one port. Protocol: docs/protocol.md.

It listens on loopback unless told otherwise, and requires a token elsewhere. Against requests from other web sites, it
checks Origin and Host: browsers must come from the page itself, by an address or localhost. A slow client skips frames.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, OUTPUT_CHANNELS
from ..addresses import LOOPBACK, is_loopback, local_address
from ..frame import Frame, SensorReading, clipped_values, encode_face, encode_sensors
from ..hub import Hub
from .client import STREAMS, Client
from .page_files import INDEX_PATHS, is_allowed_host, page_response
from .requests import RequestHandler

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request as HttpRequest
    from websockets.http11 import Response

PORT = 7646
_MAX_CLIENTS, _MAX_REQUEST_BYTES = 32, 16 << 10
_MIN_TOKEN_LENGTH = 8
_STATUS_INTERVAL_S = 0.5


class WebServer:
    """Serves a hub; with a `token`, only to clients that know it. Raises InnerfaceError without one off loopback."""

    def __init__(self, hub: Hub, host: str = LOOPBACK, port: int = PORT, *, token: str = "") -> None:
        if not is_loopback(host) and len(token) < _MIN_TOKEN_LENGTH:
            raise InnerfaceError(
                f"--host {host}: other computers could reach it; give --token, too, with at least "
                f"{_MIN_TOKEN_LENGTH} characters"
            )
        self.hub, self.host, self.port, self.token = hub, host, port, token
        self.clients: set[Client] = set()
        self.requests = RequestHandler(hub, self.clients)
        self.server: Server | None = None
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
        self.hub.outputs.listeners.add(self.publish_face)
        self.hub.imu.sensor_listeners.add(self.publish_sensors)
        self.task = self.hub.loop.create_task(self._publish_status())

    async def stop(self) -> None:
        """Close all connections."""
        self.hub.outputs.listeners.discard(self.publish_face)
        self.hub.imu.sensor_listeners.discard(self.publish_sensors)
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

    def _process_request(self, connection: ServerConnection, request: HttpRequest) -> Response | None:
        """Return None to accept a WebSocket client, else the HTTP response."""
        url = urlsplit(request.path)
        host_header = request.headers.get("Host", "")
        if not is_allowed_host(host_header, self.host):
            return connection.respond(HTTPStatus.FORBIDDEN, "Use the address that innerface serve printed.\n")
        is_websocket = request.headers.get("Upgrade", "").lower() == "websocket"
        if (is_websocket or url.path in INDEX_PATHS) and not self._has_token(url.query):
            return connection.respond(
                HTTPStatus.UNAUTHORIZED,
                "The token is missing or wrong: use the whole link that innerface serve printed.\n",
            )
        if not is_websocket:
            return page_response(connection, url.path)
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host_header:
            return connection.respond(HTTPStatus.FORBIDDEN, "This request comes from another web site.\n")
        if len(self.clients) >= _MAX_CLIENTS:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many clients.\n")
        return None

    def _has_token(self, query: str) -> bool:
        token = parse_qs(query).get("token", [""])[0]
        return not self.token or hmac.compare_digest(token.encode(), self.token.encode())

    def publish_face(self, frame: Frame) -> None:
        """Send a face to its subscribers."""
        subscribers = [c for c in self.clients if "face" in c.streams]
        if subscribers:
            data = encode_face(replace(frame, values=clipped_values(frame)))
            for client in subscribers:
                client.queue_face(data)

    def publish_sensors(self, reading: SensorReading) -> None:
        """Send sensor data to their subscribers; see `encode_sensors`."""
        subscribers = [c for c in self.clients if "sensors" in c.streams]
        if subscribers:
            data = encode_sensors(self.hub.outputs.sequence, reading)
            for client in subscribers:
                client.queue_sensors(data)

    async def _publish_status(self) -> None:
        """Send the status to its subscribers twice a second."""
        while True:
            await asyncio.sleep(_STATUS_INTERVAL_S)
            subscribers = [c for c in self.clients if "status" in c.streams]
            if subscribers:
                text = json.dumps({"status": self.requests.status()})
                for client in subscribers:
                    client.queue_status(text)

    async def _handle_client(self, connection: ServerConnection) -> None:
        from websockets.exceptions import ConnectionClosed

        client = Client(connection)
        self.clients.add(client)
        sender = asyncio.ensure_future(client.send_queued())
        try:
            await connection.send(json.dumps({"hello": self._hello()}))
            async for text in connection:
                if not client.allow_request():
                    await connection.close(1008, "too many requests")
                    break
                await connection.send(json.dumps(await self.requests.handle(client, text)))
        except ConnectionClosed:
            pass
        finally:
            self.clients.discard(client)
            sender.cancel()

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
            "streams": list(STREAMS),
            "settings": self.hub.settings(),
        }
