"""What `innerface key` prints, and how long its exports last."""

import json
import struct

import numpy as np
import pytest
from innerface.cli import key_report, main
from innerface.core import formats
from innerface.core.take import Take, Track

from .conftest import told

KEYS = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "cheekPuff")
ROWS, RATE = 31, 30


@pytest.fixture
def character(tmp_path, capsys):
    """`character(**setup)`: a .blend with a face, changed by functions of the object and the scene."""
    import bpy

    def build(*changes, keys=KEYS, name="c"):
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        scene = bpy.context.scene
        scene.render.fps = RATE
        mesh = bpy.data.meshes.new("Head")
        mesh.from_pydata([(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)], [], [(0, 1, 2, 3)])
        obj = bpy.data.objects.new("Head", mesh)
        scene.collection.objects.link(obj)
        for k, key in enumerate(("Basis", *keys)):
            obj.shape_key_add(name=key, from_mix=False).data[k % 4].co.z += 0.1 * (k > 0)
        for change in changes:
            change(obj, scene)
        path = tmp_path / f"{name}.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
        capsys.readouterr()  # Blender says that it saved
        return path

    return build


@pytest.fixture
def take(tmp_path):
    phase = np.linspace(0, np.pi, ROWS)[:, None] * np.arange(1, len(KEYS) + 2)
    track = Track("weights", np.arange(ROWS) / RATE, (*KEYS, "tongueOut"), np.sin(phase) ** 2)
    formats.write_take(Take("take", {"weights": track}), tmp_path / "take.csv")
    return tmp_path / "take.csv"


def key(capsys, *arguments):
    """The lines that the command prints, and its result with --json."""
    capsys.readouterr()
    assert main(["key", *map(str, arguments)]) == 0
    captured = capsys.readouterr()
    return [*captured.out.splitlines(), *captured.err.splitlines()]


def glb_times(path):
    data = path.read_bytes()
    document = json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]])
    inputs = {s["input"] for a in document["animations"] for s in a["samplers"]}
    accessors = [document["accessors"][i] for i in inputs]
    return {(a["count"], round(a["min"][0], 4), round(a["max"][0], 4)) for a in accessors}


def short(_, scene):
    scene.frame_end = 10


def late(_, scene):
    scene.frame_start = 101


def preview(_, scene):
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 5, 9


def stretched(_, scene):
    scene.render.frame_map_new = 200


def body(obj, scene):
    obj.location.x = 0.0
    obj.keyframe_insert("location", frame=1)
    obj.location.x = 1.0
    obj.keyframe_insert("location", frame=250)


@pytest.mark.blender
@pytest.mark.parametrize("change", [None, short, late, preview, stretched, body])
def test_an_export_lasts_as_long_as_the_take_whatever_the_scenes_range(character, take, tmp_path, capsys, change):
    import bpy

    blend = character(*([change] if change else []))
    key(capsys, take, "--character", blend, "--out", tmp_path / "o.blend", "--glb", tmp_path / "o.glb")
    assert glb_times(tmp_path / "o.glb") == {(ROWS, 0.0, 1.0)}
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "o.blend"))
    scene = bpy.context.scene
    assert (scene.frame_start, scene.frame_end) == {short: (1, ROWS), late: (101, 250)}.get(change, (1, 250))


@pytest.mark.blender
def test_fbx_lasts_as_long_as_the_take_too(character, take, tmp_path, capsys):
    import bpy

    key(capsys, take, "--character", character(), "--out", tmp_path / "o.blend", "--fbx", tmp_path / "o.fbx")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = RATE
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "o.fbx"))
    assert {int(np.ptp(a.frame_range)) for a in bpy.data.actions} == {ROWS - 1}


@pytest.mark.blender
def test_the_whole_scene_is_exported_on_request(character, take, tmp_path, capsys):
    arguments = (take, "--character", character(), "--out", tmp_path / "o.blend", "--glb", tmp_path / "o.glb")
    key(capsys, *arguments, "--range", "scene")
    assert glb_times(tmp_path / "o.glb") == {(250, 0.0, 8.3)}


