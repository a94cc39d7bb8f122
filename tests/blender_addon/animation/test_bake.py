"""Takes become animation, and again with other settings, and nothing that an animator made is lost."""

import asyncio
from pathlib import Path

import innerface.blender_addon.animation.bake
import innerface.blender_addon.animation.baked_keys
import innerface.blender_addon.animation.loaded_take
import innerface.blender_addon.animation.playback
import innerface.blender_addon.animation.take_action
import innerface.blender_addon.character.face
import innerface.blender_addon.live.take_list
import innerface.blender_addon.properties.preferences
import innerface.core.animation.frames
import innerface.core.face.channels
import innerface.core.pipeline
import innerface.server.hub
import innerface.server.sources.virtual_imu
import numpy as np
import pytest


@pytest.fixture(scope="session")
def recording(tmp_path_factory):
    """A sensor take of 6 s or a little more, recorded by a bridge after its calibration, so that it holds no nod of its
    own: its file and its length (s)."""
    hub_module, virtual = innerface.server.hub, innerface.server.sources.virtual_imu
    folder = tmp_path_factory.mktemp("recorded")

    async def record():
        hub = hub_module.Hub(hub_module.Options(folder=folder))
        await hub.start([virtual.VirtualImu(virtual.VirtualImuOptions())], [])
        for _ in range(600):
            await asyncio.sleep(0.1)
            if hub.imu.session is not None and hub.imu.session.active is not None:
                break
        path = hub.commands.record("shot_007", metadata={"frame": "11.0", "slate": "shot"})
        await asyncio.sleep(6.0)
        stopped = await hub.commands.stop_recording({"frame_zero": "10.5"})
        await hub.stop()
        return Path(path), stopped["seconds"]

    return asyncio.run(record())


@pytest.fixture(scope="session")
def take(recording):
    return recording[0]


@pytest.fixture(scope="session")
def loaded(take):
    return innerface.blender_addon.animation.loaded_take.load_take(take, innerface.core.pipeline.PerformerSettings())


def how(tolerance, **more):
    return innerface.blender_addon.animation.bake.BakeOptions(tolerance, **more)


def curves(action):
    return action.fcurves if not hasattr(action, "layers") else action.layers[0].strips[0].channelbags[0].fcurves


def curve(action, name):
    return next(c for c in curves(action) if f'"{name}"' in c.data_path)


def test_a_take_that_was_recorded_after_its_calibration_bakes_without_a_nod_of_its_own(head, scene, loaded):
    keyed = innerface.blender_addon.animation.bake.bake_take(head, loaded, scene)
    action = head.meshes[0].key.animation_data.action
    track = loaded.weights.take.weights()
    start = 10.5 + 24 * track.time[0]  # the frame at the recording's zero was 10.5
    assert action.name.startswith("shot_007") and keyed.first_frame == max(
        np.ceil(start), 11
    )  # it was to begin at frame 11
    keys = [tuple(p.co) for p in curve(action, "jawOpen").keyframe_points]
    wanted = innerface.core.animation.frames.resample_to_frames(track, np.array([(x - 10.5) / 24 for x, _ in keys]))[
        :, innerface.core.face.channels.ARKIT.index("jawOpen")
    ]
    assert np.allclose([y for _, y in keys], wanted, atol=1e-5) and np.ptp(wanted) > 0.02


def test_channels_that_no_sensor_sees_lie_muted_in_a_layer_of_their_own(head, scene, loaded):
    keyed = innerface.blender_addon.animation.bake.bake_take(head, loaded, scene)
    assert "eyeBlinkLeft" in loaded.weights.unobserved
    data = head.meshes[0].key.animation_data
    assert not [c for c in curves(data.action) if "eyeBlinkLeft" in c.data_path]
    (track,) = [t for t in data.nla_tracks if "(unobserved)" in t.name]
    assert track.mute and curve(track.strips[0].action, "eyeBlinkLeft").keyframe_points
    assert any("No sensor observes" in note for note in keyed.notes)
    if hasattr(track.strips[0], "action_slot"):
        assert track.strips[0].action_slot.name_display == head.meshes[0].key.name
    track.mute = False
    peak = max(curve(track.strips[0].action, "eyeBlinkLeft").keyframe_points, key=lambda p: p.co.y).co
    scene.frame_set(round(peak.x))
    assert head.meshes[0].key.key_blocks["eyeBlinkLeft"].value == pytest.approx(peak.y, abs=1e-4)


