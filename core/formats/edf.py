"""EDF and BDF (also EDF+ and BDF+ with gaps), by edfio (extra `lab`): biosignals, and annotations as markers."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import read_bytes
from ..take import Take, Track
from ..text_damage import text_damage
from .biosignals import Signals, build_marker_track, build_take
from .edf_header import SIGNAL_FIELD_BYTES, Calibration, read_calibrations, with_decimal_points

_SAMPLES_FIELD = 8  # of SIGNAL_FIELD_BYTES
_ONSET = re.compile(rb"^([+-]\d+(?:\.\d+)?)[\x14\x15]")


def read(path: Path) -> Take:
    """Read biosignals (a track per rate, in µV) and annotations, in s from the start. Raises InnerfaceError."""
    try:
        import edfio
    except ImportError:
        raise InnerfaceError(
            f"{path}: reading EDF needs edfio, which is not installed; pip install 'innerface[lab]'"
        ) from None
    data = read_bytes(path)
    bdf = data[:1] == b"\xff"
    if damage := text_damage(data):
        raise InnerfaceError(f"{path}: is a damaged {'BDF' if bdf else 'EDF'} file: {damage}")
    data, had_commas = with_decimal_points(data)
    calibrations = read_calibrations(data)
    notes = ["the header's numbers have decimal commas; they were read as points"] if had_commas else []
    notes += _calibration_notes(calibrations, path)
    try:
        with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
            warnings.simplefilter("always")
            file = (edfio.read_bdf if bdf else edfio.read_edf)(io.BytesIO(data), header_encoding="latin-1")
            starts = _record_starts(data, 3 if bdf else 2, file.data_record_duration)
            groups = _group_by_rate(file, calibrations, starts)
        notes += [str(w.message).split("\n")[0] for w in caught][:4]
    except Exception as error:  # of any kind: the file is untrusted
        reason = str(error).split("\n")[0][:80] or type(error).__name__
        raise InnerfaceError(
            f"{path}: is not a readable {'BDF' if bdf else 'EDF'} file ({reason}); export the recording again"
        ) from None
    return build_take(groups, _marker_track(file, notes), path, notes=notes)


def _calibration_notes(calibrations: list[Calibration], path: Path) -> list[str]:
    """Notes on signals whose values have no unit. Raises InnerfaceError where no signal is left."""
    faulty = [c for c in calibrations if c.fault]
    if faulty and len(faulty) == len(calibrations):
        raise InnerfaceError(
            f"{path}: {faulty[0].label}: {faulty[0].fault}, so its values have no unit; correct the header "
            "(EDFbrowser: Tools > Header editor), or export the recording again"
        )
    notes = [f"{c.label} left out: {c.fault}, so its values have no unit" for c in faulty[:4]]
    notes += [f"{len(faulty) - 4} more signals left out likewise"] if len(faulty) > 4 else []
    counts = [c.label for c in calibrations if c.is_identity and not c.fault]
    if counts:
        names = ", ".join(counts[:6]) + (" ..." if len(counts) > 6 else "")
        notes.append(f"{names}: the physical limits are the digital ones; if the values are counts, scale them")
    return notes


def _group_by_rate(file: Any, calibrations: list[Calibration], starts: Array | None) -> list[Signals]:
    """Signals with a unit, by rate; `starts` (records,) are the records' times (s) in a file with gaps."""
    groups: dict[int, list[Any]] = {}
    for signal, calibration in zip(file.signals, calibrations, strict=True):
        if calibration.fault:
            continue
        groups.setdefault(signal.samples_per_data_record, []).append(signal)
    out: list[Signals] = []
    for count, signals in groups.items():
        rate = float(signals[0].sampling_frequency)
        if not 0 < rate < 1e6:
            raise ValueError(f"{rate:g} samples a second")
        values = np.column_stack([s.data for s in signals])
        time = np.arange(len(values)) / rate
        if starts is not None:
            time = (starts[: len(values) // count, None] + np.arange(count) / rate).ravel()
        labels = [s.label for s in signals]
        kinds = [f"{s.label} {s.transducer_type}" for s in signals]
        name = "" if len(groups) == 1 else f"{rate:g} Hz"
        out.append(Signals(name, time, labels, kinds, [s.physical_dimension for s in signals], values, rate))
    return out


def _record_starts(data: bytes, sample_bytes: int, record_seconds: float) -> Array | None:
    """Starts (s) of records, from their timekeeping annotations; None without gaps, which edfio assumes."""
    if data[192:197] not in (b"EDF+D", b"BDF+D"):
        return None
    signal_count, header = int(data[252:256]), int(data[184:192])
    labels = [data[256 + 16 * k : 272 + 16 * k].strip() for k in range(signal_count)]
    position = 256 + signal_count * sum(SIGNAL_FIELD_BYTES[:_SAMPLES_FIELD])
    counts = [int(data[position + 8 * k : position + 8 * k + 8]) for k in range(signal_count)]
    annotation_signal = next(k for k, label in enumerate(labels) if label.endswith(b" Annotations"))
    record_bytes, offset = sample_bytes * sum(counts), sample_bytes * sum(counts[:annotation_signal])
    records = (len(data) - header) // record_bytes
    matches = [
        _ONSET.match(data[header + record_bytes * k + offset : header + record_bytes * k + offset + 40])
        for k in range(records)
    ]
    if None in matches:
        raise ValueError("a record has no start time")
    starts = np.array([float(m[1]) for m in matches if m])
    if (np.diff(starts) < 0.999 * record_seconds).any():
        raise ValueError("records overlap")
    return starts - starts[0]


def _marker_track(file: Any, notes: list[str]) -> Track | None:
    """Annotations, numbered from 1, with their texts."""
    try:
        entries = [a for a in file.annotations if a.text.strip()]
    except Exception as error:  # of any kind: they are untrusted, too
        notes.append(f"the annotations cannot be read ({type(error).__name__}); they were skipped")
        return None
    time, texts = np.array([a.onset for a in entries]), [a.text[:500] for a in entries]
    return build_marker_track(time, np.arange(1.0, len(entries) + 1), texts)
