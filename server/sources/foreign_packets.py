"""Datagrams that a port receives and does not expect: who sends them, and what to change there."""

from __future__ import annotations

from dataclasses import dataclass

from ..protocols.identify import Identity, identify

_MAX_SENDERS, _IDENTIFY_EVERY_S, _RECENT_S = 8, 1.0, 5.0
_MIN_PACKETS = 3  # of a sender; fewer are strays


@dataclass
class _Sender:
    identity: Identity
    identified_at: float
    last_at: float
    count: int = 0


class ForeignPackets:
    """Senders of other protocols to the port of one source."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._senders: dict[str, _Sender] = {}
        self._told: set[tuple[str, str]] = set()

    def add(self, data: bytes, address: str, now: float) -> str:
        """Add a datagram that was not understood; a note for the user where something new is known, else ""."""
        sender = self._senders.get(address)
        if sender is None:
            if len(self._senders) >= _MAX_SENDERS:
                del self._senders[min(self._senders, key=lambda a: self._senders[a].last_at)]
            sender = self._senders[address] = _Sender(identify(data), now, now)
        elif now - sender.identified_at > _IDENTIFY_EVERY_S:
            sender.identity, sender.identified_at = identify(data), now
        sender.last_at, sender.count = now, sender.count + 1
        told = (address, sender.identity.what)
        if sender.count < _MIN_PACKETS or told in self._told or len(self._told) >= _MAX_SENDERS:
            return ""
        self._told.add(told)
        return self._sentence(address, sender)

    def diagnose(self, now: float) -> str:
        """Who sends what here lately, and what to change there; "" if nobody."""
        recent = [(a, s) for a, s in self._senders.items() if now - s.last_at < _RECENT_S]
        return self._sentence(*max(recent, key=lambda item: item[1].count)) if recent else ""

    def _sentence(self, address: str, sender: _Sender) -> str:
        found = sender.identity
        if found.source == self._source:
            return f"{address} sends {found.what} that are damaged: check the network, and update the sender"
        advice = f"receive it with the source {found.source}" if found.source else found.advice
        return f"{address} sends {found.what} to this port: {advice}"
