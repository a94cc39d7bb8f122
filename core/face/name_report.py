"""How names were matched, for users: what each name stands for, how it was recognised, and what was left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .channels import ARKIT
from .mapping import Mapping
from .naming.channel_names import APPLE, Precision, Reading, read_name
from .naming.channel_table import match_names
from .naming.matching import Match
from .naming.name_sets import read_names

# How a name was recognised, by precision.
_HOW = {
    Precision.EXACT: "exact",
    Precision.SCHEME: "scheme",
    Precision.SPELLING: "spelling",
    Precision.AFFIX: "prefix or suffix",
    Precision.COPY: "copy",
    Precision.WORDS: "order of words",
}
_FEW_SHAPES, _BY_ROLE = "few shapes", "role"
TABLE, BUILT_IN = "table", "built in"  # of a mapping that is not made from names


@dataclass(frozen=True)
class MatchedName:
    """A name that was matched.

    Attributes
    ----------
    name : of a shape key, bone, property or column.
    kind : key, bone, property or column.
    channels : channels that drive it, or that it shows, with their weights (of bones: degrees or mm).
    how : exact, scheme, spelling, prefix or suffix, copy, order of words, few shapes, role, table or built in.
    scheme : whose name it is; "" for Apple's.
    axis : of a bone.
    """

    name: str
    kind: str
    channels: tuple[tuple[str, float], ...]
    how: str
    scheme: str = ""
    axis: str = ""

    @property
    def description(self) -> str:
        """How it was recognised, with the scheme."""
        return f"{self.how} {self.scheme}".strip() if self.how != _FEW_SHAPES else f"{self.how} ({self.scheme})"

    def to_json(self) -> dict[str, Any]:
        """The object that `innerface names --json` prints."""
        data: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "channels": [{"channel": channel, "weight": weight} for channel, weight in self.channels],
            "how": self.how,
            "scheme": self.scheme,
        }
        return data | ({"axis": self.axis} if self.axis else {})


@dataclass(frozen=True)
class NameReport:
    """What the names of a face or of a table mean.

    Attributes
    ----------
    name : of the face or the track.
    scheme : naming scheme that most of the names are of, or the name of the mapping.
    coverage : how many of Apple's channels have a name, in words.
    matched : names that were matched.
    unmatched : names that are left, in their order.
    replaced_by : of these, names that are left out because another name says the same better, with that name.
    missing_channels : Apple's channels without a name.
    """

    name: str
    scheme: str
    coverage: str
    matched: tuple[MatchedName, ...]
    unmatched: tuple[str, ...]
    replaced_by: dict[str, str] = field(default_factory=dict[str, str])
    missing_channels: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that `innerface names --json` prints."""
        return {
            "name": self.name,
            "scheme": self.scheme,
            "coverage": self.coverage,
            "matched": [name.to_json() for name in self.matched],
            "unmatched": list(self.unmatched),
            "replaced_by": self.replaced_by,
            "missing_channels": list(self.missing_channels),
        }


def report_face(
    name: str, mapping: Mapping, meshes: Sequence[tuple[Sequence[str], Match]], *, how: str = ""
) -> NameReport:
    """Report the names of a face.

    Parameters
    ----------
    name, mapping : of the face
    meshes : keys of each mesh, and how they match
    how : TABLE or BUILT_IN where the mapping is not made from names
    """
    readings: dict[str, Reading] = {}
    for _, match in meshes:
        readings = dict(match.readings) | readings
    matched: list[MatchedName] = []
    for destination in mapping.destinations:
        kind, target, axis = destination
        channels = tuple((t.channel, t.gain) for t in mapping.active_targets if t.destination == destination)
        reading = _read_property(target) if kind == "property" else readings.get(target)
        own_how, scheme = (how, "") if how else _describe(reading)
        matched.append(MatchedName(target, kind, channels, own_how or _BY_ROLE, scheme, axis))
    driven = {m.name for m in matched if m.kind == "key"}
    keys = dict.fromkeys(key for names, _ in meshes for key in names)
    replaced = {key: best for _, match in meshes for key, best in match.replaced_by if key not in driven}
    return NameReport(
        name,
        mapping.name,
        mapping.coverage,
        tuple(matched),
        tuple(key for key in keys if key not in driven),
        replaced,
        mapping.unmatched_channels,
    )


def report_columns(name: str, labels: Sequence[str], min_expressions: int = 1) -> NameReport:
    """Report the names of a table's columns; `min_expressions` as of `match_names`."""
    labels = tuple(dict.fromkeys(labels))
    names, table = read_names(labels, min_expressions), match_names(labels, min_expressions)
    matched: list[MatchedName] = []
    for label in table.used:
        reading = names.readings[label]
        matched.append(MatchedName(label, "column", tuple(reading.channels.items()), *_describe(reading)))
    missing = tuple(c for c in ARKIT if c not in table.channels)
    used = set(table.used)
    return NameReport(
        name,
        names.scheme if used else "none",
        f"{len(ARKIT) - len(missing)} of {len(ARKIT)} channels",
        tuple(matched),
        tuple(label for label in labels if label not in used),
        {label: best for label, best in names.replaced_by.items() if label not in used and best in used},
        missing,
    )


def describe_reading(reading: Reading) -> str:
    """How a name was recognised, in words."""
    return MatchedName("", "key", (), *_describe(reading)).description


def format_report(report: NameReport) -> list[str]:
    """The lines of a report."""
    names = [f"{m.name} {m.axis}".rstrip() for m in report.matched]
    channels = [_format_channels(m.channels) for m in report.matched]
    widths = [min(max(map(len, column), default=0), 56) for column in (names, channels)]
    lines = [f"{report.name}: {report.scheme}; {report.coverage}"]
    for name, shown, match in zip(names, channels, report.matched):
        kind = f" ({match.kind})" if match.kind in ("bone", "property") else ""
        lines.append(f"  {name:<{widths[0]}}  {shown:<{widths[1]}}  {match.description}{kind}")
    copies = [f"{name} ({best} is used)" for name, best in report.replaced_by.items()]
    left = [name for name in report.unmatched if name not in report.replaced_by]
    if copies:
        lines.append(f"left out for a better name: {', '.join(copies)}")
    if left:
        lines.append(f"names without a channel: {', '.join(left)}")
    if report.missing_channels:
        lines.append(f"channels without a name: {', '.join(report.missing_channels)}")
    return lines


def _read_property(path: str) -> Reading | None:
    """The reading of the property at the end of a data path."""
    name = re.search(r'\["([^"]+)"\]$', path)
    return next(iter(read_name(name[1])), None) if name is not None else None


def _describe(reading: Reading | None) -> tuple[str, str]:
    if reading is None:
        return "", ""
    scheme = "" if reading.scheme == APPLE else reading.scheme
    return _FEW_SHAPES if reading.is_expression else _HOW[reading.precision], scheme


def _format_channels(channels: Sequence[tuple[str, float]]) -> str:
    return " + ".join(channel if weight == 1 else f"{weight:.3g} {channel}" for channel, weight in channels)
