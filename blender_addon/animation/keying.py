"""Keying a track of weights, or of FLAME's parameters, on a face: resampled to the scene's rate, one action per take, or over what plays."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import bpy
import numpy as np

from ...core.animation import key_reduction
from ...core.animation.frames import resample_to_frames
from ...core.animation.manual_edits import find_manual_edits, outside_ranges
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, HEAD_ANGLES
from ...core.take import Track, TrackKind
from ...core.take.resample import frame_times, resample_linear
from .. import compat
from ..character import drivers
from ..character.face import Face
from ..character.face_mesh import FaceMesh, check_editable
from ..character.heads import HEAD_MARK
from ..character.lanes import CurveSet, face_curves
from ..character.turns import store_rest
from . import baked_keys, curves

SLIDER_LIMIT = 10.0  # Blender's own limit for shape-key sliders
MAX_FRAME = 1_048_574  # and for frame numbers
# In actions: the frame of the take's first row, its own time there, and what the take is called.
START, CLOCK, NAME = "innerface_start", "innerface_clock", "innerface_name"
_MAX_CORRECTIONS = 6  # rounds in which a curve beside a replaced stretch is brought back to what it was

ALL_CHANNELS = frozenset((*ARKIT, *HEAD_ANGLES))


@dataclass(frozen=True)
class KeyingOptions:
    """What of a take is keyed, and where. `start`: the frame of the take's first row, which may lie between frames (None: the scene's start); `first`, `last`:
    frames before and after are left out; `armed`: channels that are keyed;
    `invented`: channels that were made up; keys which only they feed are left out, or, with `only_invented`, the only ones that are keyed (and no head);
    `before`: actions of an earlier bake by the datablock they animate, which are written again: keys that an animator made on them stay;
    `over`: replace only these frames of what plays, faded in and out over `blend` frames; `widen`: sliders may be widened."""

    start_frame: float | None = None
    first_frame: int | None = None
    last_frame: int | None = None
    keyed_channels: frozenset[str] = ALL_CHANNELS
    unobserved: frozenset[str] = frozenset()
    only_unobserved: bool = False
    previous_actions: dict[Any, Any] = field(default_factory=dict)
    overwrite: bool = False
    blend_frames: int = 0
    widen_sliders: bool = False

    def wants(self, channels: frozenset[str]) -> bool:
        """Whether what is fed by these channels is keyed."""
        return bool(channels & self.keyed_channels) and (channels <= self.unobserved) == self.only_unobserved


@dataclass
class KeyingResult:
    """What keying made: curves for `owners` (datablock, action), which `play` puts on the face. `notes` are for the user."""

    frames: int
    first_frame: int
    owner_actions: list[tuple[Any, Any]] = field(default_factory=list)
    dense_keys: int = 0
    keys: int = 0
    notes: list[str] = field(default_factory=list)
    options: KeyingOptions = field(default_factory=KeyingOptions)
    tolerance: float | None = None
    previous_keys: dict[Any, baked_keys.CurveKeys] = field(default_factory=dict)  # by action: what earlier bakes wrote,
    underlying_keys: dict[Any, list[baked_keys.CurveKeys]] = field(
        default_factory=dict
    )  # and for what goes over them, in both layers
    written_keys: dict[Any, baked_keys.CurveKeys] = field(default_factory=dict)
    manual_keys: int = 0  # keys of an animator's that stayed

    @property
    def actions(self) -> list[Any]:
        """The take's actions: one, or one per datablock before Blender 4.4."""
        return list(dict.fromkeys(action for _, action in self.owner_actions))


def scene_rate(scene: Any) -> float:
    """Frames per second as the scene plays: fps / fps_base (23.976 is 24 / 1.001).

    Blender keeps the base in float32; NTSC's 1.001 is meant exactly, else ten minutes would be 28 µs off.
    """
    base = scene.render.fps_base
    return scene.render.fps / (1.001 if abs(base - 1.001) < 1e-6 else base)


