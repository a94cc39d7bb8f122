"""Registration of all property groups, and of where they are kept."""

from __future__ import annotations

import bpy
from bpy.props import CollectionProperty, IntProperty, PointerProperty

from .bake_options import InnerfaceBake
from .hybrid_ranges import InnerfaceHybrid, InnerfaceRange
from .mapping_rows import InnerfaceCharacter, InnerfaceTarget
from .preferences import InnerfacePreferences, declare_preferences
from .shot import InnerfaceShot
from .take_rows import InnerfaceTake, selection_changed

DATA_CLASSES = (InnerfaceBake, InnerfaceRange, InnerfaceHybrid, InnerfaceTarget, InnerfaceCharacter)
CLASSES = (InnerfacePreferences, InnerfaceShot, InnerfaceTake)

_register, _unregister = bpy.utils.register_classes_factory(CLASSES)


def register_data() -> None:
    """Register what characters and actions keep: for the command line, too. Does nothing if it is registered."""
    if hasattr(bpy.types.Object, "innerface"):
        return
    for kind in DATA_CLASSES:
        bpy.utils.register_class(kind)
    bpy.types.Object.innerface = PointerProperty(type=InnerfaceCharacter)
    bpy.types.Action.innerface = PointerProperty(type=InnerfaceBake)
    bpy.types.Action.innerface_hybrid = PointerProperty(type=InnerfaceHybrid)


def register() -> None:
    """Register all property groups."""
    register_data()
    declare_preferences()
    _register()
    bpy.types.Scene.innerface = PointerProperty(type=InnerfaceShot)
    bpy.types.WindowManager.innerface_takes = CollectionProperty(type=InnerfaceTake)
    bpy.types.WindowManager.innerface_take = IntProperty(
        name="Take", description="The active take", update=selection_changed
    )


def unregister() -> None:
    """Unregister all property groups."""
    del bpy.types.WindowManager.innerface_take, bpy.types.WindowManager.innerface_takes
    del bpy.types.Scene.innerface, bpy.types.Action.innerface_hybrid, bpy.types.Action.innerface
    del bpy.types.Object.innerface
    _unregister()
    for kind in reversed(DATA_CLASSES):
        bpy.utils.unregister_class(kind)
