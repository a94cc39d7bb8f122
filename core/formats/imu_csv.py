"""`*.imu.csv`: face-IMU takes as text.

The first line is `# innerface-imu 1 acceleration=specific_force|linear [up=x|y|z]`; then follow a header
`time,<site>.qw,<site>.qx,<site>.qy,<site>.qz,<site>.ax,<site>.ay,<site>.az,...` and rows at any rate. Accelerations are
in m/s² in the sensor frame. Boards without a fusion filter give `<site>.gx,gy,gz` (rad/s) instead of the quaternion.
Empty and NaN cells are missing.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import atomic_write
from ..imu.signal import COMPONENTS, RAW_COMPONENTS
from ..take import Take, Track, TrackKind
from .table import check_column_count, extract_time, parse_cells, parse_first_line

SIGNATURE = "# innerface-imu"
_UNIT_TOLERANCE = 0.05  # of a quaternion's length, before a note says so


def parse(text: str, path: Path) -> Take:
    """Parse an IMU take. Raises InnerfaceError with line and column."""
    first, _, body = text.partition("\n")
    meta = _parse_first_line(first.strip(), path)
    table = list(csv.reader(io.StringIO(body, newline="")))
    if not table:
        raise InnerfaceError(f"{path}: line 2: the header is missing; it begins with time,<site>.qw,...")
    header = [cell.strip() for cell in table[0]]
    check_column_count(len(header), 2, path)
    sites, parts = _parse_sites(header, path)
    rows: list[list[str]] = []
    line_numbers: list[int] = []
    for n, row in enumerate(table[1:], start=3):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            hint = "the file is cut off: delete that line" if n == len(table) + 1 else "correct or delete the line"
            raise InnerfaceError(f"{path}: line {n}: {len(row)} columns where the header has {len(header)}; {hint}")
        rows.append([cell.strip() or "nan" for cell in row])
        line_numbers.append(n)
    if not rows:
        raise InnerfaceError(f"{path}: has a header but no rows; record the take again")
    values = parse_cells(rows, line_numbers=line_numbers, header=header, path=path)
    timed = extract_time(values, line_numbers, time_column=header.index("time"), path=path)
    columns = tuple(f"{site}.{part}" for site in sites for part in parts)
    samples = timed.values[:, [header.index(c) for c in columns]].reshape(-1, len(sites), len(parts))
    notes = timed.notes
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


def _parse_sites(header: list[str], path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sites of a header, and the components that each has: COMPONENTS or RAW_COMPONENTS."""
    if "time" not in header:
        raise InnerfaceError(f"{path}: line 2: no column is named time; rename the column of times")
    duplicate = next((c for c in header if header.count(c) > 1), None)
    if duplicate is not None:
        raise InnerfaceError(f"{path}: line 2: column {duplicate} appears twice; delete one")
    parts = RAW_COMPONENTS if any(c.endswith(".gx") for c in header) else COMPONENTS
    unknown = next((c for c in header if c != "time" and c.rpartition(".")[2] not in parts), None)
    if unknown is not None:
        raise InnerfaceError(
            f"{path}: line 2: '{unknown[:32]}' is not <site>.{parts[0]} ... <site>.az; rename or delete the column"
        )
    sites = tuple(dict.fromkeys(c.rpartition(".")[0] for c in header if c != "time"))
    for site in sites:
        missing = next((p for p in parts if f"{site}.{p}" not in header), None)
        if missing is not None:
            raise InnerfaceError(
                f"{path}: line 2: site {site} lacks {site}.{missing}; every site needs {', '.join(parts)}"
            )
    if not sites:
        raise InnerfaceError(f"{path}: line 2: no sites; add columns <site>.qw ... <site>.az")
    return sites, parts


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
