"""The active face."""

import innerface.blender_addon.character.face
import innerface.blender_addon.ui.face_panel


def test_the_active_object_chooses_among_several_faces(scene, addon):
    addon.ops.innerface.add_head()
    first = addon.context.active_object
    addon.ops.innerface.add_head()
    second = addon.context.active_object
    face, panel = innerface.blender_addon.character.face, innerface.blender_addon.ui.face_panel
    assert face.active_face(addon.context).meshes[0].object == second
    addon.context.view_layer.objects.active = first
    assert face.active_face(addon.context).meshes[0].object == first
    addon.context.view_layer.objects.active = None
    assert panel.face_or_message(addon.context)[0] is None
