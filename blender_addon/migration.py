"""Names of ID properties that earlier versions wrote into .blend files: renamed when a file is opened."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .animation.take_action import TakeAction
from .character.mapping import migrate_mapping


def migrate_file() -> int:
    """Rename what earlier versions wrote into the open file. Returns how many datablocks were changed.

    Linked datablocks belong to other files: they are read by their old names.
    """
    count = 0
    for owner in (*bpy.data.actions, *bpy.data.objects):
        with suppress(Exception):  # one with an odd property keeps none of the others from being renamed
            if owner.library is None:
                is_action = isinstance(owner, bpy.types.Action)
                count += TakeAction(owner).migrate() if is_action else migrate_mapping(owner)
    return count


@persistent
def _load_post(*_: Any) -> None:
    migrate_file()


def register() -> None:
    """Migrate the open file if there is one, and each file that is opened later."""
    bpy.app.handlers.load_post.append(_load_post)
    if hasattr(bpy.data, "actions"):  # Blender keeps its data from add-ons while it starts
        migrate_file()


def unregister() -> None:
    """Undo `register`."""
    bpy.app.handlers.load_post.remove(_load_post)
