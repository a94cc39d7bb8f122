"""Does what was keyed move? The face is evaluated at the frames of its largest motion, and what stands still is named.

Three frames are evaluated, whatever the length of the take. What a curve holds is compared with the property that it
animates, a bone's own rotation with its pose, and the mesh with itself at the other frames; why something does not move
is read from the file's settings (`obstacles`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from .. import compat
from ..character.face import Face
from ..character.face_mesh import FaceMesh, rig_of
from ..character.lanes import get_value, shape_key_path
from . import obstacles
from .curves import sample_curve
from .evaluation import frames_restored, shape_offsets, world_vertices
from .obstacles import Obstacle
from .scene_time import curve_step

FRAMES = 3  # that are evaluated
_MIN_VALUE = 1e-3  # a curve that holds less moves nothing that could be seen
_MAX_DEVIATION = 0.02  # of a property from its curve; reduced keys are exact on frames
_MIN_TURN = 1e-3  # rad
_HELD_SHARE = 0.2  # of its own motion: a bone that loses more is held
_STILL_SHARE = 1e-3  # of the expected motion: a mesh that moves less stands still
_MIN_GAIN = 1e-6
_MAX_NAMES = 8  # in a note; the others are counted
_BONE = re.compile(r'^pose\.bones\["((?:[^"\\]|\\.)*)"\]\.(\w+)$')


@dataclass(frozen=True)
class Still:
    """Something that is keyed and does not show.

    Attributes
    ----------
    owner : str
        The object.
    name : str
        The shape key, bone or property; "" for all that is keyed on the object.
    obstacle : Obstacle
    """

    owner: str
    name: str
    obstacle: Obstacle


@dataclass
class _Lane:
    """A curve that was keyed, and its values (F,) at all frames."""

    owner: Any
    curve: Any
    values: np.ndarray
    size: float = 1.0
    mesh: FaceMesh | None = None
    block: Any = None
    bone: Any = None
    offsets: np.ndarray | None = None

    @property
    def motion(self) -> np.ndarray:
        """How far (F,) each frame is from rest: 0 of a shape key, the first frame of anything else."""
        return np.abs(self.values if self.block is not None else self.values - self.values[0])

    @property
    def turns(self) -> bool:
        """Whether it turns a bone or an object."""
        return self.curve.data_path.rpartition(".")[2].startswith("rotation") and isinstance(
            self.owner, bpy.types.Object
        )

    @property
    def name(self) -> str:
        """What to call it."""
        if self.block is not None:
            return self.block.name
        return self.bone.name if self.bone is not None else self.curve.data_path


@dataclass
class _Check:
    face: Face
    scene: Any
    lanes: list[_Lane]
    frames: np.ndarray
    found: list[Still] = field(default_factory=list)

    def add(self, owner: str, name: str, obstacle: Obstacle) -> None:
        if not any(s.owner == owner and s.name in (name, "") for s in self.found):
            self.found.append(Still(owner, name, obstacle))

    def is_explained(self, owner: str, name: str = "") -> bool:
        return any(s.owner == owner and s.name in (name, "") for s in self.found)


def find_still(
    face: Face, scene: Any, owner_actions: Sequence[tuple[Any, Any]], *, frames: tuple[int, int]
) -> list[Still]:
    """Return what the actions of a take animate and what does not show, with the reason of each.

    Parameters
    ----------
    face : Face
    scene : bpy.types.Scene
        The one in the window; its current frame is restored.
    owner_actions : pairs of a datablock and the take's action on it
    frames : first and last frame of the take
    """
    scene.view_layers[0].update()  # what is visible is read from it
    check = _Check(face, scene, [], np.arange(frames[0], frames[1] + 1))
    for owner, action in owner_actions:
        _read_lanes(check, owner, action)
    check.lanes = [lane for lane in check.lanes if lane.motion.max(initial=0.0) > _MIN_VALUE]
    for mesh in face.meshes:
        _check_shape_keys(check, mesh)
    if check.lanes and bpy.context.scene == scene:
        _check_evaluated(check)
    return check.found


def notes_of(still: Sequence[Still]) -> list[str]:
    """Return a sentence for each reason: what does not show, why, and what to do."""
    groups: dict[tuple[str, Obstacle], list[str]] = {}
    for s in still:
        groups.setdefault((s.owner, s.obstacle), []).append(s.name)
    notes = []
    for (owner, obstacle), names in groups.items():
        if "" in names:
            what = f"The take does not show on {owner}"
        else:
            more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
            quoted = ", ".join(f"'{name}'" for name in names[:_MAX_NAMES])
            what = f"{quoted}{more} of {owner} {'does' if len(names) == 1 else 'do'} not show the take"
        notes.append(f"{what}: {obstacle.reason}; {obstacle.remedy}")
    return notes


def _read_lanes(check: _Check, owner: Any, action: Any) -> None:
    """Sample the curves of an action; what keeps all of them from playing is found here."""
    fcurves = compat.fcurves_of(action, owner, create=False)
    mesh = next((m for m in check.face.meshes if m.key == owner), None)
    owner_name = mesh.object.name if mesh is not None else owner.name
    obstacle = obstacles.of_datablock(owner, action, owner_name)
    if obstacle is not None:
        check.add(owner_name, "", obstacle)
    for curve in fcurves or ():
        if not len(curve.keyframe_points):
            continue
        lane = _Lane(owner, curve, _curve_values(curve, check.frames * curve_step(check.scene)), mesh=mesh)
        if mesh is not None:
            lane.block = next((b for b in mesh.key.key_blocks if shape_key_path(b.name) == curve.data_path), None)
        bone = _BONE.match(curve.data_path)
        if bone is not None and owner.pose is not None:
            lane.bone = owner.pose.bones.get(bpy.utils.unescape_identifier(bone[1]))
        check.lanes.append(lane)
        if obstacle is None and lane.motion.max(initial=0.0) > _MIN_VALUE:
            of_curve = obstacles.of_curve(owner, curve)
            if of_curve is not None:
                check.add(owner_name, lane.name, of_curve)


def _curve_values(curve: Any, frames: np.ndarray) -> np.ndarray:
    """Return what the keys of a curve say at frames (F,), without its modifiers."""
    if not len(curve.modifiers):
        return sample_curve(curve, frames)
    co = np.empty(2 * len(curve.keyframe_points), dtype=np.float32)
    curve.keyframe_points.foreach_get("co", co)
    return np.interp(frames, *co.reshape(-1, 2).astype(np.float64).T)


def _check_shape_keys(check: _Check, mesh: FaceMesh) -> None:
    """Find what keeps a mesh, all its shape keys or some of them from moving, as far as its settings tell."""
    obj = mesh.object
    lanes = [lane for lane in check.lanes if lane.mesh is mesh and lane.block is not None]
    if not lanes:
        return
    obstacle = obstacles.of_object(obj, check.scene) or obstacles.of_shape_keys(obj)
    if obstacle is not None:
        check.add(obj.name, "", obstacle)
    for lane in lanes:
        lane.offsets = shape_offsets(obj, lane.block)
        lane.size = float(np.sqrt((lane.offsets**2).sum(axis=1).max(initial=0.0)))
        of_key = obstacles.of_shape_key(obj, lane.block, lane.offsets)
        if of_key is not None:
            check.add(obj.name, lane.name, of_key)


def _choose_frames(lanes: list[_Lane]) -> list[int]:
    """Return the indices of the frames of the largest motion: each adds most to what the ones before show.

    Where one frame shows all of it, those that differ most are added: what holds still can only be told from two.
    """
    motions = np.stack([lane.motion / lane.motion.max() for lane in lanes], axis=1)  # (F, L)
    values = np.stack([lane.values / lane.motion.max() for lane in lanes], axis=1)
    sizes = np.array([max(lane.size, 1e-9) for lane in lanes])
    is_key = np.array([lane.block is not None for lane in lanes])
    sizes[is_key] /= max(sizes[is_key].max(initial=0.0), 1e-9)
    chosen: list[int] = []
    shown = np.zeros(len(lanes))
    for _ in range(FRAMES):
        gains = np.maximum(motions - shown, 0.0) @ sizes
        if gains.max() <= _MIN_GAIN and chosen:
            gains = np.min([np.abs(values - values[k]) @ sizes for k in chosen], axis=0)
        best = int(gains.argmax())
        if gains[best] <= _MIN_GAIN:
            break
        chosen.append(best)
        shown = np.maximum(shown, motions[best])
    return sorted(chosen)


def _check_evaluated(check: _Check) -> None:
    """Evaluate the scene at the chosen frames and find what is not as the curves say."""
    chosen = _choose_frames(check.lanes)
    meshes = [m.object for m in check.face.meshes if not check.is_explained(m.object.name)]
    shown: dict[Any, list[np.ndarray]] = {obj: [] for obj in meshes}
    turns: dict[Any, _Turns] = {}
    with frames_restored(check.scene):
        for index in chosen:
            check.scene.frame_set(int(check.frames[index]))
            for lane in check.lanes:
                _compare_value(check, lane, index)
            for target in dict.fromkeys(lane.bone or lane.owner for lane in check.lanes if lane.turns):
                own, effective = _rotations(target)
                turns.setdefault(target, _Turns()).own.append(own)
                turns[target].effective.append(effective)
            for obj, vertices in shown.items():
                vertices.append(world_vertices(obj))
        for target, found in turns.items():
            _compare_rotations(check, target, found)
        for bone, frame in _turned_bones(check).items():
            _check_followers(check, bone, frame)
        for obj, vertices in shown.items():
            _compare_vertices(check, obj, vertices, chosen=chosen)


def _turned_bones(check: _Check) -> dict[Any, int]:
    """Return the frame of the largest motion of each bone."""
    frames: dict[Any, tuple[float, int]] = {}
    for lane in [lane for lane in check.lanes if lane.bone is not None]:
        largest = float(lane.motion.max()), int(check.frames[lane.motion.argmax()])
        frames[lane.bone] = max(largest, frames.get(lane.bone, largest))
    return {bone: frame for bone, (_, frame) in frames.items()}


def _compare_value(check: _Check, lane: _Lane, index: int) -> None:
    """Compare a property at the current frame with its curve."""
    owner_name = lane.mesh.object.name if lane.mesh is not None else lane.owner.name
    if check.is_explained(owner_name, lane.name):
        return
    value = get_value(lane.owner, lane.curve.data_path, lane.curve.array_index)
    expected = float(lane.values[index])
    if lane.block is not None:
        expected = min(max(expected, lane.block.slider_min), lane.block.slider_max)
    scale = max(float(lane.motion.max()), _MIN_VALUE)
    if value is None or abs(value - expected) > _MAX_DEVIATION * max(scale, 0.1):
        shown = "nothing" if value is None else f"{value:.2f}"
        check.add(
            owner_name,
            lane.name,
            Obstacle(
                f"it is {shown} at frame {check.frames[index]}, where the take has {expected:.2f}",
                "look for what else sets it: NLA tracks, scripts, add-ons",
            ),
        )


def _rotations(target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return a bone's or object's own rotation (3, 3), and the one that it has after constraints."""
    if isinstance(target, bpy.types.PoseBone):
        effective = target.id_data.convert_space(
            pose_bone=target, matrix=target.matrix, from_space="POSE", to_space="LOCAL"
        )
        return np.array(target.matrix_basis.to_3x3().normalized()), np.array(effective.to_3x3().normalized())
    parent_inverse = target.matrix_parent_inverse.to_3x3()
    own = parent_inverse @ target.matrix_basis.to_3x3()
    parent = target.parent.matrix_world.to_3x3().inverted_safe() if target.parent is not None else None
    world = target.matrix_world.to_3x3()
    return np.array(own.normalized()), np.array((parent @ world if parent is not None else world).normalized())


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    """Return the angle (rad) between two rotations."""
    return float(np.arccos(np.clip((np.trace(a.T @ b) - 1) / 2, -1.0, 1.0)))


