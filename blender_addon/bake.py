"""A recorded take becomes animation on a face: what was seen, and apart from it, muted, what was made up. And again, with other settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..core.take import Take
from ..core.weights import Performer, Weights
from . import compat
from .face import Face
from .keying import Keyed, Part, key_track, play, scene_rate

TAKE, PART = "innerface_take_path", "innerface_part"  # in actions: which take they are of, and which part of it
_SEEN, _INVENTED = "seen", "invented"


@dataclass(frozen=True)
class Loaded:
    """A take that is ready to be keyed: `frame`: the timeline's frame at its zero, None where it was recorded without one; `first`: the
    frame that the recording was to begin at."""

    path: Path
    weights: Weights
    frame: float | None
    first: int | None = None


def load(path: Path, performer: Performer) -> Loaded:
    """Read a take and infer its weights. Touches no bpy: for any thread. Raises InnerfaceError."""
    from ..core import formats
    from ..core.formats import mcap_take
    from ..core.weights import weights_of

    weights = weights_of(formats.read_take(path), performer)
    about = mcap_take.summary(path).about if path.suffix == ".mcap" else {}
    frame = about.get("frame_zero") or about.get("frame")
    try:
        first = int(float(about["frame"])) if "frame_zero" in about and "frame" in about else None
        return Loaded(path, weights, float(frame) if frame else None, first)
    except ValueError:
        return Loaded(path, weights, None)


def bake(face: Face, loaded: Loaded, scene: Any, tolerance: float | None = None, at: float | None = None, strip: bool = False) -> Keyed:
    """Key a take on a face. Where it was baked on this face before, its actions are written again, and keys that were made by hand stay. `at`: the frame of its
    first row, where it is not to lie where it was recorded; `strip`: as an NLA strip instead of the playing action. Raises InnerfaceError."""
    take: Take = loaded.weights.take
    track, invented = take.weights(), loaded.weights.invented
    start = at if at is not None else scene.frame_start if loaded.frame is None else loaded.frame + float(track.time[0]) * scene_rate(scene)
    made = []
    for only in (False, True) if invented else (False,):
        part = _INVENTED if only else _SEEN
        before = _before(face, loaded.path, part)
        name = f"{loaded.path.stem} (invented)" if only else loaded.path.stem
        keyed = key_track(face, track, name, scene, tolerance, Part(start, loaded.first if at is None else None, invented, only, before))
        for action in keyed.actions:
            action[TAKE], action[PART] = str(loaded.path), part
        made.append((keyed, bool(before)))
    seen, again = made[0]
    if not again or not _plays(seen):
        if strip:
            for owner, action in seen.owners:
                _strip(owner, action, seen.first_frame, mute=False)
        else:
            seen.notes += play(face, seen)
    for keyed, _ in made[1:]:
        for owner, action in keyed.owners:
            _strip(owner, action, keyed.first_frame, mute=True)
        seen.notes.append(f"no sensor sees {', '.join(sorted(invented))}; they were made up, and lie muted in the NLA track '{loaded.path.stem} (invented)'")
        seen.keys, seen.dense_keys, seen.hand_made = seen.keys + keyed.keys, seen.dense_keys + keyed.dense_keys, seen.hand_made + keyed.hand_made
    if seen.hand_made:
        seen.notes.append(f"{seen.hand_made} keys that were made by hand stayed")
    seen.notes = [*take.notes, *seen.notes]
    return seen


def _before(face: Face, path: Path, part: str) -> dict[Any, Any]:
    """The actions of an earlier bake of a take on this face, by the datablock that they animate."""
    out = {}
    for action in bpy.data.actions:
        if action.get(TAKE) == str(path) and action.get(PART) == part and action.library is None:
            for owner in face.owners:
                if compat.animates(action, owner):
                    out[owner] = action
    return out


def _plays(keyed: Keyed) -> bool:
    """Whether the actions play already, on every datablock that they animate: directly or in a strip."""
    return all(
        owner.animation_data is not None and (owner.animation_data.action == action or action in compat.strip_actions(owner)) for owner, action in keyed.owners
    )


def _strip(owner: Any, action: Any, frame: int, mute: bool) -> None:
    """Put an action into an NLA track of its own, unless it lies in one already."""
    if action in compat.strip_actions(owner):
        return
    data = owner.animation_data or owner.animation_data_create()
    if data.action == action:
        data.action = None
    track = compat.add_strip(owner, action, frame)
    track.mute, track.strips[0].extrapolation = mute, "NOTHING" if mute else "HOLD_FORWARD"


def baked_paths() -> set[str]:
    """Takes that this file holds actions of."""
    return {action[TAKE] for action in bpy.data.actions if TAKE in action}


def invented_tracks(face: Face) -> list[Any]:
    """The NLA tracks of a face that hold what was made up."""
    datas = [owner.animation_data for owner in face.owners if owner.animation_data is not None]
    return [t for data in datas for t in data.nla_tracks if any(s.action is not None and s.action.get(PART) == _INVENTED for s in t.strips)]

