"""Videos of a performer whose every weight is known: the bundled head, rendered."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from ...blender_addon.character import bundled_head
from ...blender_addon.export import studio
from ...camera.video import VideoFile
from ...core.arrays import Array
from ...core.face.channels import ARKIT, HEAD_ANGLES
from ...core.take import Track


def render_performance(
    track: Track,
    azimuth: float,
    light: float,
    *,
    size: tuple[int, int],
    samples: int,
    progress: Callable[[float], None],
) -> list[Array]:
    """Pictures (H, W, 3) of uint8 RGB of the bundled head, one per row of a take, its head turned as the take says.

    Parameters
    ----------
    track : weights and head angles
    azimuth : degrees of the camera to the performer's left
    light : size of the lights
    size : width and height, pixels
    samples : of Cycles
    progress : called with the share that is done
    """
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    obj, rig = bundled_head.add(scene.collection)
    studio.add_lights(scene, light)
    studio.add_camera(scene, (0.0, -0.04, -0.01), distance=0.9, azimuth=azimuth, lens=85)
    studio.use_cycles(scene, samples)
    scene.render.resolution_x, scene.render.resolution_y = size
    pictures: list[Array] = []
    rig.rotation_mode = "YXZ"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        for k, (weights, angles) in enumerate(zip(track.select(ARKIT), track.select(HEAD_ANGLES))):
            for name, value in zip(ARKIT, weights):
                obj.data.shape_keys.key_blocks[name].value = float(value)
            yaw, pitch, roll = map(float, angles)
            # the head faces -Y: Ry(yaw) Rx(pitch) Rz(roll) of its own axes is Rz(yaw) Rx(pitch) Ry(-roll) of Blender's
            rig.rotation_euler = (pitch, -roll, yaw)
            studio.render_image(scene, path)
            pictures.append(np.array(next(iter(VideoFile(path)))[1]))
            progress((k + 1) / len(track.time))
    return pictures
