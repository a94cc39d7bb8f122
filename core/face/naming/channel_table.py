"""What a set of names means together: the columns of a table, or all values that a program sends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...arrays import Array
from ..channels import LIVE_LINK_FACE
from .name_sets import read_names


@dataclass(frozen=True)
class _Block:
    """Names (n) and channels (c) by their indices that belong together, and an (n, c) matrix.

    A name is so much of its channels, or, if it is an expression, shows so much of them.
    """

    names: Array
    channels: Array
    matrix: Array
    expressions: bool

    def to_channels(self, values: Array, full: float) -> Array:
        """Channels (T, c) of values (T, n), of which some may be NaN; expressions add up to `full` at most."""
        out = np.full((len(values), len(self.channels)), np.nan)
        patterns, rows_of = np.unique(np.isfinite(values), axis=0, return_inverse=True)
        for k, known in enumerate(patterns):
            matrix = self.matrix[known]
            channels = matrix.any(axis=0)
            rows = np.flatnonzero(rows_of.ravel() == k)
            if channels.any():
                matrix = matrix[:, channels]
                part = values[np.ix_(rows, known)] @ (matrix if self.expressions else np.linalg.pinv(matrix).T)
                out[np.ix_(rows, channels)] = np.clip(part, -full, full) if self.expressions else part
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

    def to_channels(self, values: Array, full: float = 1.0) -> Array:
        """Channels (T, C) from values (T, N); NaN where nothing that a channel is made of is known.

        A channel with several names is their least-squares solution, expressions add up to
        `full` at most.
        """
        out = np.full((len(values), len(self.channels)), np.nan)
        if self._copied:
            channels, names = np.array(self._copied).T
            out[:, channels] = values[:, names]
        for block in self._blocks:
            out[:, block.channels] = block.to_channels(values[:, block.names], full)
        return out


@lru_cache(maxsize=16)
def match_names(names: tuple[str, ...], min_expressions: int = 1) -> ChannelTable:
    """What names mean together. For each channel the names that were recognised best count.

    Of Apple's names, in whatever spelling, that is one. A scheme may have several names for a channel, such as halves
    of the cheeks. Expressions count if there are at least `min_expressions`, and each where no other name has one of
    its channels.
    """
    found = read_names(names, min_expressions)
    index = {name: k for k, name in enumerate(names)}
    expressions = {
        name: shown
        for name in found.expressions
        if not (shown := found.readings[name].channels).keys() & found.channels.keys()
    }  # others would add to what is sent already
    shown_channels = {channel for shown in expressions.values() for channel in shown}
    channels = tuple(c for c in LIVE_LINK_FACE if c in found.channels or c in shown_channels)
    copied: list[tuple[int, int]] = []
    parts: dict[bool, dict[tuple[int, int], float]] = {True: {}, False: {}}  # of expressions, of other names
    for c, channel in enumerate(channels):
        named = found.channels.get(channel, ())
        if len(named) == 1 and found.readings[named[0][0]].channels == {channel: 1.0}:
            copied.append((c, index[named[0][0]]))
            continue
        for name, weight in named:
            parts[False][index[name], c] = weight
        for name, shown in expressions.items():
            if channel in shown:
                parts[True][index[name], c] = shown[channel]
    used = {k for _, k in copied} | {k for part in parts.values() for k, _ in part}
    return ChannelTable(
        names,
        channels,
        tuple(name for name in names if name not in found.readings),
        tuple(name for name, reading in found.readings.items() if reading.channels and index[name] not in used),
        tuple(copied),
        tuple(_to_block(part, is_expression) for is_expression, part in parts.items() if part),
    )


def _to_block(part: dict[tuple[int, int], float], expressions: bool) -> _Block:
    names, channels = sorted({k for k, _ in part}), sorted({c for _, c in part})
    matrix = np.zeros((len(names), len(channels)))
    for (k, c), weight in part.items():
        matrix[names.index(k), channels.index(c)] = weight
    return _Block(np.array(names), np.array(channels), matrix, expressions)
