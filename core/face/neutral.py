"""Removal of a performer's relaxed face from a camera's weights, which are not 0 at rest (eyeLookDown 0.2, say)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array
from .channels import ARKIT

_MAX_REST = 0.8  # of a channel at rest; the rest of its range would be all noise


@dataclass(frozen=True)
class Neutral:
    """`rest` (52,): weights of the relaxed face."""

    rest: Array = field(default_factory=lambda: np.zeros(len(ARKIT)))

    def remove(self, weights: Array) -> Array:
        """Weights (..., 52) scaled so that the relaxed face is 0 and 1 stays 1: (w - rest) / (1 - rest)."""
        rest = np.clip(np.nan_to_num(self.rest), 0.0, _MAX_REST)
        return (weights - rest) / (1 - rest)
