"""Compares the tokens that clients offer, and slows those who guess."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

_FREE_GUESSES, _GUESS_INTERVAL_S = 10, 10.0  # wrong tokens of an address at once, and time until one more is compared
_MAX_ADDRESSES = 1024  # those who guessed first are forgotten first


class Verdict(Enum):
    """What became of an offered token."""

    RIGHT = "right"
    WRONG = "wrong"
    REPEATED = "repeated"
    """The wrong token that the same address offered last: no guess."""
    THROTTLED = "throttled"
    """Not compared, because the address has guessed too often."""


@dataclass
class _Guesser:
    allowance: float
    updated: float
    last_wrong: bytes = b""


class TokenGuard:
    """The token, and who offered wrong ones; `clock` gives seconds."""

    def __init__(self, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._token, self._clock = _digest(token), clock
        self._guessers: OrderedDict[str, _Guesser] = OrderedDict()

    def check(self, address: str, offered: str) -> Verdict:
        """Compare a token that an IP address offers, in constant time; count it if it is wrong."""
        network, now, digest = _network(address), self._clock(), _digest(offered)
        guesser = self._guessers.get(network)
        if guesser is not None:
            refilled = guesser.allowance + (now - guesser.updated) / _GUESS_INTERVAL_S
            guesser.allowance, guesser.updated = min(refilled, _FREE_GUESSES), now
            if hmac.compare_digest(digest, guesser.last_wrong):
                return Verdict.REPEATED
            if guesser.allowance < 1:
                return Verdict.THROTTLED
        if hmac.compare_digest(digest, self._token):
            return Verdict.RIGHT
        guesser = guesser or _Guesser(_FREE_GUESSES, now)
        guesser.allowance, guesser.last_wrong = guesser.allowance - 1, digest
        self._guessers[network] = guesser
        self._guessers.move_to_end(network)
        if len(self._guessers) > _MAX_ADDRESSES:
            self._guessers.popitem(last=False)
        return Verdict.WRONG


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _network(address: str) -> str:
    """What counts as one guesser: an IPv4 address, or an IPv6 network of 64 bits, which one computer may have whole."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return address
    return str(ip.ipv4_mapped or ipaddress.ip_network((int(ip) >> 64 << 64, 64)))
