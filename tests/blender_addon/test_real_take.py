"""The main job on a real take, as the issue of every animator: it must work in every Blender."""

import innerface.blender_addon.animation.curves
import innerface.blender_addon.character.lanes
import innerface.blender_addon.compat
import innerface.blender_addon.export.exporters
import innerface.core.animation.frames
import innerface.core.face.channels
import innerface.core.formats
import numpy as np
import pytest

from .conftest import key_and_play


@pytest.mark.parametrize("name", ["alex_rom_3", "apfel"])
def test_a_real_take_is_keyed_whole_at_23_976(data, scene, head, name):
    scene.render.fps, scene.render.fps_base = 24, 1.001
    track = innerface.core.formats.read_take(data / "arkit" / f"{name}.csv").weights()
    keyed = key_and_play(head, track, name, scene)
    fcurves = innerface.blender_addon.compat.fcurves_of(keyed.actions[0], head.meshes[0].key)
    frames = np.arange(keyed.frames)
    at = track.time[0] + frames * 1001 / 24000
    want = innerface.core.animation.frames.resample_to_frames(track, at)
    for channel in ("jawOpen", "eyeBlinkLeft", "mouthSmileRight", "mouthClose", "browInnerUp"):
        curve = fcurves.find(innerface.blender_addon.character.lanes.shape_key_path(channel))
        got = innerface.blender_addon.animation.curves.sample_curve(curve, frames)
        assert np.abs(got - want[:, innerface.core.face.channels.ARKIT.index(channel)]).max() < 1e-5, channel


def test_exports_of_a_real_take_are_written(data, scene, head, tmp_path):
    track = innerface.core.formats.read_take(data / "arkit" / "MySlate_3_Jason_Millers_iPhone.csv").weights()
    keyed = key_and_play(head, track, "MySlate", scene)
    scene.frame_end = keyed.frames - 1
    innerface.blender_addon.export.exporters.export_fbx(head, scene, tmp_path / "x.fbx")
    innerface.blender_addon.export.exporters.export_glb(head, scene, tmp_path / "x.glb")
    assert (tmp_path / "x.fbx").read_bytes()[:18] == b"Kaydara FBX Binary"
    assert (tmp_path / "x.glb").read_bytes()[:4] == b"glTF"
