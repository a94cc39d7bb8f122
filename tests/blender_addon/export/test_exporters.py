import innerface.blender_addon.animation.curves
import innerface.blender_addon.character.face
import innerface.blender_addon.character.lanes
import innerface.blender_addon.compat
import innerface.blender_addon.export.evaluate_scene
import innerface.blender_addon.export.exporters
import innerface.core.animation.frames
import innerface.core.errors
import innerface.core.face.channels
import innerface.core.formats
import innerface.core.performance
import innerface.core.take
import numpy as np
import pytest

from ..conftest import key_and_play

RATES = [(24, 1.0), (24, 1.001), (30, 1.001), (60, 1.0)]


@pytest.fixture
def performed(scene, head):
    """The made-up performance keyed at a rate: `performed(fps, base, tolerance)` -> (track, keyed)."""

    def key(fps, base, tolerance=None, take=None):
        scene.render.fps, scene.render.fps_base = fps, base
        track = (take or innerface.core.performance.demo_performance(5)).weights()
        keyed = key_and_play(head, track, "performance", scene, tolerance=tolerance)
        scene.frame_end = scene.frame_start + keyed.frames - 1
        return track, keyed

    return key


def check(found, track, rate, frames, tolerance=1e-4, names=None):
    """Every curve that a reader found equals the take at the reader's own times."""
    clip = max(found["clips"], key=lambda c: len(c["curves"]))
    arkit = innerface.core.face.channels.ARKIT
    still = 0
    every = innerface.core.animation.frames.resample_to_frames(track, track.time[0] + np.arange(frames) / rate)
    for name in names or arkit:
        want = every[:, arkit.index(name)]
        if name not in clip["curves"]:
            assert np.ptp(want) < 1e-6, f"{name} moves but is not in the file"
            still += 1
            continue
        curve = clip["curves"][name]
        times, values = np.array(curve["times"]), np.array(curve["values"])
        at = np.round(times * rate).astype(int)
        assert np.abs(times - at / rate).max() < 1e-4, f"{name}: keys do not lie on frames"
        assert at[0] == 0 and at[-1] == frames - 1
        assert np.abs(values - want[at]).max() < tolerance, name
        assert np.abs(np.interp(np.arange(frames), at, values) - want).max() < tolerance, name
    assert still < 20


@pytest.mark.node
@pytest.mark.parametrize(("fps", "base"), RATES)
def test_glb_holds_every_curve_at_its_true_time(scene, head, performed, three, tmp_path, fps, base):
    track, keyed = performed(fps, base)
    innerface.blender_addon.export.exporters.export_glb(head, scene, tmp_path / "x.glb")
    found = three(tmp_path / "x.glb")
    assert len(found["morphs"]) == 52 and found["skinned"] > 0 and found["bones"] == 2
    check(found, track, fps / base, keyed.frames)
    assert scene.render.fps_base == pytest.approx(base)


@pytest.mark.node
@pytest.mark.parametrize(("fps", "base"), RATES)
def test_fbx_holds_every_curve_at_its_true_time(scene, head, performed, three, tmp_path, fps, base):
    track, keyed = performed(fps, base)
    innerface.blender_addon.export.exporters.export_fbx(head, scene, tmp_path / "x.fbx")
    found = three(tmp_path / "x.fbx")
    assert len(found["morphs"]) == 52 and found["skinned"] > 0
    check(found, track, fps / base, keyed.frames)


@pytest.mark.node
@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_reduced_keys_export_as_the_curve_that_blender_plays(scene, head, performed, three, tmp_path, kind):
    track, keyed = performed(24, 1.001, tolerance=0.01)
    action = head.meshes[0].key.animation_data.action
    name, count = (
        action.name,
        len(innerface.blender_addon.compat.fcurves_of(action, head.meshes[0].key)[3].keyframe_points),
    )
    getattr(innerface.blender_addon.export.exporters, f"export_{kind}")(head, scene, tmp_path / f"x.{kind}")
    check(three(tmp_path / f"x.{kind}"), track, 24 / 1.001, keyed.frames, tolerance=0.0101)
    import bpy

    after = head.meshes[0].key.animation_data.action
    assert after == action and after.name == name and len(bpy.data.actions) == len(keyed.actions)
    assert len(innerface.blender_addon.compat.fcurves_of(after, head.meshes[0].key)[3].keyframe_points) == count


@pytest.mark.node
@pytest.mark.parametrize("kind", ["glb", "fbx"])
@pytest.mark.parametrize("name", ["alex_rom_3", "MySlate_3_Jason_Millers_iPhone"])
def test_a_real_take_arrives_in_the_exported_file(data, scene, head, performed, three, tmp_path, kind, name):
    take = innerface.core.formats.read_take(data / "arkit" / f"{name}.csv")
    track, keyed = performed(24, 1.001, take=take)
    getattr(innerface.blender_addon.export.exporters, f"export_{kind}")(head, scene, tmp_path / f"x.{kind}")
    found = three(tmp_path / f"x.{kind}")
    check(found, track, 24 / 1.001, keyed.frames)


@pytest.mark.node
def test_the_head_bone_carries_the_head_pose(scene, head, performed, three, tmp_path):
    track, _ = performed(24, 1.0)
    innerface.blender_addon.export.exporters.export_glb(head, scene, tmp_path / "x.glb")
    clips = three(tmp_path / "x.glb")["clips"]
    turns = [np.array(c["rotations"]["head"]["values"]).reshape(-1, 4) for c in clips if "head" in c["rotations"]]
    assert turns, "no clip turns the head"
    angle = 2 * np.degrees(np.arccos(np.clip(np.abs((turns[0] * turns[0][0]).sum(1)), 0, 1)))
    biggest = np.degrees(np.abs(track.column("headYaw")).max())
    assert angle.max() == pytest.approx(biggest, rel=0.35)


@pytest.mark.node
def test_a_subdivision_modifier_does_not_cost_the_shapes(scene, head, performed, three, tmp_path):
    head.meshes[0].object.modifiers.new("Smooth", "SUBSURF")
    performed(24, 1.0)
    innerface.blender_addon.export.exporters.export_fbx(head, scene, tmp_path / "x.fbx")
    found = three(tmp_path / "x.fbx")
    assert len(found["morphs"]) == 52 and max(len(c["curves"]) for c in found["clips"]) > 30


def test_what_follows_a_faces_surface_keeps_it_from_being_pinned(scene, head):
    import bpy

    follows = innerface.blender_addon.export.evaluate_scene.follows_surface
    assert not follows(head, scene)
    hat = bpy.data.objects.new("hat", None)
    scene.collection.objects.link(hat)
    constraint = hat.constraints.new("SHRINKWRAP")
    constraint.target = head.meshes[0].object
    assert follows(head, scene)
    hat.constraints.remove(constraint)
    hat.parent, hat.parent_type = head.meshes[0].object, "VERTEX"
    assert follows(head, scene)


def test_exporting_leaves_selection_and_visibility_as_they_were(scene, head, performed, tmp_path):
    import bpy

    performed(24, 1.0)
    other = bpy.data.objects.new("other", None)
    scene.collection.objects.link(other)
    head.meshes[0].object.hide_set(True)
    other.select_set(True)
    scene.view_layers[0].objects.active = other
    innerface.blender_addon.export.exporters.export_glb(head, scene, tmp_path / "x.glb")
    assert other.select_get() and not head.rig.select_get()
    assert head.meshes[0].object.hide_get()
    assert scene.view_layers[0].objects.active == other


@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_parts_that_cannot_be_exported_are_told_and_never_left_out(scene, head, performed, tmp_path, kind):
    import bpy

    performed(24, 1.0)
    error = innerface.core.errors.InnerfaceError
    export = getattr(innerface.blender_addon.export.exporters, f"export_{kind}")
    obj = head.meshes[0].object
    obj.hide_select = True
    export(head, scene, tmp_path / f"x.{kind}")
    assert (tmp_path / f"x.{kind}").stat().st_size > 500_000 and obj.hide_select
    hidden = bpy.data.collections.new("hidden")
    scene.collection.children.link(hidden)
    scene.collection.objects.unlink(obj)
    hidden.objects.link(obj)
    layer = scene.view_layers[0].layer_collection.children["hidden"]
    layer.hide_viewport = True
    bpy.context.view_layer.update()
    export(head, scene, tmp_path / f"hidden.{kind}")  # curves alone play: what is hidden is exported as well
    assert (tmp_path / f"hidden.{kind}").stat().st_size == (tmp_path / f"x.{kind}").stat().st_size
    layer.hide_viewport, layer.exclude = False, True
    bpy.context.view_layer.update()
    with pytest.raises(error, match="collection"):
        export(head, scene, tmp_path / f"y.{kind}")