def test_keys_made_or_moved_or_deleted_by_hand_survive_another_bake(head, scene, loaded):
    bake = innerface.blender_addon.animation.bake.bake_take
    bake(head, loaded, scene, options=how(0.005))
    action = head.meshes[0].key.animation_data.action
    jaw = curve(action, "jawOpen")
    before = [tuple(p.co) for p in jaw.keyframe_points]
    middle = len(before) // 2
    moved = jaw.keyframe_points[middle]
    moved.co.y = 0.9
    moved.interpolation = "CONSTANT"
    made = jaw.keyframe_points.insert(before[5][0] + 0.5, 0.77)
    made.interpolation = "BACK"
    known = set(__import__("bpy").data.actions)
    again = bake(head, loaded, scene, options=how(0.02))  # other settings
    assert head.meshes[0].key.animation_data.action == action and set(__import__("bpy").data.actions) == known
    keys = {round(p.co.x, 3): p for p in curve(action, "jawOpen").keyframe_points}
    assert (
        keys[round(before[middle][0], 3)].co.y == pytest.approx(0.9)
        and keys[round(before[middle][0], 3)].interpolation == "CONSTANT"
    )
    assert (
        keys[round(before[5][0] + 0.5, 3)].co.y == pytest.approx(0.77)
        and keys[round(before[5][0] + 0.5, 3)].interpolation == "BACK"
    )
    assert again.manual_keys == 2 and len(keys) < len(before)
    smile = curve(action, "mouthSmileLeft")
    gone = [p.co.x for p in smile.keyframe_points][3:6]
    for _ in gone:
        smile.keyframe_points.remove(smile.keyframe_points[3])
    bake(head, loaded, scene, options=how(0.02))
    left = [p.co.x for p in curve(action, "mouthSmileLeft").keyframe_points]
    assert not [x for x in left if gone[0] <= x <= gone[-1]]


def test_a_locked_curve_stays_as_it_is_and_is_told(head, scene, loaded):
    bake = innerface.blender_addon.animation.bake.bake_take
    bake(head, loaded, scene, options=how(0.005))
    action = head.meshes[0].key.animation_data.action
    jaw = curve(action, "jawOpen")
    jaw.lock = True
    before = [tuple(p.co) for p in jaw.keyframe_points]
    again = bake(head, loaded, scene, options=how(0.05))
    assert [tuple(p.co) for p in curve(action, "jawOpen").keyframe_points] == before
    assert any("locked" in note for note in again.notes)


def test_a_second_take_plays_and_the_first_one_keeps_its_action(head, scene, loaded, take, tmp_path):
    bake = innerface.blender_addon.animation.bake
    bake.bake_take(head, loaded, scene)
    other = tmp_path / "shot_008.mcap"
    other.write_bytes(take.read_bytes())
    bake.bake_take(
        head,
        innerface.blender_addon.animation.loaded_take.load_take(other, innerface.core.pipeline.PerformerSettings()),
        scene,
    )
    actions = {a.name.split(" ")[0] for a in __import__("bpy").data.actions}
    assert {"shot_007", "shot_008"} <= actions and head.meshes[0].key.animation_data.action.name.startswith("shot_008")


