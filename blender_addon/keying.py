"""Keying a track of weights, or of FLAME's parameters, on a face: resampled to the scene's rate, one action per take, or over what plays."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from ..core import reduce as key_reduction
from ..core.channels import ARKIT, HEAD_ANGLES
from ..core.errors import InnerfaceError
from ..core.flame.tracks import KIND as FLAME
from ..core.frames import on_frames
from ..core.hand_made import free, hand_made
from ..core.resample import frame_times, linear
from ..core.take import Track
from . import baked, compat, curves, drivers
from .face import Face, FaceMesh, check_editable
from .lanes import Lanes, lanes
from .turns import remember_rest

SLIDER_LIMIT = 10.0  # Blender's own limit for shape-key sliders
MAX_FRAME = 1_048_574  # and for frame numbers
HEAD_MARK = "innerface_head"  # on the bundled head's Key: its sliders are ours to widen
# In actions: the frame of the take's first row, its own time there, and what the take is called.
START, CLOCK, NAME = "innerface_start", "innerface_clock", "innerface_name"
_MENDS = 6  # rounds in which a curve beside a replaced stretch is brought back to what it was

ALL = frozenset((*ARKIT, *HEAD_ANGLES))


@dataclass(frozen=True)
class Part:
    """What of a take is keyed, and where. `start`: the frame of the take's first row, which may lie between frames (None: the scene's start); `first`, `last`:
    frames before and after are left out; `armed`: channels that are keyed;
    `invented`: channels that were made up; keys which only they feed are left out, or, with `only_invented`, the only ones that are keyed (and no head);
    `before`: actions of an earlier bake by the datablock they animate, which are written again: keys that an animator made on them stay;
    `over`: replace only these frames of what plays, faded in and out over `blend` frames; `widen`: sliders may be widened."""

    start: float | None = None
    first: int | None = None
    last: int | None = None
    armed: frozenset[str] = ALL
    invented: frozenset[str] = frozenset()
    only_invented: bool = False
    before: dict[Any, Any] = field(default_factory=dict)
    over: bool = False
    blend: int = 0
    widen: bool = False

    def wants(self, channels: frozenset[str]) -> bool:
        """Whether what is fed by these channels is keyed."""
        return bool(channels & self.armed) and (channels <= self.invented) == self.only_invented


@dataclass
class Keyed:
    """What keying made: curves for `owners` (datablock, action), which `play` puts on the face. `notes` are for the user."""

    frames: int
    first_frame: int
    owners: list[tuple[Any, Any]] = field(default_factory=list)
    dense_keys: int = 0
    keys: int = 0
    notes: list[str] = field(default_factory=list)
    part: Part = field(default_factory=Part)
    tolerance: float | None = None
    known: dict[Any, baked.Curves] = field(default_factory=dict)  # by action: what earlier bakes wrote,
    beneath: dict[Any, list[baked.Curves]] = field(default_factory=dict)  # and for what goes over them, in both layers
    written: dict[Any, baked.Curves] = field(default_factory=dict)
    hand_made: int = 0  # keys of an animator's that stayed

    @property
    def actions(self) -> list[Any]:
        """The take's actions: one, or one per datablock before Blender 4.4."""
        return list(dict.fromkeys(action for _, action in self.owners))


def scene_rate(scene: Any) -> float:
    """Frames per second as the scene plays: fps / fps_base (23.976 is 24 / 1.001).

    Blender keeps the base in float32; NTSC's 1.001 is meant exactly, else ten minutes would be 28 µs off.
    """
    base = scene.render.fps_base
    return scene.render.fps / (1.001 if abs(base - 1.001) < 1e-6 else base)


