"""Five typical characters, made from the bundled head, for tests and benches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ....core.face.channels import ARKIT
from ....core.face.head import Head, load
from ....core.face.naming.scheme_tables import load_schemes
from ... import blender

_MATERIALS_BY_PART = {
    "lashes": ("lashes",),
    "teeth": ("teeth", "gums"),
    "tongue": ("tongue",),
    "eyes": ("sclera", "iris", "limbus", "pupil"),
}


def one_mesh(scene: Any, _folder: Path) -> None:
    """A mesh with ARKit names, without a rig or parent."""
    _add_part(scene, "Face", load(), mask=None)


def parts(scene: Any, _folder: Path) -> None:
    """Head, lashes, teeth and tongue under one rig, each with the shape keys that move it."""
    head = load()
    rig = _build_rig(scene, "Rig", head)
    used_quads = np.zeros(len(head.quads), dtype=bool)
    for name in ("lashes", "teeth", "tongue"):
        mask = _quads_with(head, _MATERIALS_BY_PART[name])
        _skin_to_bone(_add_part(scene, name.capitalize(), head, mask=mask, moving_shapes_only=True), rig, "head")
        used_quads |= mask
    _skin_to_bone(_add_part(scene, "Head", head, mask=~used_quads), rig, "head")


def character_creator(scene: Any, _folder: Path) -> None:
    """Character with Character Creator 4's Standard names.

    Jaw and eyes are bones, teeth and eyeballs have no keys, the armature is in centimetres with a scale of 0.01.
    """
    head = load()
    rig = _build_rig(
        scene,
        "CC_Armature",
        head,
        bones={"CC_Base_Head": "head", "CC_Base_JawRoot": "jaw", "CC_Base_L_Eye": "eye.L", "CC_Base_R_Eye": "eye.R"},
        scale=0.01,
    )
    names = {channel: other for channel, other, _ in load_schemes()["Reallusion CC4 Standard"]}
    eyes, teeth = _quads_with(head, _MATERIALS_BY_PART["eyes"]), _quads_with(head, ("teeth", "gums", "tongue"))
    _skin_to_bone(_add_part(scene, "CC_Base_Body", head, mask=~(eyes | teeth), names=names), rig, "CC_Base_Head")
    _skin_to_bone(_add_part(scene, "CC_Base_Teeth", head, mask=teeth, names={}), rig, "CC_Base_JawRoot")
    eyes_object = _add_part(scene, "CC_Base_Eye", head, mask=eyes, names={})
    left_vertices = [v.index for v in eyes_object.data.vertices if v.co.x > 0]
    _skin_to_bone(eyes_object, rig, "CC_Base_R_Eye")
    group = eyes_object.vertex_groups.new(name="CC_Base_L_Eye")
    group.add(left_vertices, 1.0, "REPLACE")
    eyes_object.vertex_groups["CC_Base_R_Eye"].remove(left_vertices)


def control_rig(scene: Any, _folder: Path) -> None:
    """Driven shape keys: half by custom properties of the rig, half by control bones."""
    bpy = blender.load_bpy()

    head = load()
    control_bones = {f"ctrl_{name}": "control" for name in ARKIT[::2]}
    rig = _build_rig(scene, "ControlRig", head, bones={"head": "head"} | control_bones)
    obj = _add_part(scene, "Head", head, mask=None)
    _skin_to_bone(obj, rig, "head")
    key = obj.data.shape_keys
    for name in ARKIT[1::2]:
        rig[name] = 0.0
        rig.id_properties_ui(name).update(min=0.0, max=1.0, soft_min=0.0, soft_max=1.0)
    rig.update_tag()
    bpy.context.view_layer.update()  # drivers are evaluated when they are made, so their inputs must exist
    for k, name in enumerate(ARKIT):
        driver = key.driver_add(f'key_blocks["{name}"].value').driver
        variable = driver.variables.new()
        variable.name, target = "x", variable.targets[0]
        target.id = rig
        if k % 2 == 0:
            variable.type, target.bone_target = "TRANSFORMS", f"ctrl_{name}"
            target.transform_type, target.transform_space = "LOC_Y", "LOCAL_SPACE"
            driver.expression = "x * 20"  # 5 cm are full weight
        else:
            target.data_path = f'["{name}"]'
            driver.expression = "x"
    bpy.context.view_layer.update()


def override(scene: Any, folder: Path) -> None:
    """Library override of a linked character of about 35,000 vertices.

    It has Subdivision and Armature modifiers, and separate lashes and teeth.
    """
    bpy = blender.load_bpy()

    path = folder / "library.blend"
    source_scene = bpy.data.scenes.new("maker")
    collection = bpy.data.collections.new("Character")
    source_scene.collection.children.link(collection)
    head = load()
    previous_scene = bpy.context.window.scene
    bpy.context.window.scene = source_scene
    rig = _build_rig(source_scene, "Hero", head)
    lashes = _quads_with(head, _MATERIALS_BY_PART["lashes"])
    for name, mask in (("Hero Head", ~lashes), ("Hero Lashes", lashes)):
        obj = _add_part(source_scene, name, head, mask=mask, moving_shapes_only=name != "Hero Head", subdivide=True)
        _skin_to_bone(obj, rig, "head")
        obj.modifiers.new("Subdivision", "SUBSURF")
    for obj in list(source_scene.collection.objects):
        source_scene.collection.objects.unlink(obj)
        collection.objects.link(obj)
    bpy.data.libraries.write(str(path), {collection}, fake_user=True)
    bpy.context.window.scene = previous_scene
    for obj in list(collection.objects):
        bpy.data.objects.remove(obj)
    bpy.data.collections.remove(collection)
    bpy.data.scenes.remove(source_scene)
    bpy.ops.outliner.orphans_purge(do_recursive=True)
    with bpy.data.libraries.load(str(path), link=True) as (_, library):
        library.collections = ["Character"]
    linked: Any = library.collections[0]
    root = linked.override_hierarchy_create(scene, scene.view_layers[0], do_fully_editable=True)
    if root.name not in scene.collection.children:
        scene.collection.children.link(root)
    for obj in root.all_objects:
        if obj.type == "MESH":
            obj.data.override_create(remap_local_usages=True)  # its shape keys belong to the shot


CHARACTERS: dict[str, Callable[[Any, Path], None]] = {
    "one mesh": one_mesh,
    "parts": parts,
    "character creator": character_creator,
    "control rig": control_rig,
    "override": override,
}


def _quads_with(head: Head, materials: tuple[str, ...]) -> np.ndarray:
    """Quads (F,) bool with one of the materials."""
    return np.isin(head.material_index, [head.materials.index(m) for m in materials])


def _add_part(
    scene: Any,
    name: str,
    head: Head,
    *,
    mask: np.ndarray | None,
    names: dict[str, str] | None = None,
    moving_shapes_only: bool = False,
    subdivide: bool = False,
) -> Any:
    """Make a mesh with shape keys from some quads of the head.

    `names` renames the keys, `only_moving` keeps those that move the mesh, `finer` splits each quad into four.
    """
    bpy = blender.load_bpy()

    from ....blender_addon.character.heads import add_shapes, to_blender

    quads = head.quads if mask is None else head.quads[mask]
    used, vertex_index = np.unique(quads, return_inverse=True)
    quads = vertex_index.reshape(-1, 4)
    subdivided = _subdivide(quads, len(used)) if subdivide else None
    rest = to_blender(head.vertices[used])
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(
        (rest if subdivided is None else subdivided[1] @ rest).tolist(),
        [],
        (quads if subdivided is None else subdivided[0]).tolist(),
    )
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), dtype=bool))
    obj = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(obj)
    deltas = {n: to_blender(d[used]) for n, d in zip(head.shapes, head.deltas)}
    kept_deltas = {
        n: d
        for n, d in deltas.items()
        if (names is None or n in names) and (not moving_shapes_only or np.abs(d).max() > 1e-5)
    }
    if kept_deltas:
        key_names = {n: names[n] if names is not None else n for n in kept_deltas}
        add_shapes(
            obj,
            name,
            (
                (key_names[n], rest + d if subdivided is None else subdivided[1] @ (rest + d))
                for n, d in kept_deltas.items()
            ),
        )
    return obj


def _subdivide(quads: np.ndarray, count: int) -> tuple[np.ndarray, Any]:
    """Split each quad into four: the new quads, and a matrix from old vertices to new ones."""
    from scipy.sparse import csr_matrix

    quad_edges = np.sort(np.stack([quads, np.roll(quads, -1, 1)], axis=2).reshape(-1, 2), axis=1)
    edges, edge_vertices = np.unique(quad_edges, axis=0, return_inverse=True)
    edge_vertices = edge_vertices.reshape(-1, 4) + count
    centres = np.arange(len(quads)) + count + len(edges)
    sub_quads = [
        np.stack([quads[:, k], edge_vertices[:, k], centres, edge_vertices[:, k - 1]], axis=1) for k in range(4)
    ]
    rows = np.concatenate([np.arange(count), np.repeat(np.arange(len(edges)) + count, 2), np.repeat(centres, 4)])
    columns = np.concatenate([np.arange(count), edges.ravel(), quads.ravel()])
    weights = np.concatenate([np.ones(count), np.full(2 * len(edges), 0.5), np.full(4 * len(quads), 0.25)])
    return np.concatenate(sub_quads), csr_matrix(
        (weights, (rows, columns)), shape=(count + len(edges) + len(quads), count)
    )


def _build_rig(scene: Any, name: str, head: Head, *, bones: dict[str, str] | None = None, scale: float = 1.0) -> Any:
    """Make an armature with a root and bones, placed by role; bones are larger by the inverse of `scale`."""
    bpy = blender.load_bpy()

    from ....blender_addon.character.heads import Bones, add_rig

    positions_by_role: dict[str, Any] = {
        "root": ((0, 0.02, -0.165), (0, 0.02, -0.1)),
        "head": ((0, 0.01, -0.035), (0, 0.01, 0.145)),
        "jaw": ((0, 0.0, -0.02), (0, -0.07, -0.07)),
        "control": ((0.2, 0, 0), (0.2, 0, 0.02)),
    }
    for role, side in (("eye.L", 1.0), ("eye.R", -1.0)):
        eye_vertices = head.vertices[np.unique(head.quads[_quads_with(head, _MATERIALS_BY_PART["eyes"])])]
        centre = eye_vertices[eye_vertices[:, 0] * side > 0].mean(0)
        eye_centre = np.array([centre[0], -centre[2] + 0.008, centre[1]])
        positions_by_role[role] = (eye_centre, eye_centre + np.array([0, 0.0, 0.02]))
    roles = {"root": "root"} | (bones or {"head": "head"})
    head_bone = next(bone for bone, role in roles.items() if role == "head")
    parents = {"root": "", "head": "root", "control": "root"}
    bone_table: Bones = {
        bone: (
            np.array(positions_by_role[role][0]) / scale,
            np.array(positions_by_role[role][1]) / scale,
            parents.get(role, head_bone),
        )
        for bone, role in roles.items()
    }
    rig = add_rig(scene.collection, name, bone_table)
    for bone, role in roles.items():
        rig.data.bones[bone].use_deform = role != "control"
    rig.scale = (scale,) * 3
    bpy.context.view_layer.update()
    return rig


def _skin_to_bone(obj: Any, rig: Any, bone: str) -> None:
    from ....blender_addon.character.heads import skin_to_bones

    skin_to_bones(obj, rig, {bone: np.ones(len(obj.data.vertices))})
