"""Key a track of weights, or of FLAME's parameters, on a face: resampled to the scene's rate, one action per take."""

from __future__ import annotations

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
from .. import compat, remedies
from ..character import drivers
from ..character.face import Face
from ..character.face_mesh import FaceMesh, check_editable
from ..character.heads import HEAD_MARK
from ..character.lanes import CurveSet, face_curves
from . import curves, overwriting
from .baked_keys import CurveId, CurveKeys
from .overwriting import NewKeys
from .rest_pose import head_transform, store_rest
from .scene_time import curve_step, scene_rate
from .take_action import KeyLayer, TakeAction

SLIDER_LIMIT = 10.0  # Blender's own limit for shape-key sliders
MAX_FRAME = 1_048_574  # and for frame numbers
_MAX_NAMES = 8  # in a note
ALL_CHANNELS = frozenset((*ARKIT, *HEAD_ANGLES))


@dataclass(frozen=True)
class KeyingOptions:
    """What of a take is keyed, and where.

    Attributes
    ----------
    start_frame : float or None
        Frame of the take's first row, which may lie between frames; None for the scene's start.
    first_frame, last_frame : int or None
        Frames before and after are left out.
    keyed_channels : frozenset of str
        Channels that are keyed.
    unobserved : frozenset of str
        Channels that no sensor saw. Curves that only they drive are left out or, with `only_unobserved`, are the only
        ones that are keyed, and no head.
    only_unobserved : bool
    previous_actions : dict
        Actions of an earlier bake by the datablock that they animate. They are written again; an animator's keys stay.
    overwrite : bool
        Write only these frames of the current action, faded in and out over `blend_frames`.
    blend_frames : int
    widen_sliders : bool
        Whether sliders of shape keys may be widened.
    """

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
        """Whether a curve that these channels drive is keyed."""
        return bool(channels & self.keyed_channels) and (channels <= self.unobserved) == self.only_unobserved


@dataclass
class KeyingResult:
    """Curves that were written; `playback.play` puts them on the face.

    Attributes
    ----------
    frames : int
        Number of frames.
    first_frame : int
    owner_actions : list of (datablock, action)
    dense_keys, keys : int
        Keys with one on every frame, and keys that were written.
    notes : list of str
        For the user.
    options : KeyingOptions
    tolerance : float or None
    previous_keys : dict
        By action: what earlier bakes wrote.
    underlying_keys : dict
        By action that is keyed over: what earlier bakes wrote, in both layers.
    written_keys : dict
        By action: what this bake wrote.
    manual_keys : int
        Keys of an animator that stayed.
    curve_step : float
        What a frame is on F-curves (`scene_time.curve_step`).
    """

    frames: int
    first_frame: int
    owner_actions: list[tuple[Any, Any]] = field(default_factory=list)
    dense_keys: int = 0
    keys: int = 0
    notes: list[str] = field(default_factory=list)
    options: KeyingOptions = field(default_factory=KeyingOptions)
    tolerance: float | None = None
    previous_keys: dict[Any, CurveKeys] = field(default_factory=dict)
    underlying_keys: dict[Any, list[CurveKeys]] = field(default_factory=dict)
    written_keys: dict[Any, CurveKeys] = field(default_factory=dict)
    manual_keys: int = 0
    curve_step: float = 1.0

    @property
    def first_curve_frame(self) -> float:
        """Where the first frame is on F-curves and in the NLA."""
        return self.first_frame * self.curve_step

    @property
    def last_frame(self) -> int:
        """The last frame of the timeline that is keyed."""
        return self.first_frame + self.frames - 1

    @property
    def actions(self) -> list[Any]:
        """The take's actions: one, or one per datablock before Blender 4.4."""
        return list(dict.fromkeys(action for _, action in self.owner_actions))