def key_track(face: Face, track: Track, name: str, scene: Any, tolerance: float | None = None, part: Part = Part()) -> Keyed:
    """Make curves of `track` for all that `face`'s mapping drives, from the scene's start frame on, and of its head angles for the head; of a FLAME track for
    a FLAME face's keys and bones. Nothing plays them before `play`.

    `tolerance` (of what a full weight does to a curve) reduces keys to Bezier ones whose curve stays that close at every frame; None
    keys every frame linearly. Raises InnerfaceError if the track has none of the 52 channels or a datablock cannot be keyed.
    """
    rate = scene_rate(scene)
    start = scene.frame_start if part.start is None else part.start
    flame = track.kind == FLAME
    if not flame and not any(c in track.columns for c in ARKIT):
        raise InnerfaceError(f"{name}: has none of Apple's 52 channels; give a weights take")
    if abs(start) + track.duration * rate > MAX_FRAME:
        raise InnerfaceError(
            f"{name}: lasts {track.duration:.0f} s, more frames than Blender can hold; if its time is in milliseconds, call the column time_ms"
        )
    first = max(int(np.ceil(start - 1e-6)), part.first if part.first is not None else -MAX_FRAME)
    if (first - start) / rate > track.duration + 1e-6:
        raise InnerfaceError(f"{name}: ends at frame {start + track.duration * rate:.0f}, before frame {first} where it is to begin; choose another range")
    at = frame_times(track.time, rate, (first - start) / rate)
    if part.last is not None:
        at = at[: max(part.last - first + 1, 0)]
        if not len(at):
            raise InnerfaceError(f"{name}: begins at frame {first}, after frame {part.last} where it is to end; choose another range")
    for mesh in face.meshes:
        check_editable(mesh)
    if flame:
        from .flame_keys import flame_lanes

        present = ALL
        parts, notes = flame_lanes(face, track, at)
    else:
        present = frozenset(c for c in ARKIT if c in track.columns and not np.isnan(track.column(c)).all())
        parts, notes = lanes(face, face.mapping.values(on_frames(track, at)))
        parts += _head(face, track, at, notes, part)
    out = Keyed(len(at), first, part=part, tolerance=tolerance, notes=notes)
    out.known = {action: baked.kept(action) for action in set(part.before.values())}
    wanted = [keep for lane in parts for keep in [_wanted(out, lane, present | set(HEAD_ANGLES))] if keep is not None]
    actions = _Actions(name, part)
    for lane, action in [(lane, actions.of(lane)) for lane in wanted]:
        _key(out, lane, action)
    gone: set[baked.Curve] = set()
    if not part.over:
        gone = _tidy(out, {(lane.owner.name, path, index) for lane in parts for path, index in zip(lane.paths, lane.indices)})
    for action in out.actions if not part.over else ():
        action[START], action[CLOCK], action[NAME] = float(start), float(track.time[0]), name
    for action, written in out.written.items():
        if part.over:
            baked.keep(action, _beside(baked.kept(action, baked.OVER), written, out), baked.OVER)
        else:  # what was left out this time is still known
            baked.keep(action, {k: v for k, v in out.known.get(action, {}).items() if k not in gone} | written)
    missing = [c for c in face.unmatched_channels() if c in present and not flame]
    if missing:
        out.notes.append(f"no key on {face.name} answers to {', '.join(missing)}")
    return out


def _tidy(out: Keyed, driven: set[baked.Curve]) -> set[baked.Curve]:
    """Curves of an earlier bake that the mapping drives no more go, unless an animator has touched them. Those that went."""
    gone: set[baked.Curve] = set()
    for action, before in out.known.items():
        for owner in [o for o, a in out.owners if a == action]:
            fcurves = compat.fcurves_of(action, owner, create=False)
            for name in [n for n in before if n[0] == owner.name and n not in driven]:
                curve = fcurves.find(name[1], index=name[2]) if fcurves is not None else None
                if curve is not None and not hand_made(*curves.read(curve)["co"].astype(np.float64).T, *before[name])[0].any():
                    fcurves.remove(curve)
                    gone.add(name)
    return gone


def _beside(before: baked.Curves, written: baked.Curves, out: Keyed) -> baked.Curves:
    """What takes over the action have written: the newest in its frames, earlier ones outside of them."""
    merged = dict(before)
    for name, (frames, values) in written.items():
        old = before.get(name, (np.zeros(0), np.zeros(0)))
        stays = ((old[0] < out.first_frame) | (old[0] >= out.first_frame + out.frames)) & ~np.isin(old[0], frames)
        both = np.concatenate([old[0][stays], frames]), np.concatenate([old[1][stays], values])
        order = np.argsort(both[0], kind="stable")
        merged[name] = both[0][order], both[1][order]
    return merged


