import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from innerface.cli import main
from innerface.core import formats
from innerface.core.imu.signal import from_track
from innerface.core.performance import perform


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "song.csv"
    formats.write_take(perform(1), path)
    return path


def outputs(folder):
    return sorted(p.name for p in folder.iterdir())


def told(capsys, *arguments):
    """The one line that a mistake ends in."""
    code = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert code == 2, captured
    lines = [x for x in captured.err.strip().splitlines() if x.startswith("innerface:")]
    assert len(lines) == 1, captured.err
    assert "Traceback" not in captured.err and captured.out == ""
    return lines[0]


def test_convert_writes_what_it_read(song, tmp_path, capsys):
    assert main(["convert", str(song), str(tmp_path / "t.mcap")]) == 0
    assert main(["convert", str(tmp_path / "t.mcap"), str(tmp_path / "back.csv"), "--json"]) == 0
    assert (tmp_path / "back.csv").read_bytes() == song.read_bytes()
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["rows"] == len(perform(1).weights().time)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["convert", "NONE.csv", "OUT.csv"], ["NONE.csv", "no such file"]),
        (["convert", ".", "OUT.csv"], ["folder"]),
        (["convert", "SONG", "OUT.abc"], [".abc", ".mcap"]),
        (["convert", "SONG"], ["OUT", "--help"]),
        (["fly"], ["fly"]),
        (["convert", "SONG", "OUT.csv", "--object", "Head"], ["--object", ".blend"]),
        (["align", "SONG", "NONE.wav"], ["no sound of its own"]),
        (["key", "SONG", "--out", "OUT.fbx"], ["OUT.fbx", ".blend"]),
        (["key", "SONG", "--out", "OUT.blend", "--fps", "fast"], ["fast", "frame rate"]),
        (["key", "SONG", "--out", "OUT.blend", "--fps", "0"], ["frame rate"]),
        (["key", "SONG", "--out", "OUT.blend", "--tolerance", "0"], ["tolerance"]),
        (["key", "SONG", "--out", "OUT.blend", "--object", "Head"], ["--character"]),
        (["key", "SONG", "--out", "OUT.blend", "--character", "NONE.blend"], ["NONE.blend", "no such file"]),
        (["key", "SONG", "--out", "OUT.blend", "--character", "SONG"], ["cannot open"]),
        (["key", "NONE.csv", "--out", "OUT.blend"], ["NONE.csv"]),
        (["key", "SONG", "--out", "SONG/OUT.blend"], ["cannot write"]),
        (["demo", "--take", "NONE.csv", "--out", "demo"], ["NONE.csv"]),
        (["demo", "--fps", "fast", "--out", "demo"], ["frame rate"]),
        (["demo", "--seed", "-1", "--out", "demo"], ["--seed"]),
        (["key", "SONG", "--out", "new/OUT.blend", "--character", "NONE.blend"], ["NONE.blend"]),
        (["bench", "nothing"], ["keying"]),
    ],
)
def test_every_mistake_ends_in_one_line_and_leaves_nothing(song, tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    before = outputs(tmp_path)
    line = told(capsys, *[a.replace("SONG", "song.csv") for a in arguments])
    for word in words:
        assert word in line
    assert outputs(tmp_path) == before


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
    from innerface.cli.rates import blender_rate

    assert blender_rate(text) == pytest.approx(rate)


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


def test_key_uses_the_users_own_character_and_lists_what_did_not_match(song, tmp_path, capsys):
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
    assert main(["key", str(song), "--out", str(tmp_path / "s.blend"), "--character", str(character), "--object", "Face"]) == 0
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
        formats.write_take(perform(seed), tmp_path / f"take{seed}.csv")
    assert (
        main(["key", str(tmp_path / "take1.csv"), str(tmp_path / "take2.csv"), "--out", str(tmp_path / "s.blend"), "--tolerance", "0.01"])
        == 0
    )
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "s.blend"))
    assert {"take1", "take2"} <= {a.name for a in bpy.data.actions}
    assert bpy.data.objects["Innerface Head"].data.shape_keys.animation_data.action.name == "take1"


