"""Normal priors and bounds of expression, neck, jaw and eyes, in the submodel's order.

As in TF_FLAME's weights for fitting 2-D landmarks, the neck is regularised most and the eyes next; the values are not
TF_FLAME's.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array

NOISE = 0.01  # standard deviation of a point, in interocular distances
# For identity and placement, which all frames share: coarser, as identity must not explain errors of the points.
IDENTITY_NOISE = 0.03
SHAPE_SD = 1.5
PLACEMENT_SD = np.array([0.02, 0.02, 0.03, 0.03])  # x, y, log of the scale, roll in rad
OFFSET_SD = 0.015  # of a point's position between annotation schemes
# Neck, jaw, left and right eye; axis-angle in rad about x (down is positive), y and z.
_SD = np.array([0.01, 0.01, 0.01, 0.3, 0.06, 0.04, 0.3, 0.3, 0.02, 0.3, 0.3, 0.02])
_LOW = np.array([-0.3, -0.3, -0.3, -0.1, -0.2, -0.15, -0.6, -0.6, -0.1, -0.6, -0.6, -0.1])
_HIGH = np.array([0.3, 0.3, 0.3, 0.6, 0.2, 0.15, 0.6, 0.6, 0.1, 0.6, 0.6, 0.1])
_MAX_EXPRESSION = 4.0


class Prior:
    """Prior of E expressions and the pose: `precision`, bounds `low` and `high`, each (E + 12,)."""

    def __init__(self, expressions: int) -> None:
        self.precision = np.concatenate([np.ones(expressions), _SD**-2])
        self.low = np.concatenate([np.full(expressions, -_MAX_EXPRESSION), _LOW])
        self.high = np.concatenate([np.full(expressions, _MAX_EXPRESSION), _HIGH])

    def clip(self, x: Array) -> Array:
        """Clip parameters (T, n) to the bounds."""
        return np.clip(x, self.low, self.high)

    def cost(self, x: Array) -> Array:
        """Twice the negative log prior (T,) of x (T, n), up to a constant."""
        return (x * x) @ self.precision

    def step_size(self, step: Array) -> Array:
        """Largest component (T,) of a step (T, n), in standard deviations."""
        return np.abs(step * np.sqrt(self.precision)).max(axis=1)

    def add_to(self, normal_matrix: Array, gradient: Array, x: Array, *, damping: Array | float) -> Array:
        """Add the prior and the damping (T,) to normal equations (T, n, n) and their right side (T, n), in place.

        Parameters at a bound that would leave it are fixed: their rows become those of the identity. Returns (T, n)
        bool, the fixed ones.
        """
        n = np.arange(x.shape[1])
        gradient -= self.precision * x
        normal_matrix[:, n, n] += self.precision * (1 + np.reshape(damping, (-1, 1)))
        held = ((x <= self.low) & (gradient < 0)) | ((x >= self.high) & (gradient > 0))
        if held.any():
            normal_matrix[held] = 0.0
            normal_matrix.transpose(0, 2, 1)[held] = 0.0
            normal_matrix[:, n, n] += held
            gradient[held] = 0.0
        return held
