"""A helping take on the camera's rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array


@dataclass(frozen=True)
class Helper:
    """Channels of a second take, resampled to the camera's T rows.

    Attributes
    ----------
    weights : (T, 52), NaN where the take has no value
    extra : (T, D), its other channels, such as rotation vectors of sensors
    unobserved : channels that the take does not show
    name : what to call it in texts: "sensors" or "other take"
    """

    weights: Array
    extra: Array
    unobserved: frozenset[str] = frozenset()
    name: str = "sensors"

    def features(self) -> Array:
        """All channels (T, 52 + D), NaN where the take has no value."""
        return np.concatenate([self.weights, self.extra], axis=1)
