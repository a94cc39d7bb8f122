"""A take becomes animation on a face: what was seen, and apart from it, muted, what was made up. And again, with other settings."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...core.animation.treatment import Treatment, apply_treatment
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, GROUPS, HEAD_ANGLES
from ...core.pipeline import PerformerSettings, SolvedWeights
from ...core.take import Take, Track, TrackKind
from .. import compat
from ..character.face import Face, faces
from ..properties import bake_options as option_properties
from . import baked_keys
from .keying import ALL_CHANNELS, CLOCK, START, KeyingOptions, KeyingResult, key_track, play, scene_rate

if TYPE_CHECKING:
    from ...core.flame.source import FlameSource

# In actions: which take, which part of it, by how much its clock is slowed, and the frame that it was to begin at.
TAKE_PATH, PART, CLOCK_SLOPE, FIRST_FRAME = (
    "innerface_take_path",
    "innerface_part",
    "innerface_slope",
    "innerface_first",
)
OBSERVED, UNOBSERVED = "seen", "invented"
_CACHE_SIZE = 4  # takes that are kept ready to be baked again


@dataclass(frozen=True)
class LoadedTake:
    """A take that is ready to be keyed: `frame`: the timeline's frame at its zero, None where it was recorded without one; `first`: the
    frame that the recording was to begin at; `sensed`: its weights were inferred from sensors, and not smoothed."""

    path: Path
    weights: SolvedWeights
    zero_frame: float | None
    first_frame: int | None = None
    from_sensors: bool = False


@dataclass(frozen=True)
class BakeOptions:
    """How a take is baked. `tolerance`: None keys every frame; `at`: the frame of the first row that is left of it, where it is not to lie where it was
    recorded; `onto`: ACTION, STRIP or OVER (what plays; `span`: only these frames of it, `blend`: faded over so many)."""

    tolerance: float | None = None
    at: float | None = None
    onto: str = "ACTION"
    treatment: Treatment = field(default_factory=Treatment)
    armed: frozenset[str] = ALL_CHANNELS
    widen: bool = False
    span: tuple[int, int] | None = None
    blend: int = 4
    start: float | None = None  # the frame of the take's very first row: where it was before
    first: int | None = None  # frames before are left out


def load_take(path: Path, performer: PerformerSettings, flame: FlameSource | None = None) -> LoadedTake:
    """Read a take and infer its weights, not smoothed; for a FLAME face (`flame`: its model) fit what landmarks or electrodes show. Touches no bpy: for any
    thread. Raises InnerfaceError."""
    from ...core import formats
    from ...core.formats import mcap_take
    from ...core.pipeline import solve_weights

    take = formats.read_take(path)
    from_sensors = not {TrackKind.WEIGHTS, TrackKind.FLAME} & take.kinds
    weights = solve_weights(take, replace(performer, smooth=0.0))
    if flame is not None:
        from ...core.flame.source import drop_redundant_landmarks, fit_take

        weights = replace(weights, take=fit_take(drop_redundant_landmarks(take, weights.take), flame))
    metadata = mcap_take.read_summary(path).metadata if path.suffix == ".mcap" else {}
    zero_frame = metadata.get("frame_zero") or metadata.get("frame")
    try:
        first_frame = int(float(metadata["frame"])) if "frame_zero" in metadata and "frame" in metadata else None
        loaded = LoadedTake(path, weights, float(zero_frame) if zero_frame else None, first_frame, from_sensors)
    except ValueError:
        loaded = LoadedTake(path, weights, None, None, from_sensors)
    cache_take(loaded)
    return loaded


def flame_source(face: Face) -> FlameSource | None:
    """Where the model of a FLAME face comes from, for `load`; None for any other face."""
    from ..character.flame_face import flame_source_of

    return flame_source_of(face)


_take_cache: OrderedDict[str, LoadedTake] = OrderedDict()


def cache_take(loaded: LoadedTake) -> None:
    """Keep a take at hand."""
    _take_cache[str(loaded.path)] = loaded
    _take_cache.move_to_end(str(loaded.path))
    while len(_take_cache) > _CACHE_SIZE:
        _take_cache.popitem(last=False)


def treatment_of(options: Any, from_sensors: bool) -> Treatment:
    """What the options (an InnerfaceBake) do to a take before it is keyed."""
    smooth = {group: getattr(options, f"smooth_{group}") for group in GROUPS}
    if options.before or not (from_sensors or options.smooth_camera):
        smooth = dict.fromkeys(GROUPS, 0.0)
    neutral = (options.neutral_from, options.neutral_to) if options.neutral_to > 0 else None
    trim = (options.trim_from, options.trim_to or 1e9) if options.trim_from > 0 or options.trim_to > 0 else None
    return Treatment(trim, neutral, {group: round(strength, 3) for group, strength in smooth.items()})


def bake_options(options: Any, from_sensors: bool, **placement: Any) -> BakeOptions:
    """The options (an InnerfaceBake) as a `How`."""
    armed = frozenset(c for part in options.parts for c in (HEAD_ANGLES if part == "head" else GROUPS[part]))
    tolerance = options.tolerance if options.fewer else None
    return BakeOptions(
        tolerance, treatment=treatment_of(options, from_sensors), armed=armed, widen=options.widen, **placement
    )


def bake_take(face: Face, loaded: LoadedTake, scene: Any, options: BakeOptions = BakeOptions()) -> KeyingResult:
    """Key a take on a face. Where it was baked on this face before, its actions are written again, and keys that were made by hand stay.

    Raises InnerfaceError."""
    for owner in face.owners:
        if owner.animation_data is not None and owner.animation_data.use_tweak_mode:
            owner.animation_data.use_tweak_mode = False  # its action could not be changed
    from .flame_keys import track_to_key

    take: Take = loaded.weights.take
    source_track, unobserved = track_to_key(face, take), loaded.weights.unobserved & frozenset(ARKIT)
    treatment = (
        options.treatment if source_track.kind == TrackKind.WEIGHTS else Treatment(options.treatment.trim)
    )  # neutral and smoothing are of channels
    track, rate = apply_treatment(source_track, treatment, take.name), scene_rate(scene)
    trimmed_frames = float(track.time[0] - source_track.time[0]) * rate
    is_placed = options.at is not None or options.start is not None
    start = scene.frame_start if loaded.zero_frame is None else loaded.zero_frame + float(source_track.time[0]) * rate
    start = (
        options.start if options.start is not None else options.at - trimmed_frames if options.at is not None else start
    )
    first, last = (
        options.span if options.span is not None else (options.first if is_placed else loaded.first_frame, None)
    )
    base = KeyingOptions(start + trimmed_frames, first, last, options.armed, unobserved, widen_sliders=options.widen)
    if options.onto == "OVER":
        keyed = key_track(
            face,
            track,
            loaded.path.stem,
            scene,
            options.tolerance,
            replace(base, unobserved=frozenset(), overwrite=True, blend_frames=options.blend),
        )
        for owner, action in keyed.owner_actions:
            if owner.animation_data is None or owner.animation_data.action is None:
                compat.assign_action(action, owner)
        return _with_notes(keyed, take)
    bakes = []
    for only_unobserved in (False, True) if unobserved & options.armed else (False,):
        part = UNOBSERVED if only_unobserved else OBSERVED
        previous_actions = previous_bake(face, loaded.path, part)
        name = f"{loaded.path.stem} (invented)" if only_unobserved else loaded.path.stem
        keyed = key_track(
            face,
            track,
            name,
            scene,
            options.tolerance,
            replace(base, only_unobserved=only_unobserved, previous_actions=dict(previous_actions)),
        )
        for action in keyed.actions:
            action[TAKE_PATH], action[PART], action[START], action[CLOCK] = (
                str(loaded.path),
                part,
                start,
                float(source_track.time[0]),
            )
            if first is not None:
                action[FIRST_FRAME] = first
        bakes.append((keyed, bool(previous_actions)))
    observed, is_rebake = bakes[0]
    if not is_rebake or not _is_playing(observed):
        if options.onto == "STRIP":
            for owner, action in observed.owner_actions:
                _add_strip(owner, action, observed.first_frame, mute=False)
        else:
            observed.notes += play(face, observed)
    for keyed, _ in bakes[1:]:
        for owner, action in keyed.owner_actions:
            _add_strip(owner, action, keyed.first_frame, mute=True)
        observed.notes += keyed.notes
        observed.notes.append(
            f"no sensor sees {', '.join(sorted(unobserved))}; they were made up, and lie muted in the NLA track '{loaded.path.stem} (invented)'"
        )
        observed.keys, observed.dense_keys, observed.manual_keys = (
            observed.keys + keyed.keys,
            observed.dense_keys + keyed.dense_keys,
            observed.manual_keys + keyed.manual_keys,
        )
    return _with_notes(observed, take)


@contextmanager
def all_or_nothing(face: Face) -> Iterator[None]:
    """All of it or nothing: after a mistake new actions go, and what played plays."""
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


def _with_notes(keyed: KeyingResult, take: Take) -> KeyingResult:
    if keyed.manual_keys:
        keyed.notes.append(f"{keyed.manual_keys} keys that were made by hand stayed")
    keyed.notes = list(dict.fromkeys([*take.notes, *keyed.notes]))
    return keyed


def key_count_text(keyed: KeyingResult) -> str:
    """How many keys there are, and how many there would be."""
    if keyed.keys >= keyed.dense_keys:
        return f"{keyed.keys:,} keys, one on every frame"
    return (
        f"{keyed.keys:,} keys instead of {keyed.dense_keys:,} ({keyed.dense_keys / max(keyed.keys, 1):.1f} times fewer)"
    )


_rebake_blocked: list[bool] = []  # while options are set by us


def store_options(action: Any, options: Any) -> None:
    """Keep the options that an action was baked with in it."""
    names = [n for n in options.bl_rna.properties.keys() if n not in ("rna_type", "name")]  # noqa: SIM118
    set_without_rebake(action.innerface, **{name: getattr(options, name) for name in names})


def on_option_changed(action: Any) -> None:
    """An option of a baked action was changed: bake it again, at once where the take is at hand, else when the user says so."""
    if _rebake_blocked or TAKE_PATH not in action:
        return
    loaded = cached_take(action)
    face = face_of_action(action)
    if loaded is None or face is None:
        return
    try:
        rebake(face, action, loaded, bpy.context.scene)
        rebake_errors.pop(action.name, None)
    except InnerfaceError as error:  # said in the panel: Blender's own callback can say nothing
        rebake_errors[action.name] = str(error)


rebake_errors: dict[str, str] = {}  # by action: why its options cannot be


def rebake(face: Face, action: Any, loaded: LoadedTake, scene: Any) -> KeyingResult:
    """Bake a take again with the options of its action, where it lies."""
    slope, first = float(action.get(CLOCK_SLOPE, 1.0)), action.get(FIRST_FRAME)
    keyed = bake_take(
        face,
        retime(loaded, slope),
        scene,
        bake_options(action.innerface, loaded.from_sensors, start=float(action[START]), first=first),
    )
    set_on_actions(keyed, CLOCK_SLOPE, slope)
    return keyed


def set_on_actions(keyed: KeyingResult, name: str, value: Any) -> None:
    """Keep something in the actions of a bake."""
    for action in keyed.actions:
        if TAKE_PATH in action:
            action[name] = value


def retime(loaded: LoadedTake, slope: float) -> LoadedTake:
    """The take on a clock that runs by 1 / slope."""
    if slope == 1.0:
        return loaded
    take = loaded.weights.take
    tracks = {
        n: Track(t.kind, t.time[0] + (t.time - t.time[0]) / slope, t.columns, t.values, t.meta)
        for n, t in take.tracks.items()
        if len(t.time)
    }
    return replace(loaded, weights=replace(loaded.weights, take=Take(take.name, tracks, take.notes, take.sound)))


def face_of_action(action: Any) -> Face | None:
    """The face in the scene that an action of a take animates."""
    return next(
        (
            face
            for face in faces(list(bpy.context.scene.objects))
            if any(action in _playing_actions(owner) for owner in face.owners)
        ),
        None,
    )


def _playing_actions(owner: Any) -> list[Any]:
    """What plays on a datablock: directly, or in strips."""
    return [] if owner.animation_data is None else [owner.animation_data.action, *compat.strip_actions(owner)]


def cached_take(action: Any) -> LoadedTake | None:
    """The take of an action, where a change of its options shows at once."""
    return _take_cache.get(action.get(TAKE_PATH, ""))


def set_without_rebake(options: Any, **values: Any) -> None:
    """Set options without baking again."""
    _rebake_blocked.append(True)
    try:
        for name, value in values.items():
            setattr(options, name, value)
    finally:
        _rebake_blocked.pop()


def playing_action(face: Face) -> Any:
    """The action of a take that plays on a face, None where none does."""
    for owner in face.owners:
        data = owner.animation_data
        if data is not None and data.action is not None and TAKE_PATH in data.action:
            return data.action
    return None


def previous_bake(face: Face, path: Path, part: str) -> dict[Any, Any]:
    """The actions of an earlier bake of a take on this face, by the datablock that they animate."""
    take_actions = [
        a for a in bpy.data.actions if a.get(TAKE_PATH) == str(path) and a.get(PART) == part and a.library is None
    ]
    actions_by_owner = {}
    for owner in face.owners:
        owner_actions = [a for a in take_actions if _belongs_to(a, owner)]
        chosen_action = next(
            (a for a in _playing_actions(owner) if a in owner_actions), owner_actions[0] if owner_actions else None
        )  # a copy that somebody put aside is left alone
        if chosen_action is not None:
            actions_by_owner[owner] = chosen_action
    return actions_by_owner


def _belongs_to(action: Any, owner: Any) -> bool:
    """Whether a take's action is of this datablock; before slots its kind alone does not tell."""
    return compat.animates(action, owner) and (
        compat.supports_shared_action() or any(name == owner.name for name, _, _ in baked_keys.stored_keys(action))
    )


