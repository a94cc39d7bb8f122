"""Scenes whose time is stretched: a take lasts as long as it was, wherever it is read."""

import innerface.blender_addon.animation.bake
import innerface.blender_addon.character.face
import innerface.blender_addon.compat
import innerface.blender_addon.export.evaluate_scene
import innerface.blender_addon.export.export_take
import innerface.core.take
import numpy as np
import pytest
from innerface.blender_addon.animation import playback, scene_time

from ..conftest import key_and_play, make_mesh

KEYS = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight")
RATE, ROWS = 24, 49


@pytest.fixture
def face(scene):
    make_mesh(scene, "Head", KEYS)
    scene.frame_start, scene.frame_end = 1, ROWS
    return innerface.blender_addon.character.face.find_face(list(scene.objects))


def take():
    rise = np.linspace(0, 1, ROWS)
    return innerface.core.take.Track("weights", np.arange(ROWS) / RATE, KEYS, np.stack([rise, rise**2, 1 - rise], 1))


STRETCHES = [(100, 200), (100, 50), (30, 24)]


@pytest.mark.parametrize("old_new", STRETCHES, ids=str)
@pytest.mark.parametrize("tolerance", [None, 0.005])
def test_every_frame_of_a_stretched_scene_shows_the_takes_row(scene, face, old_new, tolerance):
    scene.render.frame_map_old, scene.render.frame_map_new = old_new
    keyed = key_and_play(face, take(), "take", scene, tolerance=tolerance)
    assert keyed.frames == ROWS and playback.frames_of_actions(face, scene) == (1, ROWS)
    blocks = face.meshes[0].key.key_blocks
    for frame in range(1, ROWS + 1):
        scene.frame_set(frame)
        shown = [blocks[name].value for name in KEYS]
        assert shown == pytest.approx(take().values[frame - 1], abs=1e-4 if tolerance is None else 0.006)


@pytest.mark.parametrize("old_new", STRETCHES, ids=str)
@pytest.mark.parametrize("evaluated", [False, True])
def test_exports_and_takes_hold_what_a_stretched_scene_plays(scene, face, old_new, evaluated):
    scene.render.frame_map_old, scene.render.frame_map_new = old_new
    key_and_play(face, take(), "take", scene)
    if evaluated:
        face.meshes[0].key.animation_data.nla_tracks.new()  # more than curves may move the face
    module = innerface.blender_addon.export.evaluate_scene
    found = module.evaluate_scene(face, scene, [face.meshes[0].object])
    assert found.evaluated == evaluated
    assert np.allclose(found.key_values[face.meshes[0].object], take().values, atol=1e-4)
    exported = innerface.blender_addon.export.export_take.export_take(face, scene).take.weights()
    assert exported.duration == pytest.approx((ROWS - 1) / RATE)
    assert np.allclose(exported.select(KEYS), take().values, atol=2e-3)


def test_a_strip_of_a_stretched_scene_begins_where_the_take_does(scene, face):
    scene.render.frame_map_old, scene.render.frame_map_new = 100, 200
    keyed = key_and_play(face, take(), "take", scene)
    key, action = face.meshes[0].key, keyed.actions[0]
    key.animation_data.action = None
    playback.add_strip(key, action, keyed.first_curve_frame, mute=False)
    for frame in (1, 20, ROWS):
        scene.frame_set(frame)
        assert key.key_blocks["jawOpen"].value == pytest.approx(take().values[frame - 1, 0], abs=1e-3)


def test_a_range_is_given_back(scene):
    with scene_time.frame_range(scene, 3, 5):
        assert (scene.frame_start, scene.frame_end) == (3, 5)
    assert (scene.frame_start, scene.frame_end) == (0, 250)
