"""The list of recorded takes, as Blender shows it.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty


class InnerfaceTake(bpy.types.PropertyGroup):
    """A row of the list of takes."""

    path: StringProperty()
    seconds: FloatProperty()
    when: StringProperty()
    source: StringProperty()
    quality: StringProperty()
    whole: BoolProperty(default=True)
    baked: BoolProperty()
