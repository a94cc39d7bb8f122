"""Who may send as which device: the first of two senders, and devices that a person has allowed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ..core.errors import InnerfaceError
from ..core.files import atomic_write, read_bytes
from ..core.pipeline.camera import AWAY_AFTER_S
from .addresses import is_loopback, local_addresses
from .status import WaitingStatus

OTHER_SENDER, NOT_ALLOWED = "other_sender", "not_allowed"  # why a message is dropped
_MAX_SENDERS, _MAX_WAITING = 512, 16
_TELL_AT_PACKETS = 3  # a device that sent less may be none


@dataclass
class AllowedDevices:
    """Devices of the network that a person has allowed, as "source/device", and the file that they are kept in."""

    path: Path | None = None
    devices: set[str] = field(default_factory=set[str])

    def load(self) -> None:
        """Read what was allowed earlier. Raises InnerfaceError for another kind of file."""
        if self.path is None or not self.path.exists():
            return
        try:
            data: Any = json.loads(read_bytes(self.path, limit=1 << 20))
            self.devices |= {str(d) for d in cast("list[Any]", data["devices"])}
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InnerfaceError(
                f"{self.path}: is no list of allowed devices; delete it and allow them again"
            ) from None

    def add(self, device: str) -> None:
        """Allow a device from now on, also after a restart."""
        devices = self.devices | {device}
        if self.path is not None:
            with atomic_write(self.path) as temporary:
                temporary.write_text(json.dumps({"devices": sorted(devices)}, indent=1), encoding="utf-8")
        self.devices = devices


@dataclass
class _Sender:
    address: str
    last_at: float
    rival: str = ""


class Senders:
    """The address that each device sends from.

    A second sender of a device's name is left out while the first one sends. Devices of the network wait until a person
    allows them; those of this computer do not.

    Parameters
    ----------
    allowed
        Devices that were allowed.
    allow_new
        Whether all devices are.
    note
        Takes sentences for the user.
    """

    def __init__(self, allowed: AllowedDevices, allow_new: bool, note: Callable[[str], None]) -> None:
        self._allowed, self._allow_new, self._note = allowed, allow_new, note
        self._senders: dict[tuple[str, str], _Sender] = {}
        self._waiting: dict[tuple[str, str], WaitingStatus] = {}
        self._told: set[tuple[str, ...]] = set()
        self._local = frozenset(local_addresses())

    @property
    def waiting(self) -> list[WaitingStatus]:
        """Devices that wait to be allowed."""
        return list(self._waiting.values())

    def admit(self, source: str, device: str, address: str, *, now: float) -> str:
        """Why a message of a device is to be dropped that came from HOST:PORT, "" if it is not."""
        key = (source, device)
        sender = self._senders.get(key)
        if sender is None:
            if not self._is_allowed(key, address):
                self._wait(key, address)
                return NOT_ALLOWED
            if len(self._senders) >= _MAX_SENDERS:
                del self._senders[min(self._senders, key=lambda k: self._senders[k].last_at)]
            sender = self._senders[key] = _Sender(address, now)
        elif address != sender.address:
            if now - sender.last_at <= AWAY_AFTER_S:
                sender.rival = address
                self._tell_rival(key, sender)
                return OTHER_SENDER
            sender.address = address  # it is not sent from there any more
        sender.last_at = now
        return ""

    def rival(self, source: str, device: str) -> str:
        """HOST:PORT of the second sender of a device's name, "" without one."""
        return self._senders[source, device].rival

    def allow(self, device: str, address: str = "") -> str:
        """Allow a waiting device, "SOURCE/DEVICE" or DEVICE; or, with an address, take a device from that address.

        Returns what it allows. Raises InnerfaceError where there is no such device.
        """
        keys = [k for k in (self._senders if address else self._waiting) if device in (k[1], "/".join(k))]
        if not keys:
            known = ", ".join(d.device for d in self.waiting) or "none"
            raise InnerfaceError(f"no device '{device[:64]}' waits to be allowed; those that wait: {known}")
        for key in keys:
            if address:
                sender = self._senders[key]
                sender.address, sender.rival = address, ""
            else:
                self._allowed.add("/".join(key))
                del self._waiting[key]
        return "/".join(keys[0])

    def _is_allowed(self, key: tuple[str, str], address: str) -> bool:
        host = address.rpartition(":")[0]
        return self._allow_new or is_loopback(host) or host in self._local or "/".join(key) in self._allowed.devices

    def _wait(self, key: tuple[str, str], address: str) -> None:
        before = self._waiting.get(key)
        if before is None and len(self._waiting) >= _MAX_WAITING:  # who sends on is kept, whoever came first
            del self._waiting[min(self._waiting, key=lambda k: self._waiting[k].packets)]
        self._waiting[key] = WaitingStatus(*key, address, 1 if before is None else before.packets + 1)
        if self._waiting[key].packets == _TELL_AT_PACKETS:
            self._note(
                f"a device that was never here sends from {address}: {'/'.join(key)}; allow it on the control page or "
                f"by allow {key[1]}, if it is yours"
            )

    def _tell_rival(self, key: tuple[str, str], sender: _Sender) -> None:
        told = (*key, sender.rival.rpartition(":")[0])
        if told not in self._told and len(self._told) < _MAX_SENDERS:
            self._told.add(told)
            self._note(
                f"{key[1]}: a second device of that name sends from {sender.rival}; the first one, from "
                f"{sender.address}, is kept"
            )
