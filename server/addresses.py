"""Addresses of this computer."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

LOOPBACK = "127.0.0.1"


def is_loopback(host: str) -> bool:
    """Return whether only this computer can reach an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def local_address() -> str:
    """Return the address of the default route's interface; loopback without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return probe.getsockname()[0]
        except OSError:
            return LOOPBACK


def local_addresses() -> list[str]:
    """Return all IPv4 addresses except loopback, the default route's first."""
    candidates = [local_address()]
    with contextlib.suppress(OSError):  # the host name may not resolve
        candidates += [str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    return [a for a in dict.fromkeys(candidates) if not is_loopback(a)]
