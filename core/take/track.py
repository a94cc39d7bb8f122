"""Takes and tracks: named, timestamped samples on one clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError

_USUAL, _ROUNDED = 0.6, 0.005  # of the median step: by which a usual one may differ, and their mean if not rounded


class TrackKind(StrEnum):
    """Kinds of tracks, as takes on disk spell them. A take's only track of a kind usually has the kind as its name."""

    WEIGHTS = "weights"
    IMU = "imu"
    BIOSIGNAL = "biosignal"
    LANDMARKS = "landmarks"
    FLAME = "flame"
    CONFIDENCE = "confidence"
    POINT_CONFIDENCE = "point confidence"
    NEUTRAL = "neutral"
    EVENTS = "events"


@dataclass
class Track:
    """Samples of one kind.

    Attributes
    ----------
    kind : a TrackKind; files of newer versions may hold others.
    time : (T,) float64 s on the source's own clock, strictly increasing.
    columns : C names (Apple's camelCase for weights).
    values : (T, C) float64, NaN where missing; a row of NaN is a sample in which tracking was lost.
    meta : texts that a lossless writer of the source's format needs.

    Raises
    ------
    ValueError : the arrays do not fit together.
    """

    kind: str
    time: Array
    columns: tuple[str, ...]
    values: Array
    meta: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.time = np.asarray(self.time, dtype=np.float64)
        self.values = np.asarray(self.values, dtype=np.float64)
        self.columns = tuple(self.columns)
        if self.time.ndim != 1 or self.values.shape != (len(self.time), len(self.columns)):
            raise ValueError(
                f"time {self.time.shape}, columns {len(self.columns)} and values {self.values.shape} do not match"
            )
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("column names must be unique")
        if not np.isfinite(self.time).all() or (np.diff(self.time) <= 0).any():
            raise ValueError("time must be finite and strictly increasing")

    @property
    def duration(self) -> float:
        """Seconds from the first row to the last."""
        return float(self.time[-1] - self.time[0]) if len(self.time) else 0.0

    @property
    def rate(self) -> float:
        """Rows per second; 0 for fewer than two rows.

        That of the median step, or of the mean of usual ones where times were rounded (33, 33 and 34 ms).
        """
        if len(self.time) < 2:
            return 0.0
        steps = np.diff(self.time)
        usual = float(np.median(steps))
        mean = float(steps[np.abs(steps - usual) <= _USUAL * usual].mean())
        return 1.0 / (usual if abs(mean - usual) < _ROUNDED * usual else mean)

    def number(self, key: str, default: float) -> float:
        """A number of the track's meta; `default` where there is none, or what is there is no finite number."""
        try:
            value = float(self.meta.get(key, ""))
        except ValueError:
            return default
        return value if math.isfinite(value) else default

    def column(self, name: str) -> Array:
        """Samples (T,) of one column. Raises KeyError."""
        try:
            return self.values[:, self.columns.index(name)]
        except ValueError:
            raise KeyError(name) from None

    def select(self, names: tuple[str, ...]) -> Array:
        """Columns (T, len(names)) in the given order, NaN for those that the track lacks."""
        out = np.full((len(self.time), len(names)), np.nan)
        for i, name in enumerate(names):
            if name in self.columns:
                out[:, i] = self.values[:, self.columns.index(name)]
        return out

    def replace_columns(self, names: tuple[str, ...], values: Array) -> Track:
        """The track with new values (T, len(names)) in these columns; names that it lacks are skipped."""
        out = self.values.copy()
        for i, name in enumerate(names):
            if name in self.columns:
                out[:, self.columns.index(name)] = values[:, i]
        return replace(self, values=out)

    def lost_rows(self) -> Array:
        """(T,) bool: rows in which tracking was lost."""
        return np.isnan(self.values).all(axis=1)


@dataclass
class Take:
    """One recording: tracks by name on one clock.

    Attributes
    ----------
    name : what the take is called in messages, usually its file's stem.
    tracks : tracks by name.
    notes : sentences for the user about what was met on reading.
    sound : file that holds the take's sound, which begins with its first row.
    """

    name: str
    tracks: dict[str, Track]
    notes: list[str] = field(default_factory=list[str])
    sound: Path | None = None

    @property
    def kinds(self) -> set[str]:
        """Kinds of the take's tracks."""
        return {track.kind for track in self.tracks.values()}

    @property
    def kinds_text(self) -> str:
        """Kinds of the take's tracks for a message: `imu, weights`, or `nothing`."""
        return ", ".join(sorted(self.kinds)) or "nothing"

    def tracks_of(self, kind: str) -> dict[str, Track]:
        """Tracks of a kind that have rows, by name."""
        return {name: track for name, track in self.tracks.items() if track.kind == kind and len(track.time)}

    def weights(self) -> Track:
        """The first track of blendshape weights with a face in it. Raises InnerfaceError if there is none."""
        for track in self.tracks_of(TrackKind.WEIGHTS).values():
            if not track.lost_rows().all():
                return track
        if TrackKind.WEIGHTS in self.kinds:
            raise InnerfaceError(
                f"{self.name}: no row has a face in it; the camera lost tracking throughout: record again"
            )
        raise InnerfaceError(f"{self.name}: holds {self.kinds_text} but no blendshape weights; give a weights take")
