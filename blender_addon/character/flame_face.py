"""A FLAME face as Blender objects: the user's model as a mesh with a shape key per expression, and FLAME's five joints.

Bones stand upright, so that their own axes are FLAME's (x left, y up, z out of the face): a bone's rotation is the
joint's.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, replace
from typing import Any

import bpy
import numpy as np

from ...core import formats
from ...core.errors import InnerfaceError
from ...core.face.mapping import Mapping
from ...core.flame import channel_map, flame_track
from ...core.flame.model import EYE_LEFT, EYE_RIGHT, FlameModel
from ...core.flame.prior import Prior
from ...core.flame.skinning import rotations
from ...core.flame.source import STAND_IN, FlameSource, pad_shape
from .bundled_head import material
from .face import HEAD_BONE_PROP, Face
from .heads import HEAD_MARK, Bones, add_rig, add_shapes, add_uv, skin_to_bones, to_blender
from .mapping import store_built_in_mapping

OBJECT_NAME, RIG_NAME = "FLAME Head", "FLAME Rig"
# ID properties of the rig: the FlameSource as JSON, FlameModel.sha, and the joints' moves (5, 3, E; m) with a unit
# of each expression.
SOURCE_PROP, MODEL_SHA_PROP, JOINT_DIRS_PROP = "innerface_flame", "innerface_flame_sha", "innerface_flame_joints"
BONES = ("root", "neck", channel_map.JAW_BONE, *channel_map.EYE_BONES)  # in the order of FLAME's joints
SLIDER_RANGE = 5.0  # units of expression
_BONE_LENGTHS_M = (0.05, 0.06, 0.04, 0.025, 0.025)
_EYE_RINGS = (
    (0.17, "pupil"),
    (0.43, "iris"),
    (0.5, "limbus"),
    (np.inf, "sclera"),
)  # as far from the pupil, in radii of the eye
_LIMIT_MARGIN = 1.1  # of limits over the fit's bounds: weights exceed 1
# The fit keeps the neck at rest, as points do not show the head's pose; head angles turn it (pitch, yaw, roll; rad).
_CAMERA_TARGET_OFFSET = np.array([0.0, 0.053, -0.044])  # from between the eyes to the middle of the head, m
_NECK_LIMITS = np.array([0.8, 1.2, 0.7])


@dataclass(frozen=True)
class PreparedFlame:
    """All that a face is made of.

    `shape` (S,): the identity; `mapping`: how channels drive the face; `notes`: for the user.
    """

    source: FlameSource
    model: FlameModel
    shape: np.ndarray
    mapping: Mapping
    notes: list[str]

    @property
    def camera_target(self) -> tuple[float, float, float]:
        """What a camera looks at to see the whole head, in Blender's axes, m."""
        x, y, z = to_blender(self.model.joints(self.shape)[[EYE_LEFT, EYE_RIGHT]].mean(axis=0)) + _CAMERA_TARGET_OFFSET
        return float(x), float(y), float(z)


def prepare_flame(
    model_path: str, *, landmarks: str = "", expressions: int | None = None, identity: str = ""
) -> PreparedFlame:
    """Load a model (STAND_IN: the generated one) and fit how channels drive it, in some seconds.

    `landmarks`: the file of its landmark embedding, "" for the one beside it; `expressions`: how many; `identity`: a
    FLAME take whose identity the face gets. Touches no bpy: for any thread. Raises InnerfaceError.
    """
    source = FlameSource(model_path, landmarks, expressions)
    model, shape = source.load(), np.zeros(0)
    notes = (
        [f"The face is a generated {STAND_IN}, not FLAME; other programs cannot use its expressions"]
        if model_path == STAND_IN
        else []
    )
    if identity:
        identity_track = flame_track.require_flame(formats.read_take(identity))
        shape = flame_track.arrays_of(identity_track)["shape"]
        if identity_track.meta.get("model", model.sha) != model.sha:
            notes.append(f"{identity} was fitted with another model file; its identity may look different")
    embedding = source.load_embedding(model)
    full_shape = pad_shape(shape, model, identity)
    source = replace(
        source, expressions=model.expression_dirs.shape[2], shape=tuple(full_shape.tolist()) if identity else ()
    )
    return PreparedFlame(
        source, model, full_shape, channel_map.flame_mapping(model, embedding, full_shape), [*notes, *embedding.notes]
    )


