"""FLAME takes as curves of a FLAME face: expressions on shape keys, rotations on bones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.animation.frames import resample_keeping_peaks
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, GROUPS, HEAD_ANGLES, ChannelGroup
from ...core.face.mapping import Destination
from ...core.flame import flame_track
from ...core.flame.channel_map import expression_key
from ...core.flame.skinning import rotations
from ...core.take import Take, Track, TrackKind
from ...core.take.resample import fill_gaps
from .. import remedies
from ..character.face import Face
from ..character.flame_face import BONES, MODEL_SHA_PROP, eulers_from_matrices, flame_source_of, joint_directions
from ..character.lanes import CurveSet, shape_key_path
from ..character.turns import continuous_quaternions

# Channels that stand for a bone when parts of the face are chosen; expressions stand for all of them.
_BONE_CHANNELS = {
    "neck": frozenset(HEAD_ANGLES),
    "jaw": frozenset(GROUPS[ChannelGroup.MOUTH]),
    "eye.L": frozenset(GROUPS[ChannelGroup.EYE_LEFT]),
    "eye.R": frozenset(GROUPS[ChannelGroup.EYE_RIGHT]),
}
_MIN_MOVE_M = 1e-5  # joints that move less are not keyed
_FULL_MOVE_M = 0.03  # what a full weight moves skin by, as a jaw its chin
_FULL_TURN_RAD = 0.5  # and what it turns bones by


def track_to_key(face: Face, take: Take) -> Track:
    """Return the track of a take that is keyed on a face: FLAME on a FLAME face, else weights.

    Raises InnerfaceError where there is none.
    """
    track = flame_track.find_flame(take)
    if track is not None and flame_source_of(face) is not None:
        return track
    if track is not None and TrackKind.WEIGHTS not in take.kinds:
        raise InnerfaceError(
            f"{take.name}: is a FLAME take, and {face.name} is not a FLAME face; {remedies.ADD_FLAME_FACE}"
        )
    return take.weights()


def flame_curves(face: Face, track: Track, times: np.ndarray) -> tuple[list[CurveSet], list[str]]:
    """Return the curves of a FLAME face for a FLAME track at `times` (N,), and notes on what does not fit.

    Raises InnerfaceError.
    """
    parameters = flame_track.arrays_of(track)
    mesh = next((m for m in face.meshes if expression_key(0) in m.key.key_blocks), None)
    if mesh is None:
        raise InnerfaceError(
            f"{face.name} has lost its shape key {expression_key(0)}; undo that, or add the face again"
        )
    count, notes = parameters["expression"].shape[1], []
    present = [k for k in range(count) if expression_key(k) in mesh.key.key_blocks]
    if len(present) < count:
        notes.append(f"{face.name} has {len(present)} of the take's {count} expressions; the others were not keyed")
    model = face.rig.get(MODEL_SHA_PROP)
    if track.meta.get("model", model) != model:
        notes.append(
            f"The take was fitted with another model file than that of {face.name}; its expressions may look different"
        )
    names = [expression_key(k) for k in present]
    sizes = np.array([face.mapping.max_gain(Destination("key", name, "")) for name in names])
    expression = _resample(track, parameters["expression"][:, present], times, sizes=sizes)
    channels = [frozenset(ARKIT)] * len(present)
    result = [
        CurveSet(
            mesh.key,
            [shape_key_path(name) for name in names],
            [0] * len(present),
            channels,
            expression,
            sizes,
            mesh,
            names,
        )
    ]
    joint_moves = joint_directions(face.rig)[:, :, present]
    bone_rotations = _resample(
        track,
        np.concatenate([parameters["neck"], parameters["jaw"], parameters["eyes"]], axis=1),
        times,
        sizes=np.full(12, _FULL_TURN_RAD),
    ).reshape(-1, 4, 3)
    for j, bone in enumerate(BONES[1:], start=1):
        target = face.rig.pose.bones.get(bone)
        if target is None or target.rotation_mode != "QUATERNION":
            notes.append(f"{face.name} has no bone {bone} in quaternion mode; it was not keyed")
            continue
        matrices = rotations(bone_rotations[:, j - 1])
        _widen_limits(target, matrices, notes)
        shift = expression @ joint_moves[j].T  # FLAME's joints move with its expressions; the bone follows them
        location = shift - (matrices @ shift[..., None])[..., 0]
        for name, values, size in (
            ("rotation_quaternion", continuous_quaternions(matrices), 1.0),
            ("location", location, _FULL_MOVE_M),
        ):
            if np.abs(values).max() > _MIN_MOVE_M:
                path, n = f'pose.bones["{bone}"].{name}', values.shape[1]
                result.append(
                    CurveSet(face.rig, [path] * n, list(range(n)), [_BONE_CHANNELS[bone]] * n, values, np.full(n, size))
                )
    return result, notes


def _resample(track: Track, values: np.ndarray, times: np.ndarray, *, sizes: np.ndarray) -> np.ndarray:
    return resample_keeping_peaks(track.time, np.nan_to_num(fill_gaps(track.time, values)) / sizes, times) * sizes


def _widen_limits(bone: Any, matrices: np.ndarray, notes: list[str]) -> None:
    """Widen the rotation limits of a bone as far as the take goes, with a note: limits clamp."""
    limit = next((c for c in bone.constraints if c.type == "LIMIT_ROTATION"), None)
    if limit is None or limit.mute:
        return
    angles = eulers_from_matrices(matrices)
    was_exceeded = False
    for axis, low, high in zip("xyz", angles.min(axis=0).tolist(), angles.max(axis=0).tolist()):
        was_exceeded |= low < getattr(limit, f"min_{axis}") or high > getattr(limit, f"max_{axis}")
        setattr(limit, f"min_{axis}", min(low, getattr(limit, f"min_{axis}")))
        setattr(limit, f"max_{axis}", max(high, getattr(limit, f"max_{axis}")))
    if was_exceeded:
        notes.append(f"The rotation limits of {bone.name} were widened to fit the take")
