"""What a set of names means together: the columns of a table, or all values that a program sends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...arrays import Array
from ..channels import LIVE_LINK_FACE
from .channel_names import Precision, match_name


@dataclass(frozen=True)
class _Block:
    """Names (n) and channels (c) by their indices that belong together, and an (n, c) matrix.

    A name is so much of its channels, or, if it is an expression, shows so much of them.
    """

    names: Array
    channels: Array
    matrix: Array
    expressions: bool

    def to_channels(self, values: Array) -> Array:
        """Channels (T, c) of values (T, n), of which some may be NaN."""
        out = np.full((len(values), len(self.channels)), np.nan)
        patterns, rows_of = np.unique(np.isfinite(values), axis=0, return_inverse=True)
        for k, known in enumerate(patterns):
            matrix = self.matrix[known]
            channels = matrix.any(axis=0)
            rows = np.flatnonzero(rows_of.ravel() == k)
            if channels.any():
                matrix = matrix[:, channels]
                part = values[np.ix_(rows, known)] @ (matrix if self.expressions else np.linalg.pinv(matrix).T)
                out[np.ix_(rows, channels)] = np.clip(part, -1.0, 1.0) if self.expressions else part
        return out


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
    _blocks: tuple[_Block, ...] = ()

    @property
    def sources(self) -> dict[str, tuple[str, ...]]:
        """Names that a channel is made of."""
        names: dict[int, list[int]] = {channel: [name] for channel, name in self._copied}
        for block in self._blocks:
            for k, channel in enumerate(block.channels.tolist()):
                names.setdefault(channel, []).extend(block.names[block.matrix[:, k] != 0].tolist())
        return {c: tuple(self.names[n] for n in sorted(names[k])) for k, c in enumerate(self.channels)}

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
        for block in self._blocks:
            out[:, block.channels] = block.to_channels(values[:, block.names])
        return out


@lru_cache(maxsize=16)
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
    parts: dict[bool, dict[tuple[int, int], float]] = {True: {}, False: {}}  # of expressions, of other names
    for c, channel in enumerate(channels):
        precision, best = min(claims[channel])
        scheme = matches[best].scheme
        chosen = [k for _, k in claims[channel] if matches[k].scheme == scheme] if scheme else [best]
        if len(chosen) == 1 and matches[best].channels == ((channel, 1.0),):
            copied.append((c, best))
            continue
        for k in chosen:
            parts[precision is Precision.EXPRESSION][k, c] = dict(matches[k].channels)[channel]
    used = {k for _, k in copied} | {k for part in parts.values() for k, _ in part}
    return ChannelTable(
        names,
        channels,
        tuple(name for k, name in enumerate(names) if k not in matches),
        tuple(names[k] for k, m in matches.items() if m.channels and k not in used),
        tuple(copied),
        tuple(_to_block(part, expressions) for expressions, part in parts.items() if part),
    )


def _to_block(part: dict[tuple[int, int], float], expressions: bool) -> _Block:
    names, channels = sorted({k for k, _ in part}), sorted({c for _, c in part})
    matrix = np.zeros((len(names), len(channels)))
    for (k, c), weight in part.items():
        matrix[names.index(k), channels.index(c)] = weight
    return _Block(np.array(names), np.array(channels), matrix, expressions)
