import json
import os
import subprocess
import sys
from pathlib import Path

from innerface.cli import main
from innerface.core import formats

from .conftest import outputs


def test_demo_makes_one_file_of_each_kind_from_a_real_take(data, tmp_path):
    """As a program of its own, as the README calls it."""
    out = tmp_path / "demo"
    take = data / "arkit" / "MySlate_3_Jason_Millers_iPhone.csv"
    command = [sys.executable, "-m", "innerface", "demo", "--out", str(out), "--take", str(take), "--json"]
    said = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONWARNINGS": "ignore"}
    )
    assert said.returncode == 0, said.stderr
    result = json.loads(said.stdout)
    assert outputs(out) == sorted(result["files"])
    assert {Path(n).suffix for n in result["files"]} == {".mcap", ".csv", ".blend", ".fbx", ".glb", ".png", ".mp4"}
    assert (out / "weights.csv").read_bytes() == take.read_bytes()
    assert (out / "preview.mp4").read_bytes()[4:8] == b"ftyp"
    assert (out / "contact_sheet.png").stat().st_size > 200_000


def test_demo_runs_the_whole_pipeline_and_puts_the_truth_beside_the_result(tmp_path, capsys):
    import bpy

    assert main(["demo", "--out", str(tmp_path / "demo"), "--seed", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert outputs(tmp_path / "demo") == sorted(said["files"]) and "truth.csv" in said["files"]
    assert (
        said["error"]["pve_mm"] < said["error"]["neutral_mm"]
        and said["error"]["pve_mm"] < said["error"]["mean_face_mm"]
    )
    assert set(formats.read_take(tmp_path / "demo" / "take.mcap").tracks) == {"imu"}
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "demo" / "scene.blend"))
    heads = [o for o in bpy.data.objects if o.type == "MESH"]
    assert len(heads) == 2 and len({o.data.shape_keys.animation_data.action.name for o in heads}) == 2
    assert abs(heads[0].parent.location.x - heads[1].parent.location.x) > 0.2
    code = (  # as it opens in a Blender that has done nothing else
        "import bpy, os, sys; bpy.ops.wm.open_mainfile(filepath=sys.argv[1])\n"
        "print('VIEWS', *{a.spaces.active.region_3d.view_perspective for s in bpy.data.screens for a in s.areas if "
        "a.type == 'VIEW_3D'}, flush=True)\n"
        "os._exit(0)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "demo" / "scene.blend"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "VIEWS CAMERA\n" in said.stdout, "else the file opens on an empty grid with two tiny heads"
