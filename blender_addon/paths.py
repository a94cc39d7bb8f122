"""Folders in which the add-on keeps the user's files."""

from __future__ import annotations

from pathlib import Path

import bpy

ADDON_ID = __package__.rpartition(".blender_addon")[0]


def user_folder() -> Path:
    """Return the add-on's own folder, which Blender keeps over updates; created if missing."""
    try:
        return Path(bpy.utils.extension_path_user(ADDON_ID, create=True))
    except ValueError:  # not installed as an extension: a checkout, a test
        return Path(bpy.utils.user_resource("DATAFILES", path="innerface", create=True))


def presets_folder() -> Path:
    """Return the folder of the user's mapping presets; it may not exist yet."""
    return user_folder() / "presets"