def _head(face: Face, track: Track, at: np.ndarray, notes: list[str], part: Part) -> list[Lanes]:
    """The curves of the head's angles, where the take has any."""
    angles = track.select(HEAD_ANGLES)
    if part.only_invented or not np.nanmax(np.abs(np.nan_to_num(angles)), initial=0.0) > 0 or not part.armed & set(HEAD_ANGLES):
        return []
    turn = face.head_turn()
    if isinstance(turn, str):
        notes.append(turn)
        return []
    remember_rest(turn)
    values = turn.values(np.nan_to_num(linear(track.time, angles, at)))
    count = values.shape[1]
    return [Lanes(turn.owner, [turn.path] * count, list(range(count)), [frozenset(HEAD_ANGLES)] * count, values, np.ones(count))]


class _Actions:
    """Which action a datablock's curves go into: that of an earlier bake, what plays (over it), or a new one, which all share where Blender has slots."""

    def __init__(self, name: str, part: Part) -> None:
        self.name, self.part, self.own = name, part, dict(part.before)
        self.shared: Any = next(iter(part.before.values()), None) if compat.shared_action() else None

    def of(self, lane: Lanes) -> Any:
        data = lane.owner.animation_data
        if self.part.over and data is not None and data.action is not None:
            if data.action.library is not None:
                raise InnerfaceError(f"the action '{data.action.name}' that plays on {lane.owner.name} is linked; make it local to key over it")
            return data.action
        if compat.shared_action():
            self.shared = self.shared or _new_action(self.name)
            return self.shared
        suffix = f" {lane.mesh.object.name}" if lane.mesh is not None else " head"
        if lane.owner not in self.own:
            self.own[lane.owner] = _new_action(self.name + suffix)
        return self.own[lane.owner]


def _new_action(name: str) -> Any:
    action = bpy.data.actions.new(name)
    action.use_fake_user = True
    action[baked.OURS] = True
    return action


def _wanted(out: Keyed, lane: Lanes, present: frozenset[str]) -> Lanes | None:
    """What is keyed of a datablock's curves: armed, fed by the take, and not driven by something else, which is said."""
    keep = [k for k, channels in enumerate(lane.channels) if channels & present and out.part.wants(channels)]
    taken = drivers.of(lane.owner)
    blocked = [k for k in keep if lane.paths[k] in taken]
    if blocked:
        what = lane.mesh.object.name if lane.mesh is not None else lane.owner.name
        said = "; ".join(f"'{lane.keys[k] if lane.keys else lane.paths[k]}' by {taken[lane.paths[k]]}" for k in blocked)
        out.notes.append(f"driven on {what}, so not keyed: {said}; 'Key What Drives Them' maps the take onto that instead")
    keep = [k for k in keep if k not in blocked]
    if not keep:
        return None
    paths, indices, channels = [lane.paths[k] for k in keep], [lane.indices[k] for k in keep], [lane.channels[k] for k in keep]
    chosen = Lanes(lane.owner, paths, indices, channels, lane.values[:, keep], lane.sizes[keep], lane.mesh)
    if lane.mesh is not None:
        chosen.keys = [lane.keys[k] for k in keep]
        _sliders(out, lane.mesh, chosen.keys, chosen.values)
    return chosen


