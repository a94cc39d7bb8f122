"""The list of recorded takes, as Blender shows it.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Callable

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty

on_selected: Callable[[], None] | None = None  # called when a person selects a row


class InnerfaceTake(bpy.types.PropertyGroup):
    """A row of the list of takes."""

    path: StringProperty()
    known: BoolProperty()  # whether the file was read; until then only path, when and size are
    size: StringProperty()
    seconds: FloatProperty()
    when: StringProperty()
    source: StringProperty()
    quality: StringProperty()
    whole: BoolProperty(default=True)
    baked: BoolProperty()


def selection_changed(_owner: object, _context: object) -> None:
    """Called by Blender when the selected row changes."""
    if on_selected is not None:
        on_selected()
