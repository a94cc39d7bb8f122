"""Takes are combined on one timeline: parts of the face, time ranges, manual keys, and changes of settings."""

from pathlib import Path

import innerface.blender_addon.animation.bake
import innerface.blender_addon.animation.curves
import innerface.blender_addon.animation.loaded_take
import innerface.blender_addon.animation.playback
import innerface.blender_addon.animation.rebake
import innerface.blender_addon.character.face
import innerface.blender_addon.character.lanes
import innerface.blender_addon.compat
import innerface.core.animation.frames
import innerface.core.animation.treatment
import innerface.core.errors
import innerface.core.face.channels
import innerface.core.formats
import innerface.core.performance
import innerface.core.pipeline
import innerface.core.take
import numpy as np
import pytest


@pytest.fixture
def loaded():
    """`loaded(seed, change)` -> a take that is ready to be baked."""
    weights = innerface.core.pipeline

    def make(seed, change=None, name=None):
        take = innerface.core.performance.demo_performance(seed)
        if change is not None:
            change(take.weights())
        out = innerface.blender_addon.animation.loaded_take.LoadedTake(
            Path(f"/nowhere/{name or f'take{seed}'}.csv"), weights.SolvedWeights(take), None
        )
        innerface.blender_addon.animation.loaded_take.cache_take(out)
        return out

    return make


def curve(face, name):
    return innerface.blender_addon.compat.playing_fcurves(face.meshes[0].key).find(
        innerface.blender_addon.character.lanes.shape_key_path(name)
    )


def values(face, name, frames=range(200)):
    return innerface.blender_addon.animation.curves.sample_curve(curve(face, name), np.array(frames))


@pytest.mark.parametrize("tolerance", [None, 0.005])
def test_a_take_over_another_changes_its_stretch_and_nothing_else(scene, head, loaded, tolerance):
    bake = innerface.blender_addon.animation.bake
    bake.bake_take(head, loaded(1), scene, options=bake.BakeOptions(tolerance))
    before = {c: values(head, c) for c in ("jawOpen", "browInnerUp", "mouthSmileLeft")}
    other = loaded(2)
    bake.bake_take(
        head, other, scene, options=bake.BakeOptions(tolerance, onto="OVER", span=(60, 120), blend=8, at=0.0)
    )
    want = innerface.core.animation.frames.resample_to_frames(
        other.weights.take.weights(), other.weights.take.weights().time[0] + np.arange(200) / 24
    )
    for name, was in before.items():
        now = values(head, name)
        outside = np.r_[0:60, 121:200]
        assert np.abs(now - was)[outside].max() < (tolerance or 1e-4) * 1.02, name
        assert (
            np.abs(now[70:110] - want[70:110, innerface.core.face.channels.ARKIT.index(name)]).max()
            < (tolerance or 1e-4) * 1.02
        )
        usual = max(np.abs(np.diff(x)).max() for x in (was, want[:, innerface.core.face.channels.ARKIT.index(name)]))
        steps = np.abs(np.diff(now))[[59, 60, 119, 120]]
        assert steps.max() <= usual + 0.01, "no jump at the seams"


def test_only_armed_parts_of_the_face_are_keyed(scene, head, loaded):
    bake, channels = innerface.blender_addon.animation.bake, innerface.core.face.channels
    bake.bake_take(head, loaded(1), scene, options=bake.BakeOptions())
    before = {c: values(head, c) for c in channels.ARKIT if curve(head, c) is not None}
    bake.bake_take(
        head, loaded(2), scene, options=bake.BakeOptions(onto="OVER", armed=frozenset(channels.GROUPS["brow"]), at=0.0)
    )
    changed = {c for c, was in before.items() if np.abs(values(head, c) - was).max() > 1e-3}
    assert changed and changed <= set(channels.GROUPS["brow"])
    fresh = loaded(3)
    keyed = bake.bake_take(head, fresh, scene, options=bake.BakeOptions(armed=frozenset(channels.GROUPS["mouth"])))
    paths = {c.data_path for a in keyed.actions for c in innerface.blender_addon.compat.all_fcurves(a)}
    assert paths == {innerface.blender_addon.character.lanes.shape_key_path(c) for c in channels.GROUPS["mouth"]}