def key_track(
    face: Face,
    track: Track,
    name: str,
    *,
    scene: Any,
    tolerance: float | None = None,
    options: KeyingOptions = KeyingOptions(),
) -> KeyingResult:
    """Write curves of `track` for all that the face's mapping drives, and of its head angles; nothing plays them yet.

    A FLAME track goes to the keys and bones of a FLAME face. `tolerance` (of what a full weight does to a curve)
    reduces keys to Bézier ones whose curve stays that close at every frame; None keys every frame linearly.

    Raises InnerfaceError if the track has none of the 52 channels, or if a datablock cannot be keyed.
    """
    rate = scene_rate(scene)
    start_frame = scene.frame_start if options.start_frame is None else options.start_frame
    flame = track.kind == TrackKind.FLAME
    if not flame and not any(c in track.columns for c in ARKIT):
        raise InnerfaceError(f"{name}: has none of Apple's 52 channels; choose a take of weights")
    first_frame, times = _frame_times(track, name, rate, start_frame=start_frame, options=options)
    for mesh in face.meshes:
        check_editable(mesh)
    if flame:
        from .flame_keys import flame_curves

        present = ALL_CHANNELS
        curve_sets, notes = flame_curves(face, track, times)
    else:
        present = frozenset(c for c in ARKIT if c in track.columns and not np.isnan(track.column(c)).all())
        curve_sets, notes = face_curves(face, face.mapping.to_values(resample_to_frames(track, times)))
        curve_sets += _head_curves(face, track, times, notes=notes, options=options)
    result = KeyingResult(
        len(times),
        first_frame,
        options=options,
        tolerance=tolerance,
        notes=[*face.notes, *notes],
        curve_step=curve_step(scene),
    )
    for action in set(options.previous_actions.values()):
        result.previous_keys[action] = _read_keys(result, action)
    actions = _ActionPicker(name, options)
    selected = _select_curves(result, face, curve_sets, present=present | set(HEAD_ANGLES))
    for curve_set, action in [(c, actions.action_for(c)) for c in selected]:
        _write_curves(result, curve_set, action)
    if options.overwrite:
        _store_overwritten_keys(result)
    else:
        removed = _remove_stale_curves(
            result, {CurveId(c.owner.name, path, index) for c in curve_sets for path, index in zip(c.paths, c.indices)}
        )
        _store_keys(result, removed)
        for action in result.actions:
            take_action = TakeAction(action)
            take_action.start_frame, take_action.start_time = start_frame, float(track.time[0])
            take_action.take_name = name
    return result


def _frame_times(
    track: Track, name: str, rate: float, *, start_frame: float, options: KeyingOptions
) -> tuple[int, np.ndarray]:
    """Return the first frame, and the times (s, of the track) of all frames. Raises InnerfaceError."""
    if abs(start_frame) + track.duration * rate > MAX_FRAME:
        raise InnerfaceError(
            f"{name}: lasts {track.duration:.0f} s, more frames than Blender can hold; "
            "if its time is in milliseconds, call the column time_ms"
        )
    first_frame = max(
        int(np.ceil(start_frame - 1e-6)), options.first_frame if options.first_frame is not None else -MAX_FRAME
    )
    if (first_frame - start_frame) / rate > track.duration + 1e-6:
        raise InnerfaceError(
            f"{name}: ends at frame {start_frame + track.duration * rate:.0f}, before frame {first_frame} "
            "where it is to begin; choose another range"
        )
    times = frame_times(track.time, rate, (first_frame - start_frame) / rate)
    if options.last_frame is not None:
        times = times[: max(options.last_frame - first_frame + 1, 0)]
        if not len(times):
            raise InnerfaceError(
                f"{name}: begins at frame {first_frame}, after frame {options.last_frame} where it is to end; "
                "choose another range"
            )
    return first_frame, times


def _read_keys(result: KeyingResult, action: Any, layer: KeyLayer = KeyLayer.BASE) -> CurveKeys:
    """Return what earlier bakes wrote into an action; what cannot be read is noted."""
    take_action = TakeAction(action)
    keys = take_action.stored_keys(layer)
    result.notes += take_action.problems
    return keys


def _remove_stale_curves(result: KeyingResult, driven: set[CurveId]) -> set[CurveId]:
    """Remove curves of an earlier bake that the mapping no longer drives, unless an animator edited them."""
    removed: set[CurveId] = set()
    for action, previous in result.previous_keys.items():
        for owner in [o for o, a in result.owner_actions if a == action]:
            fcurves = compat.fcurves_of(action, owner, create=False)
            for curve_id in [c for c in previous if c.owner == owner.name and c not in driven]:
                curve = fcurves.find(curve_id.path, index=curve_id.index) if fcurves is not None else None
                if curve is None:
                    continue
                frames, values = curves.read_keys(curve)["co"].astype(np.float64).T
                manual, _ = find_manual_edits(frames, values, previous[curve_id])
                if not manual.any():
                    fcurves.remove(curve)
                    removed.add(curve_id)
    return removed