@pytest.mark.blender
def test_a_blend_is_converted_over_its_scene_or_its_take(character, take, tmp_path, capsys):
    key(capsys, take, "--character", character(stretched), "--out", tmp_path / "o.blend")
    rows = {}
    for choice in ("take", "scene"):
        out = tmp_path / f"{choice}.csv"
        assert main(["convert", str(tmp_path / "o.blend"), str(out), "--range", choice, "--json"]) == 0
        rows[choice] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert rows["take"]["rows"] == ROWS and rows["scene"]["rows"] == 250
    assert any("--range take" in note for note in rows["scene"]["notes"])
    back, source = (formats.read_take(p).weights() for p in (tmp_path / "take.csv", take))
    assert np.allclose(back.select(KEYS), source.select(KEYS), atol=2e-3)


def noisy(obj, _):
    """A face with something to say about almost every key."""
    blocks = obj.data.shape_keys.key_blocks
    for k, block in enumerate(blocks[1:]):
        block.mute = k == 0
        block.slider_max = 0.5 if k == 1 else 1.0
        if k == 2:
            block.driver_add("value").driver.expression = "0.3"
        if k == 3:
            obj.vertex_groups.new(name="None")
            block.vertex_group = "None"
        if k == 4:
            block.vertex_group = obj.vertex_groups.new(name="Nobody").name


@pytest.mark.blender
@pytest.mark.parametrize("verbose", [[], ["--verbose"]])
def test_a_summary_has_twelve_lines_and_names_each_unmatched_channel_once(character, take, tmp_path, capsys, verbose):
    more = [f"Wrinkle{k}" for k in range(40)]
    takes = [take]
    for k in range(20):
        (tmp_path / f"t{k}.csv").write_bytes(take.read_bytes())
        takes.append(tmp_path / f"t{k}.csv")
    blend = character(noisy, keys=(*KEYS, *more))
    lines = key(capsys, *takes, "--character", blend, "--out", tmp_path / "o.blend", *verbose)
    text = "\n".join(lines)
    assert (len(lines) <= 12) == (not verbose)
    assert text.count("tongueOut") == 1 and "jawOpen" in text
    assert all(text.count(channel) <= 1 for channel in ("noseSneerLeft", "browInnerUp"))
    assert all((name in text) == bool(verbose) for name in ("t19:", "Wrinkle39", "noseSneerLeft"))
    assert any(line.startswith("note: 'jawOpen' of Head does not show") for line in lines), "what is worst comes first"


@pytest.mark.parametrize("count", [0, 8, 9, 10, 60])
def test_notes_take_the_lines_that_are_left_and_the_rest_are_counted(capsys, count):
    result = {
        "out": {"blend": "o.blend"},
        "fps": 24.0,
        "scheme": "ARKit",
        "coverage": "52 of 52 channels",
        "meshes": {f"Part {k}": 2 for k in range(30)},
        "unmatched_channels": [],
        "unmatched_moved": [],
        "unmatched_keys": {},
        "takes": [{"name": "t", "frames": 3, "first_frame": 1, "keys": 9, "dense_keys": 9}],
        "scene_frames": [1, 3],
        "export_frames": [1, 3],
        "notes": [f"note number {k}." for k in range(count)],
    }
    key_report.print_report(result, verbose=False)
    lines = [line for text in capsys.readouterr() for line in text.splitlines()]
    shown = sum("note number" in line for line in lines)
    assert len(lines) <= key_report.MAX_LINES and shown == (count if count < 10 else 8)
    assert any(f"{count - shown} more notes; --verbose prints them" in line for line in lines) == (shown < count)
    key_report.print_report(result, verbose=True)
    assert sum("note number" in line for text in capsys.readouterr() for line in text.splitlines()) == count


