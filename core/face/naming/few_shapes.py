"""Faces with fewer shapes than channels, such as VRoid's: which channels drive which shape, and how much of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from ..channels import ARKIT, mirrored
from .channel_names import Reading
from .scheme_tables import DrivenName, FewShapeRow, load_few_shapes

# What the channels of a few-shape mapping move, in the words of its description.
_REGIONS = {
    "jaw": ("jaw",),
    "lips": ("mouthFunnel", "mouthPucker", "mouthStretch", "mouthUpperUp", "mouthLowerDown"),
    "blinks": ("eyeBlink",),
    "smile": ("mouthSmile",),
    "frown": ("mouthFrown",),
    "brows": ("brow",),
    "wide eyes": ("eyeWide",),
    "gaze": ("eyeLook",),
    "cheeks": ("cheek",),
    "nose": ("nose",),
    "tongue": ("tongue",),
}


def drive_shapes(shapes: Mapping[str, Reading], driven: Collection[str], scheme: str) -> list[DrivenName]:
    """Which channels drive shapes that stand for several, by channel.

    Parameters
    ----------
    shapes : names, and what they are read as.
    driven : channels that drive other names, and therefore none of these.
    scheme : of two schemes that have a shape for a channel, this one counts.
    """
    ranks: dict[str, dict[float, list[tuple[str, str, float]]]] = {}
    for name, reading in shapes.items():
        for row in _rows(reading.scheme).get(reading.name, ()):
            if row.channel not in driven:
                ranks.setdefault(row.channel, {}).setdefault(row.rank, []).append((reading.scheme, name, row.weight))
    out: list[DrivenName] = []
    for channel in (c for c in ARKIT if c in ranks):
        rows = ranks[channel][_choose_rank(channel, ranks)]
        chosen = scheme if scheme in (s for s, _, _ in rows) else rows[0][0]
        out += [DrivenName(channel, name, weight) for s, name, weight in rows if s == chosen]
    return out


def describe_regions(channels: Iterable[str]) -> str:
    """What channels move, in words: `jaw, blinks, smile`."""
    channels = tuple(channels)
    return ", ".join(region for region, stems in _REGIONS.items() if any(c.startswith(stems) for c in channels))


def _choose_rank(channel: str, ranks: dict[str, dict[float, list[tuple[str, str, float]]]]) -> float:
    """The lowest rank at which both sides have a shape, else the lowest: a lone wink does not replace the blink."""
    other = ranks.get(mirrored(channel), {})
    shared = ranks[channel].keys() & other.keys()
    return min(shared or ranks[channel].keys())


@lru_cache(maxsize=16)
def _rows(scheme: str) -> dict[str, list[FewShapeRow]]:
    rows: dict[str, list[FewShapeRow]] = {}
    for row in load_few_shapes()[scheme]:
        rows.setdefault(row.name, []).append(row)
    return rows
