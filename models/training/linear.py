"""Training of the linear model on simulated sensors, generated and real performances, and many identities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...core import formats
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT
from ...core.face.face_model import FaceModel, IdentityModel, load_bundled
from ...core.imu.layout import load_layout
from ...core.imu.linear_model import LinearModel, Moments
from ...core.imu.simulation.examples import random_board, random_effects, simulated_example
from ...core.performance import augment
from ...core.performance.generate import generate
from ...core.take import Track

# Real takes to train on. Those that are held out are of other performers, and are only tested on.
TRAINING_TAKES = ("S07-001.csv", "apfel.csv", "dao.converted.csv", "FaceCapture_2020-19-7-17-03-23.converted.csv")
HELD_OUT = ("alex_rom_3.csv", "alex_rom_4.csv", "MySlate_3_Jason_Millers_iPhone.csv")
RIDGE_SHARE = 3e-5  # of the mean moments
_PERFORMANCE_S = 60.0  # of one performance
_REAL_SHARE = 0.35  # of the examples
BUNDLED_HEAD_SHARE = 0.15  # of the faces
BOARD_SHARE = 0.6  # of the takes; a board measures and fuses, instead of random errors of orientation


def real_takes(folder: Path | None, names: tuple[str, ...] = TRAINING_TAKES) -> list[Track]:
    """Load real takes from a folder such as shared/data/arkit; none without one. Raises InnerfaceError."""
    if folder is None:
        return []
    return [augment.at_rate(formats.read_take(folder / name).weights(), 60.0) for name in names]


def random_performance(
    rng: np.random.Generator, real: list[Track], *, real_share: float = _REAL_SHARE, added_actions: float = 0.0
) -> Track:
    """Draw one performance: generated, or real and augmented.

    Augmented by mirroring, warping in time, other gains, another resting face, and splicing (also with generated ones,
    unless all are real).

    Parameters
    ----------
    rng : random generator
    real : takes to augment
    real_share : of the performances that are real
    added_actions : share of the real ones that get further actions
    """
    if not real or rng.uniform() > real_share:
        return generate(_PERFORMANCE_S, rng)
    generated = [generate(_PERFORMANCE_S, rng)] if real_share < 1 else []
    track = (
        augment.splice([*real, *generated], rng, _PERFORMANCE_S)
        if rng.uniform() < 0.5
        else real[int(rng.integers(len(real)))]
    )
    if rng.uniform() < 0.5:
        track = augment.mirror(track)
    track = augment.random_gains(augment.time_warp(track, rng), rng)
    if rng.uniform() < 0.3:
        track = augment.offset_rest(track, rng)
    return augment.add_actions(track, rng) if added_actions and rng.uniform() < added_actions else track


def train(
    examples: int,
    seed: int,
    faces: IdentityModel | None,
    *,
    real: list[Track],
    progress: Callable[[float], None] = lambda _: None,
) -> LinearModel:
    """Train a linear model on simulated takes. Raises InnerfaceError where none could be calibrated.

    Parameters
    ----------
    examples : number of takes
    seed : of all random numbers
    faces : identities besides the bundled head
    real : real performances
    progress : called with the share that is done
    """
    sites = load_layout()
    moments = Moments(tuple(s for s in sites.sites if s != sites.reference))
    head = load_bundled()
    for k in range(examples):
        rng = np.random.default_rng([seed, k])
        face: FaceModel = head if faces is None or rng.uniform() < BUNDLED_HEAD_SHARE else faces.sample(rng)
        simulated = simulated_example(
            random_performance(rng, real),
            face,
            sites,
            effects=random_effects(rng, all_sites=True),
            rng=rng,
            board=random_board(rng) if rng.uniform() < BOARD_SHARE else None,
        )
        if simulated is not None:
            moments.add(simulated.motion, simulated.weights[:, : len(ARKIT)], simulated.use)
        progress((k + 1) / examples)
    if not moments.frames:
        raise InnerfaceError("no simulated take could be calibrated; raise --examples")
    card = {
        "data": f"{examples} simulated takes of {_PERFORMANCE_S:.0f} s: generated performances"
        + (f" and real takes augmented ({', '.join(TRAINING_TAKES)})" if real else ""),
        "held out": ", ".join(HELD_OUT),
        "faces": "the bundled head" + (" and random identities of ICT-FaceKit" if faces is not None else ""),
        "frames": f"{moments.frames:.0f}",
        "seed": str(seed),
        "licence": "GPL-3.0-or-later; trained on MIT and BSD-2 data",
    }
    return moments.to_model(RIDGE_SHARE, card)