def test_a_failing_export_leaves_no_file_at_all(song, tmp_path, monkeypatch, capsys):
    from innerface.blender_addon import export
    from innerface.core.errors import InnerfaceError

    def fail(*_):
        raise InnerfaceError("the exporter failed; try again")

    monkeypatch.setattr(export, "export_glb", fail)
    told(capsys, "key", song, "--out", tmp_path / "s.blend", "--fbx", tmp_path / "s.fbx", "--glb", tmp_path / "s.glb")
    assert outputs(tmp_path) == ["song.csv"]


def test_demo_makes_one_file_of_each_kind_from_a_real_take(data, tmp_path):
    """As a program of its own, as the README calls it."""
    out = tmp_path / "demo"
    take = data / "arkit" / "MySlate_3_Jason_Millers_iPhone.csv"
    command = [sys.executable, "-m", "innerface", "demo", "--out", str(out), "--take", str(take), "--json"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    assert said.returncode == 0, said.stderr
    result = json.loads(said.stdout)
    assert outputs(out) == sorted(result["files"])
    assert {Path(n).suffix for n in result["files"]} == {".mcap", ".csv", ".blend", ".fbx", ".glb", ".png", ".mp4"}
    assert (out / "weights.csv").read_bytes() == take.read_bytes()
    assert (out / "preview.mp4").read_bytes()[4:8] == b"ftyp"
    assert (out / "contact_sheet.png").stat().st_size > 200_000


def test_bench_keying_prints_its_sizes_and_both_sides_of_the_ratio(monkeypatch, capsys):
    from innerface.cli.benches import keying

    monkeypatch.setattr(keying, "keying", partial(keying.keying, 60, 300))
    assert main(["bench", "keying", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "60 and 300 frames x 52" in said["input"] and "8464" in said["input"]
    assert said["ratio"] == pytest.approx(said["keyframe_insert_s"] / said["bulk_short_s"])
    assert said["bulk_s"] > 0 and said["key_reduction_x"] > 1


@pytest.mark.parametrize("rows", ["0,0.5,0.1,0.2\n", "0,0.5,0.1,0.2\n1,0.5,0.1,0.2\n", "0,0.5,0.1,0.2\n0.001,0.5,0.1,0.2\n"])
@pytest.mark.parametrize("more", [[], ["--tolerance", "0.01"]])
def test_takes_of_one_frame_and_still_takes_are_keyed_and_exported(tmp_path, rows, more):
    (tmp_path / "t.csv").write_text("time,jawOpen,eyeBlinkLeft,mouthSmileLeft\n" + rows)
    wanted = [str(tmp_path / f"s.{kind}") for kind in ("blend", "fbx", "glb")]
    assert main(["key", str(tmp_path / "t.csv"), "--out", wanted[0], "--fbx", wanted[1], "--glb", wanted[2], "--fps", "29.97", *more]) == 0
    assert outputs(tmp_path) == ["s.blend", "s.fbx", "s.glb", "t.csv"]


def test_evaluate_prints_the_contracts_keys_beside_both_dead_baselines(song, tmp_path, capsys):
    assert main(["evaluate", "--pred", str(song), "--truth", str(song), "--face", "bundled", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    for where in (said, said["neutral"], said["mean_face"]):
        for name in ("mse", "pve_mm", "pve_lmk_mm"):
            assert set(where[name]) == {"median", "mean", "std"}
    assert said["pve_mm"]["mean"] < 1e-3 < said["mean_face"]["pve_mm"]["mean"] < said["neutral"]["pve_mm"]["mean"] * 2
    assert main(["evaluate", "--pred", str(song), "--truth", str(song), "--face", "bundled"]) == 0
    text = capsys.readouterr().out
    assert "neutral" in text and "mean face" in text and "front of the bundled head" in text
    assert "NONE.npz" in told(capsys, "evaluate", "--pred", song, "--truth", song, "--face", "NONE.npz")


def test_simulate_writes_an_imu_take_that_reads_back(song, tmp_path, capsys):
    out = tmp_path / "t.imu.csv"
    assert main(["simulate", "imu", str(song), "--out", str(out), "--face", "bundled", "--seed", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    take = formats.read_take(out).tracks["imu"]
    assert said["sites"] == 11 and said["rows"] == len(take.time) and take.time[0] < 0
    assert main(["convert", str(out), str(tmp_path / "t.mcap")]) == 0
    assert "rows/s" in capsys.readouterr().out
    for wrong, words in (
        (["--out", "t.csv"], ".imu.csv"),
        (["--out", "t.imu.csv", "--layout", "nobody"], "default"),
        (["--out", "t.imu.csv", "--seed", "-1"], "--seed"),
        (["--out", "t.imu.csv", "--effect", "humidity=1"], "walk"),
        (["--out", "t.imu.csv", "--effect", "walk"], "walk=SIZE"),
        (["--out", "t.imu.csv", "--effect", "walk=nan"], "walk=SIZE"),
        (["--out", "t.imu.csv", "--effect", "relaxed=1:0"], "relaxed=LOW:HIGH"),
        (["--out", "t.imu.csv", "--effect", "rate_hz=0"], "20 to 1000"),
        (["--out", "t.imu.csv", "--effect", "tilt_s=0"], "0.01"),
        (["--out", "t.imu.csv", "--identity", "1", "--face", "bundled"], "--face X.npz"),
    ):
        assert words in told(capsys, "simulate", "imu", song, *wrong)


def test_any_effect_can_be_simulated_in_another_size(song, tmp_path, capsys):
    out = tmp_path / "t.imu.csv"
    more = ["--effect", "rate_hz=60", "--effect", "dead=1", "--effect", "coupling_hz=20:30", "--linear"]
    assert main(["simulate", "imu", str(song), "--out", str(out), "--face", "bundled", *more, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["effects"] == more[1:6:2]
    signal = from_track(formats.read_take(out).tracks["imu"])
    assert np.median(np.diff(signal.time)) == pytest.approx(1 / 60, rel=0.01) and signal.linear
    assert np.isnan(signal.rotation[..., 0]).all(axis=0).sum() == 1


def test_another_identity_is_another_face(song, data, tmp_path):
    takes = []
    for n in (1, 1, 2):
        out = tmp_path / "t.imu.csv"
        ict = ["--face", str(data / "ict_facekit.npz"), "--identity", str(n)]
        assert main(["simulate", "imu", str(song), "--out", str(out), "--clean", *ict]) == 0
        takes.append(from_track(formats.read_take(out).tracks["imu"]).acceleration)
    assert np.array_equal(takes[0], takes[1]) and np.abs(takes[0] - takes[2]).max() > 0.05


@pytest.fixture(scope="module")
def sensors(tmp_path_factory):
    """A simulated sensor take of the made-up performance, and the truth."""
    folder = tmp_path_factory.mktemp("sensors")
    formats.write_take(perform(1), folder / "song.csv")
    assert main(["simulate", "imu", str(folder / "song.csv"), "--out", str(folder / "t.imu.csv"), "--face", "bundled", "--seed", "3"]) == 0
    return folder / "t.imu.csv", folder / "song.csv"


def test_infer_writes_60_rows_a_second_with_timecode_of_the_take(sensors, tmp_path, capsys):
    imu, song = sensors
    out = tmp_path / "w.csv"
    assert main(["infer", str(imu), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    source, track = formats.read_take(imu).tracks["imu"], formats.read_take(out).weights()
    assert said["rows"] == len(track.time) == int((source.time[-1] - source.time[0]) * 60 + 1e-6) + 1
    assert track.time[0] % 86400 == pytest.approx(source.time[0] % 86400, abs=1e-4)
    assert {"neutral", "turn", "quality", "renamed", "notes"} <= set(said) and len(said["quality"]) == 10
    assert main(["evaluate", "--pred", str(out), "--truth", str(song), "--face", "bundled", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["matched_by"] == "timecode" and figures["pve_mm"]["mean"] < figures["neutral"]["pve_mm"]["mean"]


def test_infer_takes_every_flag_of_the_contract(sensors, tmp_path, capsys):
    imu, _ = sensors
    out = tmp_path / "w.csv"
    flags = ["--neutral", "0.5:3.5", "--turn", "4:8.4", "--causal", "--raw", "--model", "linear", "--minute", "cheekPuff=buccinator_left@25:27"]
    assert main(["infer", str(imu), "--out", str(out), *flags[:-2]]) == 0
    assert "x real time" in capsys.readouterr().out
    assert main(["infer", str(imu), "--out", str(out), "--model", "models/linear.npz"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["infer", "IMU", "--out", "w.csv", "--neutral", "5"], ["--neutral", "START:END"]),
        (["infer", "IMU", "--out", "w.csv", "--neutral", "5:2"], ["--neutral", "after the start"]),
        (["infer", "IMU", "--out", "w.csv", "--neutral", "0:999"], ["--neutral", "only"]),
        (["infer", "IMU", "--out", "w.csv", "--turn", "999:1000"], ["--turn", "only"]),
        (["infer", "IMU", "--out", "w.csv", "--model", "none.npz"], ["none.npz", "no such file"]),
        (["infer", "IMU", "--out", "w.csv", "--model", "net.onnx"], ["net.onnx", "no such file"]),
        (["infer", "IMU", "--out", "w.csv", "--smooth", "mouth"], ["--smooth mouth", "GROUP=STRENGTH"]),
        (["infer", "IMU", "--out", "w.csv", "--smooth", "ear=1"], ["ear=1", "eye_left"]),
        (["infer", "IMU", "--out", "w.csv", "--steps", "0"], ["--steps", "1 to 1000"]),
        (["infer", "IMU", "--out", "w.csv", "--adapter", "none.npz"], ["none.npz", "no such file"]),
        (["infer", "IMU", "--out", "w.csv", "--adapter", "SONG"], ["not an adapter"]),
        (["adapt", "--imu", "IMU", "--arkit", "SONG", "--out", "p.csv"], ["p.csv", ".npz"]),
        (["adapt", "--imu", "SONG", "--arkit", "SONG", "--out", "p.npz"], ["no IMU track"]),
        (["adapt", "--imu", "IMU", "--arkit", "IMU", "--out", "p.npz"], ["no blendshape weights"]),
        (["adapt", "--imu", "IMU", "--arkit", "none.csv", "--out", "p.npz"], ["none.csv"]),
        (["train", "imu", "--out", "m.npz"], ["m.npz", ".onnx"]),
        (["train", "imu", "--out", "m.onnx", "--minutes", "0"], ["--minutes"]),
        (["train", "imu", "--out", "m.onnx", "--finetune"], ["--imu", "--arkit"]),
        (["train", "imu", "--out", "m.onnx", "--live", "--kind", "paper"], ["--live"]),
        (["bench", "keying", "--soak"], ["--soak", "infer"]),
        (["infer", "IMU", "--out", "w.csv", "--model", "SONG"], ["not a linear model"]),
        (["infer", "IMU", "--out", "w.csv", "--layout", "nobody"], ["nobody", "default"]),
        (["infer", "IMU", "--out", "w.csv", "--minute", "cheekPuff"], ["--minute", "CHANNEL=SITE@START:END"]),
        (["infer", "IMU", "--out", "w.csv", "--minute", "smirk=oculi_left@20:21"], ["smirk", "52"]),
        (["infer", "SONG", "--out", "w.csv"], ["no IMU track"]),
        (["infer", "IMU", "--out", "w.xyz"], [".xyz"]),
        (["align", "IMU", "NONE.csv"], ["NONE.csv"]),
        (["check", "SONG"], ["no IMU track"]),
        (["check", "IMU", "--smile", "900:901"], ["--smile"]),
        (["train", "linear", "--out", "m.npz", "--examples", "0"], ["--examples"]),
    ],
)
def test_every_mistake_with_sensors_ends_in_one_line_and_leaves_nothing(sensors, tmp_path, capsys, monkeypatch, arguments, words):
    imu, song = sensors
    monkeypatch.chdir(tmp_path)
    line = told(capsys, *[a.replace("IMU", str(imu)).replace("SONG", str(song)) for a in arguments])
    for word in words:
        assert word in line
    assert outputs(tmp_path) == []


def test_what_no_sensor_sees_is_named_and_its_confidence_is_in_the_take(sensors, tmp_path, capsys):
    imu, _ = sensors
    assert main(["infer", str(imu), "--out", str(tmp_path / "w.mcap"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    tracks = formats.read_take(tmp_path / "w.mcap").tracks
    assert tracks["confidence"].kind == "confidence" and len(tracks["confidence"].time) == said["rows"]
    assert "eyeLookInLeft" in said["invented"] and "jawOpen" not in said["invented"]
    assert main(["infer", str(imu), "--out", str(tmp_path / "w.csv"), "--steps", "4"]) == 0
    captured = capsys.readouterr()
    assert "invented, for no sensor sees them: " in captured.out and "4 steps change nothing" in captured.err


@pytest.mark.parametrize("clock", ["same", "other"])
def test_an_adapter_learned_from_a_paired_take_makes_the_performer_better_live_and_offline(sensors, tmp_path, capsys, clock):
    imu, song = sensors
    camera, more = song, []
    if clock == "other":
        take = formats.read_take(song)
        take.weights().time += 777.0
        camera, more = tmp_path / "camera.csv", ["--align"]
        formats.write_take(take, camera)
    p = tmp_path / "p.npz"
    assert main(["adapt", "--imu", str(imu), "--arkit", str(camera), "--out", str(p), *more, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"paired_s", "seconds", "mse"} <= set(said) and set(said["mse"]) == {"offline", "live"} and said["seconds"] < 60
    for live in ([], ["--causal"]):
        errors = []
        for adapter in ([], ["--adapter", str(p)]):
            assert main(["infer", str(imu), "--out", str(tmp_path / "w.csv"), *live, *adapter]) == 0
            capsys.readouterr()
            assert main(["evaluate", "--pred", str(tmp_path / "w.csv"), "--truth", str(song), "--face", "bundled", "--json"]) == 0
            errors.append(json.loads(capsys.readouterr().out)["pve_mm"]["mean"])
        assert errors[1] < 0.8 * errors[0]


def test_an_adapter_of_another_model_is_one_line(sensors, tmp_path, capsys):
    imu, song = sensors
    p = tmp_path / "p.npz"
    assert main(["adapt", "--imu", str(imu), "--arkit", str(song), "--out", str(p), "--model", "linear"]) == 0
    capsys.readouterr()
    assert "another model" in told(capsys, "infer", imu, "--out", tmp_path / "w.csv", "--adapter", p)
    assert main(["infer", str(imu), "--out", str(tmp_path / "w.csv"), "--adapter", str(p), "--model", "linear"]) == 0


def test_training_a_network_without_torch_is_one_line(tmp_path, capsys, monkeypatch):
    for name in [m for m in sys.modules if m.startswith("innerface.models.training")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    line = told(capsys, "train", "imu", "--out", tmp_path / "m.onnx")
    assert "torch" in line and "pip install 'innerface[train]'" in line and outputs(tmp_path) == []


@pytest.mark.parametrize("file", ["diffusion", "paper"])
def test_a_diffusion_network_refines_its_answer_in_steps(sensors, tmp_path, file):
    imu, _ = sensors
    results = []
    for steps in ("1", "3"):
        path = ["--model", f"models/ablation/{file}.onnx", "--steps", steps]
        assert main(["infer", str(imu), "--out", str(tmp_path / "w.csv"), *path]) == 0
        results.append(formats.read_take(tmp_path / "w.csv").weights().values)
    assert 1e-3 < np.abs(results[0] - results[1])[:, :52].max() <= 1


def test_sensors_and_camera_of_different_times_cannot_be_paired(sensors, tmp_path, capsys):
    imu, song = sensors
    take = formats.read_take(song)
    take.weights().time += 777.0
    formats.write_take(take, tmp_path / "late.csv")
    assert "--align" in told(capsys, "adapt", "--imu", imu, "--arkit", tmp_path / "late.csv", "--out", tmp_path / "p.npz")
    assert not (tmp_path / "p.npz").exists()


def test_align_prints_the_contracts_keys(sensors, capsys):
    imu, song = sensors
    assert main(["align", str(song), str(imu), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"offset_s", "drift_ppm", "confidence", "method"} <= set(said)
    assert abs(said["offset_s"] + said["drift_ppm"] * 1e-5) < 0.008 and said["method"] == "motion" and said["confidence"] > 0.5
    assert np.allclose(said["taps"]["b"], [-2.6, -2.2, -1.8], atol=0.02)


def test_check_reports_every_site_in_words(sensors, capsys):
    imu, _ = sensors
    assert main(["check", str(imu)]) == 0
    text = capsys.readouterr().out
    assert "buccinator_left" in text and "places were not checked" in text
    assert main(["check", str(imu), "--jaw", "15:16", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["quality"]) == 10 and isinstance(said["places"], list)


def test_a_sensor_take_is_keyed_without_a_step_between(sensors, tmp_path, capsys):
    imu, _ = sensors
    assert main(["key", str(imu), "--out", str(tmp_path / "s.blend"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["unmatched_channels"] == [] and said["takes"][0]["frames"] > 24 * 30


def test_demo_goes_the_whole_road_and_stands_truth_beside_result(tmp_path, capsys):
    import bpy

    assert main(["demo", "--out", str(tmp_path / "demo"), "--seed", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert outputs(tmp_path / "demo") == sorted(said["files"]) and "truth.csv" in said["files"]
    assert said["error"]["pve_mm"] < said["error"]["neutral_mm"] and said["error"]["pve_mm"] < said["error"]["mean_face_mm"]
    assert set(formats.read_take(tmp_path / "demo" / "take.mcap").tracks) == {"imu"}
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "demo" / "scene.blend"))
    heads = [o for o in bpy.data.objects if o.type == "MESH"]
    assert len(heads) == 2 and len({o.data.shape_keys.animation_data.action.name for o in heads}) == 2
    assert abs(heads[0].parent.location.x - heads[1].parent.location.x) > 0.2
    code = (  # as it opens in a Blender that has done nothing else
        "import bpy, os, sys; bpy.ops.wm.open_mainfile(filepath=sys.argv[1])\n"
        "print('VIEWS', *{a.spaces.active.region_3d.view_perspective for s in bpy.data.screens for a in s.areas if a.type == 'VIEW_3D'}, flush=True)\n"
        "os._exit(0)"
    )
    said = subprocess.run([sys.executable, "-c", code, tmp_path / "demo" / "scene.blend"], capture_output=True, text=True, check=False, timeout=120)
    assert "VIEWS CAMERA\n" in said.stdout, "else the file opens on an empty grid with two tiny heads"


def test_bench_imu_prints_sizes_ratios_and_both_dead_baselines(monkeypatch, capsys):
    from innerface.cli.benches import imu

    monkeypatch.setattr(imu, "imu", partial(imu.imu, 20.0))
    assert main(["bench", "imu", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "20 s" in said["input"] and "11 sites" in said["input"]
    assert said["simulate_x_realtime"] > 1 and said["calibrate_infer_x_realtime"] > 1
    assert said["pve_mm"] < said["neutral_pve_mm"] and said["pve_mm"] < said["mean_face_pve_mm"]


def test_bench_infer_prints_sizes_speeds_and_every_dead_baseline(monkeypatch, capsys):
    from innerface.cli.benches import infer

    monkeypatch.setattr(infer, "infer", partial(infer.infer, 20.0, 300))
    assert main(["bench", "infer", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"offline_x_realtime", "live_p50_ms", "live_p99_ms", "lookahead_ms", "rss_mb"} <= set(said)
    assert "20 s" in said["input"] and "300 frames" in said["input"] and "imu.onnx" in said["files"]
    assert said["lookahead_ms"] < 34 and 0 < said["live_p50_ms"] <= said["live_p99_ms"] and said["rss_mb"] > 20
    dead = min(said[f"{name}_pve_mm"] for name in ("neutral", "mean_face", "hold"))
    assert max(said["pve_mm"], said["live_pve_mm"]) < dead and said["linear_pve_mm"] < dead


def test_train_linear_writes_a_model_that_infers(sensors, tmp_path, capsys):
    imu, _ = sensors
    model = tmp_path / "m.npz"
    assert main(["train", "linear", "--out", str(model), "--examples", "2", "--generated-only", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "2 simulated takes" in said["card"]["data"] and "real" not in said["card"]["data"]
    assert main(["infer", str(imu), "--out", str(tmp_path / "w.csv"), "--model", str(model)]) == 0


@pytest.mark.blender
def test_an_animation_comes_back_out_of_a_blend_as_a_take_on_its_own_clock(data, tmp_path, capsys):
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
def test_a_blend_without_animation_or_without_a_face_is_told_in_one_line(tmp_path, capsys):
    import bpy

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "empty.blend"))
    capsys.readouterr()
    assert "no mesh has shape keys" in told(capsys, "convert", tmp_path / "empty.blend", tmp_path / "x.csv")
    from innerface.blender_addon import bundled_head

    bundled_head.add(bpy.context.scene.collection)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "still.blend"))
    capsys.readouterr()
    assert "nothing moves" in told(capsys, "convert", tmp_path / "still.blend", tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()


def test_a_take_in_its_folder_is_converted_from_the_calibrated_file(tmp_path, capsys):
    folder = tmp_path / "shoot"
    folder.mkdir()
    formats.write_take(perform(1), folder / "a.csv")
    formats.write_take(perform(2), folder / "a_cal.csv")
    assert main(["convert", str(folder), str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_bytes() == (folder / "a_cal.csv").read_bytes() and "a_cal.csv" in capsys.readouterr().err


def test_timecode_is_believed_only_where_the_motion_agrees(tmp_path, capsys):
    take = perform(3)
    formats.write_take(take, tmp_path / "a.csv")
    track = take.weights()
    track.values[:, 10] *= 0.9  # another camera
    formats.write_take(take, tmp_path / "b.csv")
    assert main(["align", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--json"]) == 0
    assert (said := json.loads(capsys.readouterr().out))["method"] == "timecode" and said["offset_s"] == 0.0
    track.time += 0.2
    formats.write_take(take, tmp_path / "b.csv")
    assert main(["align", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--json"]) == 0
    assert (said := json.loads(capsys.readouterr().out))["method"] == "motion" and abs(said["offset_s"] + 0.2) < 0.005


@pytest.mark.blender
def test_a_take_is_aligned_to_a_song_by_its_own_sound(tmp_path, capsys):
    import wave

    rng, rate = np.random.default_rng(0), 16000
    song, at = np.zeros(20 * rate), 0.0
    while at < 19:
        t, begin = np.arange(rate // 4) / rate, int(at * rate)
        song[begin : begin + len(t)] += (np.sin(2 * np.pi * rng.uniform(100, 400) * t) + rng.normal(0, 0.5, len(t))) * np.exp(-8 * t)
        at += rng.uniform(0.2, 0.7)
    formats.write_take(perform(1), tmp_path / "a.csv")
    start = perform(1).weights().time[0]
    for name, piece in (("song.wav", song), ("a.wav", song[int(4.2 * rate) : int(16.2 * rate)])):
        with wave.open(str(tmp_path / name), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes((piece / np.abs(song).max() * 30000).astype("<i2").tobytes())
    assert main(["align", str(tmp_path / "a.csv"), str(tmp_path / "song.wav"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["method"] == "sound" and said["offset_s"] == pytest.approx(start - 4.2, abs=0.005) and said["confidence"] >= 0.8
