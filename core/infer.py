"""From a sensor take to a weights take: calibrate, infer, smooth. One way for the command line, the add-on and the demo."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .channels import ARKIT, OUTPUT
from .errors import InnerfaceError
from .imu import adapt, minute, quality, worn
from .imu.kinematics import Calibration, Motion
from .imu.layout import Layout
from .imu.linear import LinearModel
from .imu.model import Model
from .imu.motion import calibrate_take, motion_of_worn
from .imu.signal import ImuSignal, from_track, joined, to_track
from .imu.spans import Span
from .live import Stage
from .resample import bridge
from .smooth import NONE, strengths, zero_phase
from .take import Take, Track

_REFERENCE_LOSS = 0.05  # share of its samples


@dataclass(frozen=True)
class Inferred:
    """`take`: 55 columns (OUTPUT) at 60 rows a second over the whole sensor take, on its clock, and beside them, from a network, a track of
    `confidence` per channel (0 is guessed, 1 is sure); how it was calibrated, its motion and its sensors' quality; `invented`: channels that
    no sensor sees, which the model made up. The take's notes say all that a user should know."""

    take: Take
    calibration: Calibration
    motion: Motion
    quality: list[quality.SiteQuality]
    invented: tuple[str, ...] = ()


@dataclass(frozen=True)
class Driven:
    """A channel that one site drives by itself, learned from an example: see `imu.minute`."""

    channel: str
    site: str
    example: Span


def imu_track(take: Take) -> Track:
    """The take's IMU track, of all its devices together. Raises InnerfaceError where there is none, or nothing in it."""
    tracks = [t for t in take.tracks.values() if t.kind == "imu" and len(t.time)]
    track = to_track(joined(tracks)) if len(tracks) > 1 else tracks[0] if tracks else None
    if track is None:
        kinds = ", ".join(sorted({t.kind for t in take.tracks.values()})) or "nothing"
        raise InnerfaceError(f"{take.name}: holds {kinds} but no IMU track; give an IMU take")
    if len(track.time) < 2:
        raise InnerfaceError(f"{take.name}: has {len(track.time)} rows; record the take again")
    return track


def infer(
    take: Take,
    layout: Layout,
    model: Model,
    neutral: Span | None = None,
    turn: Span | None = None,
    causal: bool = False,
    raw: bool = False,
    driven: tuple[Driven, ...] = (),
    adapter: adapt.Adapter | None = None,
    steps: int = 1,
    smooth: dict[str, float] | None = None,
) -> Inferred:
    """Weights and head angles from an IMU take. `causal`: as live, from at most LOOKAHEAD frames ahead. `raw`: not smoothed;
    `smooth`: how strongly per channel group (`smooth.strengths`). `adapter`: what was learned of this performer. `steps`: of a diffusion
    network, offline; others answer in one. Takes that were recorded after a calibration hold it and need no nod and shake of their own.

    Raises InnerfaceError with one line for whatever cannot be calibrated.
    """
    signal = from_track(imu_track(take))
    try:
        found, motion = _calibrated(take, signal, layout, neutral, turn, causal)
        if causal:
            weights, confidence = Stage(model, adapter, raw, smooth).push(motion)
        else:
            weights, confidence = estimate(model, motion, steps)
            if adapter is not None:
                weights = adapter.apply(model.id, motion, weights)
        examples = [minute.learn(motion, d.channel, d.site, d.example, found.neutral_span) for d in driven]
    except InnerfaceError as error:
        raise InnerfaceError(f"{take.name}: {error}") from None
    values = np.concatenate([weights, motion.head], axis=1)
    for m in examples:
        values[:, OUTPUT.index(m.channel)] = m.weights(motion)
        if confidence is not None:
            confidence[:, ARKIT.index(m.channel)] = 1.0
    notes = [*take.notes, *found.notes]
    if steps > 1 and (causal or isinstance(model, LinearModel) or not model.diffusion):
        notes.append(f"this model answers in one step; {steps} steps change nothing")
    gone = float((~motion.present().any(axis=1)).mean())
    if gone > 0:
        notes.append(f"{gone:.1%} of the frames have no sensor at all; they are bridged")
    values = np.nan_to_num(bridge(motion.time, values))
    if not causal:  # a stage smooths by itself
        values[:, :52] = np.clip(zero_phase(values[:, :52], strengths(NONE if raw else smooth or {})), 0.0, 1.0)
    notes += reference_lost(signal, layout.reference)
    judged = quality.report(signal, found, motion)
    notes += quality.together(judged)
    tracks = {"weights": Track("weights", motion.time, OUTPUT, values)}
    invented: tuple[str, ...] = ()
    if confidence is not None:
        tracks["confidence"] = Track("confidence", motion.time, ARKIT, np.nan_to_num(confidence))
        shown = {m.channel for m in examples}
        if not isinstance(model, LinearModel):
            invented = tuple(c for c, i in zip(ARKIT, model.invented) if i and c not in shown)
    return Inferred(Take(take.name, tracks, notes), found, motion, judged, invented)


def _calibrated(
    take: Take, signal: ImuSignal, layout: Layout, neutral: Span | None, turn: Span | None, causal: bool
) -> tuple[Calibration, Motion]:
    """By the calibration that the take was recorded with, where it holds one and no spans are given, else by what is in the take itself."""
    kept = next((t.meta[worn.META] for t in take.tracks.values() if worn.META in t.meta), None)
    if kept is None or neutral is not None or turn is not None:
        return calibrate_take(signal, layout, neutral, turn, causal)
    known = worn.read(kept, take.name)
    motion = motion_of_worn(signal, known, causal)
    return replace(known.found, neutral_span=worn.calm_span(motion)), motion


def estimate(model: Model, motion: Motion, steps: int = 1) -> tuple[np.ndarray, np.ndarray | None]:
    """Weights (T, 52) of a whole take, looking both ways, and confidence (T, 52) where the model knows it."""
    if isinstance(model, LinearModel):
        return model.infer(motion), None
    return model.infer(motion, steps)


def reference_lost(signal: ImuSignal, site: str) -> list[str]:
    """A sentence where the sensor that the head is measured by dies in the take or is lost for long."""
    if site not in signal.sites:
        return []
    there = signal.present()[:, signal.sites.index(site)]
    if not there.any() or there.mean() > 1 - _REFERENCE_LOSS:
        return []
    last = signal.time[np.flatnonzero(there)[-1]]
    if signal.time[-1] - last > 1.0:
        return [
            f"site {site} (behind the ear) is lost from {last - signal.time[0]:.1f} s on; the head's motion is taken from the upper face there"
        ]
    return [
        f"site {site} (behind the ear) loses {1 - there.mean():.0%} of its samples; the head's motion is taken from the upper face there"
    ]
