import innerface.blender_addon.animation.curves
import innerface.blender_addon.character.lanes
import innerface.blender_addon.compat
import innerface.core.animation.bezier
import numpy as np
import pytest


@pytest.fixture
def fcurves(scene):
    import bpy

    obj = bpy.data.objects.new("thing", None)
    scene.collection.objects.link(obj)
    action = bpy.data.actions.new("a")
    out = innerface.blender_addon.compat.fcurves_of(action, obj)
    innerface.blender_addon.compat.assign_action(action, obj)
    yield out


def test_the_reduced_curve_is_the_one_that_blender_plays(fcurves):
    curves, reduction = innerface.blender_addon.animation.curves, innerface.core.animation.bezier
    rng = np.random.default_rng(0)
    for k in range(8):
        x = np.cumsum(rng.integers(1, 25, 60)).astype(float)
        y = rng.uniform(0, 1, 60) if k % 2 else np.cumsum(rng.normal(0, 0.1, 60))
        curve = curves.write_curve(fcurves, "location", frames=x, values=y, index=0, use_bezier=True)
        frames = np.arange(x[0] - 2, x[-1] + 3)
        assert np.abs(curves.sample_curve(curve, frames) - reduction.evaluate(x, y, frames)).max() < 2e-5


def test_linear_keys_hold_every_value_and_replace_what_was_there(fcurves):
    curves = innerface.blender_addon.animation.curves
    frames, values = np.arange(100), np.linspace(-0.5, 1.5, 100)
    curves.write_curve(fcurves, "location", frames=frames, values=np.zeros(100), index=1)
    curve = curves.write_curve(fcurves, "location", frames=frames, values=values, index=1)
    assert len([c for c in fcurves if c.data_path == "location"]) == 1
    assert np.allclose(curves.sample_curve(curve, frames), values, atol=1e-6)
    assert curve.evaluate(10.5) == pytest.approx((values[10] + values[11]) / 2, abs=1e-6)


def test_names_with_quotes_and_backslashes_reach_their_key(scene):
    import bpy

    name = 'jaw "open" \\ wide'
    mesh = bpy.data.meshes.new("m")
    mesh.from_pydata([(0, 0, 0)], [], [])
    obj = bpy.data.objects.new("m", mesh)
    scene.collection.objects.link(obj)
    obj.shape_key_add(name="Basis")
    obj.shape_key_add(name=name).value = 0.25
    path = innerface.blender_addon.character.lanes.shape_key_path(name)
    assert mesh.shape_keys.path_resolve(path) == 0.25
