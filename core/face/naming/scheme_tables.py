"""Naming schemes: what other software calls Apple's 52 channels, from the tables in `schemes/`."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ..channels import ARKIT

TABLES_FOLDER = Path(__file__).with_name("schemes")
# Tables by scheme; SRanipal has eyes and lips apart.
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


class DrivenName(NamedTuple):
    """A shape key or curve that a channel drives with a weight."""

    channel: str
    name: str
    weight: float


@lru_cache(maxsize=1)
def load_schemes() -> dict[str, tuple[DrivenName, ...]]:
    """Names of every scheme in SCHEMES, read once."""
    return {scheme: tuple(row for table in tables for row in _read_table(table)) for scheme, tables in SCHEMES.items()}


@lru_cache(maxsize=1)
def load_expressions() -> dict[str, dict[str, float]]:
    """Channels, with what of each an expression of 1 shows, by the expression's name (VRM's presets, VRoid's)."""
    expressions: dict[str, dict[str, float]] = {}
    with open(TABLES_FOLDER / "expressions.csv", encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            channels = expressions.setdefault(row["other"], {})
            if row["arkit"]:
                channels[row["arkit"]] = float(row["weight"])
    return expressions


def _read_table(table: str) -> list[DrivenName]:
    with open(TABLES_FOLDER / f"{table}.csv", encoding="utf-8", newline="") as source:
        return [
            DrivenName(row["arkit"], row["other"], float(row.get("weight") or row.get("w") or 1.0))
            for row in csv.DictReader(source)
            if row["arkit"] in ARKIT and row["other"]
        ]