@dataclass
class _Turns:
    """Rotations (3, 3) of a bone or an object at the evaluated frames: its own, and what constraints make of them."""

    own: list[np.ndarray] = field(default_factory=list)
    effective: list[np.ndarray] = field(default_factory=list)


def _compare_rotations(check: _Check, target: Any, turns: _Turns) -> None:
    """Find a bone or an object that its constraints keep from turning."""
    owner_name, name = _names(target)
    constraint = obstacles.holding_constraint(target)
    if check.is_explained(owner_name, name) or constraint is None:
        return
    pairs = [(i, j) for i in range(len(turns.own)) for j in range(i)]
    expected, lost = max((_lost_turn(turns, i, j) for i, j in pairs), default=(0.0, 0.0))
    if expected < _MIN_TURN or lost < _HELD_SHARE * expected:
        return
    check.add(
        owner_name,
        name,
        Obstacle(
            f"the constraint '{constraint.name}' holds it, and takes {np.degrees(lost):.0f} of its "
            f"{np.degrees(expected):.0f} degrees",
            "mute the constraint, or set its influence to 0",
        ),
    )


def _lost_turn(turns: _Turns, i: int, j: int) -> tuple[float, float]:
    """Return how far (rad) a bone turns by itself between two frames, and how much of it constraints take.

    What a constraint adds before or after all of the motion takes nothing.
    """
    own, shown = (turns.own[i], turns.own[j]), (turns.effective[i], turns.effective[j])
    before = _angle(own[0].T @ own[1], shown[0].T @ shown[1])
    after = _angle(own[1] @ own[0].T, shown[1] @ shown[0].T)
    return _angle(*own), min(before, after)