def _sliders(out: Keyed, mesh: FaceMesh, names: list[str], values: np.ndarray) -> None:
    """Sliders clamp: open them as far as the take goes where that was allowed, and say what happens."""
    allowed = out.part.widen or bool(mesh.key.get(HEAD_MARK))
    beyond = []
    for name, low, high in zip(names, values.min(0).tolist(), values.max(0).tolist()):
        block = mesh.key.key_blocks[name]
        if low < -SLIDER_LIMIT or high > SLIDER_LIMIT:
            raise InnerfaceError(
                f"'{name}' would reach {max(-low, high):g}, beyond the {SLIDER_LIMIT:g} of Blender's sliders; check the take's scale"
            )
        if low >= block.slider_min - 1e-6 and high <= block.slider_max + 1e-6:
            continue
        if allowed:
            block.slider_min = min(block.slider_min, np.floor(low * 100) / 100)
            block.slider_max = max(block.slider_max, np.ceil(high * 100) / 100)
            beyond.append(f"{name} {block.slider_min:.2f}..{block.slider_max:.2f}")
        else:
            beyond.append(f"{name} {low if low < block.slider_min else high:.2f}")
    if beyond:
        did = "were widened" if allowed else "end before the take does, and cut it ('Widen Sliders' lets it through)"
        out.notes.append(f"sliders on {mesh.object.name} {did}: {', '.join(beyond)}")


def _key(out: Keyed, lane: Lanes, action: Any) -> None:
    """Write a datablock's curves."""
    frames = out.first_frame + np.arange(len(lane.values))
    out.dense_keys += lane.values.size
    fcurves, written = compat.fcurves_of(action, lane.owner), out.written.setdefault(action, {})
    known = out.known.setdefault(action, {})
    over = [_over(out, lane, k, fcurves, frames) for k in range(len(lane.paths))] if out.part.over else []
    values = np.stack(over, axis=1) if over else lane.values
    every = np.arange(len(values))
    chosen = [every] * values.shape[1] if out.tolerance is None else key_reduction.reduce(values / lane.sizes, out.tolerance)
    for k, (path, index, picked) in enumerate(zip(lane.paths, lane.indices, chosen)):
        name, at, what = (lane.owner.name, path, index), frames[picked], values[picked, k]
        old = fcurves.find(path, index=index) if out.part.over or name in known else None
        if old is not None and _locked(old):
            out.notes.append(f"the curve of {path} is locked; it stays as it is")
            if name in known:
                written[name] = known[name]
            continue
        written[name] = (at, what)
        if old is None:
            curve = curves.write_curve(fcurves, path, at, what, index, bezier=out.tolerance is not None)
        elif out.part.over:
            curve, written[name] = _replace(out, fcurves, old, (name, at, what), frames, action, float(lane.sizes[k]))
        else:
            curve = _again(out, fcurves, old, (name, at, what), action)
        out.keys += len(curve.keyframe_points)
    if (lane.owner, action) not in out.owners:
        out.owners.append((lane.owner, action))


