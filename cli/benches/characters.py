"""Five characters as they come in the wild, made from the bundled head: for tests and benches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...core.channels import ARKIT
from ...core.head import Head, load
from ...core.matching import schemes
from .. import blender

_CUT = {"lashes": ("lashes",), "teeth": ("teeth", "gums"), "tongue": ("tongue",), "eyes": ("sclera", "iris", "limbus", "pupil")}


def one_mesh(scene: Any, _folder: Path) -> None:
    """A mesh with Apple's names and nothing else: no rig, no parent."""
    _part(scene, "Face", load(), None)


def parts(scene: Any, _folder: Path) -> None:
    """Head, lashes, teeth and tongue under one rig, each with the keys that move it."""
    head = load()
    rig = _rig(scene, "Rig", head)
    taken = np.zeros(len(head.quads), dtype=bool)
    for name in ("lashes", "teeth", "tongue"):
        mask = _faces(head, _CUT[name])
        _skinned(_part(scene, name.capitalize(), head, mask, only_moving=True), rig, "head")
        taken |= mask
    _skinned(_part(scene, "Head", head, ~taken), rig, "head")


def character_creator(scene: Any, _folder: Path) -> None:
    """Named as Character Creator 4's Standard profile: jaw and eyes are bones, teeth and eyeballs have no keys, the armature is in centimetres at 0.01."""
    head = load()
    rig = _rig(scene, "CC_Armature", head, {"CC_Base_Head": "head", "CC_Base_JawRoot": "jaw", "CC_Base_L_Eye": "eye.L", "CC_Base_R_Eye": "eye.R"}, 0.01)
    names = {channel: other for channel, other, _ in schemes()["Reallusion CC4 Standard"]}
    eyes, teeth = _faces(head, _CUT["eyes"]), _faces(head, ("teeth", "gums", "tongue"))
    _skinned(_part(scene, "CC_Base_Body", head, ~(eyes | teeth), names), rig, "CC_Base_Head")
    _skinned(_part(scene, "CC_Base_Teeth", head, teeth, {}), rig, "CC_Base_JawRoot")
    whole = _part(scene, "CC_Base_Eye", head, eyes, {})
    left = [v.index for v in whole.data.vertices if v.co.x > 0]
    _skinned(whole, rig, "CC_Base_R_Eye")
    group = whole.vertex_groups.new(name="CC_Base_L_Eye")
    group.add(left, 1.0, "REPLACE")
    whole.vertex_groups["CC_Base_R_Eye"].remove(left)


def control_rig(scene: Any, _folder: Path) -> None:
    """Keys are driven: half by custom properties of the rig, half by bones that an animator moves."""
    bpy = blender.load()

    head = load()
    handles = {f"ctrl_{name}": "control" for name in ARKIT[::2]}
    rig = _rig(scene, "ControlRig", head, {"head": "head"} | handles)
    obj = _part(scene, "Head", head, None)
    _skinned(obj, rig, "head")
    key = obj.data.shape_keys
    for name in ARKIT[1::2]:
        rig[name] = 0.0
        rig.id_properties_ui(name).update(min=0.0, max=1.0, soft_min=0.0, soft_max=1.0)
    rig.update_tag()
    bpy.context.view_layer.update()  # drivers are tried when they are made: what they read must be there
    for k, name in enumerate(ARKIT):
        driver = key.driver_add(f'key_blocks["{name}"].value').driver
        variable = driver.variables.new()
        variable.name, target = "x", variable.targets[0]
        target.id = rig
        if k % 2 == 0:
            variable.type, target.bone_target = "TRANSFORMS", f"ctrl_{name}"
            target.transform_type, target.transform_space = "LOC_Y", "LOCAL_SPACE"
            driver.expression = "x * 20"  # 5 cm are all of it
        else:
            target.data_path = f'["{name}"]'
            driver.expression = "x"
    bpy.context.view_layer.update()


def override(scene: Any, folder: Path) -> None:
    """A library override of a linked character of some 35,000 vertices, with Subdivision and Armature modifiers, and lashes and teeth of their own."""
    bpy = blender.load()

    path = folder / "library.blend"
    maker = bpy.data.scenes.new("maker")
    made = bpy.data.collections.new("Character")
    maker.collection.children.link(made)
    head = load()
    before = bpy.context.window.scene
    bpy.context.window.scene = maker
    rig = _rig(maker, "Hero", head)
    lashes = _faces(head, _CUT["lashes"])
    for name, mask in (("Hero Head", ~lashes), ("Hero Lashes", lashes)):
        obj = _part(maker, name, head, mask, only_moving=name != "Hero Head", finer=True)
        _skinned(obj, rig, "head")
        obj.modifiers.new("Subdivision", "SUBSURF")
    for obj in list(maker.collection.objects):
        maker.collection.objects.unlink(obj)
        made.objects.link(obj)
    bpy.data.libraries.write(str(path), {made}, fake_user=True)
    bpy.context.window.scene = before
    for obj in list(made.objects):
        bpy.data.objects.remove(obj)
    bpy.data.collections.remove(made)
    bpy.data.scenes.remove(maker)
    bpy.ops.outliner.orphans_purge(do_recursive=True)
    with bpy.data.libraries.load(str(path), link=True) as (_, wanted):
        wanted.collections = ["Character"]
    linked: Any = wanted.collections[0]
    root = linked.override_hierarchy_create(scene, scene.view_layers[0], do_fully_editable=True)
    if root.name not in scene.collection.children:
        scene.collection.children.link(root)
    for obj in root.all_objects:
        if obj.type == "MESH":
            obj.data.override_create(remap_local_usages=True)  # its shape keys are the shot's


