"""Camera takes with simulated damage: scores of detection and of repair."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....core.face.channels import ARKIT, GROUPS
from ....core.face.face_model import FaceModel
from ....core.hybrid import detect, occlusion_simulation, repair
from ....core.hybrid.helper_alignment import align_helper
from ....core.hybrid.infill import infill, substitute
from ....core.hybrid.ranges import near_edges, sample_mask
from ....core.hybrid.ranges import row_mask as rows_of
from ....core.imu.layout import load_layout
from ....core.imu.simulation.effects import PRESETS
from ....core.imu.simulation.simulate import simulate
from ....core.take import Take, Track, TrackKind
from ....core.take.resample import resample_linear
from .models import evaluation_pair

TOLERANCE_S = 0.1  # rows so near to an edge are not counted
DAMAGED_SHARE = 0.22  # of a take
METHODS = ("camera", "hold", "mean face", "interpolated", "plain", "sensors", "other take", "no device")


@dataclass
class DetectionCounts:
    """Rows of one group: damaged and detected, detected but undamaged, damaged but missed."""

    hits: int = 0
    false_alarms: int = 0
    missed: int = 0

    def add(self, flagged: np.ndarray, is_damaged: np.ndarray, rate: float) -> None:
        """Count the rows (T,) of one take."""
        edge = near_edges(is_damaged, max(int(TOLERANCE_S * rate + 0.5), 1))
        self.hits += int((flagged & is_damaged).sum())
        self.false_alarms += int((flagged & ~is_damaged & ~edge).sum())
        self.missed += int((~flagged & is_damaged & ~edge).sum())

    @property
    def f1(self) -> float:
        """2 hits / (2 hits + false + missed); NaN without any."""
        total = 2 * self.hits + self.false_alarms + self.missed
        return 2 * self.hits / total if total else float("nan")


@dataclass
class DetectionScore:
    """Detection by group, on damaged and on undamaged takes."""

    counts_by_group: dict[str, DetectionCounts] = field(default_factory=lambda: {g: DetectionCounts() for g in GROUPS})
    by_damage: dict[str, DetectionCounts] = field(
        default_factory=lambda: {n: DetectionCounts() for n in occlusion_simulation.OCCLUDERS}
    )
    clean_rows: int = 0
    clean_flagged: int = 0
    clean_minutes: float = 0.0
    clean_ranges: int = 0

    def figures(self) -> dict[str, Any]:
        """F1 of the worst group and of each, and rates on undamaged takes."""
        by_group = {g: c.f1 for g, c in self.counts_by_group.items()}
        return {
            "f1": min(by_group.values()),
            "f1_by_group": by_group,
            "f1_by_damage": {n: c.f1 for n, c in self.by_damage.items()},
            "clean_flagged": self.clean_flagged / max(self.clean_rows, 1),
            "false_per_min": self.clean_ranges / max(self.clean_minutes, 1e-9),
        }


def score_undamaged(score: DetectionScore, track: Track, helper: np.ndarray | None) -> None:
    """Count what is flagged on an undamaged take, without rows in which the app itself lost the face."""
    detected = [r for r in detect.detect(track, helper=helper) if r.reason != "lost"]
    flagged = np.zeros(len(track.time), dtype=bool)
    for group in GROUPS:
        flagged |= rows_of(detected, track.time, group)
    score.clean_rows += len(flagged)
    score.clean_flagged += int(flagged.sum())
    score.clean_minutes += track.duration / 60
    score.clean_ranges += len(detected)


def score_damaged(score: DetectionScore, track: Track, helper: np.ndarray | None, *, rng: np.random.Generator) -> None:
    """Score every kind of damage in turn, each on the undamaged take."""
    for name in occlusion_simulation.OCCLUDERS:
        occluded = occlusion_simulation.occlude(track, (name,), DAMAGED_SHARE, rng=rng)
        detected = detect.detect(occluded.track, helper=helper)
        lost = track.lost_rows()
        for group in GROUPS:
            flagged, is_damaged = (
                rows_of(detected, track.time, group)[~lost],
                rows_of(occluded.ranges, track.time, group)[~lost],
            )
            score.counts_by_group[group].add(flagged, is_damaged, track.rate)
            if is_damaged.any():
                score.by_damage[name].add(flagged, is_damaged, track.rate)


def simulate_second_phone(track: Track, rng: np.random.Generator) -> Take:
    """Simulate another tracker of the same face: other gains, crosstalk, another rest, noise, another clock."""
    values = np.nan_to_num(track.select(ARKIT))
    mixing = np.diag(rng.uniform(0.6, 1.15, len(ARKIT))) + rng.normal(0, 0.02, (len(ARKIT), len(ARKIT)))
    values = np.clip(
        values @ mixing + np.abs(rng.normal(0, 0.03, len(ARKIT))) + rng.normal(0, 0.01, values.shape), 0.0, 1.0
    )
    return Take(
        "second phone", {TrackKind.WEIGHTS: Track(TrackKind.WEIGHTS, track.time - track.time[0] + 3.21, ARKIT, values)}
    )


@dataclass
class RepairScore:
    """Sums over takes with one kind of damage.

    Squared errors are those inside the ranges, by method; the seam ratio is the largest step at an edge relative to the
    99.9th percentile of the take's own steps.
    """

    squared_errors: dict[str, float] = field(default_factory=dict)
    samples: int = 0
    seam_ratio: float = 0.0
    outside_change: float = 0.0
    take_duration_s: float = 0.0
    total_s: float = 0.0
    repair_s: float = 0.0

    def mse(self, method: str) -> float:
        """Mean squared error over the hidden samples."""
        return self.squared_errors[method] / max(self.samples, 1)


def score_repair(
    score: RepairScore,
    take: Take,
    imu: Take,
    *,
    damages: tuple[str, ...],
    rng: np.random.Generator,
    on_result: Callable[..., None] | None = None,
) -> None:
    """Damage a take, repair it by every method with known ranges, and add up the scores.

    Rows in which the app itself lost the face are not measured. `on_result` is called with the true track, the damaged
    one and the predictions.
    """
    track = take.weights()
    occluded = occlusion_simulation.occlude(track, damages, DAMAGED_SHARE, rng=rng)
    camera, truth = Take(take.name, {TrackKind.WEIGHTS: occluded.track}), track.select(ARKIT)
    hidden = sample_mask(occluded.ranges, track.time) & np.isfinite(truth)
    began = time.perf_counter()
    aligned = align_helper(camera, imu, ranges=occluded.ranges, model=evaluation_pair())
    helper = aligned.helper
    aligned_at = time.perf_counter()
    results = {
        "sensors": repair.repair(camera, occluded.ranges, helper, find_ranges=False, doubt=aligned.doubt).take.weights()
    }
    finished_at = time.perf_counter()
    score.repair_s += finished_at - aligned_at
    score.total_s += finished_at - began
    score.take_duration_s += track.duration
    second_helper = align_helper(camera, simulate_second_phone(track, rng), ranges=occluded.ranges).helper
    results["other take"] = infill(occluded.track, occluded.ranges, helper=second_helper).track
    results["no device"] = infill(occluded.track, occluded.ranges).track
    results["plain"] = substitute(occluded.track, occluded.ranges, helper).track
    predictions = {name: result.select(ARKIT) for name, result in results.items()} | baselines(occluded.track, hidden)
    for name, values in predictions.items():
        score.squared_errors[name] = score.squared_errors.get(name, 0.0) + float(
            (np.nan_to_num(values - truth)[hidden] ** 2).sum()
        )
    score.samples += int(hidden.sum())
    score.seam_ratio = max(score.seam_ratio, seam_ratio(predictions["sensors"], hidden, truth))
    visible = ~hidden & np.isfinite(truth)
    score.outside_change = max(
        score.outside_change, float(np.abs(predictions["sensors"] - occluded.track.select(ARKIT))[visible].max())
    )
    if on_result is not None:
        on_result(track, occluded, predictions)


def baselines(track: Track, hidden: np.ndarray) -> dict[str, np.ndarray]:
    """Simple ways to fill a gap: the damage itself (a lost face is held), the last value, the mean, interpolation."""
    values = track.select(ARKIT)
    trusted = np.where(hidden, np.nan, values)
    rows = np.arange(len(values))[:, None]
    last_trusted = np.maximum.accumulate(np.where(np.isfinite(trusted), rows, 0), axis=0)
    last_present = np.maximum.accumulate(np.where(np.isfinite(values), rows, 0), axis=0)
    return {
        "camera": np.take_along_axis(np.nan_to_num(values), last_present, axis=0),
        "hold": np.take_along_axis(np.nan_to_num(trusted), last_trusted, axis=0),
        "mean face": np.where(hidden, np.nanmean(trusted, axis=0), values),
        "interpolated": resample_linear(track.time, trusted, track.time),
    }


def seam_ratio(values: np.ndarray, hidden: np.ndarray, truth: np.ndarray) -> float:
    """Largest step between a hidden and a trusted row, relative to the 99.9th percentile of the take's steps."""
    steps, edge = np.abs(np.diff(values, axis=0)), hidden[1:] != hidden[:-1]
    typical_step = np.nanpercentile(np.abs(np.diff(truth, axis=0)), 99.9)
    return float(np.nanmax(np.where(edge, steps, 0.0)) / typical_step)


def simulate_sensors(track: Track, face: FaceModel, preset: str, *, seed: int) -> Take:
    """Simulate sensors on the take's performance."""
    return simulate(track, face, load_layout(), effects=PRESETS[preset], seed=seed)