def add(collection: Any, prepared: PreparedFlame, correctives: bool = False) -> tuple[Any, Any]:
    """Add a face to `collection`; returns the mesh object and the rig object.

    `correctives`: FLAME's pose correctives as shape keys that follow the bones.
    """
    model, source = prepared.model, prepared.source
    obj = _add_mesh(collection, model, prepared.shape, correctives=correctives)
    rig = _add_rig(collection, model.joints(prepared.shape))
    skin_to_bones(obj, rig, dict(zip(BONES, model.skin_weights.astype(np.float32).T)))
    if correctives:
        _add_corrective_drivers(obj.data.shape_keys, rig)
    store_built_in_mapping(rig, prepared.mapping)
    rig[HEAD_BONE_PROP], rig[MODEL_SHA_PROP] = "neck", model.sha
    rig[SOURCE_PROP] = json.dumps(astuple(source))
    rig[JOINT_DIRS_PROP] = np.tensordot(model.joint_regressor, model.expression_dirs, axes=1).ravel().tolist()
    return obj, rig


def flame_source_of(face: Face) -> FlameSource | None:
    """Return where the model of a FLAME face comes from; None for any other face, and where that cannot be read."""
    text = face.rig.get(SOURCE_PROP) if face.rig is not None else None
    if not isinstance(text, str):
        return None
    try:
        model, landmarks, expressions, shape = json.loads(text)
        shape = tuple(float(x) for x in shape)
    except (ValueError, TypeError, RecursionError, OverflowError):
        return None
    if not isinstance(model, str) or not isinstance(landmarks, str) or not isinstance(expressions, int | None):
        return None
    return FlameSource(model, landmarks, expressions, shape)


def joint_directions(rig: Any) -> np.ndarray:
    """Return how far FLAME's joints move (5, 3, E) with a unit of each expression, m. Raises InnerfaceError."""
    try:
        directions = np.array(rig.get(JOINT_DIRS_PROP), dtype=float).reshape(len(BONES), 3, -1)
    except (ValueError, TypeError):
        directions = np.full(1, np.nan)
    if not np.isfinite(directions).all():
        raise InnerfaceError(f"{rig.name} has lost its FLAME data; undo that, or add the face again")
    return directions


def _add_mesh(collection: Any, model: FlameModel, shape: np.ndarray, *, correctives: bool) -> Any:
    vertices = model.template + model.shape_dirs @ shape
    mesh = bpy.data.meshes.new(OBJECT_NAME)
    mesh.from_pydata(to_blender(vertices).tolist(), [], model.faces.tolist())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(model.faces), dtype=bool))
    names, index = _assign_materials(model)
    for name in names:
        mesh.materials.append(material(name))
    mesh.polygons.foreach_set("material_index", index)
    if model.uv is not None:
        add_uv(mesh, model.uv)
    mesh.update()
    obj = bpy.data.objects.new(OBJECT_NAME, mesh)
    collection.objects.link(obj)
    directions = [
        (channel_map.expression_key(k), model.expression_dirs[:, :, k]) for k in range(model.expression_dirs.shape[2])
    ]
    directions += [(f"pose{k}", model.pose_dirs[:, :, k]) for k in range(36)] if correctives else []
    add_shapes(obj, OBJECT_NAME, ((name, to_blender(vertices + direction)) for name, direction in directions))
    key: Any = mesh.shape_keys
    for block in key.key_blocks[1:]:
        block.slider_min, block.slider_max = -SLIDER_RANGE, SLIDER_RANGE
    key[HEAD_MARK] = True
    return obj