def test_phrases_of_three_takes_stand_on_one_timeline_and_a_later_one_replaces_an_earlier_one(scene, head, loaded):
    bake = innerface.blender_addon.animation.bake
    takes = [loaded(k) for k in (1, 2, 3)]
    bake.bake_take(head, takes[0], scene, options=bake.BakeOptions(0.005))
    want = [
        innerface.core.animation.frames.resample_to_frames(
            t.weights.take.weights(), t.weights.take.weights().time[0] + np.arange(200) / 24
        )
        for t in takes
    ]
    for k, span in ((1, (40, 100)), (2, (120, 180)), (2, (50, 90))):
        bake.bake_take(head, takes[k], scene, options=bake.BakeOptions(0.005, onto="OVER", span=span, blend=4, at=0.0))
    jaw = innerface.core.face.channels.ARKIT.index("jawOpen")
    now = values(head, "jawOpen")
    for k, a, b in ((0, 0, 39), (1, 44, 49), (2, 55, 85), (1, 92, 95), (0, 101, 119), (2, 125, 175), (0, 181, 199)):
        assert np.abs(now[a:b] - want[k][a:b, jaw]).max() < 0.0102, (k, a)


def test_keys_made_by_hand_survive_another_take_over_them_and_another_bake(scene, head, loaded):
    bake = innerface.blender_addon.animation.bake
    bake.bake_take(head, loaded(1), scene, options=bake.BakeOptions(0.005))
    made = curve(head, "jawOpen").keyframe_points.insert(80.5, 0.77)
    made.interpolation = "BACK"
    keyed = bake.bake_take(head, loaded(2), scene, options=bake.BakeOptions(0.005, onto="OVER", span=(60, 120), at=0.0))
    assert keyed.manual_keys == 1
    for _ in range(2):
        (own,) = [p for p in curve(head, "jawOpen").keyframe_points if p.co.x == 80.5]
        assert own.co.y == pytest.approx(0.77) and own.interpolation == "BACK"
        over = values(head, "mouthSmileLeft", np.arange(70, 110))
        bake.bake_take(
            head, loaded(1), scene, options=bake.BakeOptions(0.01)
        )  # the take below, again: what lies over it stays
        assert np.abs(values(head, "mouthSmileLeft", np.arange(70, 110)) - over).max() < 1e-4


def test_a_locked_curve_is_left_alone_and_told(scene, head, loaded):
    bake = innerface.blender_addon.animation.bake
    bake.bake_take(head, loaded(1), scene, options=bake.BakeOptions())
    before = values(head, "jawOpen")
    curve(head, "jawOpen").lock = True
    keyed = bake.bake_take(head, loaded(2), scene, options=bake.BakeOptions(onto="OVER", at=0.0))
    assert np.array_equal(values(head, "jawOpen"), before) and any("locked" in n for n in keyed.notes)


