"""File names of exports."""

import innerface.blender_addon.operators.export
import pytest


def test_an_export_never_replaces_a_file_of_another_name(addon):
    with_extension = innerface.blender_addon.operators.export._with_extension
    assert with_extension("/x/song.take2", "glb").name == "song.take2.glb"
    assert with_extension("/x/song.fbx", "glb").name == "song.glb"
    assert with_extension("/x/song.GLB", "glb").name == "song.glb"


def test_an_export_without_a_file_name_is_refused_in_one_line(scene, addon):
    addon.ops.innerface.add_head()
    with pytest.raises(RuntimeError, match="no file was named"):
        addon.ops.innerface.export(kind="glb")
