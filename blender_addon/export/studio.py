"""Images of a face: a lit scene with a camera, the contact sheet of 52 shapes, a short preview video."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from ...core.face.channels import ARKIT
from ...core.face.head import load
from ...core.files import atomic_write
from .. import compat
from ..animation.keying import key_track
from ..animation.playback import play
from ..character import bundled_head, face
from ..character.bundled_head import head_mesh

BACKDROP = (0.055, 0.062, 0.075)  # scene-linear
INK_COLOUR = (0.78, 0.80, 0.84)
PREVIEW_FRAMES = 60
_TILE_SIZE_M = (0.205, 0.292)  # one head of the contact sheet, metres
_NECK_CUT_M = -0.118  # its neck ends here
_COLUMNS = 9
HEAD_SPACING_M = 0.3  # from one head to the other, where a result stands beside its truth


def add_lights(scene: Any, size: float = 1.0) -> None:
    """Add three soft lights and a dim backdrop, for Cycles and EEVEE; Workbench has its own."""
    world = scene.world or bpy.data.worlds.new("Innerface Studio")
    scene.world = world
    if world.node_tree is None:
        world.use_nodes = True
    shader = next(n for n in world.node_tree.nodes if n.type == "BACKGROUND")
    shader.inputs["Color"].default_value = (*BACKDROP, 1.0)
    shader.inputs["Strength"].default_value = 1.0
    world.color = BACKDROP
    lamps = (
        ("Innerface Key", (-0.75, -1.15, 0.75), 22.0, 0.55, (1.0, 0.94, 0.87)),
        ("Innerface Fill", (1.1, -0.95, 0.15), 8.0, 0.9, (0.82, 0.9, 1.0)),
        ("Innerface Rim", (0.55, 0.9, 0.7), 26.0, 0.4, (0.9, 0.95, 1.0)),
    )
    for name, place, power, spread, colour in lamps:
        lamp = bpy.data.lights.new(name, "AREA")
        lamp.energy, lamp.size, lamp.color = power * size * size, spread * size, colour
        obj = bpy.data.objects.new(name, lamp)
        obj.location = Vector(place) * size
        obj.rotation_euler = (-obj.location).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(obj)


def add_camera(
    scene: Any, target: tuple[float, float, float], *, distance: float, azimuth: float = 0.0, lens: float = 85.0
) -> Any:
    """Add a camera that looks at `target` (m) from `azimuth` degrees to the performer's left of straight ahead."""
    data = bpy.data.cameras.new("Innerface Camera")
    data.lens = lens
    obj = bpy.data.objects.new("Innerface Camera", data)
    angle = math.radians(azimuth)
    aim = Vector(target)
    obj.location = aim + Vector((math.sin(angle), -math.cos(angle), 0.05)) * distance
    obj.rotation_euler = (aim - obj.location).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(obj)
    scene.camera = obj
    return obj


