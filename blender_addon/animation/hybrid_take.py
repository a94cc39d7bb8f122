"""A camera take on a face, the second take that repairs it, and its occluded ranges.

Kept in the action of the camera take, in seconds of the take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import InnerfaceError
from ...core.take import TrackKind
from ..properties.preferences import performer_settings
from .playback import playing_action
from .scene_time import curve_step, scene_rate
from .take_action import TakeAction

if TYPE_CHECKING:
    from ...core.hybrid.helper_alignment import AlignedHelper
    from ...core.hybrid.ranges import Occlusion
    from ...core.pipeline import PerformerSettings
    from ...core.take import Take
    from ..character.face import Face

_MANUAL_REASON = "drawn by hand"
_SAME_RANGE_OVERLAP = 0.5  # a range that lies in another one by this share is the same
_aligned_helpers: dict[tuple[str, str, float | None], AlignedHelper] = {}  # the last few, ready
_MAX_CACHED_HELPERS = 3
_EXPECTED_SPEED_X = 40.0  # times real time of reading, solving and aligning a second take, for the progress bar


def camera_action(face: Face | None) -> Any:
    """Return the action of the camera take: the current one, or the one that the current mix was made from.

    None where no take plays.
    """
    action = None if face is None else playing_action(face)
    return None if action is None else action.innerface_hybrid.camera or action


def is_mix(action: Any) -> bool:
    """Whether an action is a mix."""
    return action is not None and action.innerface_hybrid.camera is not None


def mixes_of(camera: Any) -> list[Any]:
    """Return the mixes that were made from a camera take."""
    return [a for a in bpy.data.actions if a.innerface_hybrid.camera == camera]


def frame_at(action: Any, seconds: float, scene: Any) -> float:
    """Return the frame of a second of an action's take."""
    take_action = TakeAction(action)
    return take_action.start_frame + seconds / take_action.clock_slope * scene_rate(scene)


def seconds_at(action: Any, frame: float, scene: Any) -> float:
    """Return the second of an action's take at a frame."""
    take_action = TakeAction(action)
    return (frame - take_action.start_frame) * take_action.clock_slope / scene_rate(scene)


def take_duration(action: Any) -> float:
    """Return the take's duration (s), as far as it is keyed."""
    first, last = action.frame_range
    scene = bpy.context.scene
    return (last - first) / curve_step(scene) / scene_rate(scene) * TakeAction(action).clock_slope


def active_occlusions(action: Any) -> list[Occlusion]:
    """Return the ranges that are to be repaired: neither rejected nor muted."""
    from ...core.hybrid.ranges import Occlusion

    ranges = action.innerface_hybrid.ranges
    return [
        Occlusion(r.start, r.end, r.group, r.reason, r.confidence)
        for r in ranges
        if r.state != "REJECTED" and not r.mute and r.end > r.start
    ]


def add_range(
    action: Any,
    start: float,
    end: float,
    *,
    group: str,
    reason: str = _MANUAL_REASON,
    confidence: float = 1.0,
    detected: bool = False,
) -> Any:
    """Add an occluded range."""
    item = action.innerface_hybrid.ranges.add()
    item.start, item.end, item.group, item.reason, item.confidence, item.found = (
        max(start, 0.0),
        end,
        group,
        reason,
        confidence,
        detected,
    )
    return item


def replace_detected(action: Any, detected: Sequence[Occlusion]) -> tuple[int, int]:
    """Replace pending ranges of an earlier detection; others stay, and what lies in them is not added again.

    Returns how many ranges were added, and how many were known already.
    """
    settings = action.innerface_hybrid
    for k in reversed(range(len(settings.ranges))):
        if settings.ranges[k].found and settings.ranges[k].state == "OPEN":
            settings.ranges.remove(k)
    existing = [(r.start, r.end, r.group) for r in settings.ranges]
    new_count = 0
    for r in detected:
        overlap = sum(max(min(r.end, b) - max(r.start, a), 0.0) for a, b, group in existing if group == r.group)
        if overlap < _SAME_RANGE_OVERLAP * max(r.end - r.start, 1e-6):
            add_range(action, r.start, r.end, group=r.group, reason=r.reason, confidence=r.confidence, detected=True)
            new_count += 1
    settings.active = min(settings.active, max(len(settings.ranges) - 1, 0))
    return new_count, len(detected) - new_count