def key_track(
    face: Face,
    track: Track,
    name: str,
    scene: Any,
    tolerance: float | None = None,
    options: KeyingOptions = KeyingOptions(),
) -> KeyingResult:
    """Make curves of `track` for all that `face`'s mapping drives, from the scene's start frame on, and of its head angles for the head; of a FLAME track for
    a FLAME face's keys and bones. Nothing plays them before `play`.

    `tolerance` (of what a full weight does to a curve) reduces keys to Bezier ones whose curve stays that close at every frame; None
    keys every frame linearly. Raises InnerfaceError if the track has none of the 52 channels or a datablock cannot be keyed.
    """
    rate = scene_rate(scene)
    start_frame = scene.frame_start if options.start_frame is None else options.start_frame
    flame = track.kind == TrackKind.FLAME
    if not flame and not any(c in track.columns for c in ARKIT):
        raise InnerfaceError(f"{name}: has none of Apple's 52 channels; give a weights take")
    if abs(start_frame) + track.duration * rate > MAX_FRAME:
        raise InnerfaceError(
            f"{name}: lasts {track.duration:.0f} s, more frames than Blender can hold; if its time is in milliseconds, call the column time_ms"
        )
    first_frame = max(
        int(np.ceil(start_frame - 1e-6)), options.first_frame if options.first_frame is not None else -MAX_FRAME
    )
    if (first_frame - start_frame) / rate > track.duration + 1e-6:
        raise InnerfaceError(
            f"{name}: ends at frame {start_frame + track.duration * rate:.0f}, before frame {first_frame} where it is to begin; choose another range"
        )
    times = frame_times(track.time, rate, (first_frame - start_frame) / rate)
    if options.last_frame is not None:
        times = times[: max(options.last_frame - first_frame + 1, 0)]
        if not len(times):
            raise InnerfaceError(
                f"{name}: begins at frame {first_frame}, after frame {options.last_frame} where it is to end; choose another range"
            )
    for mesh in face.meshes:
        check_editable(mesh)
    if flame:
        from .flame_keys import flame_lanes

        present = ALL_CHANNELS
        curve_sets, notes = flame_lanes(face, track, times)
    else:
        present = frozenset(c for c in ARKIT if c in track.columns and not np.isnan(track.column(c)).all())
        curve_sets, notes = face_curves(face, face.mapping.to_values(resample_to_frames(track, times)))
        curve_sets += _head_curves(face, track, times, notes, options)
    result = KeyingResult(len(times), first_frame, options=options, tolerance=tolerance, notes=notes)
    result.previous_keys = {action: baked_keys.stored_keys(action) for action in set(options.previous_actions.values())}
    selected = [
        keep
        for lane in curve_sets
        for keep in [_select_curves(result, lane, present | set(HEAD_ANGLES))]
        if keep is not None
    ]
    actions = _ActionPicker(name, options)
    for lane, action in [(lane, actions.action_for(lane)) for lane in selected]:
        _write_curves(result, lane, action)
    removed: set[baked_keys.CurveId] = set()
    if not options.overwrite:
        removed = _remove_stale_curves(
            result,
            {(lane.owner.name, path, index) for lane in curve_sets for path, index in zip(lane.paths, lane.indices)},
        )
    for action in result.actions if not options.overwrite else ():
        action[START], action[CLOCK], action[NAME] = float(start_frame), float(track.time[0]), name
    for action, written in result.written_keys.items():
        if options.overwrite:
            baked_keys.store_keys(
                action,
                _merge_overwritten(baked_keys.stored_keys(action, baked_keys.OVERLAY_LAYER), written, result),
                baked_keys.OVERLAY_LAYER,
            )
        else:  # what was left out this time is still known
            baked_keys.store_keys(
                action, {k: v for k, v in result.previous_keys.get(action, {}).items() if k not in removed} | written
            )
    missing = [c for c in face.unmatched_channels() if c in present and not flame]
    if missing:
        result.notes.append(f"no key on {face.name} answers to {', '.join(missing)}")
    return result


def _remove_stale_curves(result: KeyingResult, driven: set[baked_keys.CurveId]) -> set[baked_keys.CurveId]:
    """Curves of an earlier bake that the mapping drives no more go, unless an animator has touched them. Those that went."""
    removed: set[baked_keys.CurveId] = set()
    for action, previous in result.previous_keys.items():
        for owner in [o for o, a in result.owner_actions if a == action]:
            fcurves = compat.fcurves_of(action, owner, create=False)
            for name in [n for n in previous if n[0] == owner.name and n not in driven]:
                curve = fcurves.find(name[1], index=name[2]) if fcurves is not None else None
                if (
                    curve is not None
                    and not find_manual_edits(*curves.read_keys(curve)["co"].astype(np.float64).T, *previous[name])[
                        0
                    ].any()
                ):
                    fcurves.remove(curve)
                    removed.add(name)
    return removed


def _merge_overwritten(
    previous: baked_keys.CurveKeys, written: baked_keys.CurveKeys, result: KeyingResult
) -> baked_keys.CurveKeys:
    """What takes over the action have written: the newest in its frames, earlier ones outside of them."""
    merged = dict(previous)
    for name, (frames, values) in written.items():
        old = previous.get(name, (np.zeros(0), np.zeros(0)))
        outside = ((old[0] < result.first_frame) | (old[0] >= result.first_frame + result.frames)) & ~np.isin(
            old[0], frames
        )
        combined = np.concatenate([old[0][outside], frames]), np.concatenate([old[1][outside], values])
        order = np.argsort(combined[0], kind="stable")
        merged[name] = combined[0][order], combined[1][order]
    return merged


