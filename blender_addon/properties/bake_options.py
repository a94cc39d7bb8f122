"""How a take becomes keys: options of the scene for the next take, and of each action for its own.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Callable
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from .face_parts import PART_ITEMS

SECONDS_PROPERTY: dict[str, Any] = {"min": 0.0, "precision": 2, "unit": "TIME_ABSOLUTE"}
change_listeners: list[Callable[[bpy.types.Action], None]] = []  # called after an option of an action was changed


def _on_option_changed(self: Any, _context: Any) -> None:
    if isinstance(self.id_data, bpy.types.Action):
        for listener in change_listeners:
            listener(self.id_data)


_SMOOTHING_PROPERTY = {"min": 0.0, "max": 5.0, "precision": 1, "step": 20, "update": _on_option_changed}
BAKE_OPTIONS: dict[
    str, dict[str, Any]
] = {  # of a take's keys: the import dialog has them, the scene for the next take, and an action for its own
    "fewer": {
        "name": "Reduce Keys",
        "default": True,
        "description": "Bezier keys that stay within the tolerance at every frame, instead of a key on every frame",
    },
    "tolerance": {
        "name": "Tolerance",
        "default": 0.005,
        "min": 0.0005,
        "max": 0.2,
        "precision": 4,
        "description": "Largest deviation from the take at any frame, in shape key values (0 to 1)",
    },
    "trim_from": SECONDS_PROPERTY
    | {"name": "Trim Start", "description": "Time in the take at which the animation starts, in seconds"},
    "trim_to": SECONDS_PROPERTY
    | {
        "name": "Trim End",
        "description": "Time in the take at which the animation ends, in seconds; 0 is the end of the take",
    },
    "neutral_from": SECONDS_PROPERTY
    | {
        "name": "Neutral Start",
        "description": "Time in the take at which the relaxed face to subtract starts, in seconds",
    },
    "neutral_to": SECONDS_PROPERTY
    | {"name": "Neutral End", "description": "Time at which the relaxed face ends, in seconds; 0 subtracts nothing"},
    "calibrated": {
        "name": "Live Link Face File",
        "description": "Which of the two files that the app writes for each take to import",
        "items": (
            ("AUTO", "Calibrated", "The file with the performer's neutral face subtracted (_cal.csv), if there is one"),
            ("RAW", "As Captured", "The file without calibration"),
        ),
    },
    "sound": {
        "name": "Import Sound",
        "default": True,
        "description": "Add the take's own sound to the sequencer, in sync",
    },
    "widen": {
        "name": "Extend Slider Ranges",
        "description": "Extend the ranges of shape key sliders where the take goes beyond them",
    },
}


class InnerfaceBake(bpy.types.PropertyGroup):
    """How a take becomes keys: in the scene for the next take, in an action for the one that it is of."""

    fewer: BoolProperty(**BAKE_OPTIONS["fewer"], update=_on_option_changed)
    tolerance: FloatProperty(**BAKE_OPTIONS["tolerance"], update=_on_option_changed)
    parts: EnumProperty(
        name="Parts",
        options={"ENUM_FLAG"},
        items=PART_ITEMS,
        default={p[0] for p in PART_ITEMS},
        description="Parts of the face to key (Shift-click to select several)",
    )
    widen: BoolProperty(**BAKE_OPTIONS["widen"], update=_on_option_changed)
    neutral_from: FloatProperty(**BAKE_OPTIONS["neutral_from"], update=_on_option_changed)
    neutral_to: FloatProperty(**BAKE_OPTIONS["neutral_to"], update=_on_option_changed)
    trim_from: FloatProperty(**BAKE_OPTIONS["trim_from"], update=_on_option_changed)
    trim_to: FloatProperty(**BAKE_OPTIONS["trim_to"], update=_on_option_changed)
    before: BoolProperty(
        name="Show Unsmoothed",
        default=False,
        update=_on_option_changed,
        description="Show the take without smoothing, for comparison",
    )
    smooth_mouth: FloatProperty(
        name="Mouth",
        default=1.0,
        description="Smoothing of the mouth and jaw: 0 is off, 1 is the default",
        **_SMOOTHING_PROPERTY,
    )
    smooth_cheek: FloatProperty(
        name="Cheeks",
        default=1.0,
        description="Smoothing of the cheeks and nose: 0 is off, 1 is the default",
        **_SMOOTHING_PROPERTY,
    )
    smooth_brow: FloatProperty(
        name="Brows",
        default=1.0,
        description="Smoothing of the brows: 0 is off, 1 is the default",
        **_SMOOTHING_PROPERTY,
    )
    smooth_eye_left: FloatProperty(
        name="Left Eye",
        default=1.0,
        description="Smoothing of the left eye: 0 is off, 1 is the default",
        **_SMOOTHING_PROPERTY,
    )
    smooth_eye_right: FloatProperty(
        name="Right Eye",
        default=1.0,
        description="Smoothing of the right eye: 0 is off, 1 is the default",
        **_SMOOTHING_PROPERTY,
    )
    smooth_camera: BoolProperty(
        name="Smooth Camera Takes",
        default=False,
        update=_on_option_changed,
        description="Also smooth camera takes, which are usually smoothed already",
    )
    calibrated: EnumProperty(**BAKE_OPTIONS["calibrated"])
    sound: BoolProperty(**BAKE_OPTIONS["sound"])
