"""ICT-FaceKit from a user's own download."""

import innerface.blender_addon.character.face
import innerface.blender_addon.character.ict_head
import innerface.core.errors
import innerface.core.face.ict_head
import innerface.core.take
import numpy as np
import pytest

from ..conftest import key_and_play


def download(data, folder, light=False):
    """A folder as ICT-FaceKit's repository has it, written from the arrays."""
    place = folder / "FaceXModel"
    place.mkdir()
    with np.load(data / "ict_facekit.npz") as arrays:
        neutral, faces = arrays["neutral"].astype(float), arrays["faces"]
        names, deltas = [str(n) for n in arrays["expression_names"]], arrays["expression_deltas"]
        lines = "".join("f " + " ".join(f"{v + 1}/{v + 1}" for v in f if v >= 0) + "\n" for f in faces.tolist())

        def write(path, points, tail):
            with open(path, "w") as out:
                np.savetxt(out, points, fmt="v %.6f %.6f %.6f")
                out.write(tail)

        write(place / "generic_neutral_mesh.obj", neutral, lines)
        for name, delta in zip(names, deltas):
            if not light or name in ("jawOpen", "eyeBlink_L"):
                write(place / f"{name}.obj", neutral + delta.astype(float), "")
    return folder


def test_the_head_of_the_arrays_performs_and_its_eyes_turn_with_bones(data, scene):
    obj, rig = innerface.blender_addon.character.ict_head.add(scene.collection, data / "ict_facekit.npz")
    face = innerface.blender_addon.character.face.find_face(list(scene.objects))
    assert len(obj.data.vertices) == 26719 and face.unmatched_channels() == ["tongueOut"]
    assert {t.name for t in face.mapping.active_targets if t.kind == "bone"} == {"eye.L", "eye.R"}
    values = np.zeros((25, 2))
    values[12:] = 1.0
    key_and_play(
        face,
        innerface.core.take.Track("weights", np.arange(25) / 24, ("eyeLookOutLeft", "eyeLookInRight"), values),
        "look",
        scene,
    )
    scene.frame_set(20)
    for name in ("eye.L", "eye.R"):
        bone = rig.pose.bones[name]
        forward = (
            bone.matrix.to_3x3().normalized() @ bone.bone.matrix_local.to_3x3().normalized().inverted()
        ) @ __import__("mathutils").Vector((0, -1, 0))
        assert forward.x > 0.4, "to the performer's left"


def test_the_folder_of_the_download_gives_the_same_head(data, scene, tmp_path):
    ict = innerface.core.face.ict_head
    arrays, folder = ict.load(data / "ict_facekit.npz"), ict.load(download(data, tmp_path))
    assert set(folder.shapes) == set(arrays.shapes)
    order = [folder.shapes.index(s) for s in arrays.shapes]
    assert (
        np.abs(folder.vertices - arrays.vertices).max() < 1e-7
        and np.abs(folder.deltas[order] - arrays.deltas).max() < 2e-5
    )
    assert np.array_equal(folder.faces, arrays.faces)


def test_other_files_and_folders_are_refused_in_one_line(data, addon, scene, tmp_path):
    ict, error = innerface.core.face.ict_head, innerface.core.errors.InnerfaceError
    (tmp_path / "a.npz").write_bytes(b"x")
    for wrong in (tmp_path, tmp_path / "a.npz", tmp_path / "none.npz"):
        with pytest.raises(error) as told:
            ict.load(wrong)
        assert "\n" not in str(told.value)
    with pytest.raises(error, match="2 of the model's expressions"):
        ict.load(download(data, tmp_path, light=True))
    with pytest.raises(RuntimeError, match=r"a\.npz: cannot be read"):
        addon.ops.innerface.add_ict(filepath=str(tmp_path / "a.npz"))
    assert not addon.data.meshes
