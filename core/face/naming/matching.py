"""Matching of a character's shape keys with channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..channels import ARKIT
from .channel_names import APPLE, APPLES_SCHEMES, Precision, Reading, read_name
from .few_shapes import drive_shapes
from .name_sets import read_names
from .scheme_tables import FEW_SHAPE_SCHEMES, DrivenName, load_schemes

_MIN_LETTERS = 3  # expressions on a mesh with nothing but such as A and I, which may be called so by chance
_INEXACT_SCORE, _FEW_SHAPES_SCORE = 0.9, 0.5  # of a channel whose name is inexact, or whose shape shows others as well


@dataclass(frozen=True)
class Match:
    """What the names of a mesh's shape keys mean.

    Attributes
    ----------
    scheme : naming scheme that matches most channels, or "none".
    targets : keys that channels drive, in the mesh's order.
    unmatched_channels : channels that drive no key.
    unmatched_keys : keys that no channel drives.
    score : 0..1, share of the 52 channels that are matched; inexact names and shapes of few count less.
    readings : how each driven key was recognised, by key.
    replaced_by : keys that are not driven because another key says the same better, with that key.
    """

    scheme: str
    targets: tuple[DrivenName, ...]
    unmatched_channels: tuple[str, ...]
    unmatched_keys: tuple[str, ...] = ()
    score: float = 0.0
    readings: tuple[tuple[str, Reading], ...] = ()
    replaced_by: tuple[tuple[str, str], ...] = ()

    @property
    def matched_keys(self) -> tuple[str, ...]:
        """Keys that are driven, in the mesh's order."""
        return tuple(dict.fromkeys(target.name for target in self.targets))


def match(keys: Sequence[str]) -> Match:
    """Match a mesh's shape-key names. The scheme with most channels wins; other names fill its gaps.

    Exact names take precedence over names that differ in case, separators or affixes, and those over copies. Shapes
    that stand for several channels (VRM's presets) are driven by channels that no key is named after. Without any
    match, `targets` is empty.
    """
    return _match_cached(tuple(keys))


def match_scheme(scheme: str, keys: Sequence[str]) -> tuple[DrivenName, ...]:
    """What drives the keys of a mesh that is named by a given scheme, with the keys' own spelling.

    Names that the mesh lacks have the scheme's spelling; shapes for several channels that it lacks are left out.
    """
    own_scheme = APPLE if scheme in APPLES_SCHEMES else scheme
    readings: dict[str, tuple[str, Reading]] = {}
    for key in keys:
        for reading in read_name(key):
            known = readings.get(reading.name)
            if reading.scheme == own_scheme and (known is None or reading.precision < known[1].precision):
                readings[reading.name] = key, reading
    if scheme in FEW_SHAPE_SCHEMES:
        return tuple(drive_shapes(dict(readings.values()), (), scheme))
    own_keys = {name: key for name, (key, _) in readings.items()}
    return tuple(
        row._replace(name=own_keys.get(row.channel if own_scheme == APPLE else row.name, row.name))
        for row in load_schemes()[scheme]
    )


def combine_matches(meshes: Sequence[tuple[Sequence[str], Match]]) -> tuple[DrivenName, ...]:
    """What drives the keys of several meshes, each given as its keys and their match.

    What the mesh with most matching keys says of a key goes for all that have it, also that nothing drives it.
    """
    rows: dict[str, list[DrivenName]] = {}
    for keys, found in sorted(meshes, key=lambda mesh: -len(mesh[1].targets)):
        own_rows: dict[str, list[DrivenName]] = {key: [] for key in keys}
        for target in found.targets:
            own_rows[target.name].append(target)
        rows = own_rows | rows
    return tuple(target for key_rows in rows.values() for target in key_rows)


@lru_cache(maxsize=256)  # panels call it at every redraw
def _match_cached(keys: tuple[str, ...]) -> Match:
    names = read_names(keys, min_letters=_MIN_LETTERS)
    targets = [
        DrivenName(channel, key, weight)
        for channel, named in names.channels.items()
        if channel in ARKIT
        for key, weight in named
    ]
    named_channels = {t.channel for t in targets}
    targets += drive_shapes({key: names.readings[key] for key in names.expressions}, named_channels, names.scheme)
    channels, driven = {t.channel for t in targets}, {t.name for t in targets}
    key_order = {key: i for i, key in enumerate(keys)}
    targets.sort(key=lambda t: (key_order[t.name], ARKIT.index(t.channel)))
    return Match(
        names.scheme if targets else "none",
        tuple(targets),
        tuple(c for c in ARKIT if c not in channels),
        tuple(k for k in keys if k not in driven),
        _score(targets, names.readings),
        tuple((key, names.readings[key]) for key in keys if key in driven),
        tuple((key, best) for key, best in names.replaced_by.items() if best in driven),
    )


def _score(targets: list[DrivenName], readings: dict[str, Reading]) -> float:
    scores: dict[str, float] = {}
    for target in targets:
        reading = readings[target.name]
        score = _FEW_SHAPES_SCORE if reading.is_expression else 1.0
        if reading.precision > Precision.SCHEME:
            score *= _INEXACT_SCORE
        scores[target.channel] = max(score, scores.get(target.channel, 0.0))
    return sum(scores.values()) / len(ARKIT)
