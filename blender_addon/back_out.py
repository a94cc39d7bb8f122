"""What plays on a face as a weights take again: edited, layered or made by hand, by the mapping run backwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.channels import ARKIT, HEAD_ANGLES
from ..core.errors import InnerfaceError
from ..core.imu.quaternion import from_matrix
from ..core.take import Take, Track
from .export import clip_name
from .face import Face
from .keying import CLOCK, START, scene_rate
from .lanes import bone_turns, from_bone_values
from .played import Played, Progress, played
from .turns import Turn

_TOLD = 2e-3  # a residual below is rounding


@dataclass(frozen=True)
class Read:
    """`take`; `residual`: the largest difference (in full weights) between what plays and what the weights would make of it; `notes`."""

    take: Take
    residual: float
    notes: list[str]


def read_back(face: Face, scene: Any, progress: Progress | None = None) -> Read:
    """The scene's frame range as weights and head angles, one row for every frame, on the clock of the take that plays. Raises InnerfaceError."""
    out = played(face, scene, [m.object for m in face.meshes], progress, numbers=True)
    notes: list[str] = []
    values = _values(face, out, notes)
    weights, heard = face.mapping.weights(values)
    size = np.array([face.mapping.size(d) for d in face.mapping.destinations])
    off = np.abs(face.mapping.values(weights) - values) / size
    residual = float(off.max(initial=0.0))
    if residual > _TOLD:
        frame, place = np.unravel_index(int(off.argmax()), off.shape)
        kind, name, axis = face.mapping.destinations[int(place)]
        where = f"{kind} '{name}'{f' ({axis})' if axis else ''}"
        notes.append(f"what plays cannot all be said in Apple's channels: {where} is off by up to {residual:.3f} (frame {out.frames[int(frame)]})")
    silent = [c for c, h in zip(ARKIT, heard) if not h]
    if silent:
        notes.append(f"nothing on {face.name} tells of {', '.join(silent)}; they are 0")
    rate = scene_rate(scene)
    actions = [o.animation_data.action for o in face.owners if o.animation_data is not None and o.animation_data.action is not None]
    start, clock = next(((float(a[START]), float(a[CLOCK])) for a in actions if CLOCK in a), (float(out.frames[0]), 0.0))
    time = clock + (out.frames - start) / rate
    columns = np.concatenate([weights, _head(face, out, notes)], axis=1)
    if not np.ptp(values, axis=0).any() and not columns[:, len(ARKIT) :].any():
        raise InnerfaceError(f"nothing moves on {face.name} from frame {out.frames[0]} to {out.frames[-1]}; key a take, or set the scene's range")
    return Read(Take(clip_name(face), {"weights": Track("weights", time, (*ARKIT, *HEAD_ANGLES), columns)}, notes), residual, notes)


def _values(face: Face, out: Played, notes: list[str]) -> np.ndarray:
    """Values (F, D) of the mapping's destinations as they play."""
    values = np.zeros((len(out.frames), len(face.mapping.destinations)))
    seen: dict[int, list[np.ndarray]] = {}
    for mesh in face.meshes:
        order = [k.name for k in mesh.key.key_blocks[1:]]
        for place, name in face.keys(mesh):
            seen.setdefault(place, []).append(out.keys[mesh.object][:, order.index(name)])
    for place, lanes in seen.items():
        values[:, place] = lanes[0]  # the largest mesh's
        if any(np.abs(lane - lanes[0]).max() > _TOLD for lane in lanes[1:]):
            notes.append(f"'{face.mapping.destinations[place][1]}' plays differently on the face's meshes; {face.meshes[0].object.name}'s is taken")
    for turn, axes in bone_turns(face, notes):
        angles, moves = _of_bone(turn, out.bones[str(turn.bone)], len(out.frames))
        for axis, place in axes.items():
            values[:, place] = from_bone_values(angles, moves, axis)
    for place, numbers in out.numbers.items():
        values[:, place] = numbers
    return values


def _of_bone(turn: Turn, basis: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Angles (F, 3: rad) and moves (F, 3: m) in the head's axes of matrices of a bone, or of an object that is turned itself."""
    basis = np.broadcast_to(basis, (count, 4, 4))
    rotation = basis[:, :3, :3] / np.linalg.norm(basis[:, :3, :3], axis=1, keepdims=True)
    return replace(turn, mode="QUATERNION").angles(from_matrix(rotation)), turn.moves(basis[:, :3, 3])


def _head(face: Face, out: Played, notes: list[str]) -> np.ndarray:
    """Head angles (F, 3)."""
    turn = face.head_turn()
    if isinstance(turn, str):
        notes.append(turn.replace("the take's head angles were not keyed", "head angles are 0"))
        return np.zeros((len(out.frames), 3))
    if turn.bone is None and len(out.places[turn.owner]) == 1:
        return np.zeros((len(out.frames), 3))
    angles, _ = _of_bone(turn, out.places[turn.owner] if turn.bone is None else out.bones[turn.bone], len(out.frames))
    return angles
