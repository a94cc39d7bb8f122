"""A character's own mapping of channels to shape keys, bones and properties.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from typing import Any

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ...core.face.channels import ARKIT
from ...core.face.mapping import Target
from ..character.mapping import candidate_names


def _search_channels(_self: Any, _context: Any, text: str) -> list[str]:
    return [c for c in ARKIT if text.lower() in c.lower()]


def _search_targets(self: Any, _context: Any, text: str) -> list[str]:
    return [name for name in candidate_names(self.id_data, self.kind) if text.lower() in name.lower()]


class InnerfaceTarget(bpy.types.PropertyGroup):
    """A row of a character's mapping: `core.face.mapping.Target` as Blender properties."""

    channel: StringProperty(name="Channel", search=_search_channels, description="One of Apple's 52 channels")
    kind: EnumProperty(
        name="Type",
        description="What the channel drives",
        items=(
            ("key", "Shape Key", "A shape key, on every mesh of the face that has it", "SHAPEKEY_DATA", 0),
            ("bone", "Bone", "A bone of the rig", "BONE_DATA", 1),
            ("property", "Property", "A property of the rig, such as that of a control", "RNA", 2),
        ),
    )
    to: StringProperty(
        name="Target",
        search=_search_targets,
        search_options={"SUGGESTION"},
        description="Name of the shape key or bone, or the property's data path",
    )
    axis: EnumProperty(
        name="Axis",
        description="How the bone moves, seen from the character",
        items=(
            ("pitch", "Pitch", "Rotate down (degrees)"),
            ("yaw", "Yaw", "Rotate to the character's left (degrees)"),
            ("roll", "Roll", "Tilt the left side up (degrees)"),
            ("left", "Left", "Move to the character's left (mm)"),
            ("up", "Up", "Move up (mm)"),
            ("forward", "Forward", "Move forward (mm)"),
        ),
    )
    gain: FloatProperty(
        name="Gain",
        default=1.0,
        soft_min=-2.0,
        soft_max=2.0,
        precision=3,
        description="Value at full weight; degrees or mm for bones",
    )
    offset: FloatProperty(
        name="Offset", default=0.0, soft_min=-1.0, soft_max=1.0, precision=3, description="Constant added to the value"
    )
    low: FloatProperty(
        name="Min", default=-10.0, min=-10.0, max=10.0, precision=2, description="Lower limit of the weight"
    )
    high: FloatProperty(
        name="Max", default=10.0, min=-10.0, max=10.0, precision=2, description="Upper limit of the weight"
    )
    curve: FloatProperty(
        name="Curve",
        default=1.0,
        min=0.1,
        max=10.0,
        precision=2,
        description="Exponent of the weight: below 1 strengthens small weights, above 1 weakens them",
    )
    mute: BoolProperty(name="Mute", description="Ignore this row")

    def target(self) -> Target:
        """Return the row as a target of a mapping."""
        axis = self.axis if self.kind == "bone" else ""
        return Target(
            self.channel, self.kind, self.to, axis, self.gain, self.offset, self.low, self.high, self.curve, self.mute
        )

    def fill(self, target: Target) -> None:
        """Copy a target of a mapping into the row."""
        self.channel, self.kind, self.to, self.mute = target.channel, target.kind, target.name, target.mute
        if target.axis:
            self.axis = target.axis
        self.gain, self.offset, self.low, self.high, self.curve = (
            target.gain,
            target.offset,
            target.low,
            target.high,
            target.curve,
        )


class InnerfaceCharacter(bpy.types.PropertyGroup):
    """A character's own mapping, kept on its rig (or parent, or mesh); names decide while it is empty."""

    targets: CollectionProperty(type=InnerfaceTarget)
    target: IntProperty(name="Row", description="The active row")
    preset: StringProperty()
