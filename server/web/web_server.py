"""WebSocket clients (JSON commands, binary frames) and the control page on one port. Protocol: docs/protocol.md.

It listens on loopback unless told otherwise. Whoever does not come from the same user of the same computer needs the
token (docs/adr/0015-who-needs-the-token.md). Against requests from other web sites, it checks Origin and Host: browsers
must come from the page itself, by an address or localhost. A slow client skips frames.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, OUTPUT_CHANNELS
from ..addresses import LOOPBACK, is_loopback, local_address
from ..frame import Frame, SensorReading, clipped_values, encode_face, encode_sensors
from ..hub import Hub
from .client import STREAMS, Client
from .page_files import INDEX_PATHS, is_allowed_host, page_response
from .page_request import SUBPROTOCOL, PageRequest, parse_request
from .peer_user import comes_from_this_user
from .requests import RequestHandler
from .token_guard import TokenGuard, Verdict

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request as HttpRequest
    from websockets.http11 import Response

PORT = 7646
_MAX_CLIENTS, _MAX_REQUEST_BYTES = 32, 16 << 10
_MIN_TOKEN_LENGTH = 16
_MADE_TOKEN_BYTES = 16
_WRONG_TOKEN_DELAY_S, _MAX_DELAYED = 1.0, 32  # answers to those who guess, and how many of them may wait
_STATUS_INTERVAL_S = 0.5


class WebServer:
    """Serves a hub.

    A `token` that is given is needed by every client; without one, a token is made, which clients of this user on this
    computer do not need. Raises InnerfaceError for a short one off loopback.
    """

    def __init__(self, hub: Hub, host: str = LOOPBACK, port: int = PORT, *, token: str = "") -> None:
        if token and not is_loopback(host) and len(token) < _MIN_TOKEN_LENGTH:
            raise InnerfaceError(
                f"--host {host}: other computers could reach it; give a --token of at least {_MIN_TOKEN_LENGTH} "
                "characters, or none, and one is made"
            )
        self.hub, self.host, self.port = hub, host, port
        self.token, self._own_user_needs_token = token or secrets.token_urlsafe(_MADE_TOKEN_BYTES), bool(token)
        self._guard, self._delayed = TokenGuard(self.token), 0
        self.clients: set[Client] = set()
        self.requests = RequestHandler(hub, self.clients)
        self.server: Server | None = None
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the port. Raises InnerfaceError."""
        from websockets.asyncio.server import serve
        from websockets.typing import Subprotocol

        from .connection import PageConnection

        try:
            self.server = await serve(
                self._handle_client,
                self.host,
                self.port,
                process_request=self._process_request,
                select_subprotocol=lambda _, offered: Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in offered else None,
                create_connection=PageConnection,
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
        return f"{self._base_url()}?token={quote(self.token, safe='')}"

    def local_page_url(self) -> str:
        """Return the URL for this user's browser: without a token if it needs none, as others see command lines."""
        needed = self._own_user_needs_token or not is_loopback(self.host)
        return self.page_url() if needed else self._base_url()

    def _base_url(self) -> str:
        host = self.host if self.host not in ("0.0.0.0", "::") else local_address()
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/"

    async def _process_request(self, connection: ServerConnection, request: HttpRequest) -> Response | None:
        """Return None to accept a WebSocket client, else the HTTP response."""
        asked = parse_request(request)
        if asked is None:
            return connection.respond(HTTPStatus.BAD_REQUEST, "This request is malformed.\n")
        if request.method != "GET":
            response = connection.respond(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is answered.\n")
            response.headers["Allow"] = "GET"
            return response
        if not is_allowed_host(asked.host, self.host):
            return connection.respond(HTTPStatus.FORBIDDEN, "Use the address that innerface serve printed.\n")
        if asked.is_websocket and asked.origin_host not in (None, asked.host):
            return connection.respond(HTTPStatus.FORBIDDEN, "This request comes from another web site.\n")
        if asked.is_websocket or asked.path in INDEX_PATHS:
            refusal = await self._refuse_without_token(connection, asked)
            if refusal is not None:
                return refusal
        if not asked.is_websocket:
            return page_response(connection, asked.path)
        if len(self.clients) >= _MAX_CLIENTS:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many clients.\n")
        return None

    async def _refuse_without_token(self, connection: ServerConnection, asked: PageRequest) -> Response | None:
        """Return the response to a client that needs the token and does not offer it; None if it may go on."""
        peer = connection.remote_address or ("", 0)  # a connection that is already lost has none
        if not asked.token:
            if not self._own_user_needs_token and self._is_own_user(peer, connection.local_address):
                return None
            status = HTTPStatus.UNAUTHORIZED
        else:
            verdict = self._guard.check(str(peer[0]), asked.token)
            if verdict is Verdict.RIGHT:
                return None
            status = HTTPStatus.TOO_MANY_REQUESTS if verdict is Verdict.THROTTLED else HTTPStatus.UNAUTHORIZED
            if verdict is not Verdict.WRONG and self._delayed < _MAX_DELAYED:
                self._delayed += 1
                try:
                    await asyncio.sleep(_WRONG_TOKEN_DELAY_S)
                finally:
                    self._delayed -= 1
        if not asked.is_websocket:  # the page says what is missing, and knows the token if it was opened before
            return page_response(connection, asked.path, status)
        return connection.respond(
            status, "The token is missing or wrong: use the whole link that innerface serve printed.\n"
        )

    def _is_own_user(self, peer: Any, own: Any) -> bool:
        """Whether a client is this user's; where the system does not tell it, whether it is on this computer."""
        same = comes_from_this_user(peer, own)
        return is_loopback(str(peer[0])) if same is None else same

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
