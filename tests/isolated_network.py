"""Runs a command in a network of its own, where every packet to another computer is seen and none arrives.

    unshare --net --mount --map-root-user python isolated_network.py PACKETS COMMAND...

PACKETS gets a line for each: its destination and, where there is one, the name that it looks up. Linux, no privileges.
"""

import ctypes
import fcntl
import ipaddress
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

_SIOCADDRT, _SIOCSIFFLAGS, _MS_BIND = 0x890B, 0x8914, 4096
_UP_LOOPBACK, _ROUTE_UP = 0x49, 1
_ALL_PROTOCOLS, _IPV4 = 3, 0x0800
_DNS_SERVER = "192.0.2.53"  # an address for examples: nobody answers


def _socket_address(address: str) -> bytes:
    return struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


def _open_network() -> None:
    """Loopback takes all packets, whatever their destination."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _UP_LOOPBACK))
        device = ctypes.create_string_buffer(b"lo")
        addresses = b"".join(map(_socket_address, ("0.0.0.0", "0.0.0.0", "0.0.0.0")))
        route = struct.pack("L48sHhLLhPLLH", 0, addresses, _ROUTE_UP, 0, 0, 0, 0, ctypes.addressof(device), 0, 0, 0)
        fcntl.ioctl(control, _SIOCADDRT, route)


def _use_name_server(folder: Path) -> None:
    settings = folder / "resolv.conf"
    settings.write_text(f"nameserver {_DNS_SERVER}\noptions timeout:1 attempts:1\n")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(str(settings).encode(), b"/etc/resolv.conf", None, _MS_BIND, None):
        raise OSError(ctypes.get_errno(), "resolv.conf cannot be replaced")


def _looked_up_name(packet: bytes) -> str:
    """The name in a DNS request of an IPv4 packet; "" for other packets."""
    header = 4 * (packet[0] & 15)
    if packet[9] != socket.IPPROTO_UDP or packet[header + 2 : header + 4] != b"\0\x35":
        return ""
    labels, rest = [], packet[header + 8 + 12 :]
    while rest and rest[0]:
        labels.append(rest[1 : 1 + rest[0]].decode("ascii", "replace"))
        rest = rest[1 + rest[0] :]
    return ".".join(labels)


def _write_packets(sniffer: socket.socket, out: Path) -> None:
    with out.open("w", buffering=1) as lines:
        while True:
            frame, (_, protocol, *_) = sniffer.recvfrom(65536)
            packet = frame[14:]
            if protocol != _IPV4 or len(packet) < 28:
                continue
            destination = ipaddress.ip_address(packet[16:20])
            if not destination.is_loopback:
                lines.write(f"{destination} {_looked_up_name(packet)}".strip() + "\n")


def _main() -> int:
    _open_network()
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
    with tempfile.TemporaryDirectory() as folder:
        _use_name_server(Path(folder))
        threading.Thread(target=_write_packets, args=(sniffer, Path(sys.argv[1])), daemon=True).start()
        return subprocess.run(sys.argv[2:], check=False).returncode


if __name__ == "__main__":
    sys.exit(_main())
