"""What goes out while nothing comes in: the face holds, fades to neutral, or stops."""

from __future__ import annotations

import numpy as np

from ..core.errors import InnerfaceError
from .kinds import LOSS_POLICIES

_FADE_AFTER_S, _FADE_S = 0.3, 0.6


class LossPolicy:
    """One stream's policy. `seen` frames pass; others by `policy`: hold the last, fade within 0.6 s after 0.3 s, or none at all (gap)."""

    def __init__(self, policy: str = "hold") -> None:
        if policy not in LOSS_POLICIES:
            raise InnerfaceError(f"loss policy '{policy}': give one of {', '.join(LOSS_POLICIES)}")
        self.policy, self.unseen_s = policy, 0.0

    def push(self, values: np.ndarray, seen: bool, step: float) -> np.ndarray | None:
        """A frame (C,), `step` s after the one before; None: send nothing."""
        if seen:
            self.unseen_s = (
                max(self.unseen_s - 3 * step, 0.0)
                if self.unseen_s <= _FADE_AFTER_S + _FADE_S
                else _FADE_AFTER_S + _FADE_S - 3 * step
            )
        else:
            self.unseen_s += step
        if self.unseen_s <= _FADE_AFTER_S or self.policy == "hold":
            return values
        if self.policy == "gap":
            return values if seen else None
        return values * max(1.0 - (self.unseen_s - _FADE_AFTER_S) / _FADE_S, 0.0)
