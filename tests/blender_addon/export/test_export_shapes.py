"""What exported shapes do to the mesh, compared with Blender's own evaluation of the scene."""

import innerface.blender_addon.character.face
import innerface.blender_addon.export.exporters
import innerface.core.errors
import innerface.core.take
import numpy as np
import pytest

from ..conftest import key_and_play

NAMES = ("jawOpen", "mouthSmileLeft", "mouthPucker", "cheekPuff", "browInnerUp")
FRAMES = 25


@pytest.fixture
def odd_face(scene):
    """A face whose keys are of every kind that Blender has, keyed with random weights beyond its sliders."""
    import bpy

    rng = np.random.default_rng(3)
    mesh = bpy.data.meshes.new("Shape Of Head")
    side = 6
    points = [(x / side, rng.uniform(0, 0.2), y / side) for y in range(side) for x in range(side)]
    quads = [
        (y * side + x, y * side + x + 1, y * side + side + x + 1, y * side + side + x)
        for y in range(side - 1)
        for x in range(side - 1)
    ]
    mesh.from_pydata(points, [], quads)
    obj = bpy.data.objects.new("Head", mesh)
    scene.collection.objects.link(obj)
    group = obj.vertex_groups.new(name="left")
    for i in range(len(points)):
        if i % 3:
            group.add([i], rng.uniform(0.2, 1.0), "REPLACE")
    obj.shape_key_add(name="Basis")
    for name in NAMES:
        block = obj.shape_key_add(name=name, from_mix=False)
        moved = np.array(points) + rng.normal(0, 0.1, (len(points), 3)) * (rng.random((len(points), 1)) < 0.4)
        block.data.foreach_set("co", moved.astype(np.float32).ravel())
    keys = mesh.shape_keys.key_blocks
    keys["mouthSmileLeft"].relative_key = keys["mouthPucker"]
    keys["mouthPucker"].relative_key = keys["cheekPuff"]
    keys["mouthSmileLeft"].vertex_group = keys["cheekPuff"].vertex_group = "left"
    keys["jawOpen"].slider_max = 0.3
    keys["browInnerUp"].mute = True
    values = rng.uniform(0, 1, (FRAMES, len(NAMES)))
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    key_and_play(face, innerface.core.take.Track("weights", np.arange(FRAMES) / 24, NAMES, values), "take", scene)
    scene.frame_end = FRAMES - 1
    return face


def shown(obj, scene, frame):
    """The vertices (N, 3) as Blender shows them."""
    import bpy

    scene.frame_set(frame)
    mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    out = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", out)
    return out.reshape(-1, 3).astype(float)


@pytest.mark.parametrize("kind", ["glb", "optimised", "fbx"])
def test_keys_relative_to_others_vertex_groups_and_slider_limits_move_the_mesh_as_in_blender(
    scene, odd_face, second, tmp_path, kind
):
    obj = odd_face.meshes[0].object
    path = tmp_path / f"x.{'fbx' if kind == 'fbx' else 'glb'}"
    if kind == "fbx":
        innerface.blender_addon.export.exporters.export_fbx(odd_face, scene, path)
    else:
        innerface.blender_addon.export.exporters.export_glb(odd_face, scene, path, optimise=kind == "optimised")
    frames = [0, 7, 13, 24]
    found = second(path, [f / 24 for f in frames])["morphed"]["Head"]
    (part,) = [found] if kind == "fbx" else found
    to_blender = (lambda p: np.array(p) / 100) if kind == "fbx" else (lambda p: np.array(p)[:, [0, 2, 1]] * (1, -1, 1))
    basis = np.array([tuple(v.co) for v in obj.data.shape_keys.reference_key.data])
    rest = to_blender(part["rest"])
    nearest = np.linalg.norm(rest[:, None] - basis[None], axis=2)
    assert nearest.min(axis=1).max() < 1e-6
    size = np.ptp(basis, axis=0).max()
    for frame, posed in zip(frames, part["at"]):
        blender = shown(obj, scene, frame)
        assert np.abs(blender - basis).max() > 0.05 * size, "nothing moves"
        assert np.abs(to_blender(posed) - blender[nearest.argmin(axis=1)]).max() < 1e-4 * size
    assert obj.data.shape_keys.key_blocks["mouthSmileLeft"].relative_key.name == "mouthPucker"


def test_absolute_keys_stand_still_in_the_export_as_in_blender_and_it_is_said(scene, odd_face, second, tmp_path):
    odd_face.meshes[0].key.use_relative = False
    report = innerface.blender_addon.export.exporters.export_glb(odd_face, scene, tmp_path / "x.glb")
    assert any("turn on Relative" in note for note in report.notes)
    found = second(tmp_path / "x.glb")
    assert not any(np.ptp(c["values"]) for clip in found["clips"] for c in clip["curves"].values())
    assert not odd_face.meshes[0].key.use_relative
