"""Programs that send each datagram from another port, because they open a socket for each."""

from __future__ import annotations

from dataclasses import dataclass, field

_MAX_HOSTS, _MAX_PORTS = 64, 64
_NEW_PORTS, _MAX_NEW_PORTS, _KNOWN_PORT = 8, 16, 4  # in a row tell such a program; how much a known port weighs


@dataclass
class _Host:
    port: int  # the first one
    ports: dict[int, None] = field(default_factory=dict[int, None])
    new_ports: int = 0


class SteadyPorts:
    """One port for a host whose ports change with every datagram; two programs of a host keep theirs."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}

    def steady(self, addr: tuple[str, int]) -> tuple[str, int]:
        """The address that a datagram's sender is known by."""
        name, port = addr[:2]
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= _MAX_HOSTS:
                del self._hosts[next(iter(self._hosts))]
            host = self._hosts[name] = _Host(port)
        if port in host.ports:
            host.new_ports = max(host.new_ports - _KNOWN_PORT, 0)
        else:
            host.new_ports = min(host.new_ports + 1, _MAX_NEW_PORTS)
            host.ports[port] = None
            if len(host.ports) > _MAX_PORTS:
                del host.ports[next(iter(host.ports))]
        return (name, host.port) if host.new_ports >= _NEW_PORTS else (name, port)
