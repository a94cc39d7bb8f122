"""`innerface names`: what each name stands for, how it was recognised, and what was left."""

import json
import struct

import pytest
from innerface.cli import main
from innerface.core import formats
from innerface.core.face.channels import ARKIT, pascal_case
from innerface.core.face.naming.scheme_tables import few_shape_names, load_schemes
from innerface.core.performance import demo_performance

from .conftest import told


def names_of(path, capsys, *options):
    capsys.readouterr()  # of Blender, which says what it saves
    assert main(["names", str(path), *options, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    said["by_name"] = {m["name"]: m for m in said["matched"]}
    return said


def write_table(path, names):
    path.write_text(f"time,{','.join(names)}\n0,{','.join('0' for _ in names)}\n", encoding="utf-8")
    return path


def write_glb(path, meshes):
    document = {"asset": {"version": "2.0"}, "meshes": [{"name": n, "extras": {"targetNames": k}} for n, k in meshes]}
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 20 + len(text)) + struct.pack("<I4s", len(text), b"JSON") + text)
    return path


def save_face(path, *meshes):
    """A .blend with a mesh for each name and keys."""
    import bpy

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    for name, keys in meshes:
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
        obj = bpy.data.objects.new(name, mesh)
        bpy.context.scene.collection.objects.link(obj)
        for key in ("Basis", *keys):
            obj.shape_key_add(name=key)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def scheme_names(scheme):
    return list(dict.fromkeys(row.name for row in load_schemes()[scheme]))


SCHEMES = {
    "ARKit": ARKIT,
    "ARKit, _L/_R": scheme_names("ARKit, _L/_R"),
    "Didimo": [f"ARKit_{c}" for c in ARKIT],
    "Rocketbox": [f"blendShape1.AK_{n:02}_{pascal_case(c)}" for n, c in enumerate(sorted(ARKIT), 1)],
    "Reallusion CC4 Extended": scheme_names("Reallusion CC4 Extended"),
    "MetaHuman curves": scheme_names("MetaHuman curves"),
    "MetaHuman mesh": [f"head_lod0_mesh__{n}" for n in scheme_names("MetaHuman mesh")],
    "Daz Genesis 8.1": [f"Genesis8_1Female__{n}" for n in scheme_names("Daz Genesis 8.1")],
    "Daz Genesis 9": scheme_names("Daz Genesis 9"),
    "SRanipal": scheme_names("SRanipal"),
    "Unified Expressions": [f"v2/{n}" for n in scheme_names("Unified Expressions")],
    "Meta face tracking": scheme_names("Meta face tracking"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_name_of_a_scheme_is_named_with_its_channel(scheme, tmp_path, capsys):
    keys = SCHEMES[scheme]
    for path in (write_table(tmp_path / "t.csv", keys), write_glb(tmp_path / "f.glb", [("Face", keys)])):
        said = names_of(path, capsys)
        assert said["unmatched"] == [] and len(said["matched"]) == len(keys)
        assert all(m["channels"] for m in said["matched"])
        if scheme not in ("Didimo", "Rocketbox", "ARKit, _L/_R"):
            assert said["scheme"] == scheme


@pytest.mark.parametrize("scheme", ["VRoid", "VRM 0 presets", "VRM 1 presets", "MikuMikuDance", "Daz Genesis 8"])
def test_the_quality_of_a_face_with_few_shapes_is_said(scheme, tmp_path, capsys):
    said = names_of(write_glb(tmp_path / "f.vrm", [("Face", few_shape_names()[scheme])]), capsys)
    assert said["scheme"] == scheme and "few-shape mapping: jaw, lips, blinks, smile" in said["coverage"]
    assert {m["how"] for m in said["matched"]} == {"few shapes"}


def test_a_face_in_blender_says_how_each_key_was_recognised(tmp_path, capsys):
    keys = ("jawOpen.001", "jawOpen", "mouth_smile_left", "ARKit_browInnerUp", "Left_Eye_Blink", "Joy", "Ears_Flap")
    said = names_of(save_face(tmp_path / "f.blend", ("Face", keys), ("Cube", ())), capsys)
    assert {name: m["how"] for name, m in said["by_name"].items()} == {
        "jawOpen": "exact",
        "mouth_smile_left": "spelling",
        "ARKit_browInnerUp": "prefix or suffix",
        "Left_Eye_Blink": "order of words",
        "Joy": "few shapes",
    }
    assert said["by_name"]["Joy"]["channels"] == [{"channel": "mouthSmileRight", "weight": 0.5}]
    assert said["unmatched"] == ["jawOpen.001", "Ears_Flap"] and said["replaced_by"] == {"jawOpen.001": "jawOpen"}
    assert "jawOpen" not in said["missing_channels"] and "cheekPuff" in said["missing_channels"]


def test_names_are_listed_where_no_face_is_recognised(tmp_path, capsys):
    said = names_of(save_face(tmp_path / "f.blend", ("Face", ("Fat", "jawOpen"))), capsys)
    assert said["name"] == "Face" and said["unmatched"] == ["Fat"] and list(said["by_name"]) == ["jawOpen"]


def test_each_of_several_faces_is_listed_or_the_named_one(tmp_path, capsys):
    path = save_face(tmp_path / "f.blend", ("A", ARKIT[:5]), ("B", ARKIT[20:30]))
    said = names_of(path, capsys)
    assert {said["name"], *(o["name"] for o in said["others"])} == {"A", "B"}
    assert names_of(path, capsys, "--object", "B")["name"] == "B"


def test_columns_that_stand_for_nothing_are_named(tmp_path, capsys):
    said = names_of(write_table(tmp_path / "t.csv", ("jaw_open", "Happy", "speed")), capsys)
    assert said["by_name"]["jaw_open"]["channels"] == [{"channel": "jawOpen", "weight": 1.0}]
    assert said["unmatched"] == ["Happy", "speed"]


def test_a_recording_names_its_tracks_columns(tmp_path, capsys):
    formats.write_take(demo_performance(1), tmp_path / "t.mcap")
    said = names_of(tmp_path / "t.mcap", capsys)
    assert said["missing_channels"] == [] and {m["how"] for m in said["matched"]} == {"exact"}


def test_the_text_has_a_line_for_each_name(tmp_path, capsys):
    assert main(["names", str(write_glb(tmp_path / "f.glb", [("Face", ("A", "Blink", "Joy", "Fat"))]))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("5 of 52 channels, few-shape mapping: jaw, blinks, smile")
    assert ["A", "jawOpen", "few", "shapes", "(VRM", "0", "presets)"] in [line.split() for line in lines]
    assert "names without a channel: Fat" in lines


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, "no such file"),
        ("word.txt", b"hello\n", "header of no table"),
        ("cut.glb", b"glTF\2\0\0\0\xff\0\0\0\xff\0\0\0JSON{", "cut off"),
        ("plain.glb", b"glTF\2\0\0\0\x16\0\0\0\x02\0\0\0JSON{}", "no mesh has named shape keys"),
        ("t.bio.csv", b"# innerface-biosignal 1 unit=uV\ntime,lower\n0,1\n1,2\n", "no names of channels"),
        ("t.json", b'{"names": ["jawOpen"', "not complete JSON"),
    ],
)
def test_other_files_end_in_one_line(name, content, words, tmp_path, capsys):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert words in told(capsys, "names", tmp_path / name)
