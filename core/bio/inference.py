"""From a biosignal take to a landmark take: features, network, Kalman. One way for the command line, the add-on and the report."""

from __future__ import annotations

import numpy as np

from ..errors import InnerfaceError
from ..landmarks.points import POINT_COUNT, landmark_track
from ..numerics import point_kalman
from ..take import Take, Track, TrackKind
from . import features, quality
from .filters import detect_mains
from .network import BioNetwork
from .segments import gather_segments, last_feature
from .signal import BioSignal, bio_track, to_uniform_rate


def select_electrodes(signal: BioSignal, network: BioNetwork) -> tuple[BioSignal, list[str]]:
    """The network's channels of a signal, by name, and what a user should know; of other names the first ones are taken, in their order. Raises
    InnerfaceError."""
    index = network.column_indices(signal.channels)
    if not index:
        raise InnerfaceError(
            f"the network needs the electrodes {', '.join(network.channels)}, and the take has {', '.join(signal.channels)}; rename its columns, "
            "or train on a take like it"
        )
    chosen = tuple(signal.channels[i] for i in index)
    notes = []
    if chosen != network.channels:
        notes.append(
            f"the network knows electrodes called {', '.join(network.channels)}; {', '.join(chosen)} are taken in that order"
        )
    return BioSignal(
        signal.start, signal.rate, chosen, signal.values[:, index], signal.missing[:, index], signal.simulated
    ), notes


def infer(take: Take, network: BioNetwork, causal: bool = False, raw: bool = False) -> Take:
    """A take with a landmark track at the network's frame rate over the whole take, on its clock, and notes on the electrodes. `causal`: smoothed as live;
    `raw`: not at all. Raises InnerfaceError for what the network cannot take."""
    try:
        signal, notes = select_electrodes(to_uniform_rate(bio_track(take)), network)
        notes += quality.check_usable(signal)
        mains = network.mains_hz if causal else detect_mains(signal.values, signal.rate) or network.mains_hz
        emg, eog = features.extract_features(signal.values, signal.rate, mains, network.top_hz)
    except InnerfaceError as error:
        text = str(error)
        raise InnerfaceError(text if text.startswith(take.name) else f"{take.name}: {text}") from None
    time = signal.start + np.arange(max(int(signal.duration * network.frame_hz + 1e-6), 1)) / network.frame_hz
    last = last_feature(time, signal.start, network.ahead)
    points = np.empty((len(time), 2 * POINT_COUNT))
    for i in range(0, len(time), 4096):  # segments of a long take do not fit into memory at once
        chunk = slice(i, i + 4096)
        points[chunk] = network.run(
            gather_segments(emg, last[chunk], network.length), gather_segments(eog, last[chunk], network.length)
        )
    missing = _frames_without_electrodes(signal, time)
    points[missing] = np.nan
    if not raw:
        points = (
            point_kalman.filter_causal(time, points, network.tightness_live)
            if causal
            else point_kalman.smooth(time, points, network.tightness)
        )
    if missing.any():
        notes.append(f"{missing.mean():.1%} of the frames have no electrode at all; they are bridged")
    if network.simulated:
        notes.append("the network was trained on a simulated performer; train one of your own with innerface train bio")
    track = landmark_track(time, points.reshape(-1, POINT_COUNT, 2), network.interocular_mm, {"from": "electrodes"})
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


def _frames_without_electrodes(signal: BioSignal, time: np.ndarray) -> np.ndarray:
    sample_indices = np.clip(np.round((time - signal.start) * signal.rate).astype(int), 0, len(signal.values) - 1)
    return signal.missing[sample_indices].all(axis=1)
