"""`*.bio.csv`: biosignals as text.

The first line is `# innerface-biosignal 1 unit=uV [rate_hz=...] [mains_hz=50|60] [simulated=yes]`; then follow a header
`time,<channel>,...` and rows. Times are seconds on any clock and are kept as they are, also of samples that arrived in
batches. Empty and NaN cells are missing.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ..errors import InnerfaceError
from ..files import atomic_write
from ..take import Take, Track, TrackKind
from ..take.choice import choose_track
from . import time_column
from .biosignals import unit_scale
from .table import open_table, parse_first_line, skipped_column_notes
from .text_file import TextFile
from .time_column import extract_time

SIGNATURE = "# innerface-biosignal"
_BLOCK_ROWS = 8192  # rows written at once
_META_KEYS = ("rate_hz", "mains_hz", "simulated")  # settings of the first line that a track keeps


def parse(source: TextFile) -> Take:
    """Parse a biosignal take, in µV. Raises InnerfaceError with line and column."""
    path = source.path
    meta, unit = _parse_first_line(source.first_line, path)
    table = open_table(source, source.start + 1)
    if not any(table.header):
        raise InnerfaceError(f"{path}: line 2: the header is missing; it begins with time,<channel>,...")
    table.check_names()
    time = time_column.find(table.header)
    if time is None:
        raise time_column.missing(table)
    of_texts = table.text_columns()
    channels = [k for k in range(len(table.header)) if k != time.index and k not in of_texts]
    if not channels:
        raise InnerfaceError(f"{path}: line 2: no channels; add a column for each electrode")
    rows = table.read([time.index, *channels])
    timed = extract_time(
        rows.values,
        rows.line_numbers,
        column=time,
        path=path,
        declared_hz=float(meta.get("rate_hz", 0)),
        electrodes=True,
    )
    values, notes = timed.values, rows.notes + table.notes + timed.notes
    notes += skipped_column_notes([table.header[k] for k in of_texts], "numbers")
    scale = unit_scale(unit) or 1.0
    if scale != 1:
        values *= scale
        notes.append(f"values in {unit} were converted to µV")
    track = Track(TrackKind.BIOSIGNAL, timed.time, tuple(table.header[k] for k in channels), values, meta)
    return Take(path.name.removesuffix(".csv").removesuffix(".bio"), {TrackKind.BIOSIGNAL: track}, notes)


def _parse_first_line(line: str, path: Path) -> tuple[dict[str, str], str]:
    """Metadata for the track, and the unit of the values."""
    settings = parse_first_line(line, signature=SIGNATURE, example="unit=uV", path=path)
    unit = settings.get("unit", "")
    if unit_scale(unit) is None:
        raise InnerfaceError(
            f"{path}: line 1: unit={unit[:16]} must be uV, mV or V; scale a converter's counts by its volts per count"
        )
    if "rate_hz" in settings and not _is_rate(settings["rate_hz"]):
        raise InnerfaceError(
            f"{path}: line 1: rate_hz={settings['rate_hz'][:16]} is not a sample rate in Hz; omit it if unknown"
        )
    if settings.get("mains_hz", "50") not in ("50", "60"):
        raise InnerfaceError(
            f"{path}: line 1: mains_hz={settings['mains_hz'][:16]} must be 50 or 60; omit it if unknown"
        )
    return {"unit": "uV"} | {k: v for k, v in settings.items() if k in _META_KEYS}, unit


def _is_rate(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


def write(take: Take, path: Path) -> None:
    """Write the take's biosignals losslessly; missing cells are empty. Raises InnerfaceError."""
    tracks = take.tracks_of(TrackKind.BIOSIGNAL)
    if not tracks:
        raise InnerfaceError(f"{take.name}: holds {take.kinds_text} but no biosignals; give a take of electrodes")
    track = tracks[choose_track(take, TrackKind.BIOSIGNAL) or next(iter(tracks))]
    settings = "".join(f" {key}={track.meta[key]}" for key in _META_KEYS if key in track.meta)
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as out:
        out.write(f"{SIGNATURE} 1 unit=uV{settings}\n")
        out.write("time," + ",".join(_header_cell(c) for c in track.columns) + "\n")
        row_format = ",".join(["%r"] * (1 + len(track.columns))) + "\n"
        for k in range(0, len(track.time), _BLOCK_ROWS):
            block = np.column_stack([track.time[k : k + _BLOCK_ROWS], track.values[k : k + _BLOCK_ROWS]])
            text = "".join([row_format % tuple(row) for row in block.tolist()])
            out.write(text.replace("nan", "") if np.isnan(block).any() else text)


def _header_cell(name: str) -> str:
    """Channel name, quoted if needed."""
    name = " ".join(name.split())
    return '"' + name.replace('"', '""') + '"' if "," in name or '"' in name else name