def camera_path(action: Any) -> Path:
    """Return the file of the camera take. Raises InnerfaceError if it is missing."""
    path = Path(TakeAction(action).take_path)
    if not path.exists():
        raise InnerfaceError(f"{path}: the camera take is missing; move it back, or import it again from where it is")
    return path


def helper_path(action: Any) -> Path | None:
    """Return the file of the second take, None where none is chosen. Raises InnerfaceError if it is missing."""
    text = action.innerface_hybrid.helper
    if not text:
        return None
    path = Path(bpy.path.abspath(text))
    if not path.exists():
        raise InnerfaceError(f"{path}: there is no such take; choose the second take again")
    return path


def read_camera_take(path: Path) -> Take:
    """Read the camera take. For any thread. Raises InnerfaceError for a take without weights."""
    from ...core import formats

    take = formats.read_take(path)
    if TrackKind.WEIGHTS not in take.kinds:
        raise InnerfaceError(
            f"{path.name}: is a sensor take; import the camera take, which this one can repair as its second take"
        )
    return take


@dataclass(frozen=True)
class HybridRequest:
    """A repair that the user asks for, without bpy.

    Attributes
    ----------
    camera : Path
    helper : Path or None
        The second take.
    ranges : list of Occlusion
        Ranges to repair.
    helper_start_s : float or None
        Where the user placed the second take, in seconds of the camera take; None to align it by motion.
    performer : PerformerSettings
    expected_s : float
        Seconds that the work is expected to take.
    """

    camera: Path
    helper: Path | None
    ranges: list[Occlusion]
    helper_start_s: float | None
    performer: PerformerSettings
    expected_s: float

    def aligned_helper(self, camera: Take) -> AlignedHelper | None:
        """Return the second take on the camera's rows, cached; None without one. For any thread.

        Raises InnerfaceError.
        """
        if self.helper is None:
            return None
        key = str(self.camera), str(self.helper), self.helper_start_s
        if key not in _aligned_helpers:
            _aligned_helpers[key] = self._align_helper(camera, self.helper)
            while len(_aligned_helpers) > _MAX_CACHED_HELPERS:
                _aligned_helpers.pop(next(iter(_aligned_helpers)))
        return _aligned_helpers[key]

    def _align_helper(self, camera: Take, helper: Path) -> AlignedHelper:
        from ...core import formats
        from ...core.hybrid.helper_alignment import align_helper, sensor_take
        from ...core.imu.layout import load_layout
        from ...core.pipeline.performer_files import load_adapter

        helper_take = formats.read_take(helper)
        sensors = sensor_take(helper_take)
        known = load_adapter(self.performer.adapter, self.performer.rest) if sensors is not None else (None, [])
        helper_source = sensors or helper_take
        first_time = float(next(iter(helper_source.tracks.values())).time[0]) if helper_source.tracks else 0.0
        offset = (
            None if self.helper_start_s is None else float(camera.weights().time[0]) + self.helper_start_s - first_time
        )
        if helper == self.camera:
            offset = 0.0  # recorded together, on one clock
        return align_helper(
            camera,
            helper_source,
            ranges=self.ranges,
            offset_s=offset,
            sites=load_layout(self.performer.layout),
            adapter=known[0],
        )

    def forget_alignment(self) -> None:
        """Align again the next time."""
        for key in [k for k in _aligned_helpers if k[:2] == (str(self.camera), str(self.helper))]:
            del _aligned_helpers[key]


def hybrid_request(action: Any) -> HybridRequest:
    """Return the request of a camera take's action. Raises InnerfaceError if a file is missing."""
    settings = action.innerface_hybrid
    helper_start_s = round(settings.offset, 4) if settings.by_hand else None
    return HybridRequest(
        camera_path(action),
        helper_path(action),
        active_occlusions(action),
        helper_start_s,
        performer_settings(),
        take_duration(action) / _EXPECTED_SPEED_X,
    )
