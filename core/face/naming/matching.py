"""Which shape keys of a character answer to which channels: name schemes and the mapping they yield."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from ..channels import ARKIT

_TOLERANT_SCORE = 0.9  # what a name counts that is only nearly one of a table's
_TABLES_FOLDER = Path(__file__).with_name("schemes")
# scheme -> tables (a scheme may need several: SRanipal keeps eyes and lips apart)
SCHEMES: dict[str, tuple[str, ...]] = {
    "ARKit": ("arkit52",),
    "ARKit, _L/_R": ("ifacialmocap",),
    "VRM perfect sync": ("vrm0_perfectsync",),
    "Reallusion CC4 Extended": ("reallusion_cc4_extended",),
    "Reallusion CC4 Standard": ("reallusion_cc4_standard",),
    "Reallusion CC3 Traditional": ("reallusion_cc3_traditional_A01",),
    "Reallusion MetaHuman profile": ("reallusion_metahuman_profile",),
    "MetaHuman curves": ("metahuman_ctrl_weights",),
    "SRanipal": ("sranipal_lip37", "sranipal_eye15"),
    "Unified Expressions": ("unified_expressions",),
    "Meta face tracking": ("meta_fb2_70",),
    "HTC eye tracking": ("htc_openxr_eye14",),
    "VRoid": ("vroid_fcl",),
    "VRM 0 presets": ("vrm0_presets",),
    "VRM 1 presets": ("vrm1_presets",),
}


@dataclass(frozen=True)
class Match:
    """What names say: each target is (channel, key, weight). `score` 0..1: how much of the 52 channels is
    answered, a name that is spelled otherwise counting a little less."""

    scheme: str
    targets: tuple[tuple[str, str, float], ...]
    unmatched_channels: tuple[str, ...]
    unmatched_keys: tuple[str, ...] = field(default=())
    score: float = 0.0

    @property
    def matched_keys(self) -> tuple[str, ...]:
        """Keys that are driven, in the order of the mesh."""
        return tuple(dict.fromkeys(key for _, key, _ in self.targets))


def _normalise_name(name: str) -> str:
    """A name without case, separators, rig prefixes and Blender's endings: `face_GEO.jawOpen` and `JawOpen.001` become `jawopen`."""
    name = re.sub(r"\.\d{3,}$", "", name)
    name = re.sub(r"\.([LRlr])$", r"_\1", name)
    return re.sub(r"[^a-z0-9]", "", re.split(r"[.:|]", name)[-1].lower())


@lru_cache(maxsize=1)
def schemes() -> dict[str, tuple[tuple[str, str, float], ...]]:
    """Every scheme as (channel, key name, weight) rows, read once from the tables."""
    out: dict[str, tuple[tuple[str, str, float], ...]] = {}
    for scheme, tables in SCHEMES.items():
        rows: list[tuple[str, str, float]] = []
        for table in tables:
            with open(_TABLES_FOLDER / f"{table}.csv", encoding="utf-8", newline="") as source:
                for row in csv.DictReader(source):
                    if row["arkit"] in ARKIT and row["other"]:
                        weight = float(row.get("weight") or row.get("w") or 1.0)
                        rows.append((row["arkit"], row["other"], weight))
        out[scheme] = tuple(rows)
    return out


def match(keys: list[str] | tuple[str, ...]) -> Match:
    """Match a mesh's shape-key names. The scheme that answers most channels wins; ARKit spellings fill what it leaves.

    Exact names beat tolerant ones (case, separators and prefixes aside). Nothing matched gives an empty mapping.
    """
    return _match_cached(tuple(keys))


@lru_cache(maxsize=256)  # panels ask again at every drawing
def _match_cached(keys: tuple[str, ...]) -> Match:
    exact = {key: key for key in keys}
    tolerant: dict[str, str] = {}
    for key in keys:
        tolerant.setdefault(_normalise_name(key), key)

    def apply(rows: tuple[tuple[str, str, float], ...]) -> list[tuple[str, str, float]]:
        hits = []
        for channel, key_name, weight in rows:
            key = exact.get(key_name) or tolerant.get(_normalise_name(key_name))
            if key is not None:
                hits.append((channel, key, weight))
        return hits

    known_spellings = {row[1].lower() for rows in schemes().values() for row in rows}
    best_scheme, targets = "none", []
    for scheme, rows in schemes().items():
        matches = apply(rows)
        if len({c for c, _, _ in matches}) > len({c for c, _, _ in targets}):
            best_scheme, targets = scheme, matches
    matched_channels, used_keys = {c for c, _, _ in targets}, {k for _, k, _ in targets}
    if targets:
        for scheme in ("ARKit", "ARKit, _L/_R"):
            for channel, key, weight in apply(schemes()[scheme]):
                if channel not in matched_channels and key not in used_keys:
                    targets.append((channel, key, weight))
                    matched_channels.add(channel)
                    used_keys.add(key)
    key_order = {key: i for i, key in enumerate(keys)}
    targets.sort(key=lambda t: (key_order[t[1]], ARKIT.index(t[0])))
    return Match(
        best_scheme,
        tuple(targets),
        tuple(c for c in ARKIT if c not in matched_channels),
        tuple(k for k in keys if k not in used_keys),
        sum(
            max(1.0 if k.lower() in known_spellings else _TOLERANT_SCORE for c, k, _ in targets if c == channel)
            for channel in matched_channels
        )
        / len(ARKIT),
    )
