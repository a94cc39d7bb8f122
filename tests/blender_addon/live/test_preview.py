"""The live preview leaves no trace, whatever happens meanwhile."""

import innerface.blender_addon.character.bundled_head
import innerface.blender_addon.character.face
import innerface.blender_addon.compat
import innerface.blender_addon.live.preview
import innerface.blender_addon.live.session
import innerface.core.face.channels
import numpy as np
import pytest


@pytest.fixture
def face_values():
    """`face_values(jawOpen=0.5)`: a face as the server sends it."""
    output = innerface.core.face.channels.OUTPUT_CHANNELS

    def values(**channels):
        out = np.zeros(len(output))
        for name, value in channels.items():
            out[output.index(name)] = value
        return out

    return values


@pytest.fixture
def keyed(scene, head):
    """A head with an action, a driver, an NLA strip and values of its own; frame 5."""
    key = head.meshes[0].key
    for frame, value in ((0, 0.0), (10, 1.0)):
        key.key_blocks["jawOpen"].value = value
        key.key_blocks["jawOpen"].keyframe_insert("value", frame=frame)
    key.key_blocks["mouthPucker"].driver_add("value").driver.expression = "0.25"
    key.key_blocks["cheekPuff"].value = 0.3
    scene.frame_set(5)
    return head


def state(head):
    """Everything that a preview may change."""
    key = head.meshes[0].key
    data = key.animation_data
    bone = head.rig.pose.bones["head"]
    return {
        "values": [round(b.value, 5) for b in key.key_blocks],
        "muted": [(c.data_path, c.mute) for c in [*curves(data.action), *data.drivers]],
        "bone": [round(x, 6) for x in bone.rotation_quaternion],
        "properties": sorted(key.keys()) + sorted(head.rig.keys()) + sorted(data.action.keys()),
        "action": data.action.name,
    }


def curves(action):
    return action.fcurves if not hasattr(action, "layers") else action.layers[0].strips[0].channelbags[0].fcurves


def test_the_live_face_overrides_keys_and_drivers_and_restores_them_afterwards(scene, keyed, face_values):
    before = state(keyed)
    preview = innerface.blender_addon.live.preview.Preview(keyed)
    assert preview.show(face_values(jawOpen=0.2, mouthPucker=0.8, cheekPuff=0.6, headYaw=0.3))
    scene.frame_set(8)  # the scene plays on under it
    preview.show(face_values(jawOpen=0.2, mouthPucker=0.8, cheekPuff=0.6, headYaw=0.3))
    __import__("bpy").context.view_layer.update()
    blocks = keyed.meshes[0].key.key_blocks
    assert [round(blocks[n].value, 4) for n in ("jawOpen", "mouthPucker", "cheekPuff")] == [0.2, 0.8, 0.6]
    assert keyed.rig.pose.bones["head"].rotation_quaternion.angle == pytest.approx(0.3, abs=1e-5)
    preview.hide()
    scene.frame_set(5)
    assert state(keyed) == before


def test_after_it_ends_the_animation_plays_at_once_without_a_change_of_frame(scene, keyed, face_values):
    preview = innerface.blender_addon.live.preview.Preview(keyed)
    preview.show(face_values(jawOpen=0.9))
    scene.frame_set(10)
    preview.show(face_values(jawOpen=0.1))
    preview.hide()
    __import__("bpy").context.view_layer.update()
    assert keyed.meshes[0].key.key_blocks["jawOpen"].value == pytest.approx(1.0)


def test_a_camera_that_sends_no_head_angles_leaves_the_head_alone(keyed, face_values):
    bone = keyed.rig.pose.bones["head"]
    bone.rotation_quaternion = (0.9, 0.1, 0.3, 0.3)
    preview = innerface.blender_addon.live.preview.Preview(keyed)
    preview.show(face_values(jawOpen=0.5))
    assert tuple(bone.rotation_quaternion) == pytest.approx((0.9, 0.1, 0.3, 0.3), abs=1e-6)


def test_a_saved_file_never_holds_the_preview(addon, keyed, tmp_path, face_values):
    live = innerface.blender_addon.live.session.session
    before = state(keyed)
    live.preview = innerface.blender_addon.live.preview.Preview(keyed)
    live.preview.show(face_values(jawOpen=0.9, headYaw=0.4))
    addon.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"), copy=True)
    assert live.paused == ""
    live.preview.show(face_values(jawOpen=0.9))  # and it goes on
    live.preview.release()
    live.preview = None
    addon.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert state(innerface.blender_addon.character.face.find_face(list(addon.context.scene.objects))) == before


def test_a_file_that_contains_a_preview_after_a_crash_is_restored_when_it_is_opened(
    addon, keyed, tmp_path, face_values
):
    before = state(keyed)
    preview = innerface.blender_addon.live.preview.Preview(keyed)
    preview.show(face_values(jawOpen=0.9, cheekPuff=1.0, headYaw=0.4))
    addon.ops.wm.save_as_mainfile(
        filepath=str(tmp_path / "autosave.blend"), copy=True
    )  # a preview that the session does not know
    addon.ops.wm.open_mainfile(filepath=str(tmp_path / "autosave.blend"))
    assert state(innerface.blender_addon.character.face.find_face(list(addon.context.scene.objects))) == before


