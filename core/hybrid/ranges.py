"""Occlusions: time ranges and channel groups in which a camera is not to be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InnerfaceError
from ..face.channels import ARKIT, GROUPS

REASON_JITTER = "trembles"  # a reason
EDGE_TOLERANCE_S = 1e-3  # rows at a range's ends belong to it, also where its seconds were rounded


@dataclass(frozen=True)
class Occlusion:
    """`start`, `end`: seconds from the take's first row, both belong to it; `group`: of GROUPS; `reason`: in words; `confidence`: 0..1."""

    start: float
    end: float
    group: str
    reason: str = "given"
    confidence: float = 1.0


def parse_ranges(texts: Iterable[str], duration: float, name: str) -> list[Occlusion]:
    """`12:14.5` (all groups) or `12:14.5:mouth`. Raises InnerfaceError for what is no such range of a take of `duration` s."""
    out = []
    for text in texts:
        first, _, rest = text.partition(":")
        last, _, group = rest.partition(":")
        try:
            start, end = float(first), float(last)
        except ValueError:
            raise InnerfaceError(
                f"--occluded {text}: is not START:END or START:END:GROUP; such as 12:14.5:mouth, in seconds from the first row"
            ) from None
        if group and group not in GROUPS:
            raise InnerfaceError(
                f"--occluded {text}: there is no group '{group}'; choose one of {', '.join(GROUPS)}, or leave it away for all"
            )
        if not (np.isfinite(start) and np.isfinite(end) and start < end):
            raise InnerfaceError(
                f"--occluded {text}: the end must come after the start, both in seconds from the first row"
            )
        if start < 0 or end > duration + 0.05:
            raise InnerfaceError(
                f"--occluded {text}: lies outside of {name}, which lasts from 0 to {duration:.2f} s; give seconds from its first row"
            )
        out += [Occlusion(start, min(end, duration), g) for g in ([group] if group else GROUPS)]
    return out


def row_mask(ranges: Sequence[Occlusion], time: np.ndarray, group: str) -> np.ndarray:
    """(T,) bool: which rows of a take at `time` (T,) lie in a range of the group."""
    elapsed = time - time[0]
    out = np.zeros(len(time), dtype=bool)
    for r in ranges:
        if r.group == group:
            out |= (elapsed >= r.start - EDGE_TOLERANCE_S) & (elapsed <= r.end + EDGE_TOLERANCE_S)
    return out


def sample_mask(ranges: Sequence[Occlusion], time: np.ndarray) -> np.ndarray:
    """(T, 52) bool: which samples the camera is not to be trusted in."""
    out = np.zeros((len(time), len(ARKIT)), dtype=bool)
    for group, channels in GROUPS.items():
        out[np.ix_(row_mask(ranges, time, group), np.array([ARKIT.index(c) for c in channels]))] = True
    return out


def runs(flags: np.ndarray) -> np.ndarray:
    """First and one-after-last index (N, 2) of every stretch of True."""
    edges = np.diff(np.concatenate([[0], np.asarray(flags, dtype=np.int8), [0]]))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)


def near_edges(flags: np.ndarray, count: int) -> np.ndarray:
    """(T,) bool: rows at most `count` rows away from where the flags (T,) change."""
    out = np.zeros(len(flags), dtype=bool)
    for a, b in runs(flags):
        for edge in (a, b):
            if 0 < edge < len(flags):
                out[max(edge - count, 0) : edge + count] = True
    return out


def merge_ranges(ranges: Sequence[Occlusion]) -> list[Occlusion]:
    """Ranges in order of time; those of one group that overlap become one, which keeps the reason of the surest."""
    out: list[Occlusion] = []
    last: dict[str, int] = {}
    for r in sorted(ranges, key=lambda r: (r.start, r.end)):
        k = last.get(r.group)
        if k is not None and r.start <= out[k].end + EDGE_TOLERANCE_S:
            surest = max(out[k], r, key=lambda x: x.confidence)
            out[k] = replace(surest, start=out[k].start, end=max(out[k].end, r.end))
        else:
            last[r.group] = len(out)
            out.append(r)
    return sorted(out, key=lambda r: (r.start, list(GROUPS).index(r.group)))
