"""Requests of WebSocket clients: JSON commands to a hub (docs/protocol.md)."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from ...core.errors import InnerfaceError
from .client import STREAMS

if TYPE_CHECKING:
    from ..hub import Hub
    from .client import Client

Request = dict[str, Any]
Reply = dict[str, Any]
Handler = Callable[["Client", Request], Reply | Awaitable[Reply] | None]


class RequestHandler:
    """Runs clients' commands on a hub; `clients` are counted in the status."""

    def __init__(self, hub: Hub, clients: Collection[Client]) -> None:
        self.hub, self.clients = hub, clients
        self._handlers: dict[str, Handler] = {
            "status": lambda _client, _request: {"status": self.status()},
            "sources": lambda _client, _request: self._sources(),
            "subscribe": self._subscribe,
            "calibrate": lambda _client, _request: {"say": hub.commands.calibrate()},
            "record": lambda _client, request: {"path": hub.commands.record(str(request.get("name", "")))},
            "stop": lambda _client, _request: hub.commands.stop_recording(),
            "mark": lambda _client, request: {"mark": hub.commands.mark(str(request.get("text", "")))},
            "recentre": lambda _client, _request: hub.commands.recentre(),
            "assign": lambda _client, request: hub.commands.assign(
                str(request.get("sensor", "")), str(request.get("site", ""))
            ),
            "allow": lambda _client, request: hub.commands.allow(
                str(request.get("device", "")), str(request.get("address", ""))
            ),
            "touch": lambda _client, request: {"seconds": hub.commands.touch(str(request.get("site", "")))},
            "neutral": lambda _client, _request: hub.commands.set_neutral(),
            "check": lambda _client, _request: self._check(),
            "retry": lambda _client, request: hub.commands.retry(str(request.get("sink", ""))),
        }

    def status(self) -> dict[str, Any]:
        """Return the hub's status and the number of clients."""
        return replace(self.hub.status_report(), clients=len(self.clients)).to_json()

    async def handle(self, client: Client, text: str | bytes) -> Reply:
        """Return the reply to a request; errors are one line."""
        request_id: int | float | str | None = None
        try:
            content = json.loads(text)
            if not isinstance(content, dict):
                raise InnerfaceError('a request is an object such as {"id": 1, "command": "status"}')
            request = cast(Request, content)
            if isinstance(request.get("id"), (int, float, str)):
                request_id = request["id"]
            handler = self._handlers.get(str(request.get("command")))
            if handler is None:
                raise InnerfaceError(f"there is no such command; there are {', '.join(self._handlers)}")
            result = handler(client, request)
            reply = await result if inspect.isawaitable(result) else result
        except InnerfaceError as error:
            return {"id": request_id, "ok": False, "error": str(error)}
        except (ValueError, TypeError, RecursionError):
            message = "the request cannot be read: it is one JSON object, with values as docs/protocol.md says"
            return {"id": request_id, "ok": False, "error": message}
        return {"id": request_id, "ok": True} | (reply or {})

    def _subscribe(self, client: Client, request: Request) -> None:
        streams = request.get("streams", [])
        if not isinstance(streams, list) or not set(map(str, cast(list[Any], streams))) <= set(STREAMS):
            raise InnerfaceError(f"streams: a list of some of {', '.join(STREAMS)}")
        client.streams = set(cast(list[str], streams))

    def _sources(self) -> Reply:
        status = self.hub.status()
        return {"sources": status["sources"], "streams": status["streams"]}

    def _check(self) -> None:
        self.hub.commands.check()
