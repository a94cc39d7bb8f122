"""What faces are likely and possible: normal priors and bounds of expression, neck, jaw and eyes, in the submodel's order.

In the spirit of TF_FLAME's weights for fitting 2-D landmarks, where the neck is held hardest and the eyes next; the sizes are ours.
"""

from __future__ import annotations

import numpy as np

NOISE = 0.01  # sd of a point, in interocular distances: what may be left unexplained
# For identity and placement, which all frames share. A coarser noise, for identity must not explain what is wrong with the points.
IDENTITY_NOISE = 0.03
SHAPE_SD = 1.5
PLACEMENT_SD = np.array([0.02, 0.02, 0.03, 0.03])  # x, y, log of the scale, roll in rad
OFFSET_SD = 0.015  # of a point that means another place on the face here than there
# Neck, jaw, left and right eye; axis-angle in rad about x (down is positive), y and z.
_SD = np.array([0.01, 0.01, 0.01, 0.3, 0.06, 0.04, 0.3, 0.3, 0.02, 0.3, 0.3, 0.02])
_LOW = np.array([-0.3, -0.3, -0.3, -0.1, -0.2, -0.15, -0.6, -0.6, -0.1, -0.6, -0.6, -0.1])
_HIGH = np.array([0.3, 0.3, 0.3, 0.6, 0.2, 0.15, 0.6, 0.6, 0.1, 0.6, 0.6, 0.1])
_MAX_EXPRESSION = 4.0


class Prior:
    """Of E expressions and the pose: `precision`, `low` and `high` (E + 12,)."""

    def __init__(self, expressions: int) -> None:
        self.precision = np.concatenate([np.ones(expressions), _SD**-2])
        self.low = np.concatenate([np.full(expressions, -_MAX_EXPRESSION), _LOW])
        self.high = np.concatenate([np.full(expressions, _MAX_EXPRESSION), _HIGH])

    def clip(self, x: np.ndarray) -> np.ndarray:
        """Parameters (T, n) within bounds."""
        return np.clip(x, self.low, self.high)

    def cost(self, x: np.ndarray) -> np.ndarray:
        """Twice the negative logarithm (T,) of the prior of x (T, n), but for a constant."""
        return (x * x) @ self.precision

    def step_size(self, step: np.ndarray) -> np.ndarray:
        """The largest part (T,) of a step (T, n), in standard deviations."""
        return np.abs(step * np.sqrt(self.precision)).max(axis=1)

    def add_to(
        self, normal_matrix: np.ndarray, gradient: np.ndarray, x: np.ndarray, damping: np.ndarray | float
    ) -> np.ndarray:
        """Put the prior and the damping (T,) into normal equations `square` (T, n, n) and `downhill` (T, n), in place.

        Parameters at a bound that would leave it are held there: their rows become those of identity. Returns (T, n) bool, which are held.
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