def _names(target: Any) -> tuple[str, str]:
    """Return what to call a bone and its rig, or an object."""
    return (target.id_data.name, target.name) if isinstance(target, bpy.types.PoseBone) else (target.name, "")


def _check_followers(check: _Check, bone: Any, frame: int) -> None:
    """Find meshes that do not follow a bone at a frame where it is turned: the face's the head, any mesh another bone.

    Where the settings look as if a mesh did not, the bone is put back to rest and the meshes are evaluated once more.
    """
    rig, is_head = bone.id_data, bone.name == check.face.head_bone
    meshes = [m.object for m in check.face.meshes]
    if not is_head:
        meshes = list(
            dict.fromkeys([*meshes, *(o for o in check.scene.objects if o.type == "MESH" and rig_of(o) == rig)])
        )
    meshes = [o for o in meshes if not check.is_explained(o.name)]
    suspects = {o: obstacle for o in meshes if (obstacle := obstacles.of_follower(rig, bone, o)) is not None}
    if check.is_explained(rig.name, bone.name) or not suspects or (not is_head and len(suspects) < len(meshes)):
        return
    check.scene.frame_set(frame)
    turned = {obj: world_vertices(obj) for obj in suspects}
    own = bone.matrix_basis.copy()
    bone.matrix_basis.identity()
    bpy.context.view_layer.update()
    still = {obj: obstacle for obj, obstacle in suspects.items() if not _moved(turned[obj], world_vertices(obj))}
    bone.matrix_basis = own
    for obstacle in list(still.values()) if is_head else list(still.values())[:1] * (len(still) == len(meshes)):
        check.add(rig.name, bone.name, obstacle)


