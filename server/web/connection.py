"""A connection that answers what is no HTTP with 400, where websockets hangs up."""

from __future__ import annotations

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidMessage

_TEXT = b"This is no HTTP request that the bridge understands.\n"
_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_TEXT), _TEXT)
)


class PageConnection(ServerConnection):
    """A client of the page or a WebSocket."""

    _refused = False

    def send_data(self) -> None:
        """Send what waits, and before the end of a connection whose request cannot be read, why (websockets)."""
        if self.request is None and isinstance(self.protocol.handshake_exc, InvalidMessage) and not self._refused:
            self._refused = True
            self.transport.write(_BAD_REQUEST)
        super().send_data()