def _is_playing(keyed: KeyingResult) -> bool:
    """Whether the actions play already, on every datablock that they animate: directly or in a strip."""
    return all(action in _playing_actions(owner) for owner, action in keyed.owner_actions)


def _add_strip(owner: Any, action: Any, frame: int, mute: bool) -> None:
    """Put an action into an NLA track of its own, unless it lies in one already."""
    if action in compat.strip_actions(owner):
        return
    data = owner.animation_data or owner.animation_data_create()
    if data.action == action:
        data.action = None
    track = compat.add_strip(owner, action, frame)
    track.mute, track.strips[0].extrapolation = mute, "NOTHING" if mute else "HOLD_FORWARD"


def baked_take_paths() -> set[str]:
    """Takes that this file holds actions of."""
    return {action[TAKE_PATH] for action in bpy.data.actions if TAKE_PATH in action}


def unobserved_tracks(face: Face) -> list[Any]:
    """The NLA tracks of a face that hold what was made up."""
    datas = [owner.animation_data for owner in face.owners if owner.animation_data is not None]
    return [
        t
        for data in datas
        for t in data.nla_tracks
        if any(s.action is not None and s.action.get(PART) == UNOBSERVED for s in t.strips)
    ]


def register() -> None:
    """Bake again whenever an option of an action was changed."""
    option_properties.change_listeners.append(on_option_changed)


def unregister() -> None:
    """Undo `register`."""
    option_properties.change_listeners.remove(on_option_changed)
