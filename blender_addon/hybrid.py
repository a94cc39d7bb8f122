"""A camera's take on a face, what helps it, and the ranges in which it is hidden: kept in the take's action, in seconds of the take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..core.errors import InnerfaceError
from . import bake
from .import_takes import performer
from .keying import START, scene_rate

if TYPE_CHECKING:
    from ..core.hybrid.mix import Aligned
    from ..core.hybrid.ranges import Occlusion
    from ..core.take import Take
    from ..core.weights import Performer
    from .face import Face

_DRAWN = "drawn by hand"
_SAME = 0.5  # of a range that lies in another one: it is the same
_helpers: dict[tuple[str, str, float | None], Aligned] = {}  # the last few, ready
_KEPT = 3
_WORK_X = 40.0  # times real time that a helping take is expected to be read, inferred and aligned at, for the bar


def camera_action(face: Face | None) -> Any:
    """The action of the camera's take: the one that plays, or the one that the mix that plays was made of. None where no take plays."""
    action = None if face is None else bake.playing(face)
    return None if action is None else action.innerface_hybrid.camera or action


def is_mix(action: Any) -> bool:
    """Whether an action is a mix."""
    return action is not None and action.innerface_hybrid.camera is not None


def mixes_of(camera: Any) -> list[Any]:
    """The mixes that were made of a camera's take."""
    return [a for a in bpy.data.actions if a.innerface_hybrid.camera == camera]


def frame_of(action: Any, seconds: float, scene: Any) -> float:
    """The frame at which a second of an action's take lies."""
    return float(action[START]) + seconds / float(action.get(bake.SLOPE, 1.0)) * scene_rate(scene)


def second_of(action: Any, frame: float, scene: Any) -> float:
    """The second of an action's take at a frame."""
    return (frame - float(action[START])) * float(action.get(bake.SLOPE, 1.0)) / scene_rate(scene)


def length_of(action: Any) -> float:
    """Seconds of the take, as far as its keys tell."""
    first, last = action.frame_range
    return (last - first) / scene_rate(bpy.context.scene) * float(action.get(bake.SLOPE, 1.0))


def wanted(action: Any) -> list[Occlusion]:
    """The ranges that are to be mended: not rejected, not muted."""
    from ..core.hybrid.ranges import Occlusion

    found = action.innerface_hybrid.ranges
    return [Occlusion(r.start, r.end, r.group, r.reason, r.confidence) for r in found if r.state != "REJECTED" and not r.mute and r.end > r.start]


def add(action: Any, start: float, end: float, group: str, reason: str = _DRAWN, confidence: float = 1.0, found: bool = False) -> Any:
    """A new range."""
    item = action.innerface_hybrid.ranges.add()
    item.start, item.end, item.group, item.reason, item.confidence, item.found = max(start, 0.0), end, group, reason, confidence, found
    return item


def put(action: Any, said: Sequence[Occlusion]) -> tuple[int, int]:
    """What a detector found, in place of what it found before. Accepted, rejected and drawn ranges stay, and what lies in them is not brought again.
    How many came, and how many of those found were known."""
    settings = action.innerface_hybrid
    for k in reversed(range(len(settings.ranges))):
        if settings.ranges[k].found and settings.ranges[k].state == "OPEN":
            settings.ranges.remove(k)
    kept = [(r.start, r.end, r.group) for r in settings.ranges]
    new = 0
    for r in said:
        inside = sum(max(min(r.end, b) - max(r.start, a), 0.0) for a, b, group in kept if group == r.group)
        if inside < _SAME * max(r.end - r.start, 1e-6):
            add(action, r.start, r.end, r.group, r.reason, r.confidence, found=True)
            new += 1
    settings.active = min(settings.active, max(len(settings.ranges) - 1, 0))
    return new, len(said) - new


def take_of(action: Any) -> Path:
    """The camera's file. Raises InnerfaceError where it is gone."""
    path = Path(action[bake.TAKE])
    if not path.exists():
        raise InnerfaceError(f"{path}: the camera's take is not there any more; put it back, or key it again from where it is")
    return path


def helper_of(action: Any) -> Path | None:
    """The helping take's file. Raises InnerfaceError where it is gone."""
    text = action.innerface_hybrid.helper
    if not text:
        return None
    path = Path(bpy.path.abspath(text))
    if not path.exists():
        raise InnerfaceError(f"{path}: there is no such take; choose the helping take again")
    return path


def read_camera(path: Path) -> Take:
    """The camera's take. For any thread. Raises InnerfaceError for a take without a camera's weights."""
    from ..core import formats

    take = formats.read_take(path)
    if not any(t.kind == "weights" for t in take.tracks.values()):
        raise InnerfaceError(f"{path.name}: is a take of sensors; mending begins with a camera's take, and this one can help it: key the camera's take")
    return take


@dataclass(frozen=True)
class Work:
    """What a camera's action asks for, without bpy: `camera`, `helper`: files; `ranges` to be mended; `begins`: where the helping take begins by the user's
    word, in seconds of the camera's take, None: to be found; `who` wore the sensors; `seconds` that it is expected to take."""

    camera: Path
    helper: Path | None
    ranges: list[Occlusion]
    begins: float | None
    who: Performer
    seconds: float

    def help(self, camera: Take) -> Aligned | None:
        """The helping take on the camera's rows, remembered; None without one. For any thread. Raises InnerfaceError."""
        if self.helper is None:
            return None
        key = str(self.camera), str(self.helper), self.begins
        if key not in _helpers:
            _helpers[key] = self._aligned(camera, self.helper)
            while len(_helpers) > _KEPT:
                _helpers.pop(next(iter(_helpers)))
        return _helpers[key]

    def _aligned(self, camera: Take, helper: Path) -> Aligned:
        from ..core import formats
        from ..core.hybrid import mix
        from ..core.imu import adapt
        from ..core.imu.layout import layout

        other = formats.read_take(helper)
        sensors = mix.sensors_of(other)
        adapter = adapt.load(self.who.adapter) if self.who.adapter and sensors is not None else None
        used = sensors or other
        first = float(next(iter(used.tracks.values())).time[0]) if used.tracks else 0.0
        offset = None if self.begins is None else float(camera.weights().time[0]) + self.begins - first
        if helper == self.camera:
            offset = 0.0  # recorded together, on one clock
        return mix.help_from(camera, used, self.ranges, offset, layout(self.who.layout), adapter=adapter)

    def forget(self) -> None:
        """Align anew the next time."""
        for key in [k for k in _helpers if k[:2] == (str(self.camera), str(self.helper))]:
            del _helpers[key]


def work_of(action: Any) -> Work:
    """From an action. Raises InnerfaceError where a file is gone."""
    settings = action.innerface_hybrid
    begins = round(settings.offset, 4) if settings.by_hand else None
    return Work(take_of(action), helper_of(action), wanted(action), begins, performer(), length_of(action) / _WORK_X)
