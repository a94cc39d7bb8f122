"""Any take as weights: camera takes as they are, sensor takes by inference. For the command line and the add-on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .errors import InnerfaceError
from .face.channels import ARKIT
from .face.neutral import Neutral
from .take import Take, TrackKind


@dataclass(frozen=True)
class PerformerSettings:
    """How sensor takes are read: where sensors sit, what was learned of the performer (a file, "" for none), how strongly all is smoothed (1: as usual), the
    network of their electrodes (a file, "" for the shipped one)."""

    layout: str = "default"
    adapter: str = ""
    smooth: float = 1.0
    electrodes: str = ""


@dataclass(frozen=True)
class SolvedWeights:
    """`take`: with a track of weights; `invented`: channels that no sensor shows, which the network made up."""

    take: Take
    unobserved: frozenset[str] = field(default_factory=frozenset)


def to_weights_take(take: Take) -> Take:
    """As `weights_of`, for the default layout and nobody in particular."""
    return solve_weights(take).take


def solve_weights(take: Take, performer: PerformerSettings | None = None) -> SolvedWeights:
    """The take if it holds weights (less the neutral that was set while it was recorded); an IMU take through the shipped network, or the linear model
    where ONNX Runtime does not load; electrodes through the performer's network; both of them together; landmarks by least squares. Raises InnerfaceError."""
    kinds = take.kinds
    if TrackKind.WEIGHTS in kinds or not kinds & {TrackKind.IMU, TrackKind.BIOSIGNAL, TrackKind.LANDMARKS}:
        return SolvedWeights(_remove_neutral(take))
    performer = performer or PerformerSettings()
    try:  # takes of weights work where SciPy does not load
        if TrackKind.IMU in kinds:
            imu_weights = _solve_imu(take, performer)
            return _fuse_electrodes(take, imu_weights, performer) if TrackKind.BIOSIGNAL in kinds else imu_weights
        return SolvedWeights(
            _solve_electrodes(take, performer) if TrackKind.BIOSIGNAL in kinds else _solve_landmarks(take)
        )
    except ImportError as error:
        raise InnerfaceError(
            f"{take.name}: is a sensor take, and inference needs SciPy, which does not load ({error})"
        ) from None


def _solve_imu(take: Take, performer: PerformerSettings) -> SolvedWeights:
    from .face.channels import GROUPS
    from .imu import adapter as adapt
    from .imu.inference import infer
    from .imu.layout import load_layout
    from .imu.model import load

    model, notes = load()
    adapter = adapt.load(performer.adapter) if performer.adapter else None
    smooth = None if performer.smooth == 1.0 else dict.fromkeys(GROUPS, performer.smooth)
    inference = infer(take, load_layout(performer.layout), model, adapter=adapter, smooth=smooth)
    inference.take.notes += notes
    inference.take.sound = take.sound
    return SolvedWeights(inference.take, frozenset(inference.unobserved))


def _solve_electrodes(take: Take, performer: PerformerSettings) -> Take:
    from .bio import channels, network

    return channels.infer_weights(take, network.load(performer.electrodes or None))


def _solve_landmarks(take: Take) -> Take:
    from .face.face_model import load_bundled
    from .landmarks import channel_solver, sources

    track, notes = sources.landmarks_of(take, load_bundled())
    return Take(
        take.name, {TrackKind.WEIGHTS: channel_solver.to_weights(track), TrackKind.LANDMARKS: track}, notes, take.sound
    )


def _fuse_electrodes(take: Take, imu_weights: SolvedWeights, performer: PerformerSettings) -> SolvedWeights:
    """IMUs and electrodes worn together. Without a network of the performer's own, electrodes say nothing that can be trusted."""
    from .fusion import fuse

    if not performer.electrodes:
        imu_weights.take.notes.append(
            "the take holds electrodes too, which need the performer's own network (innerface train bio); the IMUs alone are used"
        )
        return imu_weights
    try:
        fused = fuse(imu_weights.take, _solve_electrodes(take, performer))
    except InnerfaceError as error:  # an electrode that came off does not end a take of IMUs
        imu_weights.take.notes.append(f"{error}; the IMUs alone are used")
        return imu_weights
    mean_confidence = fused.tracks[TrackKind.CONFIDENCE].select(ARKIT).mean(axis=0)
    return SolvedWeights(fused, frozenset(c for c in imu_weights.unobserved if mean_confidence[ARKIT.index(c)] < 0.2))


def _remove_neutral(take: Take) -> Take:
    """The take with the last neutral that was set in it taken out of all its rows."""
    neutral_track = next((t for t in take.tracks.values() if t.kind == TrackKind.NEUTRAL and len(t.time)), None)
    if neutral_track is None:
        return take
    neutral, tracks = Neutral(neutral_track.select(ARKIT)[-1]), dict(take.tracks)
    for name, track in take.tracks.items():
        if track.kind == TrackKind.WEIGHTS:
            tracks[name] = track.replace_columns(ARKIT, np.clip(neutral.remove(track.select(ARKIT)), 0.0, None))
    return Take(take.name, tracks, [*take.notes, "the neutral that was set while recording was taken out"], take.sound)