@pytest.mark.blender
def test_what_does_not_move_is_in_the_json(character, take, tmp_path, capsys):
    capsys.readouterr()
    arguments = ["key", take, "--character", character(noisy), "--out", tmp_path / "o.blend", "--json"]
    assert main([str(a) for a in arguments]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {s["name"] for s in said["still"]} == {"jawOpen", "mouthSmileLeft", "cheekPuff"}
    assert all(s["object"] == "Head" and s["reason"] for s in said["still"])
    assert said["export_frames"] == [1, ROWS] and said["scene_frames"] == [1, 250]


@pytest.mark.blender
def test_controls_are_keyed_instead_of_the_keys_that_they_drive(character, take, tmp_path, capsys):
    import bpy

    def drive(obj, scene):
        obj["smile"] = 0.0
        driver = obj.data.shape_keys.key_blocks["mouthSmileLeft"].driver_add("value").driver
        variable = driver.variables.new()
        variable.name = "a"
        variable.targets[0].id, variable.targets[0].data_path = obj, '["smile"]'
        driver.expression = "a * 0.5"

    blend = character(drive)
    lines = key(capsys, take, "--character", blend, "--out", tmp_path / "o.blend")
    assert any("--controls" in line for line in lines)
    lines = key(capsys, take, "--character", blend, "--controls", "--out", tmp_path / "o.blend")
    assert not any("drivers control" in line for line in lines)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "o.blend"))
    obj = bpy.data.objects["Head"]
    for frame, row in ((5, 4), (20, 19)):
        bpy.context.scene.frame_set(frame)
        want = formats.read_take(take).weights().column("mouthSmileLeft")[row]
        assert obj["smile"] == pytest.approx(2 * want, abs=1e-3)
        assert obj.data.shape_keys.key_blocks["mouthSmileLeft"].value == pytest.approx(want, abs=1e-3)
    capsys.readouterr()
    assert "--controls needs --character" in told(capsys, "key", take, "--out", tmp_path / "x.blend", "--controls")


@pytest.mark.blender
def test_modifiers_that_spoil_an_export_are_left_out_on_request(character, take, tmp_path, capsys):
    def decimate(obj, _):
        obj.modifiers.new("Triangulate", "TRIANGULATE")
        obj.modifiers.new("Weld", "WELD").merge_threshold = 0.95

    blend = character(decimate)
    arguments = ("key", take, "--character", blend, "--out", tmp_path / "o.blend", "--glb", tmp_path / "o.glb")
    line = told(capsys, *arguments)
    assert "--modifiers none" in line and "Modifiers:" not in line and not (tmp_path / "o.glb").exists()
    lines = key(capsys, *arguments[1:], "--modifiers", "none")
    assert (tmp_path / "o.glb").exists() and any("without its modifiers" in line for line in lines)


@pytest.mark.blender
def test_a_face_in_another_scene_is_keyed_there(character, take, tmp_path, capsys):
    import bpy

    def elsewhere(obj, scene):
        other = bpy.data.scenes.new("Stage")
        other.render.fps = RATE
        other.collection.objects.link(obj)
        scene.collection.objects.unlink(obj)

    blend = character(elsewhere)
    out = tmp_path / "o.blend"
    assert "--scene 'Stage'" in told(capsys, "key", take, "--character", blend, "--out", out)
    assert "Stage" in told(capsys, "key", take, "--character", blend, "--scene", "Nowhere", "--out", out)
    key(capsys, take, "--character", blend, "--scene", "Stage", "--out", out, "--glb", tmp_path / "o.glb")
    assert glb_times(tmp_path / "o.glb") == {(ROWS, 0.0, 1.0)}
    assert "--scene 'Stage'" not in told(capsys, "key", take, "--scene", "Stage", "--out", out)


@pytest.mark.blender
def test_a_file_that_was_saved_while_a_strip_was_edited_is_keyed(character, take, tmp_path, capsys):
    def tweak(obj, _):
        key_datablock = obj.data.shape_keys
        key_datablock.key_blocks["jawOpen"].keyframe_insert("value", frame=1)
        data = key_datablock.animation_data
        track = data.nla_tracks.new()
        track.strips.new("Old", 1, data.action).select = True
        data.action, track.select = None, True
        data.use_tweak_mode = True

    lines = key(capsys, take, "--character", character(tweak), "--out", tmp_path / "o.blend")
    assert not any("does not show" in line for line in lines)
