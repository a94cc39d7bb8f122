"""What became of a stream's samples: shown, or dropped for a reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_GAIN, _MANY = 0.005, 0.05  # of the share of dropped messages; more of them is a problem
TOLD_ELSEWHERE = frozenset({"other_source", "no_site", "no_network", "starting"})  # reasons that are no fault


@dataclass
class SampleAccount:
    """Packets (of boards: samples) of a stream: all that were received are either shown or dropped.

    Attributes:
        shown: those that went into the face.
        dropped: those that did not, by the reason:
            repeated: its number was received before.
            late: newer ones had been shown.
            other_source: another camera or board is the face.
            no_site: its sensors have no place in the layout, or another device has it.
            no_network: no network makes a face of electrodes.
            starting: the first ones, before the device's rate is known.
            unusable: the network does not fit the board.
        notes: what the user has not been told yet.
    """

    shown: int = 0
    dropped: Counter[str] = field(default_factory=Counter[str])
    notes: list[str] = field(default_factory=list[str])
    _share: float = 0.0
    _told: set[str] = field(default_factory=set[str])

    def add(self, count: int, reason: str = "") -> None:
        """Samples that were shown, or dropped for a reason."""
        if not reason:
            self.shown += count
        elif count:
            self.dropped[reason] += count
        if reason not in TOLD_ELSEWHERE:
            self._share += _GAIN * (bool(reason) - self._share)
            if reason and reason not in self._told and (problem := self.problem):
                self._told.add(reason)
                self.notes.append(problem)

    @property
    def problem(self) -> str:
        """A sentence where many are dropped, else ""."""
        if self._share <= _MANY:
            return ""
        reasons = {r: n for r, n in self.dropped.items() if r not in TOLD_ELSEWHERE}
        return f"more than a twentieth of what it sends is not shown ({max(reasons, key=reasons.__getitem__)})"
