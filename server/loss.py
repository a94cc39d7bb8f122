"""What goes out while nothing comes in: the face holds, fades to neutral, or stops."""

from __future__ import annotations

import numpy as np

from ..core.errors import InnerfaceError
from .kinds import POLICIES

_AFTER_S, _FADE_S = 0.3, 0.6


class Loss:
    """One stream's policy. `seen` frames pass; others by `policy`: hold the last, fade within 0.6 s after 0.3 s, or none at all (gap)."""

    def __init__(self, policy: str = "hold") -> None:
        if policy not in POLICIES:
            raise InnerfaceError(f"loss policy '{policy}': give one of {', '.join(POLICIES)}")
        self.policy, self.since = policy, 0.0

    def push(self, values: np.ndarray, seen: bool, step: float) -> np.ndarray | None:
        """A frame (C,), `step` s after the one before; None: send nothing."""
        if seen:
            self.since = max(self.since - 3 * step, 0.0) if self.since <= _AFTER_S + _FADE_S else _AFTER_S + _FADE_S - 3 * step
        else:
            self.since += step
        if self.since <= _AFTER_S or self.policy == "hold":
            return values
        if self.policy == "gap":
            return values if seen else None
        return values * max(1.0 - (self.since - _AFTER_S) / _FADE_S, 0.0)
