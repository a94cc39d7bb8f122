"""How long a network is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Limits of training: `minutes` of wall-clock time, and `steps` of the optimiser, equal on any machine.

    Training ends at whichever limit is reached first.
    """

    minutes: float = math.inf
    steps: float = math.inf

    def spent(self, seconds: float, steps: int) -> float:
        """Share of the budget that is used up; 1 or more at its end."""
        return max(seconds / (self.minutes * 60), steps / self.steps)
