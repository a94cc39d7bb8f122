"""Export the animation of a face as a weights take, by inverting its mapping."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, HEAD_ANGLES
from ...core.numerics.quaternion import from_matrix
from ...core.take import Take, Track, TrackKind
from .. import remedies
from ..animation.rest_pose import head_transform
from ..animation.scene_time import scene_rate
from ..animation.take_action import TakeAction
from ..character.face import Face
from ..character.lanes import destination_values, driven_bones
from ..character.turns import DrivenTransform
from .clip_names import clip_name
from .evaluate_scene import EvaluatedScene, Progress, evaluate_scene

_MIN_REPORTED_RESIDUAL = 2e-3  # a residual below is rounding


@dataclass(frozen=True)
class ExportedTake:
    """A take of the animation of a face.

    `residual`: the largest difference, in full weights, between the animation and what the mapping makes of the take.
    """

    take: Take
    residual: float
    notes: list[str]


def export_take(face: Face, scene: Any, progress: Progress | None = None) -> ExportedTake:
    """Export the scene's frame range as weights and head angles: a row per frame, on the clock of the current take.

    Raises InnerfaceError.
    """
    evaluated = evaluate_scene(face, scene, [m.object for m in face.meshes], progress=progress, with_properties=True)
    notes: list[str] = []
    values = values_of_destinations(face, evaluated, notes)
    weights, observable = face.mapping.to_weights(values)
    scales = np.array([face.mapping.max_gain(d) for d in face.mapping.destinations])
    errors = np.abs(face.mapping.to_values(weights) - values) / scales
    residual = float(errors.max(initial=0.0))
    if residual > _MIN_REPORTED_RESIDUAL:
        frame_index, destination_index = np.unravel_index(int(errors.argmax()), errors.shape)
        kind, name, axis = face.mapping.destinations[int(destination_index)]
        destination = f"{kind} '{name}'{f' ({axis})' if axis else ''}"
        notes.append(
            f"Apple's channels cannot express all of the animation: {destination} is off by up to {residual:.3f} "
            f"(frame {evaluated.frames[int(frame_index)]})"
        )
    unobservable = [c for c, h in zip(ARKIT, observable) if not h]
    if unobservable:
        notes.append(f"Nothing on {face.name} is driven by {', '.join(unobservable)}; they are 0")
    rate = scene_rate(scene)
    actions = [
        TakeAction(o.animation_data.action)
        for o in face.owners
        if o.animation_data is not None and o.animation_data.action is not None
    ]
    start_frame, start_time = next(
        ((a.start_frame, a.start_time or 0.0) for a in actions if a.start_time is not None),
        (float(evaluated.frames[0]), 0.0),
    )
    time = start_time + (evaluated.frames - start_frame) / rate
    columns = np.concatenate([weights, _head_angles(face, evaluated, notes)], axis=1)
    if not np.ptp(values, axis=0).any() and not columns[:, len(ARKIT) :].any():
        raise InnerfaceError(
            f"nothing moves on {face.name} from frame {evaluated.frames[0]} to {evaluated.frames[-1]}; "
            f"{remedies.SET_RANGE}"
        )
    return ExportedTake(
        Take(
            clip_name(face), {TrackKind.WEIGHTS: Track(TrackKind.WEIGHTS, time, (*ARKIT, *HEAD_ANGLES), columns)}, notes
        ),
        residual,
        notes,
    )


def values_of_destinations(face: Face, evaluated: EvaluatedScene, notes: list[str]) -> np.ndarray:
    """Return the values (F, D) of the mapping's destinations."""
    values = np.zeros((len(evaluated.frames), len(face.mapping.destinations)))
    lanes_by_destination: dict[int, list[np.ndarray]] = {}
    for mesh in face.meshes:
        order = [k.name for k in mesh.key.key_blocks[1:]]
        for destination_index, name in face.mapped_keys(mesh):
            lanes_by_destination.setdefault(destination_index, []).append(
                evaluated.key_values[mesh.object][:, order.index(name)]
            )
    for destination_index, lanes in lanes_by_destination.items():
        values[:, destination_index] = lanes[0]  # the largest mesh's
        if any(np.abs(lane - lanes[0]).max() > _MIN_REPORTED_RESIDUAL for lane in lanes[1:]):
            notes.append(
                f"'{face.mapping.destinations[destination_index].name}' differs between the face's meshes; "
                f"that of {face.meshes[0].object.name} is exported"
            )
    for turn, axes in driven_bones(face, notes):
        angles, moves = _bone_motion(turn, evaluated.bone_matrices[str(turn.bone)], len(evaluated.frames))
        for axis, destination_index in axes.items():
            values[:, destination_index] = destination_values(angles, moves, axis)
    for destination_index, numbers in evaluated.property_values.items():
        values[:, destination_index] = numbers
    return values


def _bone_motion(turn: DrivenTransform, basis: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return angles (F, 3; rad) and moves (F, 3; m) in the head's axes of a bone's or an object's matrices."""
    basis = np.broadcast_to(basis, (count, 4, 4))
    rotation = basis[:, :3, :3] / np.linalg.norm(basis[:, :3, :3], axis=1, keepdims=True)
    return replace(turn, mode="QUATERNION").angles_from(from_matrix(rotation)), turn.moves_from(basis[:, :3, 3])


def _head_angles(face: Face, evaluated: EvaluatedScene, notes: list[str]) -> np.ndarray:
    """Return the head angles (F, 3; rad)."""
    turn = head_transform(face)
    if isinstance(turn, str):
        notes.append(turn.replace("the take's head angles were not keyed", "head angles are 0"))
        return np.zeros((len(evaluated.frames), 3))
    if turn.bone is None and len(evaluated.world_matrices[turn.owner]) == 1:
        return np.zeros((len(evaluated.frames), 3))
    angles, _ = _bone_motion(
        turn,
        evaluated.world_matrices[turn.owner] if turn.bone is None else evaluated.bone_matrices[turn.bone],
        len(evaluated.frames),
    )
    return angles
