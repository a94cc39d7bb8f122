"""A camera take on the timeline is repaired: ranges are detected, added, accepted and dragged, and mixed."""

import types

import innerface.blender_addon.animation.bake
import innerface.blender_addon.animation.curves
import innerface.blender_addon.animation.hybrid_take
import innerface.blender_addon.animation.playback
import innerface.blender_addon.character.bundled_head
import innerface.blender_addon.character.face
import innerface.blender_addon.character.lanes
import innerface.blender_addon.compat
import innerface.blender_addon.live.take_list
import innerface.blender_addon.ui.occlusion_bar_input
import innerface.blender_addon.ui.occlusion_bars
import innerface.core.face.channels
import innerface.core.face.face_model
import innerface.core.formats
import innerface.core.imu.layout
import innerface.core.imu.simulation.effects
import innerface.core.imu.simulation.simulate
import innerface.core.performance.augment
import innerface.core.performance.generate
import innerface.core.take
import numpy as np
import pytest


@pytest.fixture
def shoot(addon, tmp_path):
    """A face with a camera take whose mouth is occluded from 4 to 6 s, and its files: camera, truth, phone."""
    bpy = addon
    innerface.blender_addon.character.bundled_head.add(bpy.context.scene.collection)
    formats, take, channels = innerface.core.formats, innerface.core.take, innerface.core.face.channels
    rng = np.random.default_rng(3)
    made = innerface.core.performance.generate.generate(20.0, rng)
    truth = innerface.core.performance.augment.at_rate(made, 30.0)
    truth.values = np.clip(truth.values + rng.normal(0, 0.002, truth.values.shape), 0, 1)
    values = truth.values.copy()
    mouth = [truth.columns.index(c) for c in channels.GROUPS["mouth"]]
    rows = (truth.time >= 4.0) & (truth.time <= 6.0)
    values[np.ix_(rows, mouth)] = np.clip(0.2 + rng.normal(0, 0.05, (rows.sum(), len(mouth))), 0, 1)
    other = np.clip(truth.values * 0.8 + 0.03, 0, 1)
    files = {}
    for name, v, t in (
        ("camera", values, truth.time),
        ("truth", truth.values, truth.time),
        ("phone", other, truth.time + 7.0),
    ):
        files[name] = tmp_path / f"{name}.csv"
        formats.write_take(take.Take(name, {"weights": take.Track("weights", t, truth.columns, v)}), files[name])
    bpy.ops.innerface.key_takes(filepath=str(files["camera"]), sound=False)
    face = innerface.blender_addon.character.face.active_face(bpy.context)
    return types.SimpleNamespace(
        bpy=bpy, face=face, files=files, truth=truth, rows=rows, hybrid=innerface.blender_addon.animation.hybrid_take
    )


def action(shoot):
    return shoot.hybrid.camera_action(shoot.face)


def played(shoot, name, seconds):
    compat, curves, bpy = innerface.blender_addon.compat, innerface.blender_addon.animation.curves, shoot.bpy
    curve = compat.playing_fcurves(shoot.face.meshes[0].key).find(
        innerface.blender_addon.character.lanes.shape_key_path(name)
    )
    scene = bpy.context.scene
    return curves.sample_curve(curve, scene.frame_start + seconds * scene.render.fps)


def test_detect_finds_the_hidden_mouth_and_bakes_nothing(shoot):
    bpy = shoot.bpy
    actions = set(bpy.data.actions)
    assert bpy.ops.innerface.hybrid_detect() == {"FINISHED"}
    found = [r for r in action(shoot).innerface_hybrid.ranges if r.group == "mouth"]
    assert len(found) == 1 and abs(found[0].start - 4.0) < 0.15 and abs(found[0].end - 6.0) < 0.15 and found[0].reason
    assert set(bpy.data.actions) == actions, "Detect never bakes"


