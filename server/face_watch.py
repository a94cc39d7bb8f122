"""What is wrong with the faces that one sender sends: names, units, missing values, and a face that never moves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from ..core.face.channels import ARKIT
from ..core.face.value_units import ValueUnits

_NAMES_AFTER_S = 1.0  # by then all names have come
_STILL_AFTER_S = 5.0
_MAX_NAMED, _MAX_NAME_CHARS = 6, 32
_ARKIT = frozenset(ARKIT)


class FaceWatch:
    """Watches one sender, and cleans what it sends.

    Parameters
    ----------
    full_weight
        The value of a whole weight by the protocol.

    Attributes
    ----------
    problem
        Why its faces are of no use, in one sentence; "" while they are.
    """

    def __init__(self, full_weight: float = 1.0) -> None:
        self.units = ValueUnits(full_weight)
        self.problem = ""
        self._first_at: float | None = None
        self._told: set[str] = set()
        self._notes: list[str] = []
        self._last_weights: tuple[float, ...] = ()
        self._still_since = 0.0
        self._unseen_since: float | None = None

    def clean(self, values: Mapping[str, float], unknown: Iterable[str], now: float) -> dict[str, float]:
        """A face's weights and angles (rad) without what is no number or in no unit; empty if no face is tracked.

        `unknown`: names that came with it and mean nothing. `now`: s.
        """
        finite = {c: v for c, v in values.items() if math.isfinite(v)}
        missing = [c for c in values if c not in finite]
        face = self.units.convert(finite)
        if self._first_at is None:
            self._first_at = now
        for note in self.units.notes:
            self._tell(note, note)
        if missing:
            self._tell("missing", f"sends {_listed(missing)} as no number; left out, others are shown")
        names = list(unknown)
        if names and now - self._first_at > _NAMES_AFTER_S:
            what = "is no face channel's" if len(names) == 1 else "are no face channels'"
            self._tell("names", f"sends {_counted(names)} that {what}; left out: {_listed(names)}")
        self.problem = self._find_problem(face, names, now) if values or names else self._find_absence(now)
        if values or names:
            self._unseen_since = None
        return face

    def take_notes(self) -> list[str]:
        """What is to be told once, since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def _tell(self, key: str, note: str) -> None:
        if key not in self._told:
            self._told.add(key)
            self._notes.append(note)

    def _find_absence(self, now: float) -> str:
        """The problem of a sender that tells that it tracks no face."""
        if self._unseen_since is None:
            self._unseen_since = now
        if now - self._unseen_since < _STILL_AFTER_S:
            return ""
        return f"it has seen no face for {_STILL_AFTER_S:.0f} s: look into its camera, or switch its tracking on"

    def _find_problem(self, face: Mapping[str, float], unknown: list[str], now: float) -> str:
        weights = tuple(v for c, v in face.items() if c in _ARKIT)
        if weights != self._last_weights or not self._still_since:
            self._last_weights, self._still_since = weights, now
        if self.units.implausible:
            channel, value = next(iter(self.units.implausible.items()))
            return (
                f"{channel} is {value:g}, which is no {'weight of 0 to 1' if channel in _ARKIT else 'angle'}; "
                "left out: change the unit in the sending program"
            )
        if not weights and unknown:
            return (
                f"none of its {_counted(unknown)} ({_listed(unknown)}) is a face channel's: let the program send "
                "ARKit's 52 names (perfect sync) or VRM's"
            )
        if now - self._still_since < _STILL_AFTER_S:
            return ""
        if not weights:
            return "it sends no weights of a face: switch on its blend shapes"
        state = "all weights are 0" if not any(weights) else "no weight has changed"
        return f"{state} for {_STILL_AFTER_S:.0f} s although faces come: check that the sending program tracks a face"


def _counted(names: list[str]) -> str:
    return f"{len(names)} name{'s' if len(names) > 1 else ''}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(name[:_MAX_NAME_CHARS] for name in names[:_MAX_NAMED])
    return f"{shown} ..." if len(names) > _MAX_NAMED else shown
