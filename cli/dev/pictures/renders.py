"""Render docs/images with Cycles: `python3 build.py pictures` (minutes on two cores)."""

import math
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ....blender_addon.character import bundled_head, flame_face
from ....blender_addon.export import studio
from ....cli.demo import simulated_capture
from ....core.bio import network
from ....core.bio.inference import infer
from ....core.bio.simulation.effects import PRESETS
from ....core.bio.simulation.simulate import simulate
from ....core.face.channels import ARKIT
from ....core.flame import flame_track, source
from ....core.flame.source import STAND_IN
from ....core.numerics.quaternion import from_rotvec
from ....core.performance import EXPRESSIONS, VISEMES
from ....core.performance.pose_sequence import pose_sequence
from ....core.take import Take, TrackKind
from ....core.take.resample import resample_linear

IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"
HERO_HEADS = (
    (
        -0.245,
        16.0,
        EXPRESSIONS["smile"]
        | {"jawOpen": 0.16, "mouthUpperUpLeft": 0.14, "mouthUpperUpRight": 0.14, "browInnerUp": 0.15},
    ),
    (
        0.0,
        -4.0,
        {**VISEMES["o"], "browInnerUp": 0.4, "browOuterUpLeft": 0.35, "browOuterUpRight": 0.35, "jawOpen": 0.5},
    ),
    (0.245, -20.0, EXPRESSIONS["doubt"] | {"eyeLookOutLeft": 0.3, "eyeLookInRight": 0.3, "eyeSquintRight": 0.4}),
)


def render_hero() -> None:
    """Three of the head's expressions side by side."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    for x, turn, weights in HERO_HEADS:
        obj, rig = bundled_head.add(scene.collection)
        rig.location.x = x
        rig.rotation_euler.z = math.radians(turn)
        for name, value in weights.items():
            obj.data.shape_keys.key_blocks[name].value = value
    studio.add_lights(scene)
    studio.add_camera(scene, (0.0, -0.04, -0.012), distance=2.0, lens=100)
    studio.use_cycles(scene, 96)
    scene.render.resolution_x, scene.render.resolution_y = 1600, 760
    studio.render_image(scene, IMAGES / "hero.png")


def render_topology() -> None:
    """The quads round eyes and mouth."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    obj, _ = bundled_head.add(scene.collection)
    wire_material: Any = bpy.data.materials.new("wire")
    wire_material.diffuse_color = (0.01, 0.012, 0.02, 1.0)
    obj.data.materials.append(wire_material)
    wire = obj.modifiers.new("wire", "WIREFRAME")
    wire.thickness, wire.use_replace, wire.use_even_offset = 0.00032, False, False
    wire.material_offset = len(obj.data.materials) - 1
    studio.add_lights(scene)
    studio.add_camera(scene, (0.0, -0.06, 0.0), distance=0.62, azimuth=24.0, lens=85)
    studio.use_workbench(scene)
    scene.render.resolution_x, scene.render.resolution_y = 1000, 900
    studio.render_image(scene, IMAGES / "topology.png")


def render_pipeline() -> None:
    """The demo's performance at four moments: what it was, and what simulated sensors saw of it."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    _, truth, inferred, _ = simulated_capture(7)
    true_weights, inferred_weights = truth.weights(), inferred.weights()
    moments = [
        true_weights.time[true_weights.column(channel).argmax()]
        for channel in ("mouthSmileLeft", "browInnerUp", "jawOpen", "mouthPucker")
    ]
    text_material = studio.ink_material()
    for row, (track, text) in enumerate(((true_weights, "performance"), (inferred_weights, "from simulated sensors"))):
        height = 0.165 - 0.37 * row
        for column, weights in enumerate(resample_linear(track.time, track.select(ARKIT), np.array(moments))):
            obj, rig = bundled_head.add(scene.collection)
            rig.location = ((column - 1.5) * 0.26, 0.0, height)
            for channel, value in zip(ARKIT, weights):
                obj.data.shape_keys.key_blocks[channel].value = float(value)
        scene.collection.objects.link(
            studio.text_object(text, (-0.54, -0.1, height - 0.02), size=0.022, material=text_material, upwards=True)
        )
    studio.add_lights(scene, 1.6)
    studio.add_camera(scene, (-0.035, -0.04, -0.02), distance=6.0, lens=185)
    scene.camera.location.z = -0.02  # level, so that both rows are seen alike
    scene.camera.rotation_euler = (math.pi / 2, 0, 0)
    studio.use_cycles(scene, 48)
    scene.render.resolution_x, scene.render.resolution_y = 1600, 1040
    studio.render_image(scene, IMAGES / "road.png")


def render_electrodes() -> None:
    """Four moments of seven posed expressions: the performance, and the result of two simulated electrodes on the
    stand-in FLAME face."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    truth = pose_sequence(60, 0, take=5)
    points = infer(simulate(truth, PRESETS["studio"], 0), network.load()).tracks[TrackKind.LANDMARKS]
    flame = flame_face.prepare_flame(STAND_IN)
    fitted = flame_track.arrays_of(
        flame_track.require_flame(source.fit_take(Take("posed", {TrackKind.LANDMARKS: points}), flame.source))
    )
    moments = [
        truth.time[truth.column(channel).argmax()]
        for channel in ("mouthSmileLeft", "jawOpen", "browDownLeft", "mouthStretchLeft")
    ]
    text_material = studio.ink_material()
    at = np.array(moments)
    pose = {name: resample_linear(fitted["time"], fitted[name], at) for name in ("expression", "jaw", "eyes")}
    for column, weights in enumerate(resample_linear(truth.time, truth.select(ARKIT), at)):
        obj, rig = bundled_head.add(scene.collection)
        rig.location = ((column - 1.5) * 0.26, 0.0, 0.165)
        for channel, value in zip(ARKIT, weights):
            obj.data.shape_keys.key_blocks[channel].value = float(value)
        obj, rig = flame_face.add(scene.collection, flame, correctives=True)
        rig.location = ((column - 1.5) * 0.26, 0.0, -0.205)
        for k, value in enumerate(pose["expression"][column]):
            obj.data.shape_keys.key_blocks[f"expression{k}"].value = float(value)
        for bone, rotation in (("jaw", pose["jaw"]), ("eye.L", pose["eyes"][:, :3]), ("eye.R", pose["eyes"][:, 3:])):
            rig.pose.bones[bone].rotation_quaternion = from_rotvec(rotation[column])
    for text, height in (("performance", 0.165), ("two electrodes, FLAME layout", -0.205)):
        scene.collection.objects.link(
            studio.text_object(text, (-0.54, -0.1, height - 0.02), size=0.02, material=text_material, upwards=True)
        )
    studio.add_lights(scene, 1.6)
    studio.add_camera(scene, (-0.035, -0.04, -0.02), distance=6.0, lens=185)
    scene.camera.location.z = -0.02
    scene.camera.rotation_euler = (math.pi / 2, 0, 0)
    studio.use_cycles(scene, 48)
    scene.render.resolution_x, scene.render.resolution_y = 1600, 1040
    studio.render_image(scene, IMAGES / "ear.png")


def main(names: list[str]) -> None:
    """Render the named pictures, or all."""
    renderers = {
        "hero": render_hero,
        "topology": render_topology,
        "road": render_pipeline,
        "ear": render_electrodes,
        "contact_sheet": lambda: studio.contact_sheet(IMAGES / "contact_sheet.png", 1800, 16),
    }
    for name in names or renderers:
        renderers[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