def _head_curves(
    face: Face, track: Track, times: np.ndarray, notes: list[str], options: KeyingOptions
) -> list[CurveSet]:
    """The curves of the head's angles, where the take has any."""
    angles = track.select(HEAD_ANGLES)
    if (
        options.only_unobserved
        or not np.nanmax(np.abs(np.nan_to_num(angles)), initial=0.0) > 0
        or not options.keyed_channels & set(HEAD_ANGLES)
    ):
        return []
    transform = face.head_turn()
    if isinstance(transform, str):
        notes.append(transform)
        return []
    store_rest(transform)
    values = transform.rotation_values(np.nan_to_num(resample_linear(track.time, angles, times)))
    count = values.shape[1]
    return [
        CurveSet(
            transform.owner,
            [transform.path] * count,
            list(range(count)),
            [frozenset(HEAD_ANGLES)] * count,
            values,
            np.ones(count),
        )
    ]


class _ActionPicker:
    """Which action a datablock's curves go into: that of an earlier bake, what plays (over it), or a new one, which all share where Blender has slots."""

    def __init__(self, name: str, options: KeyingOptions) -> None:
        self.name, self.options, self.by_owner = name, options, dict(options.previous_actions)
        self.shared: Any = (
            next(iter(options.previous_actions.values()), None) if compat.supports_shared_action() else None
        )

    def action_for(self, curve_set: CurveSet) -> Any:
        data = curve_set.owner.animation_data
        if self.options.overwrite and data is not None and data.action is not None:
            if data.action.library is not None:
                raise InnerfaceError(
                    f"the action '{data.action.name}' that plays on {curve_set.owner.name} is linked; make it local to key over it"
                )
            return data.action
        if compat.supports_shared_action():
            self.shared = self.shared or _new_action(self.name)
            return self.shared
        suffix = f" {curve_set.mesh.object.name}" if curve_set.mesh is not None else " head"
        if curve_set.owner not in self.by_owner:
            self.by_owner[curve_set.owner] = _new_action(self.name + suffix)
        return self.by_owner[curve_set.owner]


def _new_action(name: str) -> Any:
    action = bpy.data.actions.new(name)
    action.use_fake_user = True
    action[baked_keys.BAKED_MARK] = True
    return action


def _select_curves(result: KeyingResult, curve_set: CurveSet, present: frozenset[str]) -> CurveSet | None:
    """What is keyed of a datablock's curves: armed, fed by the take, and not driven by something else, which is said."""
    keep = [k for k, channels in enumerate(curve_set.channels) if channels & present and result.options.wants(channels)]
    driven_paths = drivers.driven_paths(curve_set.owner)
    blocked = [k for k in keep if curve_set.paths[k] in driven_paths]
    if blocked:
        owner_name = curve_set.mesh.object.name if curve_set.mesh is not None else curve_set.owner.name
        blocked_text = "; ".join(
            f"'{curve_set.key_names[k] if curve_set.key_names else curve_set.paths[k]}' by {driven_paths[curve_set.paths[k]]}"
            for k in blocked
        )
        result.notes.append(
            f"driven on {owner_name}, so not keyed: {blocked_text}; 'Key What Drives Them' maps the take onto that instead"
        )
    keep = [k for k in keep if k not in blocked]
    if not keep:
        return None
    paths, indices, channels = (
        [curve_set.paths[k] for k in keep],
        [curve_set.indices[k] for k in keep],
        [curve_set.channels[k] for k in keep],
    )
    selected = CurveSet(
        curve_set.owner,
        paths,
        indices,
        channels,
        curve_set.values[:, keep],
        curve_set.full_scales[keep],
        curve_set.mesh,
    )
    if curve_set.mesh is not None:
        selected.key_names = [curve_set.key_names[k] for k in keep]
        _fit_sliders(result, curve_set.mesh, selected.key_names, selected.values)
    return selected


def _fit_sliders(result: KeyingResult, mesh: FaceMesh, names: list[str], values: np.ndarray) -> None:
    """Sliders clamp: open them as far as the take goes where that was allowed, and say what happens."""
    allowed = result.options.widen_sliders or bool(mesh.key.get(HEAD_MARK))
    exceeding = []
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
            exceeding.append(f"{name} {block.slider_min:.2f}..{block.slider_max:.2f}")
        else:
            exceeding.append(f"{name} {low if low < block.slider_min else high:.2f}")
    if exceeding:
        outcome = (
            "were widened" if allowed else "end before the take does, and cut it ('Widen Sliders' lets it through)"
        )
        result.notes.append(f"sliders on {mesh.object.name} {outcome}: {', '.join(exceeding)}")


