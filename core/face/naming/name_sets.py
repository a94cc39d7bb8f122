"""What a set of names means together: of several readings of a name, and of several names of a channel, which counts.

This one choice serves shape keys, columns of tables and values that programs send.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..channels import ARKIT
from .channel_names import APPLE, Precision, Reading, read_name
from .scheme_tables import FEW_SHAPE_SCHEMES, SCHEMES, load_few_shapes

_ORDER = {scheme: i for i, scheme in enumerate((*SCHEMES, *FEW_SHAPE_SCHEMES))}
_MESH = re.compile(r"^.*_mesh__")  # MetaHuman's keys name their mesh; each mesh of a face has its own


@dataclass(frozen=True)
class NameSet:
    """The reading of each name of a set.

    Attributes
    ----------
    scheme : naming scheme that most of the channels are named by; "" for none.
    readings : of the names that mean something, by name.
    channels : names that stand for a channel, with their weights, by channel. No expressions.
    expressions : names that stand for several channels, the best spelled of each.
    replaced_by : names that another name says better (copies, say), with that name.
    """

    scheme: str
    readings: dict[str, Reading]
    channels: dict[str, tuple[tuple[str, float], ...]]
    expressions: tuple[str, ...]
    replaced_by: dict[str, str]


def read_names(names: tuple[str, ...], min_expressions: int = 1, min_letters: int = 1) -> NameSet:
    """Read a set of names: exact names before those of the scheme with most channels, and those before others.

    Expressions count if there are at least `min_expressions`; those of a single letter if there are `min_letters`
    expressions, or names of more letters.
    """
    by_name = {name: found for name in names if (found := read_name(name))}
    count = len({found[0][:2] for found in by_name.values() if found[0].is_expression})
    has_words = any(len(found[0].name) > 1 for found in by_name.values())
    min_length = 1 if count >= min_letters or has_words else 2
    if count < min_expressions or min_length > 1:
        by_name = {
            name: kept
            for name, found in by_name.items()
            if (kept := [r for r in found if _counts(r, count >= min_expressions, min_length)])
        }
    scheme = _best_scheme(by_name.values())
    readings = {name: min(found, key=lambda r: _precedence(r, scheme)) for name, found in by_name.items()}
    best, replaced_by = _best_names(readings)
    named = {name for name in best if not readings[name].is_expression}
    return NameSet(
        scheme,
        readings,
        _name_channels({name: readings[name] for name in readings if name in named}, scheme),
        tuple(name for name in readings if name in best and name not in named),
        replaced_by,
    )


def _counts(reading: Reading, with_expressions: bool, min_length: int) -> bool:
    return not reading.is_expression or (with_expressions and len(reading.name) >= min_length)


def _precedence(reading: Reading, scheme: str) -> tuple[bool, bool, bool, Precision, int]:
    """Sort key of readings in a set whose best scheme is `scheme`."""
    is_own = reading.scheme == scheme
    return (
        reading.precision > (Precision.SCHEME if is_own else Precision.EXACT),
        reading.precision >= Precision.WORDS,
        not is_own,
        reading.precision,
        _ORDER[reading.scheme],
    )


def _best_scheme(readings: Iterable[Sequence[Reading]]) -> str:
    """The scheme by which most channels are named or driven; of equal ones the first."""
    covered: dict[str, set[str]] = {}
    for found in readings:
        for scheme, name, precision in found:
            if precision < Precision.WORDS:
                covered.setdefault(scheme, set()).update(_driven_channels(scheme, name))
    return max(covered, key=lambda s: (len(covered[s]), -_ORDER[s]), default="")


@lru_cache(maxsize=2048)
def _driven_channels(scheme: str, name: str) -> frozenset[str]:
    """Apple's channels that drive a scheme's name."""
    if scheme in FEW_SHAPE_SCHEMES:
        return frozenset(row.channel for row in load_few_shapes()[scheme] if row.name == name)
    return frozenset(c for c in Reading(scheme, name, Precision.SCHEME).channels if c in ARKIT)


def _best_names(readings: dict[str, Reading]) -> tuple[set[str], dict[str, str]]:
    """Of several names that are read as the same name those that are read best, and which the others give way to."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, reading in readings.items():
        groups.setdefault((reading.scheme, reading.name), []).append(name)
    best: set[str] = set()
    replaced_by: dict[str, str] = {}
    for group in groups.values():
        first = min(group, key=lambda name: readings[name].precision)  # of equal ones the first in the set
        meshes: set[str] = set()
        for name in group:
            mesh = _MESH.match(name)
            own_mesh = mesh is not None and readings[name].precision == readings[first].precision
            if name == first or (own_mesh and mesh is not None and mesh.group() not in meshes):
                best.add(name)
                meshes.add(mesh.group() if mesh is not None else "")
            else:
                replaced_by[name] = first
    return best, replaced_by


def _name_channels(readings: dict[str, Reading], scheme: str) -> dict[str, tuple[tuple[str, float], ...]]:
    """The names of each channel: all that the scheme of the best one has for it, and one of Apple's."""
    claims: dict[str, list[tuple[str, Reading, float]]] = {}
    for name, reading in readings.items():
        for channel, weight in reading.channels.items():
            claims.setdefault(channel, []).append((name, reading, weight))
    channels: dict[str, tuple[tuple[str, float], ...]] = {}
    for channel, claimed in claims.items():
        _, best, _ = min(
            claimed, key=lambda claim: (claim[1].precision != Precision.EXACT, _precedence(claim[1], scheme))
        )
        own = [claim for claim in claimed if claim[1].scheme == best.scheme]
        if best.scheme == APPLE:
            own = [claim for claim in own if claim[1].precision == best.precision]
        channels[channel] = tuple((name, weight) for name, _, weight in own)
    return channels