CHARACTERS: dict[str, Callable[[Any, Path], None]] = {
    "one mesh": one_mesh, "parts": parts, "character creator": character_creator, "control rig": control_rig, "override": override,
}  # fmt: skip


def _faces(head: Head, materials: tuple[str, ...]) -> np.ndarray:
    """Which quads (F,) bear one of the materials."""
    return np.isin(head.material_index, [head.materials.index(m) for m in materials])


def _part(
    scene: Any, name: str, head: Head, mask: np.ndarray | None, names: dict[str, str] | None = None, only_moving: bool = False, finer: bool = False
) -> Any:
    """Some quads of the head as a mesh with shape keys: called as `names` says; `only_moving`: those that move it; `finer`: each quad becomes four."""
    bpy = blender.load()

    from ...blender_addon.heads import add_shapes, to_blender

    quads = head.quads if mask is None else head.quads[mask]
    used, place = np.unique(quads, return_inverse=True)
    quads = place.reshape(-1, 4)
    split = _finer(quads, len(used)) if finer else None
    rest = to_blender(head.vertices[used])
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata((rest if split is None else split[1] @ rest).tolist(), [], (quads if split is None else split[0]).tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), dtype=bool))
    obj = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(obj)
    deltas = {n: to_blender(d[used]) for n, d in zip(head.shapes, head.deltas)}
    wanted = {n: d for n, d in deltas.items() if (names is None or n in names) and (not only_moving or np.abs(d).max() > 1e-5)}
    if wanted:
        called = {n: names[n] if names is not None else n for n in wanted}
        add_shapes(obj, name, ((called[n], rest + d if split is None else split[1] @ (rest + d)) for n, d in wanted.items()))
    return obj


def _finer(quads: np.ndarray, count: int) -> tuple[np.ndarray, Any]:
    """Each quad as four: the quads, and a matrix from old vertices to new."""
    from scipy.sparse import csr_matrix

    sides = np.sort(np.stack([quads, np.roll(quads, -1, 1)], axis=2).reshape(-1, 2), axis=1)
    edges, edge = np.unique(sides, axis=0, return_inverse=True)
    edge = edge.reshape(-1, 4) + count
    middle = np.arange(len(quads)) + count + len(edges)
    four = [np.stack([quads[:, k], edge[:, k], middle, edge[:, k - 1]], axis=1) for k in range(4)]
    rows = np.concatenate([np.arange(count), np.repeat(np.arange(len(edges)) + count, 2), np.repeat(middle, 4)])
    columns = np.concatenate([np.arange(count), edges.ravel(), quads.ravel()])
    share = np.concatenate([np.ones(count), np.full(2 * len(edges), 0.5), np.full(4 * len(quads), 0.25)])
    return np.concatenate(four), csr_matrix((share, (rows, columns)), shape=(count + len(edges) + len(quads), count))


def _rig(scene: Any, name: str, head: Head, bones: dict[str, str] | None = None, scale: float = 1.0) -> Any:
    """A root and bones: where each of `bones` sits is said by its role. `scale`: of the object; its bones are as much larger."""
    bpy = blender.load()

    from ...blender_addon.heads import Bones, add_rig

    at: dict[str, Any] = {
        "root": ((0, 0.02, -0.165), (0, 0.02, -0.1)), "head": ((0, 0.01, -0.035), (0, 0.01, 0.145)), "jaw": ((0, 0.0, -0.02), (0, -0.07, -0.07)),
        "control": ((0.2, 0, 0), (0.2, 0, 0.02)),
    }  # fmt: skip
    for role, part in (("eye.L", 1.0), ("eye.R", -1.0)):
        eye = head.vertices[np.unique(head.quads[_faces(head, _CUT["eyes"])])]
        centre = eye[eye[:, 0] * part > 0].mean(0)
        middle = np.array([centre[0], -centre[2] + 0.008, centre[1]])
        at[role] = (middle, middle + np.array([0, 0.0, 0.02]))
    roles = {"root": "root"} | (bones or {"head": "head"})
    skull = next(bone for bone, role in roles.items() if role == "head")
    parent = {"root": "", "head": "root", "control": "root"}
    made: Bones = {bone: (np.array(at[role][0]) / scale, np.array(at[role][1]) / scale, parent.get(role, skull)) for bone, role in roles.items()}
    rig = add_rig(scene.collection, name, made)
    for bone, role in roles.items():
        rig.data.bones[bone].use_deform = role != "control"
    rig.scale = (scale,) * 3
    bpy.context.view_layer.update()
    return rig


def _skinned(obj: Any, rig: Any, bone: str) -> None:
    from ...blender_addon.heads import skin

    skin(obj, rig, {bone: np.ones(len(obj.data.vertices))})