def look_through_camera() -> None:
    """Set all 3D views to the camera, in the head's colours: whoever opens the file sees the face at once."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                space = area.spaces.active
                space.region_3d.view_perspective = "CAMERA"
                space.shading.color_type = "MATERIAL"
                space.overlay.show_extras = False  # the lights' lines cross the face


def ink_material() -> Any:
    """Return a material for text, of one colour in any light."""
    material = bpy.data.materials.new("Innerface ink")
    if material.node_tree is None:
        material.use_nodes = True
    shader = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (0, 0, 0, 1)
    shader.inputs["Emission Color"].default_value = (*INK_COLOUR, 1.0)
    shader.inputs["Emission Strength"].default_value = 0.8
    material.diffuse_color = (*INK_COLOUR, 1.0)
    return material


def text_object(
    line: str, location: tuple[float, float, float], *, size: float, material: Any, upwards: bool = False
) -> Any:
    """Return an upright line of text, `size` m high and centred at `location`, not linked yet; `upwards`: rotated."""
    text = bpy.data.curves.new(f"Innerface {line}", "FONT")
    text.body, text.size, text.align_x = line, size, "CENTER"
    text.materials.append(material)
    obj = bpy.data.objects.new(text.name, text)
    obj.location, obj.rotation_euler = location, (math.pi / 2, -math.pi / 2 if upwards else 0.0, 0.0)
    return obj


def add_second_head(scene: Any, track: Any, name: str) -> None:
    """Add another bundled head beside the first one, on which `track` plays, with captions under the two."""
    obj, rig = bundled_head.add(scene.collection)
    obj.name, rig.name, rig.location.x = f"{obj.name} {name}", f"{rig.name} {name}", HEAD_SPACING_M
    target = next(f for f in [face.face_of(obj, list(scene.objects))] if f is not None)
    play(target, key_track(target, track, name, scene=scene))
    text_material = ink_material()
    for x, caption in ((0.0, "from sensors"), (HEAD_SPACING_M, name)):
        scene.collection.objects.link(text_object(caption, (x, -0.12, -0.232), size=0.022, material=text_material))


def use_workbench(scene: Any) -> None:
    """Render with Workbench, fast and without a GPU: studio light, display colours, soft cavities."""
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.display.render_aa = "8"
    scene.view_settings.view_transform = "Standard"
    shading = scene.display.shading
    shading.light, shading.color_type = "STUDIO", "MATERIAL"
    shading.show_cavity, shading.cavity_type = True, "WORLD"
    shading.show_specular_highlight = True
    shading.background_type = "WORLD"


def use_cycles(scene: Any, samples: int) -> None:
    """Render with Cycles on the CPU with denoising, for images of the documentation."""
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.view_settings.view_transform = "AgX"


def render_image(scene: Any, path: str | Path) -> None:
    """Render the current frame to a PNG."""
    compat.set_image_output(scene)
    with atomic_write(path) as temporary:
        scene.render.filepath = str(temporary)
        bpy.ops.render.render(write_still=True, scene=scene.name)


def render_preview(
    scene: Any, path: str | Path, *, height: int = 480, progress: Callable[[float], None] | None = None
) -> int:
    """Render a short MP4 in Workbench: consecutive frames at the scene's rate, PREVIEW_FRAMES at most, from the middle
    of the take where it is longer. Returns the number of frames."""
    first, last, path_before = scene.frame_start, scene.frame_end, scene.render.filepath
    count = min(PREVIEW_FRAMES, last - first + 1)
    start = first + (last - first + 1 - count) // 2
    use_workbench(scene)
    width = round(height * scene.render.resolution_x / scene.render.resolution_y / 2) * 2
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100
    written_frames = []

    def step(*_: Any) -> None:
        written_frames.append(1)
        if progress is not None:
            progress(len(written_frames) / count)

    bpy.app.handlers.render_write.append(step)
    try:
        scene.frame_start, scene.frame_end = start, start + count - 1
        compat.set_video_output(scene)
        scene.render.use_file_extension = False
        with atomic_write(path) as temporary:
            scene.render.filepath = str(temporary)
            bpy.ops.render.render(animation=True, scene=scene.name)
    finally:
        bpy.app.handlers.render_write.remove(step)
        scene.frame_start, scene.frame_end = first, last
        scene.render.filepath = path_before
        scene.render.use_file_extension = True
        compat.set_image_output(scene)
    return count


def contact_sheet(path: str | Path, width: int = 2000, samples: int = 0) -> None:
    """Render all 52 shapes of the bundled head, labelled, into one PNG from a scene of its own.

    `samples` > 0 uses Cycles, else Workbench.
    """
    scene = bpy.data.scenes.new("Innerface Contact Sheet")
    window_scene = bpy.context.window.scene if bpy.context.window else None
    head = load()
    rows = -(-len(ARKIT) // _COLUMNS)
    text_material = ink_material()
    objects: list[Any] = []
    angle = math.radians(14.0)
    rotation = np.array([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])
    for i, name in enumerate(ARKIT):
        place = ((i % _COLUMNS) * _TILE_SIZE_M[0], 0.0, -(i // _COLUMNS) * _TILE_SIZE_M[1])
        # mouthClose means nothing without an open jaw under it
        pose = {"jawOpen": 1.0, "mouthClose": 1.0} if name == "mouthClose" else {name: 1.0}
        points = head.deform(pose) @ (
            rotation.T if not name.endswith("Right") else rotation
        )  # show the side that moves
        points[:, 1] = np.maximum(points[:, 1], _NECK_CUT_M)
        tile = bpy.data.objects.new(name, head_mesh(name, head, points))
        tile.location = place
        title = "mouthClose on jawOpen" if name == "mouthClose" else name
        objects += [tile, text_object(title, (place[0], -0.3, place[2] - 0.142), size=0.0165, material=text_material)]
    for obj in objects:
        scene.collection.objects.link(obj)
    sheet_width, sheet_height = _COLUMNS * _TILE_SIZE_M[0], rows * _TILE_SIZE_M[1]
    centre = ((_COLUMNS - 1) * _TILE_SIZE_M[0] / 2, 0.0, -(rows - 1) * _TILE_SIZE_M[1] / 2 + 0.0)
    add_lights(scene, 1.6)
    view = add_camera(scene, centre, distance=4.0)
    view.location, view.rotation_euler = (centre[0], -4.0, centre[2]), (math.pi / 2, 0, 0)
    view.data.type, view.data.ortho_scale, view.data.clip_end = "ORTHO", max(sheet_width, sheet_height), 20.0
    scene.render.resolution_x, scene.render.resolution_y = width, int(width * sheet_height / sheet_width)
    if samples:
        use_cycles(scene, samples)
        for lamp in [o for o in scene.objects if o.type == "LIGHT"]:
            lamp.data.type, lamp.data.angle = "SUN", 0.5
            lamp.data.energy = {"Innerface Key": 2.6, "Innerface Fill": 0.8, "Innerface Rim": 1.6}[
                lamp.name.split(".")[0]
            ]
    else:
        use_workbench(scene)
    render_image(scene, path)
    tile_data: list[Any] = [o.data for o in objects]
    for obj in list(scene.objects):
        bpy.data.objects.remove(obj)
    for data in tile_data:
        collection: Any = bpy.data.meshes if isinstance(data, bpy.types.Mesh) else bpy.data.curves
        collection.remove(data)
    bpy.data.materials.remove(text_material)
    bpy.data.scenes.remove(scene)
    if window_scene is not None:
        bpy.context.window.scene = window_scene
