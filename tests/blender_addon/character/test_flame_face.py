"""A FLAME face in Blender is FLAME's: posed as the model poses, driven by every kind of take, exported whole."""

from dataclasses import replace

import innerface.blender_addon.animation.bake
import innerface.blender_addon.animation.curves
import innerface.blender_addon.animation.loaded_take
import innerface.blender_addon.animation.playback
import innerface.blender_addon.character.face
import innerface.blender_addon.character.flame_face
import innerface.blender_addon.character.heads
import innerface.blender_addon.character.lanes
import innerface.blender_addon.character.turns
import innerface.blender_addon.compat
import innerface.blender_addon.export.exporters
import innerface.blender_addon.live.preview
import innerface.core.animation.frames
import innerface.core.face.channels
import innerface.core.flame.embedding
import innerface.core.flame.fit
import innerface.core.flame.flame_track
import innerface.core.flame.model
import innerface.core.flame.prior
import innerface.core.flame.skinning
import innerface.core.flame.stand_in
import innerface.core.formats
import innerface.core.landmarks.points
import innerface.core.performance
import innerface.core.pipeline
import innerface.core.take
import numpy as np
import pytest

from ..conftest import key_and_play

RATE = 24


@pytest.fixture(scope="session")
def made():
    """The stand-in with 100 expressions, ready to be added."""
    return innerface.blender_addon.character.flame_face.prepare_flame("stand-in")


@pytest.fixture
def flame(scene, made):
    """The stand-in in the scene, with correctives, as a face."""
    innerface.blender_addon.character.flame_face.add(scene.collection, made, True)
    return innerface.blender_addon.character.face.find_face(list(scene.objects))


@pytest.fixture(scope="session")
def performed(made):
    """`performed(frames, seed)`: arrays of a generated performance at 24 fps, with a neck that turns, and its track."""

    def perform(frames=30, seed=1):
        said = innerface.core.flame.stand_in.make_performance(made.model, frames, seed)
        said["neck"] = 0.25 * np.sin(np.arange(frames)[:, None] / 5 + np.arange(3))
        return said, innerface.core.flame.flame_track.build_flame_track(
            np.arange(frames) / RATE, **said, model=made.model.sha
        )

    return perform


def vertices(obj):
    """Places (V, 3) of a mesh as Blender shows it."""
    import bpy

    graph = bpy.context.evaluated_depsgraph_get()
    mesh = obj.evaluated_get(graph).to_mesh()
    co = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", co)
    return co.reshape(-1, 3).astype(float)


def wanted(model, said, k, shape=None):
    """What FLAME's own equations give for frame k of a performance, in Blender's axes."""
    shape = np.zeros(model.shape_dirs.shape[2]) if shape is None else shape
    posed = innerface.core.flame.skinning.pose_vertices(
        model, shape, **{n: said[n][k : k + 1] for n in ("expression", "jaw", "eyes", "neck")}
    )
    return innerface.blender_addon.character.heads.to_blender(posed[0])


@pytest.mark.parametrize("correctives", [True, False])
def test_a_flame_take_plays_as_flame_itself_poses(scene, made, performed, correctives):
    """Vertex by vertex, with joints that move with expressions. Without correctives FLAME's are left out as well."""
    obj, _ = innerface.blender_addon.character.flame_face.add(scene.collection, made, correctives)
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    said, track = performed()
    keyed = key_and_play(face, track, "take", scene)
    model = made.model if correctives else replace(made.model, pose_dirs=np.zeros_like(made.model.pose_dirs))
    assert keyed.frames == 30 and not keyed.notes
    for k in (0, 7, 18, 29):
        scene.frame_set(k)
        assert np.abs(vertices(obj) - wanted(model, said, k)).max() < 5e-6


