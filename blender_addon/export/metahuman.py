"""A face's animation as MetaHuman's control curves (`CTRL_expressions_...`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.face.channels import ARKIT
from ...core.face.naming.scheme_tables import load_schemes
from ..character.face import Face
from .evaluate_scene import EvaluatedScene
from .export_take import values_of_destinations

_SCHEME = "MetaHuman curves"
_MIN_CHANGE = 1e-4


@dataclass(frozen=True)
class ControlCurves:
    """`values` (F,) by name of the curve, all of the scheme's, also those that stand still; `notes` for the user."""

    values: dict[str, np.ndarray]
    notes: list[str]


def control_curves(face: Face, evaluated: EvaluatedScene) -> ControlCurves:
    """Return the curves of an evaluated face, whatever its own shapes are called.

    The face's mapping is inverted to Apple's channels, which drive the controls with the scheme's weights. The scene
    must have been evaluated with its properties.
    """
    notes: list[str] = []
    weights, _ = face.mapping.to_weights(values_of_destinations(face, evaluated, notes))
    rows = load_schemes()[_SCHEME]
    values = {row.name: np.zeros(len(weights)) for row in rows}
    for row in rows:
        values[row.name] += row.weight * weights[:, ARKIT.index(row.channel)]
    known = {row.channel for row in rows}
    lost = [c for c, column in zip(ARKIT, weights.T) if c not in known and np.abs(column).max(initial=0) > _MIN_CHANGE]
    if lost:
        notes.append(f"MetaHuman has no control for {', '.join(lost)}: left out of its curves, not of the shapes")
    return ControlCurves({name: np.clip(value, 0.0, 1.0) for name, value in values.items()}, notes)
