"""Inference of a whole take: from an IMU take to a weights take, by calibration, model and smoothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..animation.smoothing import NO_SMOOTHING, channel_strengths, zero_phase
from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, OUTPUT_CHANNELS
from ..take import Take, Track, TrackKind
from ..take.resample import fill_gaps
from . import adapter as adapt
from . import calibration_state, quality, site_driven_channel
from .kinematics import Calibration, Motion
from .layout import Layout
from .linear_model import LinearModel
from .model import Model, estimate
from .motion import calibrate_take, motion_from_state
from .session import MotionToFace
from .signal import ImuSignal, from_track, merge_tracks, to_track
from .spans import Span

_MAX_REFERENCE_LOSS = 0.05  # share of samples
UNKNOWN_REST = (
    "the performer's relaxed face is not known, and no sensor measures it; give a take with a second of it, as a "
    "camera saw it"
)


@dataclass(frozen=True)
class ImuInference:
    """Result of the inference of an IMU take.

    Attributes
    ----------
    take : weights of OUTPUT_CHANNELS at FRAME_RATE on the IMU take's clock, and from networks a track with the
        confidence of each channel (0 is a guess, 1 is certain), with notes for the user
    calibration : of the sensors
    motion : of the face
    quality : of each site
    unobserved : channels that no sensor measures, and that the model infers from the others
    """

    take: Take
    calibration: Calibration
    motion: Motion
    quality: list[quality.SiteQuality]
    unobserved: tuple[str, ...] = ()


@dataclass(frozen=True)
class SiteDriveExample:
    """A channel that one site drives, and the span of its example: see `site_driven_channel`."""

    channel: str
    site: str
    span: Span


def imu_track(take: Take) -> Track:
    """The take's IMU track, merged from all devices. Raises InnerfaceError where there is none, or it is empty."""
    tracks = list(take.tracks_of(TrackKind.IMU).values())
    track = to_track(merge_tracks(tracks)) if len(tracks) > 1 else tracks[0] if tracks else None
    if track is None:
        kinds = take.kinds_text
        raise InnerfaceError(f"{take.name}: holds {kinds} but no IMU track; give an IMU take")
    if len(track.time) < 2:
        raise InnerfaceError(f"{take.name}: has {len(track.time)} rows; record the take again")
    return track


def infer(
    take: Take,
    layout: Layout,
    model: Model,
    *,
    neutral: Span | None = None,
    turn: Span | None = None,
    causal: bool = False,
    raw: bool = False,
    drive_examples: tuple[SiteDriveExample, ...] = (),
    adapter: adapt.Adapter | None = None,
    steps: int = 1,
    smooth: dict[str, float] | None = None,
) -> ImuInference:
    """Infer weights and head angles from an IMU take. Raises InnerfaceError where it cannot be calibrated.

    A take that was recorded after a calibration holds it, and needs no nod and shake of its own.

    Parameters
    ----------
    take : with IMU tracks
    layout : sites of the sensors
    model : from motion to weights
    neutral, turn : spans for the calibration, s from the first row; searched if not given
    causal : as live, with at most LOOKAHEAD frames of look-ahead
    raw : do not smooth
    drive_examples : of channels that one site drives
    adapter : what is known of the performer
    steps : of a diffusion network, if not causal
    smooth : strength per channel group (`smoothing.channel_strengths`)
    """
    signal = from_track(imu_track(take))
    try:
        calibration, motion, rest = _calibrate(take, signal, layout, neutral=neutral, turn=turn, causal=causal)
        adapter = adapt.with_rest(adapter, rest)
        if causal:
            weights, confidence = MotionToFace(model, adapter, raw=raw, smooth=smooth).push(motion)
        else:
            weights, confidence = estimate(model, motion, steps, rest=None if adapter is None else adapter.rest_input)
            if adapter is not None:
                weights = adapter.apply(model, motion, weights)
        driven_channels = [
            site_driven_channel.learn(motion, d.channel, d.site, span=d.span, neutral=calibration.neutral_span)
            for d in drive_examples
        ]
    except InnerfaceError as error:
        raise InnerfaceError(f"{take.name}: {error}") from None
    values = np.concatenate([weights, motion.head], axis=1)
    for m in driven_channels:
        values[:, OUTPUT_CHANNELS.index(m.channel)] = m.weights(motion)
        if confidence is not None:
            confidence[:, ARKIT.index(m.channel)] = 1.0
    notes = [*take.notes, *calibration.notes]
    if steps > 1 and (causal or isinstance(model, LinearModel) or not model.diffusion):
        notes.append(f"this model needs one step only; {steps} steps change nothing")
    if adapter is None or adapter.rest is None:
        notes.append(UNKNOWN_REST)
    missing_share = float((~motion.present().any(axis=1)).mean())
    if missing_share > 0:
        notes.append(f"{missing_share:.1%} of the frames have no sensor at all; they are interpolated")
    values = np.nan_to_num(fill_gaps(motion.time, values))
    if not causal:  # MotionToFace smooths by itself
        values[:, :52] = np.clip(
            zero_phase(values[:, :52], channel_strengths(NO_SMOOTHING if raw else smooth or {})), 0.0, 1.0
        )
    notes += reference_loss_notes(signal, layout.reference)
    site_quality = quality.report(signal, calibration, motion)
    notes += quality.merge_messages(site_quality)
    tracks: dict[str, Track] = {TrackKind.WEIGHTS: Track(TrackKind.WEIGHTS, motion.time, OUTPUT_CHANNELS, values)}
    unobserved: tuple[str, ...] = ()
    if confidence is not None:
        tracks[TrackKind.CONFIDENCE] = Track(TrackKind.CONFIDENCE, motion.time, ARKIT, np.nan_to_num(confidence))
        driven_names = {m.channel for m in driven_channels}
        if not isinstance(model, LinearModel):
            unobserved = tuple(c for c, i in zip(ARKIT, model.unobserved) if i and c not in driven_names)
    return ImuInference(Take(take.name, tracks, notes), calibration, motion, site_quality, unobserved)


def _calibrate(
    take: Take, signal: ImuSignal, layout: Layout, *, neutral: Span | None, turn: Span | None, causal: bool
) -> tuple[Calibration, Motion, Array | None]:
    """Calibrate by the state that the take was recorded with, unless it has none or spans are given.

    Also gives the relaxed face (52,) of that state, if a camera saw it.
    """
    state_json = next(
        (t.meta[calibration_state.META_KEY] for t in take.tracks.values() if calibration_state.META_KEY in t.meta), None
    )
    if state_json is None or neutral is not None or turn is not None:
        return *calibrate_take(signal, layout, neutral=neutral, turn=turn, causal=causal), None
    state = calibration_state.parse(state_json, take.name)
    motion = motion_from_state(signal, state, causal)
    return replace(state.calibration, neutral_span=calibration_state.calm_span(motion)), motion, state.rest


def reference_loss_notes(signal: ImuSignal, site: str) -> list[str]:
    """A note where the reference sensor, which measures the head, dies in the take or loses many samples."""
    if site not in signal.sites:
        return []
    present = signal.present()[:, signal.sites.index(site)]
    if not present.any() or present.mean() > 1 - _MAX_REFERENCE_LOSS:
        return []
    last = signal.time[np.flatnonzero(present)[-1]]
    if signal.time[-1] - last > 1.0:
        return [
            f"site {site} (behind the ear) is lost from {last - signal.time[0]:.1f} s on; from there the head's "
            "motion is taken from the upper face"
        ]
    return [
        f"site {site} (behind the ear) loses {1 - present.mean():.0%} of its samples; there the head's motion is taken "
        "from the upper face"
    ]