def test_posed_by_hand_it_is_flame_but_for_joints_that_move_with_expressions(scene, made, flame, performed):
    said, _ = performed()
    obj, rig = flame.meshes[0].object, flame.rig
    rotations, quaternions = (
        innerface.core.flame.skinning.rotations,
        innerface.blender_addon.character.turns.continuous_quaternions,
    )
    for k, v in enumerate(said["expression"][9]):
        obj.data.shape_keys.key_blocks[f"expression{k}"].value = v
    turns = {"neck": said["neck"][9], "jaw": said["jaw"][9], "eye.L": said["eyes"][9, :3], "eye.R": said["eyes"][9, 3:]}
    for bone, turn in turns.items():
        rig.pose.bones[bone].rotation_quaternion = quaternions(rotations(turn)[None])[0]
    scene.view_layers[0].update()
    assert np.abs(vertices(obj) - wanted(made.model, said, 9)).max() < 2e-4
    assert all(
        np.allclose(np.array(b.matrix_local)[:3, :3], [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-6)
        for b in rig.data.bones
    )


def test_correctives_follow_bones_without_python(flame):
    drivers = flame.meshes[0].key.animation_data.drivers
    assert len(drivers) == 36 and all(d.driver.is_valid and d.driver.is_simple_expression for d in drivers)


def test_limits_let_the_fit_and_full_channels_through_and_hold_what_goes_beyond(scene, flame):
    channels, low = innerface.core.face.channels.ARKIT, innerface.core.flame.prior.Prior(0)
    rig, take = flame.rig, innerface.core.take.Track
    values = np.zeros((5, 55))
    for k, c in enumerate(("jawOpen", "eyeLookDownLeft", "eyeLookUpRight"), start=1):
        values[k, channels.index(c)] = 1.05
    values[4, [channels.index("eyeLookOutLeft"), channels.index("eyeLookDownLeft")]] = 1.0
    values[:, 52] = 1.0  # the head is turned, too
    key_and_play(
        flame,
        take("weights", np.arange(5) / RATE, (*channels, "headYaw", "headPitch", "headRoll"), values),
        "full",
        scene,
    )
    for k in range(5):
        scene.frame_set(k)
        for bone in rig.pose.bones:
            assert bone.matrix_channel.to_quaternion().rotation_difference(_free(bone)).angle < 1e-3, (k, bone.name)
    rig.animation_data_clear()
    jaw = rig.pose.bones["jaw"]
    jaw.rotation_quaternion = (np.cos(0.6), np.sin(0.6), 0, 0)  # 1.2 rad
    scene.view_layers[0].update()
    angle = 2 * np.arccos(min(1.0, (rig.pose.bones["neck"].matrix.inverted() @ jaw.matrix).to_quaternion().w))
    assert low.high[3] < angle < 0.75


def _free(bone):
    """The rotation that a bone would have from its rest without limits."""
    out = (
        bone.bone.matrix_local.to_quaternion()
        @ bone.rotation_quaternion
        @ bone.bone.matrix_local.to_quaternion().inverted()
    )
    while bone.parent is not None:
        bone = bone.parent
        out = (
            bone.bone.matrix_local.to_quaternion()
            @ bone.rotation_quaternion
            @ bone.bone.matrix_local.to_quaternion().inverted()
            @ out
        )
    return out


def test_the_eyes_are_coloured_and_the_face_looks_to_minus_y(flame):
    mesh = flame.meshes[0].object.data
    index = np.empty(len(mesh.polygons), dtype=np.int32)
    mesh.polygons.foreach_get("material_index", index)
    middle = {
        mesh.materials[int(k)].name: np.mean([mesh.polygons[int(p)].center[1] for p in np.flatnonzero(index == k)])
        for k in np.unique(index)
    }
    assert set(middle) == {f"Innerface {n}" for n in ("skin", "sclera", "limbus", "iris", "pupil")}
    assert middle["Innerface pupil"] < middle["Innerface iris"] < middle["Innerface sclera"] < middle["Innerface skin"]


def test_names_still_decide_after_the_table_was_edited_and_forgotten(addon, scene, made):
    innerface.blender_addon.character.flame_face.add(scene.collection, made)
    find = innerface.blender_addon.character.face.active_face
    count = len(find(addon.context).mapping.targets)
    assert find(addon.context).mapping.name == "FLAME" and find(addon.context).unmatched_channels() == []
    addon.ops.innerface.mapping_auto()
    assert len(find(addon.context).root_object.innerface.targets) == count
    addon.ops.innerface.mapping_clear()
    assert len(find(addon.context).mapping.targets) == count


def test_a_weights_take_moves_the_face_and_the_next_take_leaves_nothing_of_it(scene, made, flame, performed):
    said, track = performed()
    key_and_play(flame, track, "first", scene)
    weights = innerface.core.performance.demo_performance(1).weights()
    keyed = key_and_play(flame, weights, "second", scene, tolerance=0.005)
    assert keyed.keys < keyed.dense_keys / 2
    names = {name for _, name in flame.mapped_keys(flame.meshes[0])}
    jaw = innerface.core.animation.frames.resample_to_frames(weights, np.arange(100) / RATE + weights.time[0])[
        :, innerface.core.face.channels.ARKIT.index("jawOpen")
    ]
    frame = int(jaw.argmax())
    scene.frame_set(frame)
    pose = flame.rig.pose.bones
    assert 2 * np.arccos(pose["jaw"].rotation_quaternion[0]) > 0.3 * jaw[frame]
    assert all(
        b.value == 0
        for b in flame.meshes[0].key.key_blocks[1:]
        if b.name not in names and b.name.startswith("expression")
    )
    assert all(b.location.length == 0 for b in pose)
    key_and_play(flame, track, "third", scene)
    scene.frame_set(18)
    assert np.abs(vertices(flame.meshes[0].object) - wanted(made.model, said, 18)).max() < 5e-6


def test_the_live_preview_shows_on_it_and_leaves_no_trace(scene, flame):
    import bpy

    channels = innerface.core.face.channels.ARKIT
    preview = innerface.blender_addon.live.preview.Preview(flame)
    values = np.zeros(55)
    values[channels.index("jawOpen")] = values[channels.index("mouthSmileLeft")] = 1.0
    values[52] = 0.3
    before = vertices(flame.meshes[0].object)
    assert preview.show(values)
    bpy.context.view_layer.update()
    assert np.abs(vertices(flame.meshes[0].object) - before).max() > 0.02
    assert 2 * np.arccos(flame.rig.pose.bones["neck"].rotation_quaternion[0]) == pytest.approx(0.3, abs=1e-5)
    preview.hide()
    bpy.context.view_layer.update()
    assert np.abs(vertices(flame.meshes[0].object) - before).max() < 1e-7


def test_what_does_not_fit_is_told_and_the_rest_is_keyed(scene, made, performed):
    flame_face, model = innerface.blender_addon.character.flame_face, made.model
    few = replace(made, model=replace(model, expression_dirs=model.expression_dirs[:, :, :12]))
    obj, rig = flame_face.add(scene.collection, few)
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    said, track = performed()
    said["neck"][:], said["jaw"] = 0, np.linspace(0, 0.9, 30)[:, None] * (1, 0, 0)
    wide = innerface.core.flame.flame_track.build_flame_track(
        track.time,
        expression=said["expression"],
        jaw=said["jaw"],
        eyes=said["eyes"],
        neck=said["neck"],
        shape=said["shape"],
        model="another",
    )
    keyed = key_and_play(face, wide, "take", scene)
    text = " ".join(keyed.notes)
    assert "12 of the take's 100" in text and "another model file" in text and "limits of jaw were widened" in text
    cut = {**said, "expression": np.where(np.arange(100) < 12, said["expression"], 0)}
    scene.frame_set(29)
    bare = replace(model, pose_dirs=np.zeros_like(model.pose_dirs))
    assert np.abs(vertices(obj) - wanted(bare, cut, 29)).max() < 5e-6
    rig.pose.bones["jaw"].rotation_mode = "XYZ"
    assert any("bone jaw" in n for n in key_and_play(face, track, "again", scene).notes)


@pytest.mark.node
@pytest.mark.parametrize("kind", ["fbx", "glb"])
@pytest.mark.parametrize("reader", ["three", "second"])
def test_exports_hold_expressions_correctives_and_bones(scene, flame, performed, request, tmp_path, kind, reader):
    read = request.getfixturevalue(reader)
    _, track = performed()
    key_and_play(flame, track, "take", scene)
    scene.frame_end = 29
    getattr(innerface.blender_addon.export.exporters, f"export_{kind}")(flame, scene, tmp_path / f"x.{kind}")
    key, rig, names = flame.meshes[0].key, flame.rig, [b.name for b in flame.meshes[0].key.key_blocks[1:]]
    values, turns = np.empty((30, len(names))), {b.name: np.empty((30, 4)) for b in rig.pose.bones}
    for k in range(30):
        scene.frame_set(k)
        values[k] = [key.key_blocks[n].value for n in names]
        for bone in rig.pose.bones:
            turns[bone.name][k] = bone.rotation_quaternion
    found = read(tmp_path / f"x.{kind}")
    clip = max(found["clips"], key=lambda c: len(c["curves"]))
    for k, name in enumerate(names):
        if np.ptp(values[:, k]) < 1e-5:
            continue
        curve = clip["curves"][name]
        at = np.round(np.array(curve["times"]) * RATE).astype(int)
        assert np.abs(np.array(curve["values"]) - values[at, k]).max() < 1e-3, name
    for bone in ("neck", "jaw", "eye.L", "eye.R"):
        told = next(
            r for c in found["clips"] for n, r in c["rotations"].items() if n.replace(".", "") == bone.replace(".", "")
        )
        q = np.array(told["values"]).reshape(-1, 4)
        at = np.round(np.array(told["times"]) * RATE).astype(int)
        own = turns[bone][at]
        got = 2 * np.arccos(np.clip(np.abs((q * q[0]).sum(1)), 0, 1))
        want = 2 * np.arccos(np.clip(np.abs((own * own[0]).sum(1)), 0, 1))
        assert np.abs(got - want).max() < 1e-3, bone


@pytest.fixture
def files(made, performed, tmp_path):
    """A model, takes of it, and takes of others, on the disk."""
    formats, take = innerface.core.formats, innerface.core.take.Take
    innerface.core.flame.stand_in.write_model(tmp_path / "face.pkl", made.model)
    model = innerface.core.flame.model.load(tmp_path / "face.pkl")
    said, track = performed()
    track.meta["model"] = model.sha
    formats.write_take(take("take", {"flame": track}), tmp_path / "take.flame.npz")
    points = innerface.core.flame.fit.points_of_pose(
        model, innerface.core.flame.embedding.load_embedding(model), **{**said, "neck": said["neck"] * 0}
    )
    formats.write_take(
        take("points", {"p": innerface.core.landmarks.points.landmark_track(track.time, points)}),
        tmp_path / "points.landmarks.csv",
    )
    formats.write_take(innerface.core.performance.demo_performance(1), tmp_path / "song.csv")
    return said


def test_the_operator_adds_a_users_face_and_takes_of_all_kinds_are_imported(addon, scene, files, made, tmp_path):
    ops, find = addon.ops.innerface, innerface.blender_addon.character.face.active_face
    assert ops.add_flame(
        filepath=str(tmp_path / "face.pkl"), identity=str(tmp_path / "take.flame.npz"), correctives=True
    ) == {"FINISHED"}
    obj, shape = addon.context.active_object, files["shape"]
    assert (
        obj.name == "FLAME Head"
        and np.abs(vertices(obj) - wanted(made.model, {n: v * 0 for n, v in files.items()}, 0, shape)).max() < 5e-6
    )
    ops.key_takes(filepath=str(tmp_path / "take.flame.npz"), fewer=False)
    scene.frame_set(11)
    assert np.abs(vertices(obj) - wanted(made.model, files, 11, shape)).max() < 5e-6
    ops.key_takes(filepath=str(tmp_path / "points.landmarks.csv"), fewer=False)  # fitted with the face's own model
    scene.frame_set(11)
    still = {**files, "neck": files["neck"] * 0}
    mouth = made.model.faces[innerface.core.flame.embedding.load_embedding(made.model).faces].ravel()
    away = np.linalg.norm(vertices(obj) - wanted(made.model, still, 11, shape), axis=1)[mouth]
    moved = np.linalg.norm(
        wanted(made.model, still, 11, shape) - wanted(made.model, {n: v * 0 for n, v in files.items()}, 0, shape),
        axis=1,
    )[mouth]
    assert away.mean() < 0.5 * moved.mean()
    ops.key_takes(filepath=str(tmp_path / "song.csv"))
    assert innerface.blender_addon.animation.playback.playing_action(find(addon.context))[
        "innerface_take_path"
    ].endswith("song.csv")
    ops.key_takes(filepath=str(tmp_path / "take.flame.npz"))
    assert ops.bake_again() == {"FINISHED"}


def test_a_flame_take_over_what_plays_changes_its_stretch_alone(scene, flame, performed):
    from pathlib import Path

    bake, weights, take = (
        innerface.blender_addon.animation.bake,
        innerface.core.pipeline.SolvedWeights,
        innerface.core.take.Take,
    )
    bake.bake_take(
        flame,
        innerface.blender_addon.animation.loaded_take.LoadedTake(
            Path("/nowhere/song.csv"), weights(innerface.core.performance.demo_performance(1)), None
        ),
        scene,
        options=bake.BakeOptions(0.005),
    )
    fcurves = innerface.blender_addon.compat.playing_fcurves(flame.meshes[0].key)
    curve = fcurves.find(innerface.blender_addon.character.lanes.shape_key_path("expression0"))
    before = innerface.blender_addon.animation.curves.sample_curve(curve, np.arange(100))
    said, track = performed(60)
    over = innerface.blender_addon.animation.loaded_take.LoadedTake(
        Path("/nowhere/t.flame.npz"), weights(take("t", {"flame": track})), None
    )
    bake.bake_take(flame, over, scene, options=bake.BakeOptions(0.005, onto="OVER", span=(20, 50), blend=3, at=0.0))
    after = innerface.blender_addon.animation.curves.sample_curve(
        fcurves.find(innerface.blender_addon.character.lanes.shape_key_path("expression0")), np.arange(100)
    )
    size = flame.mapping.max_gain(("key", "expression0", ""))
    assert (
        np.abs((after - before)[np.r_[0:20, 51:100]]).max() < 0.0051 * size
        and np.abs(after[25:45] - said["expression"][25:45, 0]).max() < 0.0051 * size
    )


def test_wrong_files_and_faces_are_told_in_one_line_and_change_nothing(addon, scene, files, tmp_path):
    ops = addon.ops.innerface
    (tmp_path / "bad.pkl").write_bytes(b"cos\nsystem\n(S'touch /tmp/x'\ntR.")
    for wrong, words in (
        (tmp_path / "bad.pkl", "bad.pkl"),
        (tmp_path / "none.pkl", "none.pkl"),
        (tmp_path / "take.flame.npz", "lacks v_template"),
    ):
        with pytest.raises(RuntimeError, match=words) as told:
            ops.add_flame(filepath=str(wrong))
        assert len(str(told.value).strip().splitlines()) == 1
    with pytest.raises(RuntimeError, match="has weights"):
        ops.add_flame(filepath=str(tmp_path / "face.pkl"), identity=str(tmp_path / "song.csv"))
    assert not addon.data.meshes and not addon.data.armatures
    ops.add_head()
    with pytest.raises(RuntimeError, match="FLAME Face from File"):
        ops.key_takes(filepath=str(tmp_path / "take.flame.npz"))
    assert not addon.data.actions
    ops.add_flame(filepath=str(tmp_path / "face.pkl"), expressions=10)
    (tmp_path / "face.pkl").unlink()
    with pytest.raises(RuntimeError, match=r"face\.pkl"):
        ops.key_takes(filepath=str(tmp_path / "points.landmarks.csv"))
    ops.key_takes(filepath=str(tmp_path / "take.flame.npz"))  # needs the model no more
