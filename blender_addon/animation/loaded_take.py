"""Takes that are read and solved, ready to be baked."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.pipeline import PerformerSettings, SolvedWeights
from ...core.take import Take, Track, TrackKind
from ..character.face import Face

if TYPE_CHECKING:
    from ...core.flame.source import FlameSource

_CACHE_SIZE = 4  # takes that are kept to be baked again


@dataclass(frozen=True)
class LoadedTake:
    """A take that is ready to be baked.

    Attributes
    ----------
    path : Path
    weights : SolvedWeights
        Not smoothed.
    zero_frame : float or None
        The timeline's frame at the take's zero; None if it was recorded without a timeline.
    first_frame : int or None
        The frame that the recording was to begin at.
    from_sensors : bool
        Whether the weights were inferred from sensors.
    """

    path: Path
    weights: SolvedWeights
    zero_frame: float | None
    first_frame: int | None = None
    from_sensors: bool = False


def load_take(path: Path, performer: PerformerSettings, flame: FlameSource | None = None) -> LoadedTake:
    """Read a take and infer its weights; for a FLAME face (`flame`: its model) fit landmarks or electrodes.

    Touches no bpy: for any thread. Raises InnerfaceError.
    """
    from ...core import formats
    from ...core.formats import mcap_take
    from ...core.pipeline import FacePipeline

    take = formats.read_take(path)
    from_sensors = not {TrackKind.WEIGHTS, TrackKind.FLAME} & take.kinds
    solving = replace(performer, smooth=0.0) if from_sensors else performer  # sensors beside a camera are smoothed here
    weights = FacePipeline(solving).run(take)
    if flame is not None:
        from ...core.flame.source import drop_redundant_landmarks, fit_take

        weights = replace(weights, take=fit_take(drop_redundant_landmarks(take, weights.take), flame))
    metadata = mcap_take.read_summary(path).metadata if path.suffix == ".mcap" else {}
    zero_frame, first_frame = _recorded_frames(metadata)
    loaded = LoadedTake(path, weights, zero_frame, first_frame, from_sensors)
    cache_take(loaded)
    return loaded


def _recorded_frames(metadata: dict[str, str]) -> tuple[float | None, int | None]:
    """Return the frame at a recording's zero, and the one that it was to begin at; None where it does not say so."""
    zero_frame = metadata.get("frame_zero") or metadata.get("frame")
    try:
        first_frame = int(float(metadata["frame"])) if "frame_zero" in metadata and "frame" in metadata else None
        return float(zero_frame) if zero_frame else None, first_frame
    except (ValueError, OverflowError):
        return None, None


def flame_source(face: Face) -> FlameSource | None:
    """Return where the model of a FLAME face comes from, for `load_take`; None for any other face."""
    from ..character.flame_face import flame_source_of

    return flame_source_of(face)


_take_cache: OrderedDict[str, LoadedTake] = OrderedDict()


def cache_take(loaded: LoadedTake) -> None:
    """Keep a take in memory."""
    _take_cache[str(loaded.path)] = loaded
    _take_cache.move_to_end(str(loaded.path))
    while len(_take_cache) > _CACHE_SIZE:
        _take_cache.popitem(last=False)


def cached_take(path: str) -> LoadedTake | None:
    """Return the take of a file if it is in memory."""
    return _take_cache.get(path)


def retime(loaded: LoadedTake, slope: float) -> LoadedTake:
    """Return the take on a clock that runs `slope` times slower than its own."""
    if slope == 1.0:
        return loaded
    take = loaded.weights.take
    tracks = {
        n: Track(t.kind, t.time[0] + (t.time - t.time[0]) / slope, t.columns, t.values, t.meta)
        for n, t in take.tracks.items()
        if len(t.time)
    }
    return replace(loaded, weights=replace(loaded.weights, take=Take(take.name, tracks, take.notes, take.sound)))
