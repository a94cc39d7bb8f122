"""Pictures of a face: a lit scene with a camera, the contact sheet of 52 shapes, a short preview video."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from ..core.channels import ARKIT
from ..core.files import replacing
from ..core.head import load
from . import bundled_head, compat, face, keying
from .bundled_head import head_mesh

BACKDROP = (0.055, 0.062, 0.075)  # scene-linear
INK = (0.78, 0.80, 0.84)
PREVIEW_FRAMES = 60
_TILE = (0.205, 0.292)  # one head of the contact sheet, metres
_CUT = -0.118  # its neck ends here
_COLUMNS = 9
BESIDE_M = 0.3  # from one head to the other, where a result stands beside its truth


def light(scene: Any, size: float = 1.0) -> None:
    """Three soft lamps and a dim backdrop; they serve Cycles and EEVEE, Workbench brings its own."""
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


def camera(scene: Any, target: tuple[float, float, float], distance: float, azimuth: float = 0.0, lens: float = 85.0) -> Any:
    """A camera that looks at `target` (m) from `azimuth` degrees to the performer's left of straight ahead."""
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
    """All 3D views of a scene of ours look through its camera, in the head's colours: whoever opens the file sees the face at once."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                space = area.spaces.active
                space.region_3d.view_perspective = "CAMERA"
                space.shading.color_type = "MATERIAL"
                space.overlay.show_extras = False  # the lamps' lines cross the face


def ink() -> Any:
    """A material for writing: INK, whatever the light."""
    made = bpy.data.materials.new("Innerface ink")
    if made.node_tree is None:
        made.use_nodes = True
    shader = next(n for n in made.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (0, 0, 0, 1)
    shader.inputs["Emission Color"].default_value = (*INK, 1.0)
    shader.inputs["Emission Strength"].default_value = 0.8
    made.diffuse_color = (*INK, 1.0)
    return made


def label(words: str, place: tuple[float, float, float], size: float, material: Any, upwards: bool = False) -> Any:
    """An upright line of text, `size` m high, its middle at `place` and its face to the front; not linked yet. `upwards`: read from below."""
    text = bpy.data.curves.new(f"Innerface {words}", "FONT")
    text.body, text.size, text.align_x = words, size, "CENTER"
    text.materials.append(material)
    obj = bpy.data.objects.new(text.name, text)
    obj.location, obj.rotation_euler = place, (math.pi / 2, -math.pi / 2 if upwards else 0.0, 0.0)
    return obj


def second_head(scene: Any, track: Any, name: str) -> None:
    """Another bundled head beside the first one, on which `track` plays, with `name` and "from sensors" written under the two."""
    obj, rig = bundled_head.add(scene.collection)
    obj.name, rig.name, rig.location.x = f"{obj.name} {name}", f"{rig.name} {name}", BESIDE_M
    target = next(f for f in [face.face_of(obj, list(scene.objects))] if f is not None)
    keying.play(target, keying.key_track(target, track, name, scene))
    writing = ink()
    for x, words in ((0.0, "from sensors"), (BESIDE_M, name)):
        scene.collection.objects.link(label(words, (x, -0.12, -0.232), 0.022, writing))


def workbench(scene: Any) -> None:
    """Fast and without a GPU: Workbench with studio light, display colours and soft cavities."""
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.display.render_aa = "8"
    scene.view_settings.view_transform = "Standard"
    shading = scene.display.shading
    shading.light, shading.color_type = "STUDIO", "MATERIAL"
    shading.show_cavity, shading.cavity_type = True, "WORLD"
    shading.show_specular_highlight = True
    shading.background_type = "WORLD"


def cycles(scene: Any, samples: int) -> None:
    """Cycles on the CPU with denoising: for the pictures in the documentation."""
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.view_settings.view_transform = "AgX"


def render_image(scene: Any, path: str | Path) -> None:
    """Render the current frame to a PNG."""
    compat.set_image_output(scene)
    with replacing(path) as temporary:
        scene.render.filepath = str(temporary)
        bpy.ops.render.render(write_still=True, scene=scene.name)


def render_preview(scene: Any, path: str | Path, length: int = 480, progress: Callable[[float], None] | None = None) -> int:
    """Render a short MP4 in Workbench: consecutive frames at the scene's rate, PREVIEW_FRAMES at most, from the middle
    of the take where it is longer. Returns the number of frames."""
    first, last, path_before = scene.frame_start, scene.frame_end, scene.render.filepath
    count = min(PREVIEW_FRAMES, last - first + 1)
    start = first + (last - first + 1 - count) // 2
    workbench(scene)
    wide = round(length * scene.render.resolution_x / scene.render.resolution_y / 2) * 2
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = wide, length, 100
    done = []

    def step(*_: Any) -> None:
        done.append(1)
        if progress is not None:
            progress(len(done) / count)

    bpy.app.handlers.render_write.append(step)
    try:
        scene.frame_start, scene.frame_end = start, start + count - 1
        compat.set_video_output(scene)
        scene.render.use_file_extension = False
        with replacing(path) as temporary:
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
    writing = ink()
    made: list[Any] = []
    turn = math.radians(14.0)
    spin = np.array([[math.cos(turn), 0, math.sin(turn)], [0, 1, 0], [-math.sin(turn), 0, math.cos(turn)]])
    for i, name in enumerate(ARKIT):
        place = ((i % _COLUMNS) * _TILE[0], 0.0, -(i // _COLUMNS) * _TILE[1])
        # mouthClose means nothing without an open jaw under it
        pose = {"jawOpen": 1.0, "mouthClose": 1.0} if name == "mouthClose" else {name: 1.0}
        points = head.posed(pose) @ (spin.T if not name.endswith("Right") else spin)  # show the side that moves
        points[:, 1] = np.maximum(points[:, 1], _CUT)
        tile = bpy.data.objects.new(name, head_mesh(name, head, points))
        tile.location = place
        title = "mouthClose on jawOpen" if name == "mouthClose" else name
        made += [tile, label(title, (place[0], -0.3, place[2] - 0.142), 0.0165, writing)]
    for obj in made:
        scene.collection.objects.link(obj)
    wide, tall = _COLUMNS * _TILE[0], rows * _TILE[1]
    middle = ((_COLUMNS - 1) * _TILE[0] / 2, 0.0, -(rows - 1) * _TILE[1] / 2 + 0.0)
    light(scene, 1.6)
    view = camera(scene, middle, 4.0)
    view.location, view.rotation_euler = (middle[0], -4.0, middle[2]), (math.pi / 2, 0, 0)
    view.data.type, view.data.ortho_scale, view.data.clip_end = "ORTHO", max(wide, tall), 20.0
    scene.render.resolution_x, scene.render.resolution_y = width, int(width * tall / wide)
    if samples:
        cycles(scene, samples)
        for lamp in [o for o in scene.objects if o.type == "LIGHT"]:
            lamp.data.type, lamp.data.angle = "SUN", 0.5
            lamp.data.energy = {"Innerface Key": 2.6, "Innerface Fill": 0.8, "Innerface Rim": 1.6}[lamp.name.split(".")[0]]
    else:
        workbench(scene)
    render_image(scene, path)
    meshes = [o.data for o in made]
    for obj in list(scene.objects):
        bpy.data.objects.remove(obj)
    for data in meshes:
        (bpy.data.meshes if isinstance(data, bpy.types.Mesh) else bpy.data.curves).remove(data)
    bpy.data.materials.remove(writing)
    bpy.data.scenes.remove(scene)
    if window_scene is not None:
        bpy.context.window.scene = window_scene
