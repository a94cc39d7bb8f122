"""Which drivers are obstacles to a take, and which follow it."""

import innerface.blender_addon.character.drivers
import innerface.blender_addon.character.face
import innerface.core.take
import numpy as np
import pytest

from ..conftest import key_and_play, make_mesh

KEYS = ("jawOpen", "mouthFunnel", "cheekPuff", "eyeBlinkLeft")


def drive(key, name, expression, *sources):
    """Drive a shape key by variables a, b ... of (datablock, type, data path)."""
    driver = key.driver_add(f'key_blocks["{name}"].value').driver
    driver.type = "SCRIPTED"
    for letter, (source, kind, path) in zip("abc", sources):
        variable = driver.variables.new()
        variable.name = letter
        variable.targets[0].id_type = kind
        variable.targets[0].id, variable.targets[0].data_path = source, path
    driver.expression = expression


def value_of(name):
    return f'key_blocks["{name}"].value'


def take(columns=KEYS):
    return innerface.core.take.Track(
        "weights", np.arange(25) / 24, columns, np.linspace(0, 1, 25)[:, None].repeat(len(columns), 1)
    )


def face_of(scene):
    return innerface.blender_addon.character.face.find_face(list(scene.objects))


def keyed_notes(scene, face):
    return [n for n in key_and_play(face, take(), "take", scene).notes if "driver" in n or "Not keyed" in n]


@pytest.mark.parametrize("through", ["KEY", "OBJECT", "MESH"])
def test_a_corrective_of_keyed_keys_follows_by_itself(scene, through):
    head = make_mesh(scene, "Head", KEYS)
    key = head.data.shape_keys
    source, prefix = {"KEY": (key, ""), "OBJECT": (head, "data.shape_keys."), "MESH": (head.data, "shape_keys.")}[
        through
    ]
    drive(key, "cheekPuff", "a*b", *((source, through, prefix + value_of(n)) for n in ("jawOpen", "mouthFunnel")))
    face = face_of(scene)
    (note,) = keyed_notes(scene, face)
    assert "'cheekPuff' follows" in note and "Not keyed" not in note and "Controls" not in note
    assert not innerface.blender_addon.character.drivers.driven_keys(face), "the panel names no obstacle"
    scene.frame_set(12)
    assert key.key_blocks["cheekPuff"].value == pytest.approx(0.25, abs=1e-3)


def test_lashes_that_follow_the_head_and_correctives_of_correctives_are_no_obstacles(scene):
    import bpy

    holder = bpy.data.objects.new("Character", None)
    scene.collection.objects.link(holder)
    head, lashes = make_mesh(scene, "Head", KEYS, holder), make_mesh(scene, "Lashes", KEYS[:3], holder)
    key, other = head.data.shape_keys, lashes.data.shape_keys
    drive(other, "jawOpen", "a", (key, "KEY", value_of("jawOpen")))
    drive(other, "cheekPuff", "a", (other, "KEY", value_of("jawOpen")))
    notes = keyed_notes(scene, face_of(scene))
    assert len(notes) == 1 and "'jawOpen', 'cheekPuff' follow" in notes[0]


def test_a_driver_of_something_else_is_an_obstacle_with_a_remedy_that_exists(scene):
    from innerface.blender_addon import remedies

    head = make_mesh(scene, "Head", KEYS)
    drive(head.data.shape_keys, "jawOpen", "a", (head, "OBJECT", "location.x"))
    with remedies.on_command_line():
        (note,) = keyed_notes(scene, face_of(scene))
    assert "'jawOpen' by Head location.x" in note and note.endswith("--controls keys that control instead")


def test_a_driver_that_cannot_be_keyed_is_not_said_to_be(scene):
    head = make_mesh(scene, "Head", KEYS)
    drive(head.data.shape_keys, "jawOpen", "frame / 100")
    (note,) = keyed_notes(scene, face_of(scene))
    assert "'jawOpen' by frame / 100" in note and "Controls" not in note and "Drivers editor" in note


def test_a_muted_driver_controls_nothing(scene):
    head = make_mesh(scene, "Head", KEYS)
    drive(head.data.shape_keys, "jawOpen", "0.5")
    head.data.shape_keys.animation_data.drivers[0].mute = True
    assert keyed_notes(scene, face_of(scene)) == []
    scene.frame_set(24)
    assert head.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(1.0)


def test_drivers_that_read_each_other_are_obstacles_and_end(scene):
    key = make_mesh(scene, "Head", KEYS).data.shape_keys
    drive(key, "jawOpen", "a", (key, "KEY", value_of("cheekPuff")))
    drive(key, "cheekPuff", "a", (key, "KEY", value_of("jawOpen")))
    (note,) = keyed_notes(scene, face_of(scene))
    assert "'jawOpen'" in note and "'cheekPuff'" in note and note.startswith("Not keyed")