def _store_keys(result: KeyingResult, removed: set[CurveId]) -> None:
    """Remember what was written; what was left out this time is still known."""
    for action, written in result.written_keys.items():
        remaining = {k: v for k, v in result.previous_keys.get(action, {}).items() if k not in removed}
        TakeAction(action).store_keys(remaining | written)


def _store_overwritten_keys(result: KeyingResult) -> None:
    for action, written in result.written_keys.items():
        merged = overwriting.merge_keys(
            _read_keys(result, action, KeyLayer.OVERLAY),
            written,
            first_frame=result.first_curve_frame,
            end_frame=(result.first_frame + result.frames) * result.curve_step,
        )
        TakeAction(action).store_keys(merged, KeyLayer.OVERLAY)


def _head_curves(
    face: Face, track: Track, times: np.ndarray, *, notes: list[str], options: KeyingOptions
) -> list[CurveSet]:
    """Return the curves of the head's angles, if the take has any."""
    angles = track.select(HEAD_ANGLES)
    if (
        options.only_unobserved
        or not np.nanmax(np.abs(np.nan_to_num(angles)), initial=0.0) > 0
        or not options.keyed_channels & set(HEAD_ANGLES)
    ):
        return []
    transform = head_transform(face)
    if isinstance(transform, str):
        notes.append(transform)
        return []
    store_rest(transform)
    values = transform.rotation_values(np.nan_to_num(resample_linear(track.time, angles, times)))
    return [CurveSet.of_components(transform.owner, transform.path, frozenset(HEAD_ANGLES), values=values)]


class _ActionPicker:
    """Chooses the action for a datablock's curves: of an earlier bake, the current one (over it), or a new one.

    Where Blender has slots, all datablocks share one action.
    """

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
                    f"the action '{data.action.name}' of {curve_set.owner.name} is linked; make it local to key over it"
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
    TakeAction(action).mark()
    return action


def _select_curves(
    result: KeyingResult, face: Face, curve_sets: list[CurveSet], *, present: frozenset[str]
) -> list[CurveSet]:
    """Return the curves that are keyed: wanted, in the take, and not driven by something else, which is noted."""
    wanted = [
        c.select([k for k, s in enumerate(c.channels) if s & present and result.options.wants(s)]) for c in curve_sets
    ]
    driven = drivers.driven_paths({(c.owner, path) for c in wanted for path in c.paths})
    selected = []
    for curve_set in wanted:
        _note_drivers(result, face, curve_set, driven=driven)
        keep = [k for k, path in enumerate(curve_set.paths) if (curve_set.owner, path) not in driven]
        if not keep:
            continue
        selected.append(curve_set.select(keep))
        if selected[-1].mesh is not None:
            _fit_sliders(result, selected[-1].mesh, selected[-1].key_names, values=selected[-1].values)
    return selected


def _note_drivers(
    result: KeyingResult, face: Face, curve_set: CurveSet, *, driven: dict[drivers.AnimatedPath, drivers.DrivenPath]
) -> None:
    """Note which curves of a datablock drivers control: some follow what is keyed, the others are obstacles."""
    owner, owner_name = curve_set.owner, curve_set.owner_name
    blocked = {
        path: (name, driven[owner, path])
        for name, path in zip(curve_set.key_names or curve_set.paths, curve_set.paths)
        if (owner, path) in driven
    }
    following = [f"'{name}'" for name, driver in blocked.values() if driver.follows]
    if following:
        result.notes.append(
            f"On {owner_name} {_list(following)} {'follows' if len(following) == 1 else 'follow'} "
            "by drivers what is keyed, and needed no keys"
        )
    obstacles = {path: f"'{name}' by {driver.source}" for path, (name, driver) in blocked.items() if not driver.follows}
    if obstacles:
        has_control = any(drivers.has_control(face, owner, path) for path in obstacles)
        remedy = remedies.KEY_CONTROLS if has_control else "remove the drivers in the Drivers editor to key these"
        result.notes.append(
            f"Not keyed on {owner_name}, because drivers control it: {_list(list(obstacles.values()), '; ')}; {remedy}"
        )


def _list(names: list[str], separator: str = ", ") -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return separator.join(names[:_MAX_NAMES]) + more


