"""How far the gaze channels turn an eye, as the Live Link Face app has it; least squares on the app's own takes."""

from __future__ import annotations

# Radians for a full weight of eyeLookIn and eyeLookOut, eyeLookDown, eyeLookUp.
YAW_RAD, DOWN_RAD, UP_RAD = 0.60, 0.615, 0.445
