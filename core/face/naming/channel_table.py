"""What a set of names means together: the columns of a table, or all values that a program sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ...arrays import Array
from ..channels import LIVE_LINK_FACE
from .channel_names import Precision, match_name


@dataclass(frozen=True)
class ChannelTable:
    """Channels from the values of N names.

    Attributes
    ----------
    names : the names.
    channels : C channels that they give, in the order of Live Link Face's columns.
    unknown : names that mean nothing.
    unused : names that mean something that other names say better: copies, and expressions beside Apple's names.
    """

    names: tuple[str, ...]
    channels: tuple[str, ...]
    unknown: tuple[str, ...]
    unused: tuple[str, ...]
    _copied: tuple[tuple[int, int], ...] = ()  # channel, name: a name that is a channel
    _driven: Array = field(default_factory=lambda: np.zeros((0, 0)))  # (N, C): a name is this much of channels
    _shown: Array = field(default_factory=lambda: np.zeros((0, 0)))  # (N, C): an expression shows this much of channels

    @property
    def sources(self) -> dict[str, tuple[str, ...]]:
        """Names that a channel is made of."""
        linked = (self._driven != 0) | (self._shown != 0)
        for channel, name in self._copied:
            linked[name, channel] = True
        return {c: tuple(n for n, used in zip(self.names, linked[:, k]) if used) for k, c in enumerate(self.channels)}

    @property
    def used(self) -> tuple[str, ...]:
        """Names that give channels."""
        chosen = {name for names in self.sources.values() for name in names}
        return tuple(n for n in self.names if n in chosen)

    def to_channels(self, values: Array) -> Array:
        """Channels (T, C) from values (T, N); NaN where nothing that a channel is made of is known.

        A channel with several names is their least-squares solution, expressions add up to 1 at most.
        """
        out = np.full((len(values), len(self.channels)), np.nan)
        if self._copied:
            channels, names = np.array(self._copied).T
            out[:, channels] = values[:, names]
        for matrix, inverse in ((self._driven, True), (self._shown, False)):
            names, channels = matrix.any(axis=1), matrix.any(axis=0)
            if names.any():
                part = _solve(values[:, names], matrix[names][:, channels], inverse)
                out[:, channels] = part if inverse else np.clip(part, -1.0, 1.0)
        return out


def _solve(values: Array, matrix: Array, inverse: bool) -> Array:
    """Channels (T, C) of values (T, N), of which some may be NaN, by an (N, C) matrix or its pseudo-inverse."""
    out = np.full((len(values), matrix.shape[1]), np.nan)
    patterns, rows_of = np.unique(np.isfinite(values), axis=0, return_inverse=True)
    for k, known in enumerate(patterns):
        part = matrix[known]
        channels = part.any(axis=0)
        rows = np.flatnonzero(rows_of.ravel() == k)
        if channels.any():
            part = part[:, channels]
            out[np.ix_(rows, channels)] = values[np.ix_(rows, known)] @ (np.linalg.pinv(part).T if inverse else part)
    return out


@lru_cache(maxsize=64)
def match_names(names: tuple[str, ...], min_expressions: int = 1) -> ChannelTable:
    """What names mean together. For each channel the names that were recognised best count.

    Of Apple's names, in whatever spelling, that is one. A scheme may have several names for a channel, such as halves
    of the cheeks. Expressions count if there are at least `min_expressions`, and each where no other name has one of
    its channels.
    """
    matches = {k: found for k, name in enumerate(names) if (found := match_name(name)) is not None}
    if sum(m.precision is Precision.EXPRESSION for m in matches.values()) < min_expressions:
        matches = {k: m for k, m in matches.items() if m.precision is not Precision.EXPRESSION}
    named = {c for m in matches.values() if m.precision is not Precision.EXPRESSION for c, _ in m.channels}
    claims: dict[str, list[tuple[Precision, int]]] = {}
    for k, found in matches.items():
        if found.precision is Precision.EXPRESSION and named & {c for c, _ in found.channels}:
            continue  # it would add to what is sent already
        for channel, _ in found.channels:
            claims.setdefault(channel, []).append((found.precision, k))
    channels = tuple(c for c in LIVE_LINK_FACE if c in claims)
    copied: list[tuple[int, int]] = []
    driven, shown = np.zeros((len(names), len(channels))), np.zeros((len(names), len(channels)))
    used: set[int] = set()
    for c, channel in enumerate(channels):
        precision, best = min(claims[channel])
        scheme = matches[best].scheme
        chosen = [k for _, k in claims[channel] if matches[k].scheme == scheme] if scheme else [best]
        used |= set(chosen)
        if len(chosen) == 1 and matches[best].channels == ((channel, 1.0),):
            copied.append((c, best))
            continue
        matrix = shown if precision is Precision.EXPRESSION else driven
        for k in chosen:
            matrix[k, c] = dict(matches[k].channels)[channel]
    return ChannelTable(
        names,
        channels,
        tuple(name for k, name in enumerate(names) if k not in matches),
        tuple(names[k] for k, m in matches.items() if m.channels and k not in used),
        tuple(copied),
        driven,
        shown,
    )