def _assign_materials(model: FlameModel) -> tuple[list[str], np.ndarray]:
    """Return material names, and the index of each face (F,): skin, and eyes in rings about their foremost points."""
    names = ["skin", *(name for _, name in _EYE_RINGS)]
    index = np.zeros(len(model.faces), dtype=np.int32)
    face_centres = model.template[model.faces].mean(axis=1)
    for joint in (EYE_LEFT, EYE_RIGHT):
        is_eye = model.skin_weights[model.faces, joint].mean(axis=1) > 0.5
        if not is_eye.any():
            continue
        pupil = model.template[np.where(model.skin_weights[:, joint] > 0.5, model.template[:, 2], -np.inf).argmax()]
        radius = np.linalg.norm(pupil - model.joints()[joint])
        pupil_distance = np.linalg.norm(face_centres[is_eye] - pupil, axis=1) / radius
        index[is_eye] = 1 + np.searchsorted([end for end, _ in _EYE_RINGS], pupil_distance)
    return names, index


def _add_rig(collection: Any, joints: np.ndarray) -> Any:
    heads = to_blender(joints)
    parent_names = ("", "root", "neck", "neck", "neck")
    bones: Bones = {
        name: (heads[j], heads[j] + (0, 0, _BONE_LENGTHS_M[j]), parent_names[j]) for j, name in enumerate(BONES)
    }
    rig = add_rig(collection, RIG_NAME, bones)
    prior = Prior(0)
    bounds = zip(BONES[1:], prior.low.reshape(4, 3), prior.high.reshape(4, 3))
    for name, low, high in bounds:
        limit = rig.pose.bones[name].constraints.new("LIMIT_ROTATION")
        limit.owner_space, limit.use_transform_limit = "LOCAL", True
        limits = (
            (-_NECK_LIMITS, _NECK_LIMITS) if name == "neck" else euler_bounds(_LIMIT_MARGIN * low, _LIMIT_MARGIN * high)
        )
        for axis, minimum, maximum in zip("xyz", *limits):
            setattr(limit, f"use_limit_{axis}", True)
            setattr(limit, f"min_{axis}", float(minimum))
            setattr(limit, f"max_{axis}", float(maximum))
    return rig


def eulers_from_matrices(matrices: np.ndarray) -> np.ndarray:
    """Return Blender's XYZ angles (..., 3) of rotation matrices (..., 3, 3), as rotation limits use them."""
    return np.stack(
        [
            np.arctan2(matrices[..., 2, 1], matrices[..., 2, 2]),
            np.arcsin(np.clip(-matrices[..., 2, 0], -1, 1)),
            np.arctan2(matrices[..., 1, 0], matrices[..., 0, 0]),
        ],
        axis=-1,
    )


def euler_bounds(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and largest XYZ angles (3,) of all axis-angle vectors between low and high (3,)."""
    samples = np.stack(np.meshgrid(*(np.linspace(a, b, 9) for a, b in zip(low, high))), axis=-1).reshape(-1, 3)
    angles = eulers_from_matrices(rotations(samples))
    return angles.min(axis=0), angles.max(axis=0)


# A quaternion's rotation matrix minus identity, row by row; Blender evaluates such expressions without Python.
_ROTATION_MINUS_IDENTITY = (
    "-2*(y*y+z*z)",
    "2*(x*y-w*z)",
    "2*(x*z+w*y)",
    "2*(x*y+w*z)",
    "-2*(x*x+z*z)",
    "2*(y*z-w*x)",
    "2*(x*z-w*y)",
    "2*(y*z+w*x)",
    "-2*(x*x+y*y)",
)


def _add_corrective_drivers(key: Any, rig: Any) -> None:
    """Add drivers by which the correctives follow the bones, whatever turns them."""
    for j, bone in enumerate(BONES[1:]):
        for entry, expression in enumerate(_ROTATION_MINUS_IDENTITY):
            driver = key.key_blocks[f"pose{9 * j + entry}"].driver_add("value").driver
            driver.type = "SCRIPTED"
            for axis in sorted(set(expression) & set("wxyz")):
                variable = driver.variables.new()
                variable.name, variable.type = axis, "TRANSFORMS"
                target = variable.targets[0]
                target.id, target.bone_target, target.transform_type = rig, bone, f"ROT_{axis.upper()}"
                target.rotation_mode, target.transform_space = "QUATERNION", "LOCAL_SPACE"
            driver.expression = expression
