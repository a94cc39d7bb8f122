"""Columns of weights under any names: which are read, and the channels that they give."""

from __future__ import annotations

from pathlib import Path

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, pascal_case
from ..face.naming.channel_table import ChannelTable, match_names
from ..face.value_units import convert_take
from .table import abbreviate

MIN_EXPRESSIONS = 3  # VRM's presets: single letters and moods, which a table may hold for another reason


def match_columns(labels: list[str]) -> ChannelTable:
    """The columns among `labels` that give channels, by any naming scheme; none where no column does."""
    return match_names(tuple(label for label in _match(labels).used), MIN_EXPRESSIONS)


def skipped_notes(labels: list[str]) -> list[str]:
    """Notes for the user on columns that give no channel, empty labels aside."""
    table = _match(labels)
    notes: list[str] = []
    if unknown := [name for name in table.unknown if name]:
        notes.append(f"columns that are not face channels were skipped: {abbreviate([name[:32] for name in unknown])}")
    if table.unused:
        unused = abbreviate([name[:32] for name in table.unused])
        notes.append(f"columns whose channels other columns name better were skipped: {unused}")
    return notes


def missing_notes(channels: tuple[str, ...]) -> list[str]:
    """Notes on Apple's 52 channels that a take lacks."""
    missing = [pascal_case(c) for c in ARKIT if c not in channels]
    if not missing:
        return []
    return [f"{len(missing)} of Apple's {len(ARKIT)} channels are not in the file: {abbreviate(missing)}"]


def to_units(
    values: Array, channels: tuple[str, ...], *, line_numbers: Array | list[int], path: Path, row_name: str = "line"
) -> tuple[Array, list[str]]:
    """Weights and angles (T, C) from the unit that the file has them in, and notes where that is another one.

    Raises InnerfaceError for values in no unit.
    """
    converted = convert_take(values, channels)
    if converted.implausible is not None:
        r, c = converted.implausible
        what = (
            "not a weight between 0 and 1; divide percentages by 100"
            if channels[c] in ARKIT
            else "no angle in radians; no head turns by more than half a turn, convert degrees to radians"
        )
        raise InnerfaceError(
            f"{path}: {row_name} {line_numbers[r]}, {channels[c]}: {converted.values[r, c]:g} is {what}"
        )
    return converted.values, converted.notes


def _match(labels: list[str]) -> ChannelTable:
    return match_names(tuple(dict.fromkeys(label.strip() for label in labels)), MIN_EXPRESSIONS)
