"""Bake a take to a face: what was observed, and apart from it, muted, the channels that no sensor sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ...core.animation.treatment import Treatment, apply_treatment
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, GROUPS, HEAD_ANGLES
from ...core.take import Track, TrackKind
from .. import compat
from ..character.face import Face
from . import motion_check
from .keying import ALL_CHANNELS, KeyingOptions, KeyingResult, key_track
from .loaded_take import LoadedTake
from .playback import add_strip, is_playing, leave_tweak_mode, play, playing_actions
from .scene_time import scene_rate
from .take_action import Part, TakeAction


@dataclass(frozen=True)
class BakeOptions:
    """How a take is baked.

    Attributes
    ----------
    tolerance : float or None
        Largest deviation of reduced keys; None keys every frame.
    at : float or None
        Frame of the first row that is left of the take; None where it was recorded.
    onto : str
        ACTION, STRIP, or OVER (the current action).
    treatment : Treatment
    armed : frozenset of str
        Channels that are keyed.
    widen : bool
        Whether sliders of shape keys may be widened.
    span : (int, int) or None
        First and last frame that are keyed over the current action.
    blend : int
        Frames over which the take fades in and out there.
    start : float or None
        Frame of the take's very first row, before it is trimmed: where an earlier bake had it.
    first : int or None
        Frames before are left out.
    """

    tolerance: float | None = None
    at: float | None = None
    onto: str = "ACTION"
    treatment: Treatment = field(default_factory=Treatment)
    armed: frozenset[str] = ALL_CHANNELS
    widen: bool = False
    span: tuple[int, int] | None = None
    blend: int = 4
    start: float | None = None
    first: int | None = None


def treatment_of(options: Any, from_sensors: bool) -> Treatment:
    """Return what the options (`InnerfaceBake`) do to a take before it is keyed."""
    smooth = {group: getattr(options, f"smooth_{group}") for group in GROUPS}
    if options.before or not (from_sensors or options.smooth_camera):
        smooth = dict.fromkeys(GROUPS, 0.0)
    neutral = (options.neutral_from, options.neutral_to) if options.neutral_to > 0 else None
    trim = (options.trim_from, options.trim_to or 1e9) if options.trim_from > 0 or options.trim_to > 0 else None
    return Treatment(trim, neutral, {group: round(strength, 3) for group, strength in smooth.items()})


def bake_options(options: Any, from_sensors: bool, **placement: Any) -> BakeOptions:
    """Return the options (`InnerfaceBake`) for `bake_take`; `placement`: further fields of BakeOptions."""
    armed = frozenset(c for part in options.parts for c in (HEAD_ANGLES if part == "head" else GROUPS[part]))
    tolerance = options.tolerance if options.fewer else None
    treatment = treatment_of(options, from_sensors)
    return BakeOptions(tolerance, treatment=treatment, armed=armed, widen=options.widen, **placement)


def bake_take(face: Face, loaded: LoadedTake, scene: Any, *, options: BakeOptions = BakeOptions()) -> KeyingResult:
    """Key a take on a face.

    Where it was baked on this face before, its actions are written again, and an animator's keys stay.
    Raises InnerfaceError.
    """
    from .flame_keys import track_to_key

    leave_tweak_mode(face)
    take = loaded.weights.take
    source_track = track_to_key(face, take)
    # Neutral and smoothing are of channels.
    treatment = options.treatment if source_track.kind == TrackKind.WEIGHTS else Treatment(trim=options.treatment.trim)
    track = apply_treatment(source_track, treatment, take.name)
    rate = scene_rate(scene)
    trimmed_frames = float(track.time[0] - source_track.time[0]) * rate
    start = _start_frame(loaded, source_track, scene, options=options, trimmed_frames=trimmed_frames)
    bake = _Bake(
        face=face,
        track=track,
        scene=scene,
        loaded=loaded,
        options=options,
        keying=KeyingOptions(
            start + trimmed_frames,
            _first_frame(loaded, options),
            None if options.span is None else options.span[1],
            options.armed,
            loaded.weights.unobserved & frozenset(ARKIT),
            widen_sliders=options.widen,
        ),
        start_frame=start,
        start_time=float(source_track.time[0]),
    )
    keyed = bake.over_current_action() if options.onto == "OVER" else bake.into_own_actions()
    notes = [*take.notes, *_still_notes(face, scene, keyed), *keyed.notes, *_unmatched_notes(face, track)]
    if keyed.manual_keys:
        notes.append(f"{keyed.manual_keys} keys that were edited by hand were kept")
    keyed.notes = list(dict.fromkeys(notes))
    return keyed


def _still_notes(face: Face, scene: Any, keyed: KeyingResult) -> list[str]:
    """Return what was keyed and does not show; nothing where the take does not play, or another scene is shown."""
    if not is_playing(keyed) or bpy.context.scene != scene:
        return []
    frames = keyed.first_frame, keyed.last_frame
    return motion_check.notes_of(motion_check.find_still(face, scene, keyed.owner_actions, frames=frames))


def _unmatched_notes(face: Face, track: Track) -> list[str]:
    """Return what of the take nothing on the face matches."""
    if track.kind != TrackKind.WEIGHTS:
        return []
    missing = [c for c in face.unmatched_channels() if c in track.columns and not np.isnan(track.column(c)).all()]
    return [f"No shape key or bone of {face.name} matches {', '.join(missing)}"] if missing else []


def _start_frame(loaded: LoadedTake, track: Track, scene: Any, *, options: BakeOptions, trimmed_frames: float) -> float:
    """Return the frame of the take's very first row."""
    if options.start is not None:
        return options.start
    if options.at is not None:
        return options.at - trimmed_frames
    if loaded.zero_frame is not None:
        return loaded.zero_frame + float(track.time[0]) * scene_rate(scene)
    return scene.frame_start


