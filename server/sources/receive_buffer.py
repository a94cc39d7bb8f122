"""Room for datagrams that wait while the computer is busy, for how long they waited, and how many found none."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import time
from collections.abc import Iterator

_WANTED_BYTES = 4 << 20  # 10 s of 20 sites at 200 Hz
_MAX_DATAGRAM_BYTES = 65536
_MAX_BATCH_S = 0.01  # of handling datagrams before others have their turn
_SO_MEMINFO, _SK_DROPS = 55, 8  # Linux 4.12: u32 numbers of a socket's memory, of which this is what it dropped
_MEMINFO = struct.Struct("=9I")
_SIOCGSTAMPNS, _TIMESPEC = 0x8907, struct.Struct("@ll")  # Linux: UTC at which the last datagram came
_MIN_AGE_S, _MAX_AGE_S = 0.005, 60.0  # less does not matter; more is a clock that was set


class ReceiveBuffer:
    """The system's buffer of a UDP socket, which is asked to be large.

    Attributes
    ----------
    granted_bytes
        What the system granted.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WANTED_BYTES)
        granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self.age()
        self.granted_bytes = granted // 2 if sys.platform == "linux" else granted  # Linux counts its own share, too

    def waiting(self) -> Iterator[tuple[bytes, tuple[str, int]]]:
        """Datagrams that wait, with their senders, for 10 ms at most: an event loop's turn takes only one of them."""
        if sys.platform == "win32":  # its loop has a read of its own under way
            return
        end = time.monotonic() + _MAX_BATCH_S
        while time.monotonic() < end:
            try:
                yield self._socket.recvfrom(_MAX_DATAGRAM_BYTES)
            except OSError:  # nothing waits, or an earlier reply could not be delivered
                return

    def age(self) -> float:
        """For how long the last datagram that was taken had waited, s; 0 where the system does not tell."""
        if sys.platform != "linux":
            return 0.0
        import fcntl

        try:
            stamp = fcntl.ioctl(self._socket.fileno(), _SIOCGSTAMPNS, bytes(_TIMESPEC.size))
        except (OSError, ValueError):  # the first call asks for stamps from then on
            return 0.0
        seconds, nanoseconds = _TIMESPEC.unpack(stamp)
        age = time.time() - seconds - nanoseconds * 1e-9
        return age if _MIN_AGE_S < age < _MAX_AGE_S else 0.0

    @property
    def lost(self) -> int:
        """Number of datagrams that found no room; 0 where the system does not count them."""
        if sys.platform != "linux":
            return 0
        try:
            memory = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        except OSError:  # an older kernel, or the socket is closed
            return 0
        return _MEMINFO.unpack(memory)[_SK_DROPS] if len(memory) == _MEMINFO.size else 0


async def open_socket(host: str, port: int) -> socket.socket:
    """A UDP socket at an address, for an event loop. Raises OSError, OverflowError."""
    family, kind, protocol, _, address = (
        await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock
