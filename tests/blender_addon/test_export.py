import numpy as np
import pytest

from .conftest import key_and_play

RATES = [(24, 1.0), (24, 1.001), (30, 1.001), (60, 1.0)]


@pytest.fixture
def performed(load, scene, head):
    """The made-up performance keyed at a rate: `performed(fps, base, tolerance)` -> (track, keyed)."""

    def key(fps, base, tolerance=None, take=None):
        scene.render.fps, scene.render.fps_base = fps, base
        track = (take or load("core.performance").perform(5)).weights()
        keyed = key_and_play(load, head, track, "performance", scene, tolerance)
        scene.frame_end = scene.frame_start + keyed.frames - 1
        return track, keyed

    return key


def check(load, found, track, rate, frames, tolerance=1e-4, names=None):
    """Every curve that a reader found equals the take at the reader's own times."""
    clip = max(found["clips"], key=lambda c: len(c["curves"]))
    arkit = load("core.channels").ARKIT
    still = 0
    every = load("core.frames").on_frames(track, track.time[0] + np.arange(frames) / rate)
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
def test_glb_holds_every_curve_at_its_true_time(load, scene, head, performed, three, tmp_path, fps, base):
    track, keyed = performed(fps, base)
    load("blender_addon.export").export_glb(head, scene, tmp_path / "x.glb")
    found = three(tmp_path / "x.glb")
    assert len(found["morphs"]) == 52 and found["skinned"] > 0 and found["bones"] == 2
    check(load, found, track, fps / base, keyed.frames)
    assert scene.render.fps_base == pytest.approx(base)


@pytest.mark.node
@pytest.mark.parametrize(("fps", "base"), RATES)
def test_fbx_holds_every_curve_at_its_true_time(load, scene, head, performed, three, tmp_path, fps, base):
    track, keyed = performed(fps, base)
    load("blender_addon.export").export_fbx(head, scene, tmp_path / "x.fbx")
    found = three(tmp_path / "x.fbx")
    assert len(found["morphs"]) == 52 and found["skinned"] > 0
    check(load, found, track, fps / base, keyed.frames)


@pytest.mark.node
@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_reduced_keys_export_as_the_curve_that_blender_plays(load, scene, head, performed, three, tmp_path, kind):
    track, keyed = performed(24, 1.001, tolerance=0.01)
    action = head.meshes[0].key.animation_data.action
    name, count = action.name, len(load("blender_addon.compat").fcurves_of(action, head.meshes[0].key)[3].keyframe_points)
    getattr(load("blender_addon.export"), f"export_{kind}")(head, scene, tmp_path / f"x.{kind}")
    check(load, three(tmp_path / f"x.{kind}"), track, 24 / 1.001, keyed.frames, tolerance=0.0101)
    import bpy

    after = head.meshes[0].key.animation_data.action
    assert after == action and after.name == name and len(bpy.data.actions) == len(keyed.actions)
    assert len(load("blender_addon.compat").fcurves_of(after, head.meshes[0].key)[3].keyframe_points) == count


@pytest.mark.node
@pytest.mark.parametrize("kind", ["glb", "fbx"])
@pytest.mark.parametrize("name", ["alex_rom_3", "MySlate_3_Jason_Millers_iPhone"])
def test_a_real_take_arrives_in_the_exported_file(load, data, scene, head, performed, three, tmp_path, kind, name):
    take = load("core.formats").read_take(data / "arkit" / f"{name}.csv")
    track, keyed = performed(24, 1.001, take=take)
    getattr(load("blender_addon.export"), f"export_{kind}")(head, scene, tmp_path / f"x.{kind}")
    found = three(tmp_path / f"x.{kind}")
    check(load, found, track, 24 / 1.001, keyed.frames)


@pytest.mark.node
def test_the_head_bone_carries_the_head_pose(load, scene, head, performed, three, tmp_path):
    track, _ = performed(24, 1.0)
    load("blender_addon.export").export_glb(head, scene, tmp_path / "x.glb")
    clips = three(tmp_path / "x.glb")["clips"]
    turns = [np.array(c["rotations"]["head"]["values"]).reshape(-1, 4) for c in clips if "head" in c["rotations"]]
    assert turns, "no clip turns the head"
    angle = 2 * np.degrees(np.arccos(np.clip(np.abs((turns[0] * turns[0][0]).sum(1)), 0, 1)))
    biggest = np.degrees(np.abs(track.column("headYaw")).max())
    assert angle.max() == pytest.approx(biggest, rel=0.35)


@pytest.mark.node
def test_a_subdivision_modifier_does_not_cost_the_shapes(load, scene, head, performed, three, tmp_path):
    head.meshes[0].object.modifiers.new("Smooth", "SUBSURF")
    performed(24, 1.0)
    load("blender_addon.export").export_fbx(head, scene, tmp_path / "x.fbx")
    found = three(tmp_path / "x.fbx")
    assert len(found["morphs"]) == 52 and max(len(c["curves"]) for c in found["clips"]) > 30


def test_what_follows_a_faces_surface_keeps_it_from_being_pinned(load, scene, head):
    import bpy

    follows = load("blender_addon.played").follows_surface
    assert not follows(head, scene)
    hat = bpy.data.objects.new("hat", None)
    scene.collection.objects.link(hat)
    constraint = hat.constraints.new("SHRINKWRAP")
    constraint.target = head.meshes[0].object
    assert follows(head, scene)
    hat.constraints.remove(constraint)
    hat.parent, hat.parent_type = head.meshes[0].object, "VERTEX"
    assert follows(head, scene)


def test_exporting_leaves_selection_and_visibility_as_they_were(load, scene, head, performed, tmp_path):
    import bpy

    performed(24, 1.0)
    other = bpy.data.objects.new("other", None)
    scene.collection.objects.link(other)
    head.meshes[0].object.hide_set(True)
    other.select_set(True)
    scene.view_layers[0].objects.active = other
    load("blender_addon.export").export_glb(head, scene, tmp_path / "x.glb")
    assert other.select_get() and not head.rig.select_get()
    assert head.meshes[0].object.hide_get()
    assert scene.view_layers[0].objects.active == other


@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_parts_that_cannot_be_exported_are_told_and_never_left_out(load, scene, head, performed, tmp_path, kind):
    import bpy

    performed(24, 1.0)
    error = load("core.errors").InnerfaceError
    export = getattr(load("blender_addon.export"), f"export_{kind}")
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


def test_a_shorter_scene_and_a_face_without_keys_export_as_well(load, scene, head, performed, tmp_path):
    load("blender_addon.export").export_glb(head, scene, tmp_path / "still.glb")
    performed(24, 1.001)
    scene.frame_end = 24
    load("blender_addon.export").export_glb(head, scene, tmp_path / "short.glb")
    assert (tmp_path / "short.glb").stat().st_size > 500_000


def test_a_long_action_name_survives_an_export(load, scene, head, performed, tmp_path):
    performed(24, 1.0, tolerance=0.01)
    action = head.meshes[0].key.animation_data.action
    action.name = "A" * 60
    load("blender_addon.export").export_glb(head, scene, tmp_path / "x.glb")
    assert action.name == "A" * 60


@pytest.mark.node
@pytest.mark.parametrize("base", [1.0, 1.001])
def test_glb_holds_the_body_that_plays_below_the_take_too(load, scene, head, three, tmp_path, base):
    import bpy

    scene.render.fps, scene.render.fps_base = 24, base
    walk = bpy.data.actions.new("BodyWalk")
    compat = load("blender_addon.compat")
    path = 'pose.bones["root"].location'
    load("blender_addon.curves").write_curve(compat.fcurves_of(walk, head.rig), path, np.array([0, 48]), np.array([0.0, 1.0]))
    compat.assign(walk, head.rig)
    track = load("core.performance").perform(5).weights()
    keyed = key_and_play(load, head, track, "performance", scene)
    scene.frame_end = keyed.frames - 1
    load("blender_addon.export").export_glb(head, scene, tmp_path / "x.glb")
    found = three(tmp_path / "x.glb")
    check(load, found, track, 24 / base, keyed.frames)
    assert any("head" in c["rotations"] for c in found["clips"])