def _over(out: Keyed, lane: Lanes, k: int, fcurves: Any, frames: np.ndarray) -> np.ndarray:
    """Values (T,) of a curve of the take faded into what is there: nothing changes at the edges."""
    old = fcurves.find(lane.paths[k], index=lane.indices[k])
    keyed = old is not None and len(old.keyframe_points) > 0
    there = curves.sample(old, frames) if keyed else np.full(len(frames), _present(lane, k))
    edge = np.minimum(np.arange(len(frames)), np.arange(len(frames))[::-1])
    blend = min(out.part.blend, (len(frames) - 1) // 4)  # of a short stretch at least the middle is the take's
    share = np.clip(edge / blend, 0.0, 1.0) if blend > 0 else np.ones(len(frames))
    share = share * share * (3 - 2 * share)
    return there * (1 - share) + lane.values[:, k] * share


def _present(lane: Lanes, k: int) -> float:
    value = lane.owner.path_resolve(lane.paths[k])
    return float(value if isinstance(value, (int, float)) else value[lane.indices[k]])


_New = tuple[baked.Curve, np.ndarray, np.ndarray]  # a curve, and its new keys: frames, values


def _again(out: Keyed, fcurves: Any, old: Any, new: _New, action: Any) -> Any:
    """Write a bake's curve anew; an animator's keys stay."""
    (name, at, what), keys = new, curves.read(old)
    x, y = keys["co"].astype(np.float64).T
    mine, stretches = hand_made(x, y, *out.known[action][name])
    stays = free(at.astype(np.float64), stretches)
    out.hand_made += int(mine.sum())
    return curves.write(fcurves, name[1], name[2], curves.some(keys, mine), curves.fresh(at[stays], what[stays], out.tolerance is not None))


def _replace(out: Keyed, fcurves: Any, old: Any, new: _New, frames: np.ndarray, action: Any, size: float) -> tuple[Any, tuple[np.ndarray, np.ndarray]]:
    """Write keys over a stretch of a curve: an animator's in it stay, and so does the shape of all outside. The curve, and the keys that were written."""
    (name, at, what), keys, bezier = new, curves.read(old), out.tolerance is not None
    x, y = keys["co"].astype(np.float64).T
    first, last = frames[0], frames[-1]
    inside = (x >= first) & (x <= last)
    low, high = x[x < first][-1:], x[x > last][:1]  # up to the keys beside, the new keys would bend the curve
    beside = np.concatenate([np.zeros(0), *(np.arange(np.ceil(k), first) for k in low), *(np.arange(last + 1, np.floor(k) + 1) for k in high)])
    was = curves.sample(old, beside)
    if action not in out.beneath:
        out.beneath[action] = [baked.kept(action, layer) for layer in (baked.BASE, baked.OVER)]
    mine = inside & _made_by_hand(out.beneath[action], name, x, y)
    stays = free(at.astype(np.float64), np.stack([x[mine] - 1.5e-3, x[mine] + 1.5e-3], axis=1))
    out.hand_made += int(mine.sum())
    made = [(at[stays].astype(np.float64), what[stays])]
    kept, allowed = curves.some(keys, ~inside | mine), (out.tolerance or 1e-4) * size
    while True:
        curve = curves.write(fcurves, name[1], name[2], kept, *(curves.fresh(*part, bezier) for part in made))
        there = curves.read(curve)["co"][:, 0]
        off = (np.abs(curves.sample(curve, beside) - was) > allowed) & ~np.isin(beside, there)
        if not off.any() or len(made) > _MENDS:
            break
        made.append((beside[off], was[off]))
    frames_, values = (np.concatenate([part[i] for part in made]) for i in (0, 1))
    order = np.argsort(frames_, kind="stable")
    return curve, (frames_[order], values[order])


def _made_by_hand(layers: list[baked.Curves], name: baked.Curve, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which keys (K,) of a curve no bake has written; none in an action of somebody else's: all of it is replaced in the range."""
    mine = np.full(len(x), any(name in layer for layer in layers))
    for layer in layers:
        if name in layer:
            mine &= hand_made(x, y, *layer[name])[0]
    return mine


def _locked(curve: Any) -> bool:
    return curve.lock or (curve.group is not None and curve.group.lock)


def play(face: Face, keyed: Keyed) -> list[str]:
    """Put one keyed take's curves on the face; returns notes about what made room.

    What played before and was not made here is kept below the take as an NLA strip, so a body goes on walking while the
    head is keyed. Where this take moves nothing (no head angles), an earlier take of ours is taken off, and what it moved goes back to rest.
    """
    notes = []
    for owner, action in keyed.owners:
        before = owner.animation_data.action if owner.animation_data else None
        if before is not None and before != action and before.get(baked.OURS):
            _relax(owner, compat.fcurves_playing(owner), compat.fcurves_of(action, owner))
        elif before is not None and before != action:
            compat.push_down(owner)
            notes.append(f"{owner.name} played '{before.name}'; it goes on below the take, as an NLA strip")
        compat.assign(action, owner)
    animated = [owner for owner, _ in keyed.owners]
    for owner in face.owners:
        data = owner.animation_data
        if owner not in animated and data is not None and data.action is not None and data.action.get(baked.OURS):
            data.action = None
            if owner == face.turns and face.head_bone is not None:
                owner.pose.bones[face.head_bone].matrix_basis.identity()
    return notes


def _relax(owner: Any, before: Any, now: Any) -> None:
    """What an earlier take of ours moved on a datablock, and this one does not, goes back to rest."""
    moved = {curve.data_path for curve in before or ()} - {curve.data_path for curve in now}
    for path in moved:
        if path.startswith(("key_blocks[", "pose.bones[")):
            holder, _, name = path.rpartition(".")
            with suppress(ValueError, TypeError):  # gone meanwhile, or a property of the user's
                owner.path_resolve(holder).property_unset(name)
