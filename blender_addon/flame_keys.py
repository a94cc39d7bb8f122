"""FLAME takes as curves of a FLAME face: expressions on shape keys, rotations on bones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.channels import ARKIT, GROUPS, HEAD_ANGLES
from ..core.errors import InnerfaceError
from ..core.flame import tracks
from ..core.flame.drive import expression_key
from ..core.flame.skinning import rotations
from ..core.frames import with_peaks
from ..core.resample import bridge
from ..core.take import Take, Track
from .curves import shape_key_path
from .face import Face
from .flame_face import BONES, JOINTS, SHA, eulers, source_of
from .lanes import Lanes
from .turns import quaternions

# What of a take's parts a bone is of; expressions are of all of them.
_FED = {
    "neck": frozenset(HEAD_ANGLES), "jaw": frozenset(GROUPS["mouth"]), "eye.L": frozenset(GROUPS["eye_left"]), "eye.R": frozenset(GROUPS["eye_right"]),
}  # fmt: skip
_LEAST_M = 1e-5  # that a joint's place must move by to be keyed
_MOVED_M, _TURNED = 0.03, 0.5  # what a full weight moves skin by, as a jaw its chin, and what it turns bones by (rad)


def keyed_track(face: Face, take: Take) -> Track:
    """What of a take is keyed on a face: its FLAME track on a FLAME face, else its weights. Raises InnerfaceError where there is no such thing."""
    track = tracks.find(take)
    if track is not None and source_of(face) is not None:
        return track
    if track is not None and not any(t.kind == "weights" for t in take.tracks.values()):
        raise InnerfaceError(f"{take.name}: is a FLAME take, which needs a FLAME face: Add > Mesh > FLAME Face from File; {face.name} is none")
    return take.weights()


def flame_lanes(face: Face, track: Track, at: np.ndarray) -> tuple[list[Lanes], list[str]]:
    """The curves of a FLAME face for a FLAME track at times `at` (N,), and sentences on what does not fit. Raises InnerfaceError."""
    said = tracks.arrays_of(track)
    mesh = next((m for m in face.meshes if expression_key(0) in m.key.key_blocks), None)
    if mesh is None:
        raise InnerfaceError(f"{face.name} has no shape key {expression_key(0)} any more; undo that, or add the face again")
    count, notes = said["expression"].shape[1], []
    there = [k for k in range(count) if expression_key(k) in mesh.key.key_blocks]
    if len(there) < count:
        notes.append(f"{face.name} has {len(there)} of the take's {count} expressions; the others were left out")
    if track.meta.get("model", face.rig[SHA]) != face.rig[SHA]:
        notes.append(f"the take was fitted with another model file than {face.name}'s; its expressions may mean something else here")
    names = [expression_key(k) for k in there]
    sizes = np.array([face.mapping.size(("key", name, "")) for name in names])
    expression = _on_frames(track, said["expression"][:, there], at, sizes)
    every = [frozenset(ARKIT)] * len(there)
    out = [Lanes(mesh.key, [shape_key_path(name) for name in names], [0] * len(there), every, expression, sizes, mesh, names)]
    moves = np.array(face.rig[JOINTS]).reshape(len(BONES), 3, -1)[:, :, there]
    turns = _on_frames(track, np.concatenate([said["neck"], said["jaw"], said["eyes"]], axis=1), at, np.full(12, _TURNED)).reshape(-1, 4, 3)
    for j, bone in enumerate(BONES[1:], start=1):
        target = face.rig.pose.bones.get(bone)
        if target is None or target.rotation_mode != "QUATERNION":
            notes.append(f"{face.name} has no bone {bone} that turns in quaternions; it was left out")
            continue
        turned = rotations(turns[:, j - 1])
        _widen(target, turned, notes)
        shift = expression @ moves[j].T  # FLAME's joints move with its expressions; the bone is put to where it then turns
        place = shift - (turned @ shift[..., None])[..., 0]
        for name, values, size in (("rotation_quaternion", quaternions(turned), 1.0), ("location", place, _MOVED_M)):
            if np.abs(values).max() > _LEAST_M:
                path, n = f'pose.bones["{bone}"].{name}', values.shape[1]
                out.append(Lanes(face.rig, [path] * n, list(range(n)), [_FED[bone]] * n, values, np.full(n, size)))
    return out, notes


def _on_frames(track: Track, values: np.ndarray, at: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return with_peaks(track.time, np.nan_to_num(bridge(track.time, values)) / sizes, at) * sizes


def _widen(bone: Any, turned: np.ndarray, notes: list[str]) -> None:
    """Limits cut what goes beyond them: open ours as far as the take goes, and say so."""
    limit = next((c for c in bone.constraints if c.type == "LIMIT_ROTATION"), None)
    if limit is None or limit.mute:
        return
    found = eulers(turned)
    beyond = False
    for axis, low, high in zip("xyz", found.min(axis=0).tolist(), found.max(axis=0).tolist()):
        beyond |= low < getattr(limit, f"min_{axis}") or high > getattr(limit, f"max_{axis}")
        setattr(limit, f"min_{axis}", min(low, getattr(limit, f"min_{axis}")))
        setattr(limit, f"max_{axis}", max(high, getattr(limit, f"max_{axis}")))
    if beyond:
        notes.append(f"the limits of {bone.name} were widened to as far as the take turns it")
