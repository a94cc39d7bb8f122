"""The control page over HTTP: its files and no others, and the checks that keep other web sites out."""

from __future__ import annotations

import ipaddress
import mimetypes
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Response

PAGE_FOLDER = Path(__file__).with_name("page")
_INDEX = "index.html"
INDEX_PATHS = ("/", f"/{_INDEX}")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self' ws:; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page_response(connection: ServerConnection, path: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return a file of the control page with a status, or 404."""
    name = path.removeprefix("/") or _INDEX
    files = {file.name for file in PAGE_FOLDER.iterdir() if file.is_file()}
    if name not in files or (name == _INDEX) != (path in INDEX_PATHS):
        return connection.respond(HTTPStatus.NOT_FOUND, "There is no such page.\n")
    response = connection.respond(status, "")
    response.body = (PAGE_FOLDER / name).read_bytes()
    for header in ("Content-Type", "Content-Length"):
        del response.headers[header]
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    response.headers["Content-Type"] = f"{content_type}; charset=utf-8"
    response.headers["Content-Length"] = str(len(response.body))
    for header, value in _HEADERS.items():
        response.headers[header] = value
    return response


def is_allowed_host(header: str, host: str) -> bool:
    """Return whether a Host header is an address, localhost or `host`; another name may be DNS rebinding."""
    try:
        name = urlsplit(f"//{header}").hostname or ""
        if name in ("localhost", host):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
