"""Columns of weights under any names: which are read, and the channels that they give."""

from __future__ import annotations

from ..face.naming.channel_table import ChannelTable, match_names

_MIN_EXPRESSIONS = 3  # VRM's presets: single letters and moods, which a table may hold for another reason
_MAX_NAMED = 8


def match_columns(labels: list[str]) -> ChannelTable:
    """The columns among `labels` that give channels, by any naming scheme; none where no column does."""
    return match_names(tuple(label for label in _match(labels).used), _MIN_EXPRESSIONS)


def skipped_notes(labels: list[str]) -> list[str]:
    """Notes for the user on columns that give no channel, empty labels aside."""
    table = _match(labels)
    notes: list[str] = []
    if unknown := [name for name in table.unknown if name]:
        notes.append(f"columns that are not face channels were skipped: {_abbreviate(unknown)}")
    if table.unused:
        notes.append(f"columns whose channels other columns name better were skipped: {_abbreviate(table.unused)}")
    return notes


def _match(labels: list[str]) -> ChannelTable:
    return match_names(tuple(dict.fromkeys(label.strip() for label in labels)), _MIN_EXPRESSIONS)


def _abbreviate(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(n[:32] for n in names[:_MAX_NAMED]) + (" ..." if len(names) > _MAX_NAMED else "")
