"""Infer landmarks from a biosignal take: features, network, Kalman filter."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..landmarks.points import POINT_COUNT, landmark_track
from ..numerics import kalman
from ..take import Take, Track, TrackKind
from . import features, quality
from .filters import detect_mains
from .network import BioNetwork
from .segments import gather_segments, last_feature
from .signal import BioSignal, bio_track, to_uniform_rate


def select_electrodes(signal: BioSignal, network: BioNetwork) -> tuple[BioSignal, list[str]]:
    """Select the network's channels of a signal, with notes for the user.

    Channels are matched by name; if a name is missing, the first ones are taken in order. Raises InnerfaceError if
    there are too few.
    """
    index = network.column_indices(signal.channels)
    if not index:
        raise InnerfaceError(
            f"the network needs the electrodes {', '.join(network.channels)}, but the take has "
            f"{', '.join(signal.channels)}; rename its columns, or train on a take like it"
        )
    chosen = tuple(signal.channels[i] for i in index)
    notes: list[str] = []
    if chosen != network.channels:
        notes.append(
            f"the network's electrodes are {', '.join(network.channels)}; {', '.join(chosen)} are used in that order"
        )
    return BioSignal(
        signal.start, signal.rate, chosen, signal.values[:, index], signal.missing[:, index], signal.simulated
    ), notes


def infer(take: Take, network: BioNetwork, *, causal: bool = False, raw: bool = False) -> Take:
    """Infer a landmark track at the network's frame rate, on the take's clock, with notes on the electrodes.

    `causal` smooths as the live session does, `raw` does not smooth. Raises InnerfaceError for takes that the network
    cannot process.
    """
    try:
        signal, notes = select_electrodes(to_uniform_rate(bio_track(take)), network)
        notes += quality.check_usable(signal)
        mains = network.mains_hz if causal else detect_mains(signal.values, signal.rate) or network.mains_hz
        emg, eog = features.extract_features(signal.values, signal.rate, mains, top_hz=network.top_hz)
    except InnerfaceError as error:
        text = str(error)
        raise InnerfaceError(text if text.startswith(take.name) else f"{take.name}: {text}") from None
    time = signal.start + np.arange(max(int(signal.duration * network.frame_hz + 1e-6), 1)) / network.frame_hz
    last = last_feature(time, signal.start, network.ahead)
    points = np.empty((len(time), 2 * POINT_COUNT))
    for i in range(0, len(time), 4096):  # all segments of a long take would not fit into memory
        chunk = slice(i, i + 4096)
        points[chunk] = network.run(
            gather_segments(emg, last[chunk], network.length), gather_segments(eog, last[chunk], network.length)
        )
    missing = _frames_without_electrodes(signal, time)
    points[missing] = np.nan
    if not raw:
        points = (
            kalman.filter_points(time, points, network.tightness_live)
            if causal
            else kalman.smooth_points(time, points, network.tightness)
        )
    if missing.any():
        notes.append(f"{missing.mean():.1%} of the frames have no electrode signal; they are interpolated")
    notes += network.notes
    track = landmark_track(
        time, points.reshape(-1, POINT_COUNT, 2), interocular_mm=network.interocular_mm, meta={"from": "electrodes"}
    )
    confidence = Track(
        TrackKind.POINT_CONFIDENCE,
        time,
        tuple(f"p{k}" for k in range(POINT_COUNT)),
        np.broadcast_to(network.explained, (len(time), POINT_COUNT)).copy(),
    )
    return Take(
        take.name,
        {TrackKind.LANDMARKS: track, TrackKind.POINT_CONFIDENCE: confidence},
        [*take.notes, *notes],
        take.sound,
    )


def _frames_without_electrodes(signal: BioSignal, time: Array) -> Array:
    sample_indices = np.clip(np.round((time - signal.start) * signal.rate).astype(int), 0, len(signal.values) - 1)
    return signal.missing[sample_indices].all(axis=1)
