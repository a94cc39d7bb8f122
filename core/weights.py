"""Any take as weights: camera takes as they are, sensor takes by inference. For the command line and the add-on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .channels import ARKIT
from .errors import InnerfaceError
from .neutral import Neutral
from .take import Take


@dataclass(frozen=True)
class Performer:
    """How sensor takes are read: where sensors sit, what was learned of the performer (a file, "" for none), how strongly all is smoothed (1: as usual), the
    network of their electrodes (a file, "" for the shipped one)."""

    layout: str = "default"
    adapter: str = ""
    smooth: float = 1.0
    electrodes: str = ""


@dataclass(frozen=True)
class Weights:
    """`take`: with a track of weights; `invented`: channels that no sensor shows, which the network made up."""

    take: Take
    invented: frozenset[str] = field(default_factory=frozenset)


def weights_take(take: Take) -> Take:
    """As `weights_of`, for the default layout and nobody in particular."""
    return weights_of(take).take


def weights_of(take: Take, performer: Performer | None = None) -> Weights:
    """The take if it holds weights (less the neutral that was set while it was recorded); an IMU take through the shipped network, or the linear model
    where ONNX Runtime does not load; electrodes through the performer's network; both of them together; landmarks by least squares. Raises InnerfaceError."""
    kinds = {t.kind for t in take.tracks.values()}
    if "weights" in kinds or not kinds & {"imu", "biosignal", "landmarks"}:
        return Weights(_relaxed(take))
    performer = performer or Performer()
    try:  # takes of weights work where SciPy does not load
        if "imu" in kinds:
            done = _imu(take, performer)
            return _both(take, done, performer) if "biosignal" in kinds else done
        return Weights(_electrodes(take, performer) if "biosignal" in kinds else _points(take))
    except ImportError as error:
        raise InnerfaceError(f"{take.name}: is a sensor take, and inference needs SciPy, which does not load ({error})") from None


def _imu(take: Take, performer: Performer) -> Weights:
    from .channels import GROUPS
    from .imu import adapt
    from .imu.layout import layout
    from .imu.model import load
    from .infer import infer

    model, notes = load()
    adapter = adapt.load(performer.adapter) if performer.adapter else None
    smooth = None if performer.smooth == 1.0 else dict.fromkeys(GROUPS, performer.smooth)
    done = infer(take, layout(performer.layout), model, adapter=adapter, smooth=smooth)
    done.take.notes += notes
    done.take.sound = take.sound
    return Weights(done.take, frozenset(done.invented))


def _electrodes(take: Take, performer: Performer) -> Take:
    from .bio import channels, network

    return channels.weights(take, network.load(performer.electrodes or None))


def _points(take: Take) -> Take:
    from .face_model import bundled
    from .landmarks import solve, sources

    track, notes = sources.landmarks_of(take, bundled())
    return Take(take.name, {"weights": solve.to_weights(track), "landmarks": track}, notes, take.sound)


def _both(take: Take, done: Weights, performer: Performer) -> Weights:
    """IMUs and electrodes worn together. Without a network of the performer's own, electrodes say nothing that can be trusted."""
    from .fusion import fuse

    if not performer.electrodes:
        done.take.notes.append("the take holds electrodes too, which need the performer's own network (innerface train bio); the IMUs alone are used")
        return done
    try:
        mixed = fuse(done.take, _electrodes(take, performer))
    except InnerfaceError as error:  # an electrode that came off does not end a take of IMUs
        done.take.notes.append(f"{error}; the IMUs alone are used")
        return done
    sure = mixed.tracks["confidence"].select(ARKIT).mean(axis=0)
    return Weights(mixed, frozenset(c for c in done.invented if sure[ARKIT.index(c)] < 0.2))


def _relaxed(take: Take) -> Take:
    """The take with the last neutral that was set in it taken out of all its rows."""
    rest = next((t for t in take.tracks.values() if t.kind == "neutral" and len(t.time)), None)
    if rest is None:
        return take
    neutral, tracks = Neutral(rest.select(ARKIT)[-1]), dict(take.tracks)
    for name, track in take.tracks.items():
        if track.kind == "weights":
            tracks[name] = track.put(ARKIT, np.clip(neutral.remove(track.select(ARKIT)), 0.0, None))
    return Take(take.name, tracks, [*take.notes, "the neutral that was set while recording was taken out"], take.sound)
