import json

import numpy as np
import pytest
from innerface.cli import main
from innerface.core import formats
from innerface.core.performance import demo_performance

from .conftest import outputs, told


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", (24, 1.0)),
        ("23.976", (24, 1.001)),
        ("24000/1001", (24, 1.001)),
        ("29.97", (30, 1.001)),
        ("59.94", (60, 1.001)),
        ("12.5", (13, 1.04)),
    ],
)
def test_rates_become_blenders_fps_and_base(text, rate):
    from innerface.core.rates import parse_frame_rate

    assert parse_frame_rate(text) == pytest.approx(rate)


def test_key_writes_a_blend_that_plays_the_take(song, tmp_path, capsys):
    import bpy

    out = tmp_path / "s.blend"
    assert main(["key", str(song), "--out", str(out), "--fps", "29.97", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["unmatched_channels"] == [] and said["fps"] == pytest.approx(30000 / 1001)
    bpy.ops.wm.open_mainfile(filepath=str(out))
    scene = bpy.context.scene
    assert (scene.render.fps, round(scene.render.fps_base, 3)) == (30, 1.001)
    assert scene.frame_end == scene.frame_start + said["takes"][0]["frames"] - 1
    block = bpy.data.objects["Innerface Head"].data.shape_keys.key_blocks["jawOpen"]
    seen = []
    for frame in range(scene.frame_start, scene.frame_end, 10):
        scene.frame_set(frame)
        seen.append(block.value)
    assert max(seen) > 0.3


def test_key_uses_the_users_character_and_lists_what_did_not_match(song, tmp_path, capsys):
    import bpy

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    mesh = bpy.data.meshes.new("Face")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    obj = bpy.data.objects.new("Face", mesh)
    bpy.context.scene.collection.objects.link(obj)
    for key in ("Basis", "Jaw_Open", "Eye_Blink_L", "Eye_Blink_R", "Mouth_Smile_L", "Ears_Flap"):
        obj.shape_key_add(name=key)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Lamp", None))
    bpy.context.scene.render.fps = 25
    character = tmp_path / "c.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(character))
    before = character.read_bytes()
    assert (
        main(["key", str(song), "--out", str(tmp_path / "s.blend"), "--character", str(character), "--object", "Face"])
        == 0
    )
    text = capsys.readouterr().out
    assert "Ears_Flap" in text and "browInnerUp" in text and "25.000 fps" in text
    assert character.read_bytes() == before
    for wrong, words in (("Nobody", "Face"), ("Lamp", "no shape keys")):
        line = told(capsys, "key", song, "--out", tmp_path / "x.blend", "--character", character, "--object", wrong)
        assert words in line
    assert not (tmp_path / "x.blend").exists()


def test_several_takes_become_several_actions(tmp_path):
    import bpy

    for seed in (1, 2):
        formats.write_take(demo_performance(seed), tmp_path / f"take{seed}.csv")
    assert (
        main(
            [
                "key",
                str(tmp_path / "take1.csv"),
                str(tmp_path / "take2.csv"),
                "--out",
                str(tmp_path / "s.blend"),
                "--tolerance",
                "0.01",
            ]
        )
        == 0
    )
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "s.blend"))
    assert {"take1", "take2"} <= {a.name for a in bpy.data.actions}
    assert bpy.data.objects["Innerface Head"].data.shape_keys.animation_data.action.name == "take1"


def test_a_failing_export_leaves_no_file_at_all(song, tmp_path, monkeypatch, capsys):
    from innerface.blender_addon.export import exporters
    from innerface.core.errors import InnerfaceError

    export_face = exporters.export_face

    def fail_for_glb(face, scene, path, **options):
        if str(path).endswith(".glb"):
            raise InnerfaceError("the exporter failed; try again")
        return export_face(face, scene, path, **options)

    monkeypatch.setattr(exporters, "export_face", fail_for_glb)
    told(capsys, "key", song, "--out", tmp_path / "s.blend", "--fbx", tmp_path / "s.fbx", "--glb", tmp_path / "s.glb")
    assert outputs(tmp_path) == ["song.csv"]


@pytest.mark.parametrize(
    "rows", ["0,0.5,0.1,0.2\n", "0,0.5,0.1,0.2\n1,0.5,0.1,0.2\n", "0,0.5,0.1,0.2\n0.001,0.5,0.1,0.2\n"]
)
@pytest.mark.parametrize("more", [[], ["--tolerance", "0.01"]])
def test_takes_of_one_frame_and_still_takes_are_keyed_and_exported(tmp_path, rows, more):
    (tmp_path / "t.csv").write_text("time,jawOpen,eyeBlinkLeft,mouthSmileLeft\n" + rows)
    wanted = [str(tmp_path / f"s.{kind}") for kind in ("blend", "fbx", "glb")]
    assert (
        main(
            [
                "key",
                str(tmp_path / "t.csv"),
                "--out",
                wanted[0],
                "--fbx",
                wanted[1],
                "--glb",
                wanted[2],
                "--fps",
                "29.97",
                *more,
            ]
        )
        == 0
    )
    assert outputs(tmp_path) == ["s.blend", "s.fbx", "s.glb", "t.csv"]


