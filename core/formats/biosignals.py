"""Biosignals and markers from the signals of a file: units, selection of channels, names of columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Take, Track, TrackKind

_MICROVOLTS = {"n": 1e-3, "µ": 1.0, "u": 1.0, "micro": 1.0, "nano": 1e-3, "m": 1e3, "milli": 1e3, "": 1e6}
_UNIT = re.compile(r"(n|µ|u|m|nano|micro|milli|)[ -]?v(?:olts?)?", re.IGNORECASE)
# How files spell µ: the Greek letter, the micro sign of UTF-8 and of code page 437 read as Latin-1.
_MICRO_SIGNS = str.maketrans({"μ": "µ", "Â": "", "æ": "µ"})
_BIOSIGNAL_TYPE = re.compile(r"(?<![a-z])(s?emg|eog|eeg|exg|bio|biosignals?|biopotentials?)(?![a-z])", re.IGNORECASE)


@dataclass
class Signals:
    """Channels of one rate, as a file has them.

    Attributes
    ----------
    name : of the stream.
    time : (T,) s.
    labels, kinds, units : of C channels.
    values : (T, C).
    rate : Hz, 0 if unknown.
    """

    name: str
    time: Array
    labels: Sequence[str]
    kinds: Sequence[str]
    units: Sequence[str]
    values: Array
    rate: float


def unit_scale(unit: str) -> float | None:
    """µV per unit; None for a unit that is not a voltage."""
    match = _UNIT.fullmatch(unit.strip(" []()\0").translate(_MICRO_SIGNS))
    return _MICROVOLTS[match[1].lower()] if match else None


def select_channels(kinds: Sequence[Sequence[str]], units: Sequence[Sequence[str]]) -> tuple[list[list[bool]], str]:
    """Which channels of several signals are biosignals, by their kinds and units; and a note where that is a guess.

    Without channels of a biosignal kind those are all voltages, and without voltages all channels.
    """
    selected = [[bool(_BIOSIGNAL_TYPE.search(kind)) for kind in group] for group in kinds]
    if any(map(any, selected)):
        return selected, ""
    selected = [[unit_scale(unit) is not None for unit in group] for group in units]
    if any(map(any, selected)):
        return selected, "no signal is of type EMG, EOG or EEG; all voltages were taken"
    selected = [[True] * len(group) for group in kinds]
    return selected, "no signal is of type EMG, EOG or EEG, or in volts; all were taken as µV"


@dataclass(frozen=True)
class Voltages:
    """Channels `picks` that are voltages, µV per unit of each, and notes on those that are not or have no unit."""

    picks: list[int]
    scale: Array
    notes: list[str]


def pick_voltages(labels: Sequence[str], units: Sequence[str], picks: Sequence[int]) -> Voltages:
    """The voltages among the channels `picks`; those without a unit are taken as µV."""
    notes: list[str] = []
    picks = list(picks)
    unit_of = {k: units[k].strip() for k in picks}
    for unit in sorted({u for u in unit_of.values() if u and unit_scale(u) is None}):
        others = [k for k, u in unit_of.items() if u == unit]
        notes.append(f"{_abbreviate([labels[k] for k in others])} skipped: {unit[:16]} is not a voltage")
        picks = [k for k in picks if k not in others]
    unitless = [labels[k] for k in picks if not unit_of[k]]
    if unitless and any(unit_of.values()):
        notes.append(f"{_abbreviate(unitless)} taken as µV: no unit is given")
    elif unitless:
        notes.append("no unit is given; values were taken as µV")
    return Voltages(picks, np.array([unit_scale(unit_of[k]) or 1.0 for k in picks]), notes)


def build_take(groups: list[Signals], markers: Track | None, path: Path, *, notes: list[str]) -> Take:
    """A take of the biosignals among `groups`, in µV, with a track for each group.

    Without channels of a biosignal kind, all voltages are taken, and without those, all channels, with a note. Raises
    InnerfaceError for a file without channels.
    """
    groups = [s for s in groups if len(s.time) and len(s.labels)]
    if not groups:
        reason = f" ({notes[0]})" if notes else ""
        raise InnerfaceError(
            f"{path}: holds no signals with samples{reason}; "
            "record electrodes in it (a stream of type EMG, EOG, EEG or ExG)"
        )
    selected, note = select_channels([s.kinds for s in groups], [s.units for s in groups])
    notes += [note] if note else []
    tracks: dict[str, Track] = {}
    for signals, picks in zip(groups, selected):
        track = _build_track(signals, [k for k, pick in enumerate(picks) if pick], notes)
        if track is not None:
            name = TrackKind.BIOSIGNAL if not tracks else f"{TrackKind.BIOSIGNAL} {signals.name}".rstrip()
            tracks[name if name not in tracks else f"{name} {len(tracks) + 1}"] = track
    if not tracks:
        raise InnerfaceError(f"{path}: its biosignals have no unit of voltage; record them in uV, mV or V")
    if markers is not None:
        tracks[TrackKind.EVENTS] = markers
    return Take(path.stem, tracks, notes)


def _build_track(signals: Signals, picks: list[int], notes: list[str]) -> Track | None:
    """Track of these channels in µV; channels in other units are skipped, with a note."""
    voltages = pick_voltages(signals.labels, signals.units, picks)
    notes += voltages.notes
    picks = voltages.picks
    if not picks:
        return None
    meta = (
        {"unit": "uV"}
        | ({"rate_hz": repr(float(signals.rate))} if signals.rate > 0 else {})
        | ({"device": signals.name} if signals.name else {})
    )
    time, values = _sorted_samples(
        signals.time, np.asarray(signals.values[:, picks], dtype=np.float64) * voltages.scale
    )
    return Track(TrackKind.BIOSIGNAL, time, column_names([signals.labels[k] for k in picks]), values, meta)


def _abbreviate(labels: list[str]) -> str:
    return ", ".join(labels[:6]) + (" ..." if len(labels) > 6 else "")


def _sorted_samples(time: Array, values: Array) -> tuple[Array, Array]:
    """Samples in order of time, without missing and repeated times; infinite values become NaN."""
    keep = np.flatnonzero(np.isfinite(time))
    keep = keep[np.argsort(time[keep], kind="stable")]
    keep = keep[np.concatenate([[True], np.diff(time[keep]) > 0])[: len(keep)]]
    return time[keep], np.where(np.isinf(values[keep]), np.nan, values[keep])


def column_names(labels: Iterable[str]) -> tuple[str, ...]:
    """Labels as names of columns: single lines, not empty, unique, and not `time`."""
    out: dict[str, None] = {}
    for k, label in enumerate(labels, start=1):
        name = " ".join(label.split()) or f"ch{k}"
        if name == "time" or name in out:
            name = next(n for n in (f"{name} {i}" for i in range(2, 1_000_000)) if n not in out)
        out[name] = None
    return tuple(out)


def build_marker_track(time: Array, numbers: Array, texts: Sequence[str] | None = None) -> Track | None:
    """Track of markers with `numbers` (N,) at `time` (N,) s in any order; None without markers.

    `texts` are kept in the track's meta, as a JSON list.
    """
    order = np.argsort(time, kind="stable")
    order = order[np.isfinite(time[order])]
    if not len(order):
        return None
    times = time[order].astype(np.float64)
    for k in range(1, len(times)):  # markers of the same time are all kept
        times[k] = max(times[k], np.nextafter(times[k - 1], np.inf))
    meta = {} if texts is None else {"texts": json.dumps([texts[k] for k in order], ensure_ascii=False)}
    return Track(TrackKind.EVENTS, times, ("mark",), numbers[order].astype(np.float64)[:, None], meta)