def test_rendering_shows_the_animation_and_not_the_preview(addon, keyed, scene, tmp_path, face_values):
    live, seen = innerface.blender_addon.live.session.session, []
    live.preview = innerface.blender_addon.live.preview.Preview(keyed)
    live.preview.show(face_values(jawOpen=0.11))
    handler = lambda *_: seen.append((round(keyed.meshes[0].key.key_blocks["jawOpen"].value, 3), live.paused))  # noqa: E731
    addon.app.handlers.render_pre.append(handler)
    try:
        camera = addon.data.objects.new("camera", addon.data.cameras.new("camera"))
        scene.collection.objects.link(camera)
        scene.camera, scene.render.engine = camera, "BLENDER_WORKBENCH"
        scene.render.resolution_x = scene.render.resolution_y = 16
        scene.render.filepath = str(tmp_path / "x.png")
        addon.ops.render.render(write_still=True)
    finally:
        addon.app.handlers.render_pre.remove(handler)
    assert seen and seen[0][0] != 0.11 and "rendering" in seen[0][1] and live.paused == ""


def test_keys_added_or_renamed_while_streaming_are_noticed_before_a_wrong_one_moves(keyed, face_values):
    preview = innerface.blender_addon.live.preview.Preview(keyed)
    preview.show(face_values(jawOpen=0.5))
    keyed.meshes[0].key.key_blocks["jawOpen"].name = "other"
    assert not preview.show(face_values(jawOpen=0.5))


def test_a_deleted_face_is_reported_and_shown_again_when_it_comes_back(addon, head, scene, face_values):
    module = innerface.blender_addon.live.session
    live, bpy = module.session, addon
    live.set_target(bpy.context)
    assert live.face_problem == ""
    live.preview.show(face_values(jawOpen=0.5))
    bpy.data.objects.remove(head.meshes[0].object)
    assert not live.preview.show(face_values(jawOpen=0.6))
    live.find_face_again()
    assert live.preview is None and "gone from the scene" in live.face_problem
    bpy.ops.innerface.add_head()
    live.find_face_again()
    assert live.preview is not None and live.face_problem == ""


def test_undo_of_a_step_that_was_made_while_streaming_brings_no_preview_back(addon, keyed, face_values):
    bpy = addon
    live = innerface.blender_addon.live.session.session
    before = state(keyed)
    bpy.ops.ed.undo_push(message="before")
    live.set_target(bpy.context)
    live.preview.show(face_values(jawOpen=0.9, mouthPucker=1.0, headYaw=0.5))
    bpy.data.objects.new("made while streaming", None)
    bpy.ops.ed.undo_push(message="while streaming")
    live.preview.hide()
    live.preview = None
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    assert state(innerface.blender_addon.character.face.find_face(list(bpy.context.scene.objects))) == before
    bpy.ops.ed.undo()
    assert state(innerface.blender_addon.character.face.find_face(list(bpy.context.scene.objects))) == before


def test_linked_data_is_refused_in_one_line(addon, scene, tmp_path):
    addon.ops.innerface.add_head()
    addon.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"), copy=True)
    addon.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with addon.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (source, target):
        target.objects = [n for n in source.objects if n == "Innerface Head"]
    addon.context.scene.collection.objects.link(target.objects[0])
    live = innerface.blender_addon.live.session.session
    live.set_target(addon.context)
    assert "is linked from" in live.face_problem and "\n" not in live.face_problem


def test_an_override_shows_a_live_face_only_if_its_mesh_is_overridden_too(addon, scene, tmp_path, face_values):
    bpy, live = addon, innerface.blender_addon.live.session.session
    collection = bpy.data.collections.new("character")
    scene.collection.children.link(collection)
    innerface.blender_addon.character.bundled_head.add(collection)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"), copy=True)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, target):
        target.collections = ["character"]
    linked = target.collections[0]
    bpy.context.scene.collection.children.link(linked)
    linked.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    bpy.context.scene.collection.children.unlink(linked)
    live.set_target(bpy.context)
    assert "make an override of the mesh, too" in live.face_problem
    head = next(o for o in bpy.context.scene.objects if o.type == "MESH")
    head.data.override_create(remap_local_usages=True)
    live.set_target(bpy.context)
    assert live.face_problem == "" and live.preview.show(face_values(jawOpen=0.5))
    assert head.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(0.5)
    live.preview.hide()
    assert head.data.shape_keys.key_blocks["jawOpen"].value == 0.0


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "ZXY"])
def test_the_live_head_turns_exactly_as_a_baked_one(head, mode):
    head.rig.rotation_euler = (0.1, 0.2, 0.7)
    head.rig.pose.bones["head"].rotation_mode = mode
    __import__("bpy").context.view_layer.update()
    turn = head.head_turn()
    for angles in np.random.default_rng(1).uniform(-0.6, 0.6, (20, 3)):
        one, many = np.array(turn.rotation_value(angles)), turn.rotation_values(angles[None])[0]
        assert min(np.abs(one - many).max(), np.abs(one + many).max()) < 1e-5
