import innerface.core.face.head
import numpy as np


def test_the_head_in_blender_is_the_head_of_the_core(scene, head):
    core = innerface.core.face.head.load()
    obj = head.meshes[0].object
    assert [k.name for k in obj.data.shape_keys.key_blocks] == ["Basis", *core.shapes]
    co = np.empty(len(obj.data.vertices) * 3, dtype=np.float32)
    obj.data.shape_keys.key_blocks["jawOpen"].data.foreach_get("co", co)
    x, y, z = co.reshape(-1, 3).T
    want = core.deform({"jawOpen": 1.0})
    assert np.allclose(np.stack([x, z, -y], axis=1), want, atol=1e-6)
    assert all(p.use_smooth for p in obj.data.polygons)
    assert [m.name.split(" ")[1] for m in obj.data.materials] == list(core.materials)


def test_the_head_is_found_as_one_face_with_a_head_bone(head):
    assert head.meshes[0].match.scheme == "ARKit"
    assert head.unmatched_channels() == []
    assert head.head_bone == "head"


def test_every_vertex_is_held_by_the_rig(head):
    obj = head.meshes[0].object
    for vertex in obj.data.vertices:
        assert abs(sum(g.weight for g in vertex.groups) - 1.0) < 1e-3