def test_the_mix_is_a_new_action_and_the_camera_stays_as_it_was(shoot):
    bpy = shoot.bpy
    at = np.arange(5, 465) / 24  # whole frames, where keys hold their tolerance
    before = played(shoot, "jawOpen", at)
    camera = action(shoot)
    keys = [c.keyframe_points[0].co[:] for c in innerface.blender_addon.compat.all_fcurves(camera)]
    text = shoot.files["camera"].read_bytes()
    camera.innerface_hybrid.helper = str(shoot.files["phone"])
    assert bpy.ops.innerface.hybrid_align() == {"FINISHED"}
    assert abs(camera.innerface_hybrid.offset) < 0.02, "both takes begin at the same moment"
    bpy.ops.innerface.hybrid_detect()
    assert bpy.ops.innerface.hybrid_mix() == {"FINISHED"}
    mixed = innerface.blender_addon.animation.playback.playing_action(shoot.face)
    assert mixed != camera and mixed.innerface_hybrid.camera == camera and action(shoot) == camera
    truth = np.interp(at, shoot.truth.time, shoot.truth.column("jawOpen"))
    inside = (at > 4.1) & (at < 5.9)
    after = played(shoot, "jawOpen", at)
    assert np.abs(after - truth)[inside].mean() < 0.25 * np.abs(before - truth)[inside].mean()
    outside = (at < 3.7) | (at > 6.3)
    far = np.abs(after - before)[outside] > 0.012  # two tolerances of key reduction
    assert far.mean() < 0.02, (
        "only where lips count as touching in one of the two, and a frame gets the mouth of that moment"
    )
    rows = innerface.core.formats.read_take(mixed["innerface_take_path"]).weights()
    seen = innerface.core.formats.read_take(shoot.files["camera"]).weights()
    apart = (shoot.truth.time < 3.7) | (shoot.truth.time > 6.3)
    assert np.abs(rows.values[apart] - seen.values[apart]).max() < 1e-9, (
        "trusted rows of the take itself are the camera's"
    )
    assert [c.keyframe_points[0].co[:] for c in innerface.blender_addon.compat.all_fcurves(camera)] == keys
    assert shoot.files["camera"].read_bytes() == text
    bpy.ops.innerface.hybrid_compare()
    assert np.abs(played(shoot, "jawOpen", at) - before).max() < 1e-6, "the camera's take plays again"
    bpy.ops.innerface.hybrid_compare()
    assert np.abs(played(shoot, "jawOpen", at) - after).max() < 1e-6


def test_without_a_second_take_the_rest_of_the_face_fills_the_gap(shoot):
    bpy = shoot.bpy
    bpy.ops.innerface.hybrid_detect()
    assert bpy.ops.innerface.hybrid_mix() == {"FINISHED"}
    assert shoot.hybrid.is_mix(innerface.blender_addon.animation.playback.playing_action(shoot.face))


def test_rejected_ranges_are_not_repaired_and_detect_does_not_bring_them_back(shoot):
    bpy = shoot.bpy
    bpy.ops.innerface.hybrid_detect()
    ranges = action(shoot).innerface_hybrid.ranges
    for k in range(len(ranges)):
        bpy.ops.innerface.range_set(what="REJECTED", index=k)
    count = len(ranges)
    bpy.ops.innerface.hybrid_detect()
    assert len(action(shoot).innerface_hybrid.ranges) == count
    assert shoot.hybrid.active_occlusions(action(shoot)) == []
    with pytest.raises(RuntimeError, match="no range to repair"):
        bpy.ops.innerface.hybrid_mix()


def test_drawn_and_accepted_ranges_survive_detect(shoot):
    bpy, scene = shoot.bpy, shoot.bpy.context.scene
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 240, 264
    bpy.ops.innerface.range_add(group="brow")
    drawn = action(shoot).innerface_hybrid.ranges[0]
    assert (round(drawn.start, 3), round(drawn.end, 3), drawn.group) == (10.0, 11.0, "brow")
    bpy.ops.innerface.hybrid_detect()
    bpy.ops.innerface.range_set(what="ALL")
    accepted = [(r.start, r.end, r.group) for r in action(shoot).innerface_hybrid.ranges]
    bpy.ops.innerface.hybrid_detect()
    assert [(r.start, r.end, r.group) for r in action(shoot).innerface_hybrid.ranges] == accepted
    bpy.ops.innerface.range_set(what="MUTE", index=0)
    assert all(r.group != "brow" for r in shoot.hybrid.active_occlusions(action(shoot)))
    bpy.ops.innerface.range_set(what="DELETE", index=0)
    assert len(action(shoot).innerface_hybrid.ranges) == len(accepted) - 1


def test_takes_of_another_performance_are_refused_and_nothing_changes(shoot, tmp_path):
    bpy, formats, take = shoot.bpy, innerface.core.formats, innerface.core.take
    other = innerface.core.performance.generate.generate(20.0, np.random.default_rng(99))
    formats.write_take(take.Take("other", {"weights": other}), tmp_path / "other.csv")
    action(shoot).innerface_hybrid.helper = str(tmp_path / "other.csv")
    bpy.ops.innerface.range_add(group="mouth")
    actions = set(bpy.data.actions)
    for operator in (bpy.ops.innerface.hybrid_align, bpy.ops.innerface.hybrid_mix):
        with pytest.raises(RuntimeError, match="do not match"):
            operator()
    assert set(bpy.data.actions) == actions and not list((tmp_path / "takes").glob("*mix*"))


def test_a_helper_that_moves_otherwise_can_be_placed_by_hand(shoot, tmp_path):
    bpy = shoot.bpy
    settings = action(shoot).innerface_hybrid
    settings.helper, settings.by_hand, settings.offset = str(shoot.files["phone"]), True, 0.5
    assert bpy.ops.innerface.hybrid_align() == {"FINISHED"}
    assert settings.aligned.endswith("placed by hand") and settings.offset == pytest.approx(0.5)


