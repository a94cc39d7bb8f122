"""A take becomes animation on a face: what was seen, and apart from it, muted, what was made up. And again, with other settings."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..core.channels import ARKIT, GROUPS, HEAD_ANGLES
from ..core.errors import InnerfaceError
from ..core.take import Take, Track
from ..core.treatment import Treatment, treat
from ..core.weights import Performer, Weights
from . import baked, compat
from .face import Face, faces
from .keying import ALL, CLOCK, START, Keyed, Part, key_track, play, scene_rate

if TYPE_CHECKING:
    from ..core.flame.source import FlameSource

# In actions: which take, which part of it, by how much its clock is slowed, and the frame that it was to begin at.
TAKE, PART, SLOPE, FIRST = "innerface_take_path", "innerface_part", "innerface_slope", "innerface_first"
SEEN, INVENTED = "seen", "invented"
_REMEMBERED = 4  # takes that are kept ready to be baked again


@dataclass(frozen=True)
class Loaded:
    """A take that is ready to be keyed: `frame`: the timeline's frame at its zero, None where it was recorded without one; `first`: the
    frame that the recording was to begin at; `sensed`: its weights were inferred from sensors, and not smoothed."""

    path: Path
    weights: Weights
    frame: float | None
    first: int | None = None
    sensed: bool = False


@dataclass(frozen=True)
class How:
    """How a take is baked. `tolerance`: None keys every frame; `at`: the frame of the first row that is left of it, where it is not to lie where it was
    recorded; `onto`: ACTION, STRIP or OVER (what plays; `span`: only these frames of it, `blend`: faded over so many)."""

    tolerance: float | None = None
    at: float | None = None
    onto: str = "ACTION"
    treatment: Treatment = field(default_factory=Treatment)
    armed: frozenset[str] = ALL
    widen: bool = False
    span: tuple[int, int] | None = None
    blend: int = 4
    start: float | None = None  # the frame of the take's very first row: where it was before
    first: int | None = None  # frames before are left out


def load(path: Path, performer: Performer, flame: FlameSource | None = None) -> Loaded:
    """Read a take and infer its weights, not smoothed; for a FLAME face (`flame`: its model) fit what landmarks or electrodes show. Touches no bpy: for any
    thread. Raises InnerfaceError."""
    from ..core import formats
    from ..core.formats import mcap_take
    from ..core.weights import weights_of

    take = formats.read_take(path)
    sensed = not {"weights", "flame"} & {t.kind for t in take.tracks.values()}
    weights = weights_of(take, replace(performer, smooth=0.0))
    if flame is not None:
        from ..core.flame.source import fitted, shown

        weights = replace(weights, take=fitted(shown(take, weights.take), flame))
    about = mcap_take.summary(path).about if path.suffix == ".mcap" else {}
    frame = about.get("frame_zero") or about.get("frame")
    try:
        first = int(float(about["frame"])) if "frame_zero" in about and "frame" in about else None
        out = Loaded(path, weights, float(frame) if frame else None, first, sensed)
    except ValueError:
        out = Loaded(path, weights, None, None, sensed)
    remember(out)
    return out


def flame_source(face: Face) -> FlameSource | None:
    """Where the model of a FLAME face comes from, for `load`; None for any other face."""
    from .flame_face import source_of

    return source_of(face)


_recent: OrderedDict[str, Loaded] = OrderedDict()


def remember(loaded: Loaded) -> None:
    """Keep a take at hand."""
    _recent[str(loaded.path)] = loaded
    _recent.move_to_end(str(loaded.path))
    while len(_recent) > _REMEMBERED:
        _recent.popitem(last=False)


def treatment_of(options: Any, sensed: bool) -> Treatment:
    """What the options (an InnerfaceBake) do to a take before it is keyed."""
    smooth = {group: getattr(options, f"smooth_{group}") for group in GROUPS}
    if options.before or not (sensed or options.smooth_camera):
        smooth = dict.fromkeys(GROUPS, 0.0)
    neutral = (options.neutral_from, options.neutral_to) if options.neutral_to > 0 else None
    trim = (options.trim_from, options.trim_to or 1e9) if options.trim_from > 0 or options.trim_to > 0 else None
    return Treatment(trim, neutral, {group: round(strength, 3) for group, strength in smooth.items()})


def how_of(options: Any, sensed: bool, **where: Any) -> How:
    """The options (an InnerfaceBake) as a `How`."""
    armed = frozenset(c for part in options.parts for c in (HEAD_ANGLES if part == "head" else GROUPS[part]))
    tolerance = options.tolerance if options.fewer else None
    return How(tolerance, treatment=treatment_of(options, sensed), armed=armed, widen=options.widen, **where)


def bake(face: Face, loaded: Loaded, scene: Any, how: How = How()) -> Keyed:
    """Key a take on a face. Where it was baked on this face before, its actions are written again, and keys that were made by hand stay.

    Raises InnerfaceError."""
    for owner in face.owners:
        if owner.animation_data is not None and owner.animation_data.use_tweak_mode:
            owner.animation_data.use_tweak_mode = False  # its action could not be changed
    from .flame_keys import keyed_track

    take: Take = loaded.weights.take
    full, invented = keyed_track(face, take), loaded.weights.invented & frozenset(ARKIT)
    treatment = how.treatment if full.kind == "weights" else Treatment(how.treatment.trim)  # neutral and smoothing are of channels
    track, rate = treat(full, treatment, take.name), scene_rate(scene)
    cut = float(track.time[0] - full.time[0]) * rate
    placed = how.at is not None or how.start is not None
    start = scene.frame_start if loaded.frame is None else loaded.frame + float(full.time[0]) * rate
    start = how.start if how.start is not None else how.at - cut if how.at is not None else start
    first, last = how.span if how.span is not None else (how.first if placed else loaded.first, None)
    base = Part(start + cut, first, last, how.armed, invented, widen=how.widen)
    if how.onto == "OVER":
        keyed = key_track(face, track, loaded.path.stem, scene, how.tolerance, replace(base, invented=frozenset(), over=True, blend=how.blend))
        for owner, action in keyed.owners:
            if owner.animation_data is None or owner.animation_data.action is None:
                compat.assign(action, owner)
        return _told(keyed, take)
    made = []
    for only in (False, True) if invented & how.armed else (False,):
        part = INVENTED if only else SEEN
        before = made_of(face, loaded.path, part)
        name = f"{loaded.path.stem} (invented)" if only else loaded.path.stem
        keyed = key_track(face, track, name, scene, how.tolerance, replace(base, only_invented=only, before=dict(before)))
        for action in keyed.actions:
            action[TAKE], action[PART], action[START], action[CLOCK] = str(loaded.path), part, start, float(full.time[0])
            if first is not None:
                action[FIRST] = first
        made.append((keyed, bool(before)))
    seen, again = made[0]
    if not again or not _plays(seen):
        if how.onto == "STRIP":
            for owner, action in seen.owners:
                _strip(owner, action, seen.first_frame, mute=False)
        else:
            seen.notes += play(face, seen)
    for keyed, _ in made[1:]:
        for owner, action in keyed.owners:
            _strip(owner, action, keyed.first_frame, mute=True)
        seen.notes += keyed.notes
        seen.notes.append(f"no sensor sees {', '.join(sorted(invented))}; they were made up, and lie muted in the NLA track '{loaded.path.stem} (invented)'")
        seen.keys, seen.dense_keys, seen.hand_made = seen.keys + keyed.keys, seen.dense_keys + keyed.dense_keys, seen.hand_made + keyed.hand_made
    return _told(seen, take)


@contextmanager
def whole(face: Face) -> Iterator[None]:
    """All of it or nothing: after a mistake new actions go, and what played plays."""
    known = set(bpy.data.actions)
    before = [(owner, compat.state_of(owner)) for owner in face.owners]
    try:
        yield
    except InnerfaceError:
        for owner, state in before:
            compat.restore(owner, state)
        for action in set(bpy.data.actions) - known:
            bpy.data.actions.remove(action)
        raise


def _told(keyed: Keyed, take: Take) -> Keyed:
    if keyed.hand_made:
        keyed.notes.append(f"{keyed.hand_made} keys that were made by hand stayed")
    keyed.notes = list(dict.fromkeys([*take.notes, *keyed.notes]))
    return keyed


def counted(keyed: Keyed) -> str:
    """How many keys there are, and how many there would be."""
    if keyed.keys >= keyed.dense_keys:
        return f"{keyed.keys:,} keys, one on every frame"
    return f"{keyed.keys:,} keys instead of {keyed.dense_keys:,} ({keyed.dense_keys / max(keyed.keys, 1):.1f} times fewer)"


_setting: list[bool] = []  # while options are set by us


def set_options(action: Any, options: Any) -> None:
    """Keep the options that an action was baked with in it."""
    names = [n for n in options.bl_rna.properties.keys() if n not in ("rna_type", "name")]  # noqa: SIM118
    set_one(action.innerface, **{name: getattr(options, name) for name in names})


def changed(action: Any) -> None:
    """An option of a baked action was changed: bake it again, at once where the take is at hand, else when the user says so."""
    if _setting or TAKE not in action:
        return
    loaded = at_hand(action)
    face = face_playing(action)
    if loaded is None or face is None:
        return
    try:
        again(face, action, loaded, bpy.context.scene)
        refused.pop(action.name, None)
    except InnerfaceError as error:  # said in the panel: Blender's own callback can say nothing
        refused[action.name] = str(error)


refused: dict[str, str] = {}  # by action: why its options cannot be


def again(face: Face, action: Any, loaded: Loaded, scene: Any) -> Keyed:
    """Bake a take again with the options of its action, where it lies."""
    slope, first = float(action.get(SLOPE, 1.0)), action.get(FIRST)
    keyed = bake(face, slowed(loaded, slope), scene, how_of(action.innerface, loaded.sensed, start=float(action[START]), first=first))
    mark(keyed, SLOPE, slope)
    return keyed


def mark(keyed: Keyed, name: str, value: Any) -> None:
    """Keep something in the actions of a bake."""
    for made in keyed.actions:
        if TAKE in made:
            made[name] = value


def slowed(loaded: Loaded, slope: float) -> Loaded:
    """The take on a clock that runs by 1 / slope."""
    if slope == 1.0:
        return loaded
    take = loaded.weights.take
    tracks = {n: Track(t.kind, t.time[0] + (t.time - t.time[0]) / slope, t.columns, t.values, t.meta) for n, t in take.tracks.items() if len(t.time)}
    return replace(loaded, weights=replace(loaded.weights, take=Take(take.name, tracks, take.notes, take.sound)))


def face_playing(action: Any) -> Face | None:
    """The face in the scene that an action of a take animates."""
    return next((face for face in faces(list(bpy.context.scene.objects)) if any(action in _actions(owner) for owner in face.owners)), None)


def _actions(owner: Any) -> list[Any]:
    """What plays on a datablock: directly, or in strips."""
    return [] if owner.animation_data is None else [owner.animation_data.action, *compat.strip_actions(owner)]


def at_hand(action: Any) -> Loaded | None:
    """The take of an action, where a change of its options shows at once."""
    return _recent.get(action.get(TAKE, ""))


def set_one(options: Any, **values: Any) -> None:
    """Set options without baking again."""
    _setting.append(True)
    try:
        for name, value in values.items():
            setattr(options, name, value)
    finally:
        _setting.pop()


def playing(face: Face) -> Any:
    """The action of a take that plays on a face, None where none does."""
    for owner in face.owners:
        data = owner.animation_data
        if data is not None and data.action is not None and TAKE in data.action:
            return data.action
    return None


def made_of(face: Face, path: Path, part: str) -> dict[Any, Any]:
    """The actions of an earlier bake of a take on this face, by the datablock that they animate."""
    made = [a for a in bpy.data.actions if a.get(TAKE) == str(path) and a.get(PART) == part and a.library is None]
    out = {}
    for owner in face.owners:
        own = [a for a in made if _animated_by(a, owner)]
        found = next((a for a in _actions(owner) if a in own), own[0] if own else None)  # a copy that somebody put aside is left alone
        if found is not None:
            out[owner] = found
    return out


def _animated_by(action: Any, owner: Any) -> bool:
    """Whether a take's action is of this datablock; before slots its kind alone does not tell."""
    return compat.animates(action, owner) and (compat.shared_action() or any(name == owner.name for name, _, _ in baked.kept(action)))


def _plays(keyed: Keyed) -> bool:
    """Whether the actions play already, on every datablock that they animate: directly or in a strip."""
    return all(action in _actions(owner) for owner, action in keyed.owners)


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
    return [t for data in datas for t in data.nla_tracks if any(s.action is not None and s.action.get(PART) == INVENTED for s in t.strips)]
