"""Matching of a character's shape keys with channels, by naming scheme."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ..channels import ARKIT
from .channel_names import Precision, is_copy, match_arkit_name
from .scheme_tables import DrivenName, load_schemes

_INEXACT_SCORE = 0.9  # of a name that matches but for case, separators or affixes


@dataclass(frozen=True)
class Match:
    """What the names of a mesh's shape keys mean.

    Attributes
    ----------
    scheme : naming scheme that matches most channels, or "none".
    targets : keys that channels drive, in the mesh's order.
    unmatched_channels : channels that drive no key.
    unmatched_keys : keys that no channel drives.
    score : 0..1, share of the 52 channels that are matched; inexact names count a little less.
    """

    scheme: str
    targets: tuple[DrivenName, ...]
    unmatched_channels: tuple[str, ...]
    unmatched_keys: tuple[str, ...] = ()
    score: float = 0.0

    @property
    def matched_keys(self) -> tuple[str, ...]:
        """Keys that are driven, in the mesh's order."""
        return tuple(dict.fromkeys(target.name for target in self.targets))


def match(keys: Sequence[str]) -> Match:
    """Match a mesh's shape-key names. The scheme with most channels wins; ARKit's names fill its gaps.

    Exact names take precedence over names that differ in case, separators or affixes, and those over copies. Without
    any match, `targets` is empty.
    """
    return _match_cached(tuple(keys))


@lru_cache(maxsize=256)  # panels call it at every redraw
def _match_cached(keys: tuple[str, ...]) -> Match:
    exact = set(keys)
    by_normalised: dict[str, str] = {}
    for key in sorted(keys, key=is_copy):  # of several the first, and a copy last
        by_normalised.setdefault(_normalise_name(key), key)

    def apply(scheme: str) -> list[DrivenName]:
        hits: list[DrivenName] = []
        for row in load_schemes()[scheme]:
            key = row.name if row.name in exact else by_normalised.get(_normalise_name(row.name))
            if key is not None:
                hits.append(row._replace(name=key))
        return hits

    arkit_targets = _match_arkit(keys)
    best_scheme, targets = "none", list[DrivenName]()
    for scheme in load_schemes():
        candidates = (
            [t.target for t in arkit_targets if t.precision < Precision.WORDS] if scheme == "ARKit" else apply(scheme)
        )
        if len({t.channel for t in candidates}) > len({t.channel for t in targets}):
            best_scheme, targets = scheme, candidates
    matched_channels, used_keys = {t.channel for t in targets}, {t.name for t in targets}
    for target in (t.target for t in arkit_targets) if targets else ():
        if target.channel not in matched_channels and target.name not in used_keys:
            targets.append(target)
            matched_channels.add(target.channel)
            used_keys.add(target.name)
    key_order = {key: i for i, key in enumerate(keys)}
    targets.sort(key=lambda t: (key_order[t.name], ARKIT.index(t.channel)))
    return Match(
        best_scheme,
        tuple(targets),
        tuple(c for c in ARKIT if c not in matched_channels),
        tuple(k for k in keys if k not in used_keys),
        _score(targets),
    )


class _ArkitTarget(NamedTuple):
    precision: Precision
    target: DrivenName


def _match_arkit(keys: tuple[str, ...]) -> list[_ArkitTarget]:
    """For each of Apple's channels the key that bears its name most precisely; of several such keys, the first."""
    best: dict[str, _ArkitTarget] = {}
    for key in keys:
        found = match_arkit_name(key)
        channel = "" if found is None else found.channels[0][0]
        if found is None or channel not in ARKIT:
            continue
        if channel not in best or found.precision < best[channel].precision:
            best[channel] = _ArkitTarget(found.precision, DrivenName(channel, key, 1.0))
    return list(best.values())


def _score(targets: list[DrivenName]) -> float:
    spellings = {row.name.lower() for rows in load_schemes().values() for row in rows}
    scores: dict[str, float] = {}
    for target in targets:
        score = 1.0 if target.name.lower() in spellings else _INEXACT_SCORE
        scores[target.channel] = max(score, scores.get(target.channel, 0.0))
    return sum(scores.values()) / len(ARKIT)


def _normalise_name(name: str) -> str:
    """`face_GEO.jawOpen`, `JawOpen.001` -> `jawopen`: no case, separators, rig prefixes or Blender's suffixes."""
    name = re.sub(r"\.\d{3,}$", "", name)
    name = re.sub(r"\.([LRlr])$", r"_\1", name)
    return re.sub(r"[^a-z0-9]", "", re.split(r"[.:|]", name)[-1].lower())