def test_bars_lie_in_lanes_and_their_ends_can_be_grabbed(shoot):
    bars = innerface.blender_addon.ui.occlusion_bars
    for start, end, group in ((1.0, 3.0, "mouth"), (2.0, 2.5, "eye_left"), (5.0, 6.0, "mouth")):
        shoot.hybrid.add_range(action(shoot), start, end, group=group)
    found = bars.range_bars(action(shoot).innerface_hybrid.ranges, lambda s: 100 * s, 1.0)
    assert found[0].bottom == found[2].bottom != found[1].bottom
    middle = (found[0].bottom + found[0].top) / 2
    assert bars.bar_at(found, 102, middle, scale=1.0) == bars.BarHit(found[0], "START")
    assert bars.bar_at(found, 298, middle, scale=1.0) == bars.BarHit(found[0], "END")
    assert bars.bar_at(found, 200, middle, scale=1.0) == bars.BarHit(found[0], "BOTH")
    assert bars.bar_at(found, 400, middle, scale=1.0) is None and bars.bar_at(found, 200, 300, scale=1.0) is None


@pytest.mark.parametrize("by", [-100.0, -0.7, 0.3, 100.0])
@pytest.mark.parametrize("part", ["START", "END", "BOTH"])
def test_a_dragged_range_stays_in_the_take_and_is_never_turned_round(part, by):
    start, end = innerface.blender_addon.ui.occlusion_bar_input.dragged_range((2.0, 3.0), part, by, duration=10.0)
    assert 0 <= start < end <= 10.0
    assert part != "BOTH" or end - start == pytest.approx(1.0)
    assert part != "START" or end == 3.0
    assert part != "END" or start == 2.0


def test_lip_closures_become_markers_and_go_again(shoot):
    bpy = shoot.bpy
    bpy.ops.innerface.lip_markers()
    marks = [m.frame for m in bpy.context.scene.timeline_markers if m.name == "lips"]
    assert marks and all(0 <= f <= 20 * 24 for f in marks)
    bpy.ops.innerface.lip_markers()
    assert not bpy.context.scene.timeline_markers


def test_ranges_and_the_mix_survive_saving_and_loading(shoot, tmp_path):
    bpy = shoot.bpy
    bpy.ops.innerface.hybrid_detect()
    bpy.ops.innerface.hybrid_mix()
    want = [(r.start, r.end, r.group) for r in action(shoot).innerface_hybrid.ranges]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    face = innerface.blender_addon.character.face.active_face(bpy.context)
    camera = shoot.hybrid.camera_action(face)
    assert camera is not None and [(r.start, r.end, r.group) for r in camera.innerface_hybrid.ranges] == want
    bpy.ops.innerface.hybrid_compare()
    assert innerface.blender_addon.animation.playback.playing_action(face) == camera


def test_a_recording_of_phone_and_sensors_helps_itself(shoot, tmp_path):
    """Recorded together in the add-on: one file with both, on one clock."""
    bpy, formats, take = shoot.bpy, innerface.core.formats, innerface.core.take
    track = shoot.truth
    imu = innerface.core.imu.simulation.simulate.simulate(
        track,
        innerface.core.face.face_model.load_bundled(),
        innerface.core.imu.layout.load_layout(),
        effects=innerface.core.imu.simulation.effects.PRESETS["studio"],
        seed=5,
    )
    hurt = formats.read_take(shoot.files["camera"]).weights()
    folder = innerface.blender_addon.live.take_list.folder()
    formats.write_take(take.Take("both", {"weights": hurt, **imu.tracks}), folder / "both.mcap")
    innerface.blender_addon.live.take_list.refresh(wait=True)
    bpy.ops.innerface.take_bake()
    bpy.ops.innerface.hybrid_helper()
    settings = action(shoot).innerface_hybrid
    assert settings.helper == action(shoot)["innerface_take_path"]
    assert bpy.ops.innerface.hybrid_align() == {"FINISHED"} and settings.aligned.endswith("recorded together")
    bpy.ops.innerface.hybrid_detect()
    assert any(r.group == "mouth" for r in settings.ranges)
    assert bpy.ops.innerface.hybrid_mix() == {"FINISHED"}
    mixed = formats.read_take(
        innerface.blender_addon.animation.playback.playing_action(shoot.face)["innerface_take_path"]
    ).weights()
    jaw = np.abs(mixed.column("jawOpen") - track.column("jawOpen"))[shoot.rows].mean()
    assert jaw < 0.5 * np.abs(hurt.column("jawOpen") - track.column("jawOpen"))[shoot.rows].mean()


def test_sensors_alone_cannot_be_repaired_and_the_error_says_so(shoot, tmp_path):
    bpy, formats = shoot.bpy, innerface.core.formats
    imu = innerface.core.imu.simulation.simulate.simulate(
        shoot.truth,
        innerface.core.face.face_model.load_bundled(),
        innerface.core.imu.layout.load_layout(),
        effects=innerface.core.imu.simulation.effects.PRESETS["studio"],
        seed=5,
    )
    formats.write_take(imu, tmp_path / "s.mcap")
    bpy.ops.innerface.key_takes(filepath=str(tmp_path / "s.mcap"), sound=False)
    with pytest.raises(RuntimeError, match="import the camera take"):
        bpy.ops.innerface.hybrid_detect()
