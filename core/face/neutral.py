"""A performer's relaxed face, taken out of a camera's weights: at rest cameras see a little of everything (eyeLookDown 0.2, jawForward 0.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array
from .channels import ARKIT

_MAX_REST = 0.8  # a channel cannot rest higher: what is left of it would be all noise


@dataclass(frozen=True)
class Neutral:
    """`rest` (52,): the weights of the relaxed face, 0 where it rests as it should."""

    rest: Array = field(default_factory=lambda: np.zeros(len(ARKIT)))

    def remove(self, weights: Array) -> Array:
        """Weights (..., 52) in which the relaxed face is 0 and a full 1 stays 1: (w - rest) / (1 - rest)."""
        rest = np.clip(np.nan_to_num(self.rest), 0.0, _MAX_REST)
        return (weights - rest) / (1 - rest)
