"""Occlusions: time ranges and channel groups in which a camera cannot be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, GROUPS

REASON_GIVEN, REASON_LOST, REASON_JITTER = "given", "lost", "jitters"
JITTER_REASONS = (REASON_JITTER, "trembles")  # the latter in files of earlier versions
EDGE_TOLERANCE_S = 1e-3  # rows at the ends of a range belong to it, also where its seconds were rounded
_MAX_OVERSHOOT_S = 0.05  # by which a given range may exceed the take


@dataclass(frozen=True)
class Occlusion:
    """A range in which a group of channels is hidden.

    Attributes
    ----------
    start, end : seconds from the take's first row; both ends belong to the range
    group : one of GROUPS
    reason : text for the user
    confidence : 0..1
    """

    start: float
    end: float
    group: str
    reason: str = REASON_GIVEN
    confidence: float = 1.0


def parse_ranges(texts: Iterable[str], duration: float, name: str) -> list[Occlusion]:
    """Parse `12:14.5` (all groups) or `12:14.5:mouth`.

    Raises InnerfaceError for text that is not a range within a take of `duration` s, called `name`.
    """
    ranges: list[Occlusion] = []
    for text in texts:
        first, _, rest = text.partition(":")
        last, _, group = rest.partition(":")
        try:
            start, end = float(first), float(last)
        except ValueError:
            raise InnerfaceError(
                f"--occluded {text}: not START:END or START:END:GROUP; give seconds from the first row, such as "
                "12:14.5:mouth"
            ) from None
        if group and group not in GROUPS:
            raise InnerfaceError(
                f"--occluded {text}: no group '{group}'; choose one of {', '.join(GROUPS)}, or omit it for all"
            )
        if not (np.isfinite(start) and np.isfinite(end) and start < end):
            raise InnerfaceError(
                f"--occluded {text}: the end must come after the start, both in seconds from the first row"
            )
        if start < 0 or end > duration + _MAX_OVERSHOOT_S:
            raise InnerfaceError(
                f"--occluded {text}: outside of {name}, which lasts {duration:.2f} s; give seconds from its first row"
            )
        ranges += [Occlusion(start, min(end, duration), g) for g in ([group] if group else GROUPS)]
    return ranges


def row_mask(ranges: Sequence[Occlusion], time: Array, group: str) -> Array:
    """Rows (T,) bool of a take at `time` (T,) that lie in a range of the group."""
    elapsed = time - time[0]
    mask = np.zeros(len(time), dtype=bool)
    for r in ranges:
        if r.group == group:
            mask |= (elapsed >= r.start - EDGE_TOLERANCE_S) & (elapsed <= r.end + EDGE_TOLERANCE_S)
    return mask


def sample_mask(ranges: Sequence[Occlusion], time: Array) -> Array:
    """Samples (T, 52) bool in which the camera cannot be trusted."""
    mask = np.zeros((len(time), len(ARKIT)), dtype=bool)
    for group, channels in GROUPS.items():
        mask[np.ix_(row_mask(ranges, time, group), np.array([ARKIT.index(c) for c in channels]))] = True
    return mask


def runs(flags: Array) -> list[tuple[int, int]]:
    """First index and one after the last of every run of True."""
    edges = np.diff(np.concatenate([[0], np.asarray(flags, dtype=np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()))


def near_edges(flags: Array, count: int) -> Array:
    """Rows (T,) bool within `count` rows of a change of the flags (T,)."""
    near = np.zeros(len(flags), dtype=bool)
    for a, b in runs(flags):
        for edge in (a, b):
            if 0 < edge < len(flags):
                near[max(edge - count, 0) : edge + count] = True
    return near


def merge_ranges(ranges: Sequence[Occlusion]) -> list[Occlusion]:
    """Sort by time and merge overlapping ranges of a group; the most confident one's reason stays."""
    merged: list[Occlusion] = []
    last: dict[str, int] = {}
    for r in sorted(ranges, key=lambda r: (r.start, r.end)):
        k = last.get(r.group)
        if k is not None and r.start <= merged[k].end + EDGE_TOLERANCE_S:
            most_confident = max(merged[k], r, key=lambda x: x.confidence)
            merged[k] = replace(most_confident, start=merged[k].start, end=max(merged[k].end, r.end))
        else:
            last[r.group] = len(merged)
            merged.append(r)
    return sorted(merged, key=lambda r: (r.start, list(GROUPS).index(r.group)))