def test_a_sensor_take_is_keyed_without_a_step_between(sensors, tmp_path, capsys):
    imu, _ = sensors
    assert main(["key", str(imu), "--out", str(tmp_path / "s.blend"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["unmatched_channels"] == [] and said["takes"][0]["frames"] > 24 * 30


@pytest.mark.blender
def test_an_animation_in_a_blend_becomes_a_take_on_its_clock(data, tmp_path, capsys):
    source = str(data / "arkit" / "MySlate_3_Jason_Millers_iPhone.csv")
    assert main(["key", source, "--out", str(tmp_path / "s.blend"), "--fps", "60", "--tolerance", "0.005"]) == 0
    capsys.readouterr()
    assert main(["convert", str(tmp_path / "s.blend"), str(tmp_path / "back.csv"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["residual"] < 0.002 and said["rows"] > 300
    assert main(["evaluate", "--pred", str(tmp_path / "back.csv"), "--truth", source, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["matched_by"] == "timecode" and found["mse"]["mean"] < 0.01 * found["mean_face"]["mse"]["mean"]


@pytest.mark.blender
def test_a_blend_without_animation_or_face_is_an_error_in_one_line(tmp_path, capsys):
    import bpy

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "empty.blend"))
    capsys.readouterr()
    assert "no mesh has shape keys" in told(capsys, "convert", tmp_path / "empty.blend", tmp_path / "x.csv")
    from innerface.blender_addon.character import bundled_head

    bundled_head.add(bpy.context.scene.collection)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "still.blend"))
    capsys.readouterr()
    assert "nothing moves" in told(capsys, "convert", tmp_path / "still.blend", tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()


@pytest.fixture
def flame_files(tmp_path):
    """A FLAME take with its points, fitted with the stand-in, and the stand-in as a file."""
    from innerface.core.flame import embedding, fit, flame_track, stand_in
    from innerface.core.landmarks.points import landmark_track
    from innerface.core.take import Take

    model = stand_in.make_stand_in()
    said = stand_in.make_performance(model, 60, 2)
    track = flame_track.build_flame_track(np.arange(60) / 30, **said, model=model.sha)
    formats.write_take(Take("t", {"flame": track}), tmp_path / "t.flame.npz")
    points = fit.points_of_pose(model, embedding.load_embedding(model), **said)
    formats.write_take(Take("p", {"p": landmark_track(track.time, points)}), tmp_path / "p.landmarks.csv")
    stand_in.write_model(tmp_path / "m.npz", model)
    return said


@pytest.mark.blender
def test_a_flame_take_is_keyed_on_a_flame_face_and_exported(flame_files, tmp_path, capsys):
    import bpy

    wanted = [str(tmp_path / f"s.{kind}") for kind in ("blend", "fbx", "glb")]
    arguments = [
        "key",
        str(tmp_path / "t.flame.npz"),
        "--flame",
        "stand-in",
        "--out",
        wanted[0],
        "--fbx",
        wanted[1],
        "--glb",
        wanted[2],
        "--fps",
        "30",
    ]
    assert main([*arguments, "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (
        said["scheme"] == "FLAME" and said["takes"][0]["frames"] == 60 and any("stand-in" in n for n in said["notes"])
    )
    assert {p.suffix for p in tmp_path.iterdir()} >= {".blend", ".fbx", ".glb"}
    bpy.ops.wm.open_mainfile(filepath=wanted[0])
    keys = bpy.data.objects["FLAME Head"].data.shape_keys.key_blocks
    for frame in (0, 31, 59):
        bpy.context.scene.frame_set(frame)
        assert (
            np.abs([keys[f"expression{k}"].value for k in range(100)] - flame_files["expression"][frame]).max() < 1e-4
        )
    assert (tmp_path / "s.glb").stat().st_size > 1_000_000


@pytest.mark.blender
@pytest.mark.parametrize("name", ["p.landmarks.csv", "song.csv"])
def test_points_and_weights_drive_a_users_flame_face(flame_files, song, tmp_path, capsys, name):
    import bpy

    arguments = [
        "key",
        str(tmp_path / name),
        "--flame",
        str(tmp_path / "m.npz"),
        "--out",
        str(tmp_path / "s.blend"),
        "--tolerance",
        "0.01",
    ]
    assert main([*arguments, "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["takes"][0]["keys"] < said["takes"][0]["dense_keys"]
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "s.blend"))
    scene, jaw = bpy.context.scene, bpy.data.objects["FLAME Rig"].pose.bones["jaw"]
    opened = []
    for frame in range(scene.frame_start, scene.frame_end + 1, 2):
        scene.frame_set(frame)
        opened.append(jaw.rotation_quaternion.angle)
    assert max(opened) > 0.1
    assert (
        main(
            [
                "key",
                str(tmp_path / "t.flame.npz"),
                "--character",
                str(tmp_path / "s.blend"),
                "--out",
                str(tmp_path / "again.blend"),
            ]
        )
        == 0
    )


def test_flame_takes_and_options_without_a_flame_face_are_errors_in_one_line(flame_files, song, tmp_path, capsys):
    out = tmp_path / "s.blend"
    assert "add --flame MODEL" in told(capsys, "key", tmp_path / "t.flame.npz", "--out", out)
    assert "--flame" in told(capsys, "key", song, "--out", out, "--flame-correctives")
    assert "--character" in told(capsys, "key", song, "--out", out, "--flame", "stand-in", "--character", "x.blend")
    assert "none.pkl" in told(capsys, "key", song, "--out", out, "--flame", tmp_path / "none.pkl")
    assert main(["key", str(song), "--out", str(tmp_path / "own.blend")]) == 0
    capsys.readouterr()
    assert "--flame MODEL instead" in told(
        capsys, "key", tmp_path / "t.flame.npz", "--character", tmp_path / "own.blend", "--out", out
    )
    assert not out.exists()
