"""Getting hold of Blender: the `bpy` wheel, or the Blender that the command runs in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.errors import InnerfaceError
from ..core.rates import parse_frame_rate
from .progress import suppress_stdout


def load_bpy() -> Any:
    """The `bpy` module. Raises InnerfaceError where it cannot be had."""
    try:
        import bpy
    except ImportError as error:
        if "No module named" in str(error):
            raise InnerfaceError(
                "keying needs Blender: pip install 'innerface[blender]', or run inside Blender with 'blender -c innerface ...'"
            ) from None
        raise InnerfaceError(f"Blender's library does not load ({error}); install the missing system library") from None
    from ..blender_addon.properties.registration import register_data

    register_data()  # characters may hold a mapping of their own
    return bpy


def empty_scene(fps: str) -> Any:
    """A fresh file with one empty scene at `fps`, whose first frame is 0: a frame number is a time."""
    bpy = load_bpy()
    number, base = parse_frame_rate(fps)
    with suppress_stdout():
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = number, base
    scene.frame_start = 0
    return scene


def open_character(path: str, fps: str | None) -> tuple[Any, list[str]]:
    """Open a user's .blend: (scene, notes). Its rate stays unless `fps` says otherwise. Raises InnerfaceError."""
    bpy = load_bpy()
    file = Path(path)
    if not file.is_file():
        raise InnerfaceError(f"{path}: there is no such file; check the path given with --character")
    try:
        with suppress_stdout():
            bpy.ops.wm.open_mainfile(filepath=str(file), load_ui=False)
    except RuntimeError as error:
        raise InnerfaceError(
            f"{path}: Blender cannot open it ({str(error).strip().splitlines()[-1]}); give a .blend file"
        ) from None
    scene = bpy.context.scene
    notes = []
    if fps is not None:
        number, base = parse_frame_rate(fps)
        previous_rate = scene.render.fps / scene.render.fps_base
        if abs(previous_rate - number / base) > 1e-4:
            notes.append(
                f"{file.name}: the scene's rate was changed from {previous_rate:.3f} to {number / base:.3f} fps, as --fps says"
            )
        scene.render.fps, scene.render.fps_base = number, base
    return scene, notes


def save(path: Path) -> None:
    """Save the open file as a copy at `path`."""
    bpy = load_bpy()
    path.unlink(missing_ok=True)  # else Blender keeps the placeholder as a .blend1 backup
    try:
        with suppress_stdout():
            bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=True, check_existing=False)
    except RuntimeError as error:
        raise InnerfaceError(
            f"{path}: could not be saved ({str(error).strip().splitlines()[-1]}); free space or choose another folder"
        ) from None
