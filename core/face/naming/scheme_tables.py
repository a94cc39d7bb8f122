"""Naming schemes: what other software calls Apple's 52 channels, from the tables in `schemes/`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
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
    "MetaHuman mesh": ("metahuman_mesh",),
    "Reallusion MetaHuman profile": ("reallusion_metahuman_profile",),
    "MetaHuman curves": ("metahuman_ctrl_weights",),
    "MetaHuman face board": ("metahuman_board",),
    "Daz Genesis 8.1": ("daz_genesis8_1",),
    "Daz Genesis 9": ("daz_genesis9",),
    "SRanipal": ("sranipal_lip37", "sranipal_eye15"),
    "Unified Expressions": ("unified_expressions",),
    "Meta face tracking": ("meta_fb2_70",),
    "HTC eye tracking": ("htc_openxr_eye14",),
}
# Schemes with fewer shapes than channels: a shape stands for several channels, and several channels drive it.
FEW_SHAPE_SCHEMES: dict[str, str] = {
    "VRoid": "vroid_fcl",
    "VRM 0 presets": "vrm0_presets",
    "VRM 1 presets": "vrm1_presets",
    "MikuMikuDance": "mmd",
    "VRChat": "vrchat",
    "Ready Player Me": "ready_player_me",
    "Rocketbox": "rocketbox",
    "Daz Genesis 8": "daz_genesis8",
    "common names": "common",
}


class DrivenName(NamedTuple):
    """A shape key or curve that a channel drives with a weight."""

    channel: str
    name: str
    weight: float


@dataclass(frozen=True)
class FewShapeRow:
    """A channel that drives a shape of a few-shape scheme.

    Attributes
    ----------
    channel, name, weight : as of `DrivenName`; the weights of a name add up to 1 at most.
    rank : of several shapes for a channel those with the lowest rank are driven.
    """

    channel: str
    name: str
    weight: float
    rank: float


@lru_cache(maxsize=1)
def load_schemes() -> dict[str, tuple[DrivenName, ...]]:
    """Names of every scheme in SCHEMES, read once."""
    return {
        scheme: tuple(
            DrivenName(row["arkit"], row["other"], float(row.get("weight") or row.get("w") or 1.0))
            for table in tables
            for row in _read_table(table)
            if row["arkit"] in ARKIT and row["other"]
        )
        for scheme, tables in SCHEMES.items()
    }


@lru_cache(maxsize=1)
def load_few_shapes() -> dict[str, tuple[FewShapeRow, ...]]:
    """What drives the shapes of every scheme in FEW_SHAPE_SCHEMES, read once."""
    return {
        scheme: tuple(
            FewShapeRow(row["arkit"], row["other"], float(row["weight"]), float(row["rank"]))
            for row in _read_table(table)
            if row["weight"]
        )
        for scheme, table in FEW_SHAPE_SCHEMES.items()
    }


@lru_cache(maxsize=1)
def load_expressions() -> dict[str, dict[str, float]]:
    """Channels, with what of each a value of 1 shows, by the name of a few-shape scheme's shape; none is neutral."""
    expressions: dict[str, dict[str, float]] = {}
    for table in FEW_SHAPE_SCHEMES.values():
        shown: dict[str, dict[str, float]] = {}
        for row in _read_table(table):
            if row["shows"]:
                channels = shown.setdefault(row["other"], {})
                if row["arkit"]:
                    channels[row["arkit"]] = float(row["shows"])
        expressions = shown | expressions
    return expressions


@lru_cache(maxsize=1)
def few_shape_names() -> dict[str, tuple[str, ...]]:
    """All names of every few-shape scheme, also those that no channel drives."""
    return {
        scheme: tuple(dict.fromkeys(row["other"] for row in _read_table(table)))
        for scheme, table in FEW_SHAPE_SCHEMES.items()
    }


def _read_table(table: str) -> Iterator[dict[str, str]]:
    with open(TABLES_FOLDER / f"{table}.csv", encoding="utf-8", newline="") as source:
        yield from csv.DictReader(source)
