"""This computer's addresses, as others in its networks see it."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

LOOPBACK = "127.0.0.1"


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def local_address() -> str:
    """The one that leads to other networks; loopback where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return probe.getsockname()[0]
        except OSError:
            return LOOPBACK


def local_addresses() -> list[str]:
    """All IPv4 addresses but loopback, the likeliest first."""
    candidates = [local_address()]
    with contextlib.suppress(OSError):  # a computer that does not know its own name
        candidates += [str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    return [a for a in dict.fromkeys(candidates) if not is_loopback(a)]