def test_a_strip_plays_with_its_slot_set_and_leaves_the_action_alone(head, scene, loaded):
    key = head.meshes[0].key
    key.key_blocks["tongueOut"].keyframe_insert("value", frame=1)
    mine = key.animation_data.action
    innerface.blender_addon.animation.bake.bake_take(head, loaded, scene, options=how(None, onto="STRIP"))
    assert key.animation_data.action == mine
    (track,) = [
        t for t in key.animation_data.nla_tracks if t.name.startswith("shot_007") and "unobserved" not in t.name
    ]
    assert not track.mute
    jaw = curve(track.strips[0].action, "jawOpen")
    peak = max(jaw.keyframe_points, key=lambda p: p.co.y).co
    scene.frame_set(round(peak.x))
    assert key.key_blocks["jawOpen"].value == pytest.approx(peak.y, abs=1e-4)


def test_the_operator_bakes_the_chosen_take_and_marks_it(addon, scene, loaded, recording):
    take, seconds = recording
    addon.ops.innerface.add_head()
    rows = innerface.blender_addon.live.take_list.read_rows([take.parent])
    innerface.blender_addon.live.take_list.fill_list(rows, str(take))
    assert rows[0].seconds == pytest.approx(seconds, abs=0.1) and seconds >= 6.0
    assert rows[0].complete and rows[0].source == "virtual"
    assert addon.ops.innerface.take_bake() == {"FINISHED"}
    assert addon.context.window_manager.innerface_takes[0].baked
    assert scene.frame_end >= 11 + 5 * 24 or scene.frame_end == 250
    assert addon.ops.innerface.invented() == {"FINISHED"}
    tracks = innerface.blender_addon.animation.playback.unobserved_tracks(
        innerface.blender_addon.character.face.active_face(addon.context)
    )
    assert tracks and not any(t.mute for t in tracks)


def test_a_take_that_was_deleted_meanwhile_is_told_in_one_line(addon, scene, take, tmp_path):
    addon.ops.innerface.add_head()
    gone = tmp_path / "gone.mcap"
    gone.write_bytes(take.read_bytes())
    innerface.blender_addon.live.take_list.fill_list(
        innerface.blender_addon.live.take_list.read_rows([tmp_path]), str(gone)
    )
    gone.unlink()
    with pytest.raises(RuntimeError, match="no longer exists"):
        addon.ops.innerface.take_bake()


def test_deleting_a_take_takes_its_file_and_its_row_but_not_what_was_baked(addon, scene, take, tmp_path):
    settings = innerface.blender_addon.properties.preferences.preferences()
    folder = Path(settings.takes_folder)
    folder.mkdir(parents=True)
    (folder / "a.mcap").write_bytes(take.read_bytes())
    addon.ops.innerface.add_head()
    takes = innerface.blender_addon.live.take_list
    takes.refresh(wait=True)
    addon.ops.innerface.take_bake()
    addon.ops.innerface.take_delete()
    assert not (folder / "a.mcap").exists() and "a" in {a.name.split(" ")[0] for a in addon.data.actions}
    assert not [t for t in addon.context.window_manager.innerface_takes if t.name == "a"]


def test_what_a_bake_wrote_is_read_back_as_it_was_and_damage_is_survived(scene):
    curve_id = innerface.blender_addon.animation.baked_keys.CurveId
    action = __import__("bpy").data.actions.new("x")
    take_action = innerface.blender_addon.animation.take_action.TakeAction(action)
    wrote = {
        curve_id("Head", 'key_blocks["ä\\"b"].value', 0): (np.arange(5.0), np.linspace(0, 1, 5)),
        curve_id("Rig", "rotation", 3): (np.zeros(0), np.zeros(0)),
    }
    long = {curve_id("Old", "path", 0): (np.arange(400.0), np.random.default_rng(0).uniform(size=400))}
    take_action.store_keys(long)
    take_action.store_keys(wrote)
    read = take_action.stored_keys()
    assert list(read) == list(wrote) and all(
        np.allclose(read[k][0], wrote[k][0]) and np.allclose(read[k][1], wrote[k][1]) for k in wrote
    )
    for damaged in (b"", b"\x00" * 40, b"x", bytes(action["innerface_baked"])[:-9]):
        action["innerface_baked"] = damaged
        assert take_action.stored_keys() == {}
