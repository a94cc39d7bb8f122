"""Camera takes damaged on purpose: how well damage is found, and how near the mended take is to what it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.channels import ARKIT, GROUPS
from ...core.face_model import FaceModel
from ...core.hybrid import detect, mix, occluders
from ...core.hybrid.mend import mend, plain
from ...core.hybrid.ranges import mask, near_edges
from ...core.hybrid.ranges import rows as rows_of
from ...core.imu.effects import PRESETS
from ...core.imu.layout import layout
from ...core.imu.simulate import simulate
from ...core.resample import linear
from ...core.take import Take, Track

TOLERANCE_S = 0.1  # so near to an edge a row is neither right nor wrong
SHARE = 0.22  # of a take that is damaged
METHODS = ("camera", "hold", "mean face", "interpolated", "plain", "sensors", "other take", "no device")


@dataclass
class Counted:
    """Rows of one group: damaged and found, found but sound, damaged but missed."""

    hits: int = 0
    false: int = 0
    missed: int = 0

    def add(self, found: np.ndarray, bad: np.ndarray, rate: float) -> None:
        """Count the rows (T,) of one take."""
        edge = near_edges(bad, max(int(TOLERANCE_S * rate + 0.5), 1))
        self.hits += int((found & bad).sum())
        self.false += int((found & ~bad & ~edge).sum())
        self.missed += int((~found & bad & ~edge).sum())

    @property
    def f1(self) -> float:
        """2 hits / (2 hits + false + missed); NaN without any."""
        total = 2 * self.hits + self.false + self.missed
        return 2 * self.hits / total if total else float("nan")


@dataclass
class Found:
    """Detection by group, on damaged takes and on those that nobody touched."""

    groups: dict[str, Counted] = field(default_factory=lambda: {g: Counted() for g in GROUPS})
    by_damage: dict[str, Counted] = field(default_factory=lambda: {n: Counted() for n in occluders.OCCLUDERS})
    clean_rows: int = 0
    clean_flagged: int = 0
    clean_minutes: float = 0.0
    clean_ranges: int = 0

    def figures(self) -> dict[str, Any]:
        """F1 of the worst group and of each, and what was flagged on sound takes."""
        by_group = {g: c.f1 for g, c in self.groups.items()}
        return {
            "f1": min(by_group.values()),
            "f1_by_group": by_group,
            "f1_by_damage": {n: c.f1 for n, c in self.by_damage.items()},
            "clean_flagged": self.clean_flagged / max(self.clean_rows, 1),
            "false_per_min": self.clean_ranges / max(self.clean_minutes, 1e-9),
        }


def untouched(found: Found, track: Track, helper: np.ndarray | None) -> None:
    """What is flagged on a take that nobody damaged; rows in which the app itself says that it lost the face are left out."""
    said = [r for r in detect.detect(track, helper) if r.reason != "lost"]
    flagged = np.zeros(len(track.time), dtype=bool)
    for group in GROUPS:
        flagged |= rows_of(said, track.time, group)
    found.clean_rows += len(flagged)
    found.clean_flagged += int(flagged.sum())
    found.clean_minutes += track.duration / 60
    found.clean_ranges += len(said)


def damaged(found: Found, track: Track, helper: np.ndarray | None, rng: np.random.Generator) -> None:
    """Every kind of damage in turn, each on the take as it was."""
    for name in occluders.OCCLUDERS:
        hurt = occluders.occlude(track, (name,), SHARE, rng)
        said = detect.detect(hurt.track, helper)
        lost = track.lost()
        for group in GROUPS:
            flags, bad = rows_of(said, track.time, group)[~lost], rows_of(hurt.ranges, track.time, group)[~lost]
            found.groups[group].add(flags, bad, track.rate)
            if bad.any():
                found.by_damage[name].add(flags, bad, track.rate)


def second_phone(track: Track, rng: np.random.Generator) -> Take:
    """Another tracker of the same face, simulated: other gains, a little crosstalk, another rest, noise, a clock of its own."""
    values = np.nan_to_num(track.select(ARKIT))
    blend = np.diag(rng.uniform(0.6, 1.15, len(ARKIT))) + rng.normal(0, 0.02, (len(ARKIT), len(ARKIT)))
    values = np.clip(values @ blend + np.abs(rng.normal(0, 0.03, len(ARKIT))) + rng.normal(0, 0.01, values.shape), 0.0, 1.0)
    return Take("second phone", {"weights": Track("weights", track.time - track.time[0] + 3.21, ARKIT, values)})


@dataclass
class Mending:
    """Sums over takes of one damage: squared errors inside the ranges, by method; the largest step at a seam in units of the take's own 99.9th percentile of
    change; samples changed outside; seconds of takes and of work."""

    square: dict[str, float] = field(default_factory=dict)
    samples: int = 0
    seam: float = 0.0
    outside: float = 0.0
    taken_s: float = 0.0
    whole_s: float = 0.0
    mixing_s: float = 0.0

    def mse(self, method: str) -> float:
        """Mean squared error over the hidden samples."""
        return self.square[method] / max(self.samples, 1)


def mended(sums: Mending, take: Take, imu: Take, names: tuple[str, ...], rng: np.random.Generator, keep: Callable[..., None] | None = None) -> None:
    """Damage a take, mend it in every way, ranges known, and add up. Where the app itself had lost the face nothing is measured. `keep` is handed what
    pictures are made of."""
    track = take.weights()
    hurt = occluders.occlude(track, names, SHARE, rng)
    camera, truth = Take(take.name, {"weights": hurt.track}), track.select(ARKIT)
    hidden = mask(hurt.ranges, track.time) & np.isfinite(truth)
    began = time.perf_counter()
    found = mix.help_from(camera, imu, hurt.ranges)
    sensors = found.helper
    placed = time.perf_counter()
    results = {"sensors": mix.mix(camera, hurt.ranges, sensors, find=False, doubt=found.doubt).take.weights()}
    ended = time.perf_counter()
    sums.mixing_s += ended - placed
    sums.whole_s += ended - began
    sums.taken_s += track.duration
    other = mix.help_from(camera, second_phone(track, rng), hurt.ranges).helper
    results["other take"] = mend(hurt.track, hurt.ranges, other).track
    results["no device"] = mend(hurt.track, hurt.ranges).track
    results["plain"] = plain(hurt.track, hurt.ranges, sensors).track
    said = {name: result.select(ARKIT) for name, result in results.items()} | baselines(hurt.track, hidden)
    for name, values in said.items():
        sums.square[name] = sums.square.get(name, 0.0) + float((np.nan_to_num(values - truth)[hidden] ** 2).sum())
    sums.samples += int(hidden.sum())
    sums.seam = max(sums.seam, seam(said["sensors"], hidden, truth))
    same = ~hidden & np.isfinite(truth)
    sums.outside = max(sums.outside, float(np.abs(said["sensors"] - hurt.track.select(ARKIT))[same].max()))
    if keep is not None:
        keep(track, hurt, said)


def baselines(track: Track, hidden: np.ndarray) -> dict[str, np.ndarray]:
    """What anybody could put there: the camera's damage (a lost face is held), the last seen value, the take's own mean, a line from edge to edge."""
    values = track.select(ARKIT)
    trusted = np.where(hidden, np.nan, values)
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(trusted), rows, 0), axis=0)
    there = np.maximum.accumulate(np.where(np.isfinite(values), rows, 0), axis=0)
    return {
        "camera": np.take_along_axis(np.nan_to_num(values), there, axis=0),
        "hold": np.take_along_axis(np.nan_to_num(trusted), last, axis=0),
        "mean face": np.where(hidden, np.nanmean(trusted, axis=0), values),
        "interpolated": linear(track.time, trusted, track.time),
    }


def seam(values: np.ndarray, hidden: np.ndarray, truth: np.ndarray) -> float:
    """The largest step (rows, channels) between a hidden and a trusted row, in units of the 99.9th percentile of the take's own steps."""
    steps, edge = np.abs(np.diff(values, axis=0)), hidden[1:] != hidden[:-1]
    usual = np.nanpercentile(np.abs(np.diff(truth, axis=0)), 99.9)
    return float(np.nanmax(np.where(edge, steps, 0.0)) / usual)


def worn(track: Track, face: FaceModel, preset: str, seed: int) -> Take:
    """The take's performance through simulated sensors."""
    return simulate(track, face, layout(), PRESETS[preset], seed)
