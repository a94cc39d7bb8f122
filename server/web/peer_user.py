"""Which user of this computer a connection comes from, where the system tells it (Linux)."""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any

_TABLES = {4: Path("/proc/net/tcp"), 6: Path("/proc/net/tcp6")}  # proc_pid_net(5)
_LOCAL_COLUMN, _REMOTE_COLUMN, _STATE_COLUMN, _USER_COLUMN = 1, 2, 3, 7
_ESTABLISHED = "01"  # a socket that its owner has closed is listed as root's
_ROOT = 0  # may read the token anyway


def comes_from_this_user(peer: Any, own: Any) -> bool | None:
    """Return whether the client's end of a TCP connection belongs to this process's user, or root's.

    `peer`, `own`: the socket names of the client and of the server. None where the system does not tell it.
    """
    try:
        own_address, peer_address = _table_entry(own), _table_entry(peer)
        table = _TABLES[ipaddress.ip_address(peer[0].partition("%")[0]).version].read_text("ascii")
        users = (os.geteuid(), _ROOT)
    except (OSError, ValueError, AttributeError):
        return None
    for line in table.splitlines()[1:]:
        columns = line.split()
        if columns[_LOCAL_COLUMN] == peer_address and columns[_REMOTE_COLUMN] == own_address:
            return columns[_STATE_COLUMN] == _ESTABLISHED and int(columns[_USER_COLUMN]) in users
    return False


def _table_entry(name: Any) -> str:
    """A socket's name as the tables write it: the address in words of the processor's byte order, and the port."""
    packed = ipaddress.ip_address(name[0].partition("%")[0]).packed
    words = (int.from_bytes(packed[k : k + 4], sys.byteorder) for k in range(0, len(packed), 4))
    return f"{''.join(f'{word:08X}' for word in words)}:{name[1]:04X}"