def test_options_of_what_plays_take_effect_at_once(addon, scene, loaded, tmp_path):
    """Smoothing, neutral, tolerance: each change bakes again, and back again gives what was."""
    innerface.core.formats.write_take(innerface.core.performance.demo_performance(1), tmp_path / "song.csv")
    addon.ops.innerface.add_head()
    addon.ops.innerface.key_takes(filepath=str(tmp_path / "song.csv"), fewer=False)
    face = innerface.blender_addon.character.face.active_face(addon.context)
    options = innerface.blender_addon.animation.playback.playing_action(face).innerface
    before = values(face, "jawOpen")
    options.smooth_camera = True
    options.smooth_mouth = 4.0
    smooth = values(face, "jawOpen")
    assert np.abs(np.diff(smooth, 2)).sum() < 0.8 * np.abs(np.diff(before, 2)).sum()
    options.before = True
    assert np.allclose(values(face, "jawOpen"), before, atol=1e-6)
    options.before = False
    assert np.allclose(values(face, "jawOpen"), smooth, atol=1e-6)
    options.smooth_camera = False
    assert np.allclose(values(face, "jawOpen"), before, atol=1e-6)
    action = innerface.blender_addon.animation.playback.playing_action(face)
    options.trim_from = 999.0  # nothing is left of the take: said, and nothing changes
    assert "holds no row" in innerface.blender_addon.animation.rebake.errors[action.name] and np.allclose(
        values(face, "jawOpen"), before, atol=1e-6
    )
    options.trim_from = 0.0
    assert not innerface.blender_addon.animation.rebake.errors
    count = len(curve(face, "jawOpen").keyframe_points)
    options.fewer = True
    assert len(curve(face, "jawOpen").keyframe_points) < count / 2


def test_a_neutral_set_from_a_frame_becomes_zero_and_can_be_cleared(addon, scene, tmp_path):
    take = innerface.core.performance.demo_performance(1)
    track = take.weights()
    track.values[:, :52] = np.clip(track.values[:, :52] + 0.1, 0, 1)  # a performer whose rest is not zero
    innerface.core.formats.write_take(take, tmp_path / "song.csv")
    addon.ops.innerface.add_head()
    addon.ops.innerface.key_takes(filepath=str(tmp_path / "song.csv"), fewer=False)
    face = innerface.blender_addon.character.face.active_face(addon.context)
    before = values(face, "browInnerUp")
    calm = int(np.argmin(before))
    scene.frame_set(calm)
    assert addon.ops.innerface.neutral_here() == {"FINISHED"}
    now = values(face, "browInnerUp")
    assert now[calm] < 0.02 and now.max() > 0.3
    addon.ops.innerface.neutral_here(clear=True)
    assert np.allclose(values(face, "browInnerUp"), before, atol=1e-6)
    scene.frame_set(-20)
    with pytest.raises(RuntimeError, match="before the take"):
        addon.ops.innerface.neutral_here()


@pytest.mark.parametrize(("fps", "base", "start"), [(24, 1.0, 0), (24, 1.001, 1), (30, 1.001, -50), (60, 1.0, -7)])
def test_import_places_trims_and_resamples_at_any_rate_and_start(addon, scene, tmp_path, fps, base, start):
    scene.render.fps, scene.render.fps_base = fps, base
    track = innerface.core.performance.demo_performance(1).weights()
    innerface.core.formats.write_take(innerface.core.performance.demo_performance(1), tmp_path / "song.csv")
    addon.ops.innerface.add_head()
    addon.ops.innerface.key_takes(
        filepath=str(tmp_path / "song.csv"), fewer=False, placed="FRAME", frame=start, trim_from=1.0, trim_to=3.0
    )
    face = innerface.blender_addon.character.face.active_face(addon.context)
    points = curve(face, "jawOpen").keyframe_points
    cut = innerface.core.animation.treatment.apply_treatment(
        track, innerface.core.animation.treatment.Treatment(trim=(1.0, 3.0)), "t"
    )
    assert points[0].co.x == start and len(points) == int(cut.duration * fps / base + 1e-6) + 1
    want = innerface.core.animation.frames.resample_to_frames(cut, cut.time[0] + np.arange(len(points)) * base / fps)
    assert (
        np.abs(np.array([p.co.y for p in points]) - want[:, innerface.core.face.channels.ARKIT.index("jawOpen")]).max()
        < 1e-3
    )
    assert scene.render.fps == fps and scene.render.fps_base == pytest.approx(base)