def _fit_sliders(result: KeyingResult, mesh: FaceMesh, names: list[str], *, values: np.ndarray) -> None:
    """Widen sliders as far as the take goes, if that is allowed; note which ones it exceeds. Sliders clamp."""
    allowed = result.options.widen_sliders or bool(mesh.key.get(HEAD_MARK))
    exceeding = []
    for name, low, high in zip(names, values.min(0).tolist(), values.max(0).tolist()):
        block = mesh.key.key_blocks[name]
        if low < -SLIDER_LIMIT or high > SLIDER_LIMIT:
            raise InnerfaceError(
                f"'{name}' would reach {max(-low, high):g}, beyond the {SLIDER_LIMIT:g} of Blender's sliders; "
                "check the take's scale"
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
        outcome = "were extended" if allowed else f"clamp the take ({remedies.WIDEN_SLIDERS})"
        result.notes.append(f"Sliders of {mesh.object.name} {outcome}: {_list(exceeding)}")


def _write_curves(result: KeyingResult, curve_set: CurveSet, action: Any) -> None:
    """Write the curves of a datablock into an action."""
    frames = (result.first_frame + np.arange(len(curve_set.values))) * result.curve_step
    result.dense_keys += curve_set.values.size
    fcurves, written = compat.fcurves_of(action, curve_set.owner), result.written_keys.setdefault(action, {})
    previous_keys = result.previous_keys.setdefault(action, {})
    overwrite, values = result.options.overwrite, curve_set.values
    if overwrite:
        values = overwriting.blend_over(curve_set, fcurves, frames, blend_frames=result.options.blend_frames)
        if action not in result.underlying_keys:
            result.underlying_keys[action] = [_read_keys(result, action, layer) for layer in KeyLayer]
    if result.tolerance is None:
        key_rows = [np.arange(len(values))] * values.shape[1]
    else:
        key_rows = key_reduction.reduce_keys(values / curve_set.full_scales, result.tolerance)
    for k, (path, index, rows) in enumerate(zip(curve_set.paths, curve_set.indices, key_rows)):
        new = NewKeys(CurveId(curve_set.owner.name, path, index), frames[rows], values[rows, k])
        old = fcurves.find(path, index=index) if overwrite or new.curve in previous_keys else None
        if old is not None and _locked(old):
            result.notes.append(f"The curve {path} is locked and was not changed")
            if new.curve in previous_keys:
                written[new.curve] = previous_keys[new.curve]
            continue
        written[new.curve] = (new.frames, new.values)
        if old is None:
            curve = curves.write_curve(
                fcurves,
                path,
                frames=new.frames,
                values=new.values,
                index=index,
                use_bezier=result.tolerance is not None,
            )
        elif overwrite:
            stretch = overwriting.overwrite_stretch(
                fcurves,
                old,
                new,
                span=(float(frames[0]), float(frames[-1])),
                layers=result.underlying_keys[action],
                tolerance=result.tolerance,
                full_scale=float(curve_set.full_scales[k]),
            )
            curve, written[new.curve] = stretch.curve, (stretch.frames, stretch.values)
            result.manual_keys += stretch.manual_keys
        else:
            curve = _rewrite_curve(result, fcurves, old, new=new, previous=previous_keys[new.curve])
        result.keys += len(curve.keyframe_points)
    if (curve_set.owner, action) not in result.owner_actions:
        result.owner_actions.append((curve_set.owner, action))


def _rewrite_curve(
    result: KeyingResult, fcurves: Any, old: Any, *, new: NewKeys, previous: tuple[np.ndarray, np.ndarray]
) -> Any:
    """Write the curve of an earlier bake again; an animator's keys stay."""
    keys = curves.read_keys(old)
    frames, values = keys["co"].astype(np.float64).T
    manual, protected = find_manual_edits(frames, values, previous)
    writable = outside_ranges(new.frames.astype(np.float64), protected)
    result.manual_keys += int(manual.sum())
    return curves.write_keys(
        fcurves,
        new.curve.path,
        new.curve.index,
        curves.select_keys(keys, manual),
        curves.make_keys(new.frames[writable], new.values[writable], result.tolerance is not None),
    )


def _locked(curve: Any) -> bool:
    return curve.lock or (curve.group is not None and curve.group.lock)
