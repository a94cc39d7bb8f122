"""`*.imu.csv`: face-IMU takes as text.

The first line is `# innerface-imu 1 acceleration=specific_force|linear [up=x|y|z]`; then follow a header
`time,<site>.qw,<site>.qx,<site>.qy,<site>.qz,<site>.ax,<site>.ay,<site>.az,...` and rows at any rate. Accelerations are
in m/s² in the sensor frame. Boards without a fusion filter give `<site>.gx,gy,gz` (rad/s) instead of the quaternion.
Empty and NaN cells are missing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import atomic_write
from ..imu.signal import COMPONENTS, RAW_COMPONENTS
from ..take import Take, Track, TrackKind
from . import time_column
from .table import Table, abbreviate, open_table, parse_first_line, skipped_column_notes
from .text_file import TextFile
from .time_column import extract_time

SIGNATURE = "# innerface-imu"
_UNIT_TOLERANCE = 0.05  # of a quaternion's length, before a note says so


def parse(source: TextFile) -> Take:
    """Parse an IMU take. Raises InnerfaceError with line and column."""
    path = source.path
    meta = _parse_first_line(source.first_line, path)
    table = open_table(source, source.start + 1)
    if not any(table.header):
        raise InnerfaceError(f"{path}: line 2: the header is missing; it begins with time,<site>.qw,...")
    sites, parts, skipped = _parse_sites(table)
    time = time_column.find(table.header)
    if time is None:
        raise time_column.missing(table)
    columns = tuple(f"{site}.{part}" for site in sites for part in parts)
    rows = table.read([time.index, *(table.header.index(c) for c in columns)])
    timed = extract_time(rows.values, rows.line_numbers, column=time, path=path)
    samples = timed.values.reshape(-1, len(sites), len(parts))
    notes = rows.notes + table.notes + timed.notes + skipped_column_notes(skipped, "of a site")
    if parts == COMPONENTS:
        notes += _normalise_quaternions(samples, sites)
    track = Track(TrackKind.IMU, timed.time, columns, samples.reshape(len(samples), -1), meta)
    return Take(path.name.removesuffix(".csv").removesuffix(".imu"), {TrackKind.IMU: track}, notes)


def _parse_first_line(line: str, path: Path) -> dict[str, str]:
    meta = parse_first_line(line, signature=SIGNATURE, example="acceleration=...", path=path)
    if meta.get("acceleration") not in ("specific_force", "linear"):
        raise InnerfaceError(
            f"{path}: line 1: acceleration= must be specific_force (with gravity) or linear (without gravity)"
        )
    if meta.get("up", "y") not in ("x", "y", "z"):
        raise InnerfaceError(f"{path}: line 1: up={meta['up'][:8]} must be x, y or z; omit it if unknown")
    return {k: v for k, v in meta.items() if k in ("acceleration", "up")}


def _parse_sites(table: Table) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Sites of a header; the components that each has, COMPONENTS or RAW_COMPONENTS; columns of neither."""
    header, place = table.header, f"{table.path}: line {table.header_line}"
    time = time_column.find(header)
    if time is None:
        raise time_column.missing(table)
    duplicate = next((c for c in header if c and header.count(c) > 1), None)
    if duplicate is not None:
        raise InnerfaceError(f"{place}: column {duplicate} appears twice; delete one")
    parts = RAW_COMPONENTS if any(c.endswith(".gx") for c in header) else COMPONENTS
    of_sites = [c for c in header if c.rpartition(".")[0] and c.rpartition(".")[2] in parts]
    skipped = [c for k, c in enumerate(header) if k != time.index and c not in of_sites]
    sites = tuple(dict.fromkeys(c.rpartition(".")[0] for c in of_sites))
    for site in sites:
        missing = next((p for p in parts if f"{site}.{p}" not in header), None)
        if missing is not None:
            others = f"; columns of no site are {abbreviate(skipped)}" if skipped else ""
            raise InnerfaceError(
                f"{place}: site {site} lacks {site}.{missing}; every site needs {', '.join(parts)}{others}"
            )
    if not sites:
        raise InnerfaceError(f"{place}: no sites; add columns <site>.qw ... <site>.az")
    return sites, parts, skipped


def _normalise_quaternions(samples: Array, sites: tuple[str, ...]) -> list[str]:
    """Normalise rotations (T, S, 4) in place; returns notes. `imu.convention` checks accelerations, of any format."""
    notes: list[str] = []
    norm = np.linalg.norm(samples[..., :4], axis=-1)
    zero = norm < 1e-6
    samples[zero] = np.nan
    with np.errstate(invalid="ignore"):
        not_unit = (np.abs(norm - 1) > _UNIT_TOLERANCE) & ~zero
        samples[..., :4] /= np.where(zero | np.isnan(norm), np.nan, norm)[..., None]
    if not_unit.any():
        notes.append(
            f"{int(not_unit.sum())} quaternions were not of unit length "
            f"(first: {sites[int(np.argwhere(not_unit)[0][1])]}); they were normalised"
        )
    if zero.any():
        notes.append(f"{int(zero.sum())} zero quaternions count as missing")
    return notes


def write(take: Take, path: Path) -> None:
    """Write the take's IMU track losslessly; missing cells are empty. Raises InnerfaceError."""
    track = take.tracks.get(TrackKind.IMU) or next((t for t in take.tracks.values() if t.kind == TrackKind.IMU), None)
    if track is None:
        raise InnerfaceError(f"{take.name}: holds no IMU track; give an IMU take")
    up = f" up={track.meta['up']}" if track.meta.get("up") else ""
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as out:
        out.write(f"{SIGNATURE} 1 acceleration={track.meta.get('acceleration', 'specific_force')}{up}\n")
        out.write("time," + ",".join(track.columns) + "\n")
        for t, row in zip(track.time.tolist(), track.values.tolist()):
            out.write(f"{t!r}," + ",".join("" if v != v else repr(v) for v in row) + "\n")
