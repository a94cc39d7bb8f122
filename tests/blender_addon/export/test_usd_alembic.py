"""USD and Alembic by Blender's exporters, read back by usd-core and by Blender's own Alembic reader."""

import json
import os
import subprocess
import sys
from pathlib import Path

import innerface.blender_addon.export.exporters
import innerface.core.animation.frames
import innerface.core.errors
import innerface.core.face.channels
import innerface.core.performance
import numpy as np
import pytest

from ..conftest import key_and_play

READER = Path(__file__).resolve().parents[2] / "readers" / "read_usd.py"


def skip_without(option):
    import bpy

    if not getattr(bpy.app.build_options, option):
        pytest.skip(f"this Blender was built without {option}")


@pytest.fixture
def usd():
    """`usd(path)`: what Pixar's library finds in a USD file."""
    skip_without("usd")
    python = os.environ.get("INNERFACE_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import pxr.UsdSkel"], capture_output=True, check=False).returncode:
        pytest.skip("usd-core is not here: pip install usd-core, beside the bpy wheel")

    def read(path):
        said = subprocess.run([python, str(READER), str(path)], capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr[-2000:]
        return json.loads(said.stdout)

    return read


@pytest.mark.parametrize(("fps", "base"), [(24, 1.001), (30, 1.0)])
def test_usd_holds_the_weights_of_every_frame_at_its_time(scene, head, usd, tmp_path, fps, base):
    scene.render.fps, scene.render.fps_base = fps, base
    arkit = innerface.core.face.channels.ARKIT
    track = innerface.core.performance.demo_performance(5).weights()
    keyed = key_and_play(head, track, "performance", scene)
    scene.frame_end = scene.frame_start + keyed.frames - 1
    innerface.blender_addon.export.exporters.export_face(head, scene, tmp_path / "x.usdc", preset="USD")
    found = usd(tmp_path / "x.usdc")
    (clip,) = found["clips"]
    frames, rate = np.arange(keyed.frames), fps / base
    want = innerface.core.animation.frames.resample_to_frames(track, track.time[0] + frames / rate)
    assert set(clip["curves"]) == set(arkit)
    for name, curve in clip["curves"].items():
        assert np.abs(np.array(curve["times"]) - frames / rate).max() < 1e-4
        assert np.abs(np.array(curve["values"]) - want[:, arkit.index(name)]).max() < 1e-4, name
    assert "head" in clip["rotations"] and found["metres_per_unit"] == 1.0
    assert len(found["meshes"]["Innerface_Head"]["morphs"]) == 52


def test_alembic_holds_the_vertices_of_every_frame(scene, head, tmp_path):
    import bpy

    skip_without("alembic")
    track = innerface.core.performance.demo_performance(5).weights()
    key_and_play(head, track, "performance", scene)
    scene.frame_end = 12
    innerface.blender_addon.export.exporters.export_face(head, scene, tmp_path / "x.abc", preset="ALEMBIC")
    obj = head.meshes[0].object

    def shown(target, frame):
        scene.frame_set(frame)
        mesh = target.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        out = np.empty(3 * len(mesh.vertices), dtype=np.float32)
        mesh.vertices.foreach_get("co", out)
        return out.reshape(-1, 3) @ np.array(target.matrix_world)[:3, :3].T + np.array(target.matrix_world)[:3, 3]

    before = {frame: shown(obj, frame) for frame in (0, 5, 12)}
    assert np.abs(before[12] - before[0]).max() > 1e-3
    known = set(bpy.data.objects)
    bpy.ops.wm.alembic_import(filepath=str(tmp_path / "x.abc"), as_background_job=False, set_frame_range=False)
    (cached,) = [o for o in set(bpy.data.objects) - known if o.type == "MESH"]
    for frame, vertices in before.items():
        assert np.abs(shown(cached, frame) - vertices).max() < 1e-5


def test_a_blender_without_an_exporter_says_so_in_one_line():
    class Absent:
        def get_rna_type(self):
            raise KeyError('get_rna_type("WM_OT_usd_export") not found')

    with pytest.raises(innerface.core.errors.InnerfaceError, match="built without USD"):
        innerface.blender_addon.export.exporters._run_exporter("USD", Absent())
