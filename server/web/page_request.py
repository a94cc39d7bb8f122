"""What a stranger's HTTP request asks for: a pure, bounded function that never raises."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from websockets.http11 import Request

SUBPROTOCOL = "innerface"
_TOKEN_SUBPROTOCOL = f"{SUBPROTOCOL}.token."
_SINGLE_HEADERS = ("Host", "Origin", "Upgrade", "Authorization")
_TARGET = re.compile(r"/(?!/)[!-~]*")  # a path and a query, in visible ASCII


@dataclass(frozen=True)
class PageRequest:
    """A well-formed request.

    Attributes
    ----------
    path
        Without the query, as it was sent.
    host
        The Host header: HOST[:PORT].
    origin_host
        The Origin header's HOST[:PORT]; None without that header.
    token
        What was offered as token: in `Authorization: Bearer`, as a WebSocket subprotocol, or in the query; "" for none.
    is_websocket
        Whether it asks for a WebSocket.
    """

    path: str
    host: str
    origin_host: str | None
    token: str
    is_websocket: bool


def parse_request(request: Request) -> PageRequest | None:
    """Read a request, None if it is malformed: a target that is no path, headers that contradict or cannot be read."""
    values = {name: request.headers.get_all(name) for name in _SINGLE_HEADERS}
    if not _TARGET.fullmatch(request.path) or any(len(v) > 1 for v in values.values()) or not values["Host"]:
        return None
    host, origin = values["Host"][0].strip(), values["Origin"][0].strip() if values["Origin"] else None
    try:
        url = urlsplit(request.path)
        named = urlsplit(f"//{host}")
        if not named.hostname or named.netloc != host or named.port == 0 or "@" in host:
            return None
        origin_host = None if origin is None else urlsplit(origin).netloc
        in_query = parse_qs(url.query).get("token", [""])[0]
    except ValueError:
        return None
    token = (
        _bearer_token(values["Authorization"][0] if values["Authorization"] else "")
        or _subprotocol_token(request.headers.get_all("Sec-WebSocket-Protocol"))
        or in_query
    )
    upgrade = values["Upgrade"][0].strip().lower() if values["Upgrade"] else ""
    return PageRequest(url.path, host, origin_host, token, upgrade == "websocket")


def _bearer_token(header: str) -> str:
    """The token of an Authorization header, in UTF-8; "" without one."""
    scheme, _, credentials = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        return ""
    return credentials.strip().encode("latin-1", "replace").decode("utf-8", "replace")


def _subprotocol_token(headers: list[str]) -> str:
    """The token among the WebSocket subprotocols, as `innerface.token.` and its URL-safe base64; "" without one."""
    for protocol in (item.strip() for header in headers for item in header.split(",")):
        if protocol.startswith(_TOKEN_SUBPROTOCOL):
            encoded = protocol.removeprefix(_TOKEN_SUBPROTOCOL)
            try:
                return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("utf-8", "replace")
            except (ValueError, binascii.Error):
                return ""
    return ""