def test_a_mistake_in_the_second_of_two_takes_leaves_nothing_of_the_first(addon, scene, tmp_path):
    innerface.core.formats.write_take(innerface.core.performance.demo_performance(1), tmp_path / "one.csv")
    (tmp_path / "two.csv").write_text("time,jawOpen\n0,0.1\n0.5,0.2\n")
    addon.ops.innerface.add_head()
    with pytest.raises(RuntimeError, match="holds no row"):
        addon.ops.innerface.key_takes(
            directory=str(tmp_path), files=[{"name": "one.csv"}, {"name": "two.csv"}], trim_from=2.0
        )
    key = addon.context.active_object.data.shape_keys
    assert not addon.data.actions and (key.animation_data is None or key.animation_data.action is None)


def test_sliders_are_widened_only_with_consent(addon, scene, tmp_path):
    from .conftest import make_mesh

    columns = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight")
    high = np.full((49, 3), 0.5)
    high[24] = 1.3
    track = innerface.core.take.Track("weights", np.arange(49) / 24, columns, high)
    innerface.core.formats.write_take(innerface.core.take.Take("t", {"weights": track}), tmp_path / "t.csv")
    obj = make_mesh(scene, "Own", columns)
    small = make_mesh(scene, "Lashes", ("eyeBlinkLeft",))
    small.parent = obj
    small.data.shape_keys.key_blocks["eyeBlinkLeft"].slider_max = 2.0  # the same key with another range
    addon.context.view_layer.objects.active = obj
    addon.ops.innerface.key_takes(filepath=str(tmp_path / "t.csv"), fewer=False)
    block = obj.data.shape_keys.key_blocks["jawOpen"]
    scene.frame_set(24)
    assert block.slider_max == 1.0 and block.value == 1.0
    addon.ops.innerface.key_takes(filepath=str(tmp_path / "t.csv"), fewer=False, widen=True)
    scene.frame_set(24)
    assert block.slider_max > 1.299 and block.value == pytest.approx(1.3)


def test_nan_in_a_curve_is_told_and_nothing_is_written(addon, scene, loaded, head, tmp_path):
    bake = innerface.blender_addon.animation.bake
    bake.bake_take(head, loaded(1), scene, options=bake.BakeOptions())
    curve(head, "jawOpen").keyframe_points[30].co.y = float("nan")
    for operator, name in ((addon.ops.innerface.back_out, "x.csv"), (addon.ops.innerface.export, "x.fbx")):
        with pytest.raises(RuntimeError, match="holds no number"):
            operator(filepath=str(tmp_path / name))
    assert not list(tmp_path.iterdir())


def test_a_take_over_a_linked_action_is_refused(scene, head, loaded, tmp_path):
    import bpy

    bake = innerface.blender_addon.animation.bake
    action = bpy.data.actions.new("library action")
    bpy.data.libraries.write(str(tmp_path / "lib.blend"), {action}, fake_user=True)
    bpy.data.actions.remove(action)
    with bpy.data.libraries.load(str(tmp_path / "lib.blend"), link=True) as (_, wanted):
        wanted.actions = ["library action"]
    head.meshes[0].key.animation_data_create().action = wanted.actions[0]
    known = set(bpy.data.actions)
    with pytest.raises(innerface.core.errors.InnerfaceError, match="linked"):
        bake.bake_take(head, loaded(1), scene, options=bake.BakeOptions(onto="OVER", at=0.0))
    assert set(bpy.data.actions) == known


def test_what_the_mapping_drives_no_more_leaves_the_action_at_the_next_bake(addon, scene, loaded):
    bake, face = innerface.blender_addon.animation.bake, innerface.blender_addon.character.face
    addon.ops.innerface.add_head()
    addon.ops.innerface.mapping_auto()
    who = face.active_face(addon.context)
    bake.bake_take(who, loaded(1), scene, options=bake.BakeOptions())
    rows = who.root_object.innerface.targets
    rows[[r.channel for r in rows].index("jawOpen")].mute = True
    bake.bake_take(face.active_face(addon.context), loaded(1), scene, options=bake.BakeOptions())
    assert curve(who, "jawOpen") is None and curve(who, "browInnerUp") is not None