def _write_curves(result: KeyingResult, curve_set: CurveSet, action: Any) -> None:
    """Write a datablock's curves."""
    frames = result.first_frame + np.arange(len(curve_set.values))
    result.dense_keys += curve_set.values.size
    fcurves, written = compat.fcurves_of(action, curve_set.owner), result.written_keys.setdefault(action, {})
    previous_keys = result.previous_keys.setdefault(action, {})
    blended = (
        [_blend_over(result, curve_set, k, fcurves, frames) for k in range(len(curve_set.paths))]
        if result.options.overwrite
        else []
    )
    values = np.stack(blended, axis=1) if blended else curve_set.values
    all_rows = np.arange(len(values))
    key_rows = (
        [all_rows] * values.shape[1]
        if result.tolerance is None
        else key_reduction.reduce_keys(values / curve_set.full_scales, result.tolerance)
    )
    for k, (path, index, rows) in enumerate(zip(curve_set.paths, curve_set.indices, key_rows)):
        name, key_frames, key_values = (curve_set.owner.name, path, index), frames[rows], values[rows, k]
        old = fcurves.find(path, index=index) if result.options.overwrite or name in previous_keys else None
        if old is not None and _locked(old):
            result.notes.append(f"the curve of {path} is locked; it stays as it is")
            if name in previous_keys:
                written[name] = previous_keys[name]
            continue
        written[name] = (key_frames, key_values)
        if old is None:
            curve = curves.write_curve(
                fcurves, path, key_frames, key_values, index, use_bezier=result.tolerance is not None
            )
        elif result.options.overwrite:
            curve, written[name] = _overwrite_stretch(
                result, fcurves, old, (name, key_frames, key_values), frames, action, float(curve_set.full_scales[k])
            )
        else:
            curve = _rewrite_curve(result, fcurves, old, (name, key_frames, key_values), action)
        result.keys += len(curve.keyframe_points)
    if (curve_set.owner, action) not in result.owner_actions:
        result.owner_actions.append((curve_set.owner, action))


def _blend_over(result: KeyingResult, curve_set: CurveSet, k: int, fcurves: Any, frames: np.ndarray) -> np.ndarray:
    """Values (T,) of a curve of the take faded into what is there: nothing changes at the edges."""
    old = fcurves.find(curve_set.paths[k], index=curve_set.indices[k])
    keyed = old is not None and len(old.keyframe_points) > 0
    current = curves.sample_curve(old, frames) if keyed else np.full(len(frames), _current_value(curve_set, k))
    edge_distance = np.minimum(np.arange(len(frames)), np.arange(len(frames))[::-1])
    blend = min(
        result.options.blend_frames, (len(frames) - 1) // 4
    )  # of a short stretch at least the middle is the take's
    weight = np.clip(edge_distance / blend, 0.0, 1.0) if blend > 0 else np.ones(len(frames))
    weight = weight * weight * (3 - 2 * weight)
    return current * (1 - weight) + curve_set.values[:, k] * weight


def _current_value(curve_set: CurveSet, k: int) -> float:
    value = curve_set.owner.path_resolve(curve_set.paths[k])
    return float(value if isinstance(value, (int, float)) else value[curve_set.indices[k]])


_NewKeys = tuple[baked_keys.CurveId, np.ndarray, np.ndarray]  # a curve, and its new keys: frames, values


def _rewrite_curve(result: KeyingResult, fcurves: Any, old: Any, new: _NewKeys, action: Any) -> Any:
    """Write a bake's curve anew; an animator's keys stay."""
    (name, key_frames, key_values), keys = new, curves.read_keys(old)
    x, y = keys["co"].astype(np.float64).T
    manual, protected = find_manual_edits(x, y, *result.previous_keys[action][name])
    writable = outside_ranges(key_frames.astype(np.float64), protected)
    result.manual_keys += int(manual.sum())
    return curves.write_keys(
        fcurves,
        name[1],
        name[2],
        curves.select_keys(keys, manual),
        curves.make_keys(key_frames[writable], key_values[writable], result.tolerance is not None),
    )


