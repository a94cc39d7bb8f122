"""GLBs that readers open which take nothing for granted."""

import innerface.blender_addon.export.exporters
import innerface.blender_addon.export.glb_file
import innerface.core.errors
import innerface.core.performance
import numpy as np
import pytest

from ..conftest import key_and_play

Glb = innerface.blender_addon.export.glb_file.Glb


@pytest.fixture
def exported(scene, head, tmp_path):
    """`exported(optimise)`: the GLB of a short performance."""
    track = innerface.core.performance.demo_performance(5).weights()
    key_and_play(head, track, "performance", scene)
    scene.frame_end = 24

    def export(optimise=False):
        path = tmp_path / f"{optimise}.glb"
        innerface.blender_addon.export.exporters.export_glb(head, scene, path, optimise=optimise)
        return path

    return export


@pytest.mark.parametrize("optimise", [False, True])
def test_no_accessor_leaves_its_bufferview_or_byteoffset_to_the_reader(exported, optimise):
    document = Glb.read(exported(optimise)).document
    assert all("bufferView" in a and "byteOffset" in a for a in document["accessors"])
    sparse = [a["sparse"] for a in document["accessors"] if "sparse" in a]
    assert bool(sparse) == optimise
    assert all("byteOffset" in s["indices"] and "byteOffset" in s["values"] for s in sparse)
    views = [a["bufferView"] for a in document["accessors"] if "sparse" not in a]
    assert len(views) == len(set(views)), "two accessors share a bufferView, which Panda3D takes for interleaved"


def test_a_glb_holds_the_one_scene_and_the_meshes_own_names(exported, scene):
    import bpy

    bpy.data.scenes.new("another")
    document = Glb.read(exported()).document
    assert len(document["scenes"]) == 1
    assert [m["name"] for m in document["meshes"]] == ["Innerface Head"]


def test_an_optimised_glb_holds_the_same_numbers_in_less_than_half(exported, second):
    dense, sparse = exported(False), exported(True)
    assert sparse.stat().st_size < dense.stat().st_size / 2
    a, b = Glb.read(dense), Glb.read(sparse)
    for one, two in zip(a.document["meshes"][0]["primitives"], b.document["meshes"][0]["primitives"], strict=True):
        for x, y in zip(one["targets"], two["targets"], strict=True):
            assert np.array_equal(a.values(x["POSITION"]), b.values(y["POSITION"]))
    assert second(dense)["clips"] == second(sparse)["clips"]


def test_a_file_that_is_no_glb_is_refused_in_one_line(tmp_path):
    for data in (b"", b"glTF", b"x" * 40, b"glTF" + bytes(40)):
        (tmp_path / "x.glb").write_bytes(data)
        with pytest.raises(innerface.core.errors.InnerfaceError, match="no whole GLB"):
            Glb.read(tmp_path / "x.glb")