def _moved(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape != b.shape or float(np.abs(a - b).max(initial=0.0)) > 1e-6 * float(
        np.ptp(a, axis=0).max(initial=1.0)
    )


def _compare_vertices(check: _Check, obj: Any, vertices: list[np.ndarray], *, chosen: list[int]) -> None:
    """Find a mesh that stands still though its shape keys are as the take says."""
    lanes = [
        lane for lane in check.lanes if lane.mesh is not None and lane.mesh.object == obj and lane.block is not None
    ]
    if check.is_explained(obj.name) or len(chosen) < 2 or not lanes:
        return
    active = [lane for lane in lanes if not check.is_explained(obj.name, lane.name) and lane.offsets is not None]
    if not active:
        return
    mixes = []
    for index in chosen:
        values = [np.clip(lane.values[index], lane.block.slider_min, lane.block.slider_max) for lane in active]
        mixes.append(sum(value * lane.offsets for value, lane in zip(values, active)))
    expected = max(float(np.abs(mix - mixes[0]).max()) for mix in mixes[1:])
    scale = float(np.mean(np.abs(obj.matrix_world.to_scale())))
    if expected <= 0 or any(v.shape != vertices[0].shape for v in vertices):
        return
    moved = max(float(np.abs(v - vertices[0]).max(initial=0.0)) for v in vertices[1:])
    if moved > _STILL_SHARE * expected * scale:
        return
    culprit = _stilling_modifier(check, obj, [int(check.frames[i]) for i in (chosen[0], chosen[-1])])
    if culprit is not None:
        obstacle = Obstacle(f"the modifier '{culprit}' replaces or hides its shape", "turn it off in the viewport")
    else:
        obstacle = Obstacle(
            "its shape keys have the take's values, and its vertices do not move", "look at its modifiers and its mesh"
        )
    check.add(obj.name, "", obstacle)


def _stilling_modifier(check: _Check, obj: Any, frames: list[int]) -> str | None:
    """Return the modifier without which the mesh moves."""
    for modifier in [m for m in obj.modifiers if m.show_viewport]:
        modifier.show_viewport = False
        try:
            shown = []
            for frame in frames:
                check.scene.frame_set(frame)
                shown.append(world_vertices(obj))
        finally:
            modifier.show_viewport = True
        if shown[0].shape != shown[1].shape or np.abs(shown[0] - shown[1]).max(initial=0.0) > 0:
            return modifier.name
    return None
