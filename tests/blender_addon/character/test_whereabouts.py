"""A face that the scene lacks: the message says where it is, and how to get it."""

import innerface.blender_addon.character.face
import pytest
from innerface.blender_addon import remedies
from innerface.core.errors import InnerfaceError

from ..conftest import make_mesh

KEYS = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft")


def message(scene):
    face = innerface.blender_addon.character.face
    with remedies.on_command_line(), pytest.raises(InnerfaceError) as told:
        face.find_face(list(scene.objects), "c.blend")
    with remedies.on_command_line(), pytest.raises(InnerfaceError) as told_by_name:
        face.named_face(list(scene.objects), ["Head"], "c.blend")
    assert str(told.value).rpartition("; ")[2] == str(told_by_name.value).rpartition("; ")[2]
    return str(told.value)


def test_a_face_in_another_scene(scene):
    import bpy

    make_mesh(bpy.data.scenes.new("Stage"), "Head", KEYS)
    assert "scene 'Stage' holds Head; make it the active scene with --scene 'Stage'" in message(scene)


def test_a_face_in_a_collection_that_no_scene_has(scene):
    import bpy

    collection = bpy.data.collections.new("Cast")
    make_mesh(scene, "Head", KEYS)
    collection.objects.link(bpy.data.objects["Head"])
    scene.collection.objects.unlink(bpy.data.objects["Head"])
    assert "Head is in the collection 'Cast', which is in no scene; link that collection" in message(scene)
    bpy.data.collections.remove(collection)
    assert "Head is in no collection of any scene" in message(scene)


def test_a_face_in_an_instance_of_a_collection(scene):
    import bpy

    collection = bpy.data.collections.new("Cast")
    make_mesh(scene, "Head", KEYS)
    collection.objects.link(bpy.data.objects["Head"])
    scene.collection.objects.unlink(bpy.data.objects["Head"])
    instance = bpy.data.objects.new("Stand", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", collection
    scene.collection.objects.link(instance)
    text = message(scene)
    assert "'Stand' shows Head as an instance of the collection 'Cast'" in text and "Outliner" in text


@pytest.mark.parametrize("instanced", [True, False])
def test_a_face_in_a_linked_library(scene, tmp_path, instanced):
    import bpy

    collection = bpy.data.collections.new("Cast")
    scene.collection.children.link(collection)
    make_mesh(scene, "Head", KEYS)
    collection.objects.link(bpy.data.objects["Head"])
    library = tmp_path / "cast.blend"
    bpy.data.libraries.write(str(library), {collection}, fake_user=True)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.collections = ["Cast"]
    scene = bpy.context.scene
    if instanced:
        instance = bpy.data.objects.new("Stand", None)
        instance.instance_type, instance.instance_collection = "COLLECTION", bpy.data.collections["Cast"]
        scene.collection.objects.link(instance)
    text = message(scene)
    assert "linked from" in text and "cast.blend" in text and "library override" in text.lower()


def test_no_face_at_all_is_still_called_that(scene):
    make_mesh(scene, "Plain", ())
    face = innerface.blender_addon.character.face
    with pytest.raises(InnerfaceError, match=r"no mesh has shape keys.*Plain"):
        face.find_face(list(scene.objects))