def test_a_shorter_scene_and_a_face_without_keys_export_as_well(scene, head, performed, tmp_path):
    innerface.blender_addon.export.exporters.export_glb(head, scene, tmp_path / "still.glb")
    performed(24, 1.001)
    scene.frame_end = 24
    innerface.blender_addon.export.exporters.export_glb(head, scene, tmp_path / "short.glb")
    assert (tmp_path / "short.glb").stat().st_size > 500_000


def test_a_long_action_name_survives_an_export(scene, head, performed, tmp_path):
    performed(24, 1.0, tolerance=0.01)
    action = head.meshes[0].key.animation_data.action
    action.name = "A" * 60
    innerface.blender_addon.export.exporters.export_glb(head, scene, tmp_path / "x.glb")
    assert action.name == "A" * 60


@pytest.mark.node
@pytest.mark.parametrize("base", [1.0, 1.001])
def test_glb_holds_the_body_that_plays_below_the_take_too(scene, head, three, tmp_path, base):
    import bpy

    scene.render.fps, scene.render.fps_base = 24, base
    walk = bpy.data.actions.new("BodyWalk")
    compat = innerface.blender_addon.compat
    path = 'pose.bones["root"].location'
    innerface.blender_addon.animation.curves.write_curve(
        compat.fcurves_of(walk, head.rig), path, frames=np.array([0, 48]), values=np.array([0.0, 1.0])
    )
    compat.assign_action(walk, head.rig)
    track = innerface.core.performance.demo_performance(5).weights()
    keyed = key_and_play(head, track, "performance", scene)
    scene.frame_end = keyed.frames - 1
    innerface.blender_addon.export.exporters.export_glb(head, scene, tmp_path / "x.glb")
    found = three(tmp_path / "x.glb")
    check(found, track, 24 / base, keyed.frames)
    assert any("head" in c["rotations"] for c in found["clips"])


def values_of(curve, frames, rate):
    return np.interp(np.arange(frames), np.array(curve["times"]) * rate, curve["values"])


@pytest.mark.node
@pytest.mark.parametrize("kind", ["glb", "fbx"])
@pytest.mark.parametrize(("fps", "base"), RATES)
def test_two_readers_that_share_nothing_find_the_same_curves(
    data, scene, head, performed, three, second, tmp_path, kind, fps, base
):
    take = innerface.core.formats.read_take(data / "arkit" / "MySlate_3_Jason_Millers_iPhone.csv")
    _, keyed = performed(fps, base, tolerance=0.005, take=take)
    getattr(innerface.blender_addon.export.exporters, f"export_{kind}")(head, scene, tmp_path / f"x.{kind}")
    one, two, rate = three(tmp_path / f"x.{kind}"), second(tmp_path / f"x.{kind}"), fps / base
    (a,), (b,) = one["clips"], two["clips"]
    assert set(a["curves"]) == set(b["curves"]) and len(a["curves"]) > 40
    fcurves = innerface.blender_addon.compat.playing_fcurves(head.meshes[0].key)
    for name, curve in a["curves"].items():
        plays = innerface.blender_addon.animation.curves.sample_curve(
            fcurves.find(innerface.blender_addon.character.lanes.shape_key_path(name)), np.arange(keyed.frames)
        )
        for found in (curve, b["curves"][name]):
            assert np.abs(values_of(found, keyed.frames, rate) - plays).max() < 1e-3, name
    (mesh,) = two["meshes"].values()
    assert mesh["skinned"] and set(mesh["bones"]) == {"root", "head"} and len(mesh["morphs"]) == 52
    low, high = np.array(two["bounds"])
    tall = (high - low).max() * (two["unit_scale"] if kind == "glb" else 1.0)
    assert 25 < tall < 40, "the head is some 30 cm tall, in centimetres in FBX"