def _overwrite_stretch(
    result: KeyingResult, fcurves: Any, old: Any, new: _NewKeys, frames: np.ndarray, action: Any, size: float
) -> tuple[Any, tuple[np.ndarray, np.ndarray]]:
    """Write keys over a stretch of a curve: an animator's in it stay, and so does the shape of all outside. The curve, and the keys that were written."""
    (name, key_frames, key_values), keys, bezier = new, curves.read_keys(old), result.tolerance is not None
    x, y = keys["co"].astype(np.float64).T
    first, last = frames[0], frames[-1]
    inside = (x >= first) & (x <= last)
    low, high = x[x < first][-1:], x[x > last][:1]  # up to the keys beside, the new keys would bend the curve
    neighbour_frames = np.concatenate(
        [
            np.zeros(0),
            *(np.arange(np.ceil(k), first) for k in low),
            *(np.arange(last + 1, np.floor(k) + 1) for k in high),
        ]
    )
    original = curves.sample_curve(old, neighbour_frames)
    if action not in result.underlying_keys:
        result.underlying_keys[action] = [
            baked_keys.stored_keys(action, layer) for layer in (baked_keys.BASE_LAYER, baked_keys.OVERLAY_LAYER)
        ]
    manual = inside & _manual_mask(result.underlying_keys[action], name, x, y)
    writable = outside_ranges(key_frames.astype(np.float64), np.stack([x[manual] - 1.5e-3, x[manual] + 1.5e-3], axis=1))
    result.manual_keys += int(manual.sum())
    new_keys = [(key_frames[writable].astype(np.float64), key_values[writable])]
    remaining_keys, max_deviation = curves.select_keys(keys, ~inside | manual), (result.tolerance or 1e-4) * size
    while True:
        curve = curves.write_keys(
            fcurves, name[1], name[2], remaining_keys, *(curves.make_keys(*part, bezier) for part in new_keys)
        )
        existing_frames = curves.read_keys(curve)["co"][:, 0]
        deviating = (np.abs(curves.sample_curve(curve, neighbour_frames) - original) > max_deviation) & ~np.isin(
            neighbour_frames, existing_frames
        )
        if not deviating.any() or len(new_keys) > _MAX_CORRECTIONS:
            break
        new_keys.append((neighbour_frames[deviating], original[deviating]))
    written_frames, values = (np.concatenate([part[i] for part in new_keys]) for i in (0, 1))
    order = np.argsort(written_frames, kind="stable")
    return curve, (written_frames[order], values[order])


def _manual_mask(
    layers: list[baked_keys.CurveKeys], name: baked_keys.CurveId, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Which keys (K,) of a curve no bake has written; none in an action of somebody else's: all of it is replaced in the range."""
    manual = np.full(len(x), any(name in layer for layer in layers))
    for layer in layers:
        if name in layer:
            manual &= find_manual_edits(x, y, *layer[name])[0]
    return manual


def _locked(curve: Any) -> bool:
    return curve.lock or (curve.group is not None and curve.group.lock)


def play(face: Face, keyed: KeyingResult) -> list[str]:
    """Put one keyed take's curves on the face; returns notes about what made room.

    What played before and was not made here is kept below the take as an NLA strip, so a body goes on walking while the
    head is keyed. Where this take moves nothing (no head angles), an earlier take of ours is taken off, and what it moved goes back to rest.
    """
    notes = []
    for owner, action in keyed.owner_actions:
        previous = owner.animation_data.action if owner.animation_data else None
        if previous is not None and previous != action and previous.get(baked_keys.BAKED_MARK):
            _reset_released(owner, compat.playing_fcurves(owner), compat.fcurves_of(action, owner))
        elif previous is not None and previous != action:
            compat.push_down(owner)
            notes.append(f"{owner.name} played '{previous.name}'; it goes on below the take, as an NLA strip")
        compat.assign_action(action, owner)
    animated = [owner for owner, _ in keyed.owner_actions]
    for owner in face.owners:
        data = owner.animation_data
        if (
            owner not in animated
            and data is not None
            and data.action is not None
            and data.action.get(baked_keys.BAKED_MARK)
        ):
            data.action = None
            if owner == face.head_object and face.head_bone is not None:
                owner.pose.bones[face.head_bone].matrix_basis.identity()
    return notes


def _reset_released(owner: Any, previous: Any, current: Any) -> None:
    """What an earlier take of ours moved on a datablock, and this one does not, goes back to rest."""
    released_paths = {curve.data_path for curve in previous or ()} - {curve.data_path for curve in current}
    for path in released_paths:
        if path.startswith(("key_blocks[", "pose.bones[")):
            holder, _, name = path.rpartition(".")
            with suppress(ValueError, TypeError):  # gone meanwhile, or a property of the user's
                owner.path_resolve(holder).property_unset(name)