def _first_frame(loaded: LoadedTake, options: BakeOptions) -> int | None:
    if options.span is not None:
        return options.span[0]
    is_placed = options.at is not None or options.start is not None
    return options.first if is_placed else loaded.first_frame


@dataclass(frozen=True)
class _Bake:
    """A take that is being baked.

    `start_frame`, `start_time` (s): of the take's very first row, on the timeline and on its own clock.
    """

    face: Face
    track: Track
    scene: Any
    loaded: LoadedTake
    options: BakeOptions
    keying: KeyingOptions
    start_frame: float
    start_time: float

    def over_current_action(self) -> KeyingResult:
        keyed = self._key(
            self.loaded.path.stem, unobserved=frozenset(), overwrite=True, blend_frames=self.options.blend
        )
        for owner, action in keyed.owner_actions:
            if owner.animation_data is None or owner.animation_data.action is None:
                compat.assign_action(action, owner)
        return keyed

    def into_own_actions(self) -> KeyingResult:
        """Key the observed and the unobserved part of the take into actions of their own."""
        is_rebake = bool(previous_bake(self.face, self.loaded.path, Part.OBSERVED))
        observed, unobserved = self._key_part(Part.OBSERVED), None
        if self.keying.unobserved & self.options.armed:
            unobserved = self._key_part(Part.UNOBSERVED)
        if not is_rebake or not is_playing(observed):
            if self.options.onto == "STRIP":
                for owner, action in observed.owner_actions:
                    add_strip(owner, action, observed.first_curve_frame, mute=False)
            else:
                observed.notes += play(self.face, observed)
        if unobserved is not None:
            for owner, action in unobserved.owner_actions:
                add_strip(owner, action, unobserved.first_curve_frame, mute=True)
            observed.notes += [
                *unobserved.notes,
                f"No sensor observes {', '.join(sorted(self.keying.unobserved))}; "
                f"their estimates are in the muted NLA track '{_action_name(self.loaded, Part.UNOBSERVED)}'",
            ]
            observed.keys += unobserved.keys
            observed.dense_keys += unobserved.dense_keys
            observed.manual_keys += unobserved.manual_keys
        return observed

    def _key_part(self, part: Part) -> KeyingResult:
        previous_actions = previous_bake(self.face, self.loaded.path, part)
        keyed = self._key(
            _action_name(self.loaded, part),
            only_unobserved=part == Part.UNOBSERVED,
            previous_actions=previous_actions,
        )
        for action in keyed.actions:
            take_action = TakeAction(action)
            take_action.take_path, take_action.part = str(self.loaded.path), part
            take_action.start_frame, take_action.start_time = self.start_frame, self.start_time
            if self.keying.first_frame is not None:
                take_action.first_frame = self.keying.first_frame
        return keyed

    def _key(self, name: str, **changes: Any) -> KeyingResult:
        return key_track(
            self.face,
            self.track,
            name,
            scene=self.scene,
            tolerance=self.options.tolerance,
            options=replace(self.keying, **changes),
        )


def _action_name(loaded: LoadedTake, part: Part) -> str:
    return f"{loaded.path.stem} (unobserved)" if part == Part.UNOBSERVED else loaded.path.stem


@contextmanager
def all_or_nothing(face: Face) -> Iterator[None]:
    """Undo what was baked if an InnerfaceError is raised: new actions are removed, and the previous ones play."""
    existing_actions = set(bpy.data.actions)
    saved_states = [(owner, compat.animation_state(owner)) for owner in face.owners]
    try:
        yield
    except InnerfaceError:
        for owner, state in saved_states:
            compat.restore_animation(owner, state)
        for action in set(bpy.data.actions) - existing_actions:
            bpy.data.actions.remove(action)
        raise


def key_count_text(keyed: KeyingResult) -> str:
    """Return how many keys there are, and how many one on every frame would be."""
    if keyed.keys >= keyed.dense_keys:
        return f"{keyed.keys:,} keys, one on every frame"
    ratio = keyed.dense_keys / max(keyed.keys, 1)
    return f"{keyed.keys:,} keys instead of {keyed.dense_keys:,} ({ratio:.1f} times fewer)"


def previous_bake(face: Face, path: Path | str, part: Part) -> dict[Any, Any]:
    """Return the actions of an earlier bake of a take on this face, by the datablock that they animate."""
    take_actions = [a for a in bpy.data.actions if a.library is None and _is_part_of(TakeAction(a), str(path), part)]
    actions_by_owner = {}
    for owner in face.owners:
        owner_actions = [a for a in take_actions if _animates(a, owner)]
        if owner_actions:  # a copy that somebody put aside is left alone
            playing = [a for a in playing_actions(owner) if a in owner_actions]
            actions_by_owner[owner] = (playing or owner_actions)[0]
    return actions_by_owner


def _is_part_of(take_action: TakeAction, path: str, part: Part) -> bool:
    return take_action.take_path == path and take_action.part == part


def _animates(action: Any, owner: Any) -> bool:
    """Whether a take's action is of this datablock; before Blender had slots its type alone does not decide."""
    return compat.animates(action, owner) and (
        compat.supports_shared_action() or any(curve.owner == owner.name for curve in TakeAction(action).stored_keys())
    )


def baked_take_paths() -> set[str]:
    """Return the takes that this file holds actions of."""
    return {TakeAction(action).take_path for action in bpy.data.actions} - {""}