@pytest.mark.node
@pytest.mark.parametrize("modifiers", ["SHAPE", "ALL", "NONE"])
def test_modifiers_are_applied_to_every_shape_and_none_is_lost(scene, three, tmp_path, modifiers):
    import bpy

    from ..conftest import make_mesh

    obj = make_mesh(scene, "Half", ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft"))
    obj.modifiers.new("Mirror", "MIRROR").use_mirror_merge = False
    obj.modifiers.new("Subdivision", "SUBSURF").levels = 1
    values = np.random.default_rng(0).uniform(0, 1, (25, 3))
    track = innerface.core.take.Track(
        "weights", np.arange(25) / 24, ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft"), values
    )
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    key_and_play(face, track, "take", scene)
    scene.frame_end = 24
    made = innerface.blender_addon.export.exporters.export_face(
        face, scene, tmp_path / "x.glb", preset="GLB", modifiers=modifiers
    )
    found = three(tmp_path / "x.glb")
    assert found["morphs"] == ["jawOpen", "eyeBlinkLeft", "mouthSmileLeft"] and len(found["clips"][0]["curves"]) == 3
    assert found["vertices"] == {"NONE": 4, "SHAPE": 8, "ALL": 18}[modifiers]
    assert [m.name for m in obj.modifiers] == ["Mirror", "Subdivision"] and len(obj.data.vertices) == 4
    assert bool(made.notes) == (modifiers != "ALL")
    assert len(bpy.data.meshes) == 1 and len(bpy.data.scenes) == 1


@pytest.mark.node
@pytest.mark.parametrize("kind", ["fbx", "glb"])
def test_whatever_else_moves_the_character_equals_blenders_own_export(scene, head, performed, three, tmp_path, kind):
    """An NLA strip of the body, a constraint, a driver, a moving object: as Blender's exporter samples them."""
    import bpy

    performed(24, 1.0)
    rig, mesh = head.rig, head.meshes[0]
    scene.frame_end = 60
    rig.location.x = 0.0
    walk = bpy.data.actions.new("walk")
    compat, curves = innerface.blender_addon.compat, innerface.blender_addon.animation.curves
    curves.write_curve(compat.fcurves_of(walk, rig), "location", frames=np.array([0, 60]), values=np.array([0.0, 1.0]))
    compat.add_strip(rig, walk, 0)
    target = bpy.data.objects.new("target", None)
    scene.collection.objects.link(target)
    target.location = (1.0, -1.0, 0.2)
    target.keyframe_insert("location", frame=0)
    target.location = (-1.0, -1.0, 0.2)
    target.keyframe_insert("location", frame=60)
    constraint = rig.pose.bones["root"].constraints.new("TRACK_TO")
    constraint.target, constraint.influence = target, 0.3
    driver = mesh.key.driver_add(innerface.blender_addon.character.lanes.shape_key_path("tongueOut")).driver
    variable = driver.variables.new()
    variable.targets[0].id, variable.targets[0].data_path = target, "location.x"
    driver.expression = variable.name + "* 0.4 + 0.4"
    scene.frame_set(0)
    getattr(innerface.blender_addon.export.exporters, f"export_{kind}")(head, scene, tmp_path / f"ours.{kind}")
    for obj in scene.objects:
        obj.select_set(obj in (rig, mesh.object))
    if kind == "fbx":
        bpy.ops.export_scene.fbx(
            filepath=str(tmp_path / "own.fbx"),
            use_selection=True,
            use_mesh_modifiers=False,
            add_leaf_bones=False,
            bake_anim_use_nla_strips=False,
            bake_anim_use_all_actions=False,
            bake_anim_simplify_factor=0.0,
            object_types={"ARMATURE", "MESH"},
        )
    else:
        bpy.ops.export_scene.gltf(
            filepath=str(tmp_path / "own.glb"),
            use_selection=True,
            export_animation_mode="SCENE",
            export_force_sampling=True,
            export_morph_normal=False,
            export_optimize_animation_size=False,
        )
    ours, own = three(tmp_path / f"ours.{kind}"), three(tmp_path / f"own.{kind}")
    a, b = ({k: c for clip in found["clips"] for k, c in clip["curves"].items()} for found in (ours, own))
    assert len(b) >= 52 and set(a) <= set(b)
    for name, curve in b.items():
        mine = values_of(a[name], 61, 24) if name in a else np.full(61, curve["values"][0])
        assert np.abs(mine - values_of(curve, 61, 24)).max() < 1e-3, name
    assert np.ptp(a["tongueOut"]["values"]) > 0.5
    a, b = ({k: c for clip in found["clips"] for k, c in clip["rotations"].items()} for found in (ours, own))
    for bone in ("root", "head"):
        quaternions = [np.array(c[bone]["values"]).reshape(-1, 4) for c in (a, b)]
        assert np.ptp(quaternions[1], axis=0).max() > 0.01
        count = min(len(q) for q in quaternions)
        assert np.abs(np.abs((quaternions[0][:count] * quaternions[1][:count]).sum(1)) - 1).max() < 1e-4, bone


def test_unreal_gets_centimetres_and_one_take_with_its_mesh_and_instructions_that_claim_nothing(
    addon, scene, second, tmp_path
):
    for seed, name in ((1, "one"), (2, "two")):
        innerface.core.formats.write_take(innerface.core.performance.demo_performance(seed), tmp_path / f"{name}.csv")
    addon.ops.innerface.add_head()
    addon.ops.innerface.key_takes(directory=str(tmp_path), files=[{"name": "one.csv"}, {"name": "two.csv"}])
    key = addon.context.active_object.data.shape_keys
    plays, span = key.animation_data.action, (scene.frame_start, scene.frame_end)
    assert addon.ops.innerface.export(filepath=str(tmp_path / "hero.fbx"), preset="UNREAL", all_takes=True) == {
        "FINISHED"
    }
    assert {p.name for p in tmp_path.glob("hero*")} == {
        "hero_one.fbx",
        "hero_one.fbx.txt",
        "hero_two.fbx",
        "hero_two.fbx.txt",
    }
    assert key.animation_data.action == plays and (scene.frame_start, scene.frame_end) == span
    text = (tmp_path / "hero_one.fbx.txt").read_text()
    assert "not opened in Unreal or Unity" in text and "Import Morph Targets" in text and "Clip: one" in text
    found = second(tmp_path / "hero_one.fbx")
    assert (
        found["unit_scale"] == pytest.approx(1.0)
        and len(found["clips"]) == 1
        and not [b for b in found["bones"] if b.endswith("_end")]
    )
    assert {"root", "head"} <= set(found["bones"]) and all(m["skinned"] for m in found["meshes"].values())
    other = second(tmp_path / "hero_two.fbx")
    assert other["clips"][0]["curves"]["jawOpen"] != found["clips"][0]["curves"]["jawOpen"]


def test_unity_is_warned_of_weights_above_a_hundred(scene, head, tmp_path):
    values = np.full((25, 2), 0.5)
    values[10, 0] = 1.2
    track = innerface.core.take.Track("weights", np.arange(25) / 24, ("jawOpen", "browInnerUp"), values)
    key_and_play(head, track, "take", scene)
    scene.frame_end = 24
    made = innerface.blender_addon.export.exporters.export_face(head, scene, tmp_path / "x.fbx", preset="UNITY")
    assert any("120" in note and "Clamp BlendShapes" in note for note in made.notes)


def test_names_in_the_file_are_those_of_the_scene_every_time(scene, head, performed, second, tmp_path):
    performed(24, 1.0)
    for k in range(2):
        innerface.blender_addon.export.exporters.export_face(head, scene, tmp_path / f"{k}.fbx", preset="UNITY")
    a, b = second(tmp_path / "0.fbx"), second(tmp_path / "1.fbx")
    assert list(a["meshes"]) == list(b["meshes"]) == ["Innerface Head"]
    assert [o.name for o in scene.objects] == ["Innerface Head", "Innerface Rig"] or {
        o.name for o in scene.objects
    } == {"Innerface Head", "Innerface Rig"}
