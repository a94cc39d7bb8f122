"""Occluded ranges of a camera take, and the second take that repairs them: kept in the action of the take.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..redraw import redraw
from .bake_options import SECONDS_PROPERTY
from .face_parts import HIDDEN_PART_ITEMS

RANGE_STATES = (
    ("OPEN", "Pending", "Repaired; the next detection replaces it unless it was added by hand", "QUESTION", 0),
    ("ACCEPTED", "Accepted", "Repaired; the next detection keeps it", "CHECKMARK", 1),
    ("REJECTED", "Rejected", "The camera is correct: not repaired, and not detected again", "X", 2),
)


def _on_range_changed(_self: Any, _context: Any) -> None:
    redraw()


class InnerfaceRange(bpy.types.PropertyGroup):
    """A time range of a camera take in which a part of the face is occluded."""

    start: FloatProperty(
        name="Start",
        **SECONDS_PROPERTY,
        description="Time in the camera take at which the range starts, in seconds",
        update=_on_range_changed,
    )
    end: FloatProperty(
        name="End",
        **SECONDS_PROPERTY,
        description="Time at which the range ends, in seconds",
        update=_on_range_changed,
    )
    group: EnumProperty(
        name="Part", items=HIDDEN_PART_ITEMS, update=_on_range_changed, description="Part of the face that is occluded"
    )
    state: EnumProperty(
        name="State", items=RANGE_STATES, description="How the range is treated", update=_on_range_changed
    )
    mute: BoolProperty(name="Mute", description="Leave this range out of the next mix", update=_on_range_changed)
    reason: StringProperty(name="Reason", description="Why the camera is not trusted in this range")
    confidence: FloatProperty(name="Confidence", default=1.0, min=0.0, max=1.0, subtype="FACTOR")
    found: BoolProperty(description="Whether the range was detected rather than added by hand")


class InnerfaceHybrid(bpy.types.PropertyGroup):
    """The second take of a camera take, and the occluded ranges that it repairs."""

    helper: StringProperty(
        name="Second Take",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set(),
        description="Another take of the same performance, such as from sensors, a second phone or audio; "
        "if empty, the rest of the face is used",
    )
    by_hand: BoolProperty(
        name="Manual Offset",
        description="Set the start of the second take by hand instead of aligning it by motion",
    )
    offset: FloatProperty(
        name="Start Time",
        precision=3,
        step=1,
        unit="TIME_ABSOLUTE",
        description="Time in the camera take at which the second take starts, in seconds",
    )
    aligned: StringProperty(description="Result of the alignment, and the take that it applies to")
    ranges: CollectionProperty(type=InnerfaceRange)
    active: IntProperty(name="Range", description="The active range")
    camera: PointerProperty(type=bpy.types.Action, description="The camera take that this mix was made from")
