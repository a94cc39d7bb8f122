"""Blender for commands: the `bpy` wheel, or the Blender that the command runs in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.errors import InnerfaceError
from ..core.rates import parse_frame_rate
from .progress import suppress_stdout


def load_bpy() -> Any:
    """Import the `bpy` module. Raises InnerfaceError if it is not available."""
    try:
        import bpy
    except ImportError as error:
        if "No module named" in str(error):
            raise InnerfaceError(
                "Blender is needed; pip install 'innerface[blender]', or run the command in Blender with "
                "'blender -c innerface ...'"
            ) from None
        raise InnerfaceError(f"Blender's library does not load ({error}); install the missing system library") from None
    from ..blender_addon.properties.registration import register_data

    register_data()  # characters may have a mapping of their own
    return bpy


def empty_scene(fps: str) -> Any:
    """Open a new file with an empty scene at `fps` that begins at frame 0, so that frame numbers are times."""
    bpy = load_bpy()
    number, base = parse_frame_rate(fps)
    with suppress_stdout():
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = number, base
    scene.frame_start = 0
    return scene


def open_character(path: str, fps: str | None, scene_name: str | None = None) -> tuple[Any, list[str]]:
    """Open a user's .blend; returns the scene and notes.

    `fps` changes its frame rate; `scene_name`: the scene that is made the active one. Raises InnerfaceError.
    """
    bpy = load_bpy()
    file = Path(path)
    if not file.is_file():
        problem = "is not a file" if file.exists() else "no such file"
        raise InnerfaceError(f"{path}: {problem}; check the path of --character")
    try:
        with suppress_stdout():
            bpy.ops.wm.open_mainfile(filepath=str(file), load_ui=False)
    except RuntimeError as error:
        raise InnerfaceError(
            f"{path}: Blender cannot open it ({str(error).strip().splitlines()[-1]}); give a .blend file"
        ) from None
    if scene_name is not None:
        _activate_scene(path, scene_name)
    scene = bpy.context.scene
    notes: list[str] = []
    if fps is not None:
        number, base = parse_frame_rate(fps)
        previous_rate = scene.render.fps / scene.render.fps_base
        if abs(previous_rate - number / base) > 1e-4:
            notes.append(
                f"{file.name}: --fps changed the scene's frame rate from {previous_rate:.3f} to {number / base:.3f} fps"
            )
        scene.render.fps, scene.render.fps_base = number, base
    return scene, notes


def import_fbx(path: str) -> Any:
    """Import an FBX into an empty scene, which is returned. Raises InnerfaceError."""
    bpy = load_bpy()
    scene = empty_scene("24")
    try:
        with suppress_stdout():
            bpy.ops.import_scene.fbx(filepath=str(Path(path).resolve()))
    except RuntimeError as error:
        raise InnerfaceError(
            f"{path}: Blender cannot import it ({str(error).strip().splitlines()[-1]}); export it again, as binary FBX"
        ) from None
    return scene


def _activate_scene(path: str, name: str) -> None:
    bpy = load_bpy()
    if name not in bpy.data.scenes:
        names = ", ".join(sorted(s.name for s in bpy.data.scenes))
        raise InnerfaceError(f"{path}: there is no scene '{name}'; its scenes are: {names}")
    bpy.context.window.scene = bpy.data.scenes[name]


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
