"""What goes out while nothing comes in: the face holds, fades to neutral, or stops."""

from __future__ import annotations

from ..arrays import Array
from ..errors import InnerfaceError

LOSS_POLICIES = ("hold", "fade", "gap")
_FADE_AFTER_S, _FADE_S = 0.3, 0.6


class LossPolicy:
    """One stream's policy: observed frames pass; others are held, fade within 0.6 s after 0.3 s, or are left out (gap).

    Raises InnerfaceError for another policy.
    """

    def __init__(self, policy: str = "hold") -> None:
        if policy not in LOSS_POLICIES:
            raise InnerfaceError(f"loss policy '{policy}': give one of {', '.join(LOSS_POLICIES)}")
        self.policy, self.lost_s = policy, 0.0

    def push(self, values: Array, observed: bool, dt: float) -> Array | None:
        """The frame (C,) to show, `dt` s after the one before; None: show nothing."""
        if observed:
            self.lost_s = (
                max(self.lost_s - 3 * dt, 0.0)
                if self.lost_s <= _FADE_AFTER_S + _FADE_S
                else _FADE_AFTER_S + _FADE_S - 3 * dt
            )
        else:
            self.lost_s += dt
        if self.lost_s <= _FADE_AFTER_S or self.policy == "hold":
            return values
        if self.policy == "gap":
            return values if observed else None
        return values * max(1.0 - (self.lost_s - _FADE_AFTER_S) / _FADE_S, 0.0)
