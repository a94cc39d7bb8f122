"""Train the detector of occlusions: one command, no torch. Simulated damage to real and generated performances, with and without helping takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core.channels import ARKIT, GROUPS
from ...core.errors import InnerfaceError
from ...core.face_model import FaceModel, Identities, bundled
from ...core.hybrid import detect, evidence, occluders
from ...core.hybrid.ranges import near_edges
from ...core.hybrid.ranges import rows as rows_of
from ...core.imu.examples import random_effects
from ...core.imu.layout import layout
from ...core.imu.model import load
from ...core.imu.simulate import simulate
from ...core.infer import infer
from ...core.performance import augment
from ...core.performance.generate import generate
from ...core.take import Track
from .linear import BUNDLED_SHARE, HELD_OUT, TRAINING_TAKES

_SECONDS = 60.0
_REAL_SHARE = 0.75
_UNHURT = 0.25  # of the examples have no damage at all
_PENALTY = 1e-3
_EDGE_S = 0.1  # so near to an edge nobody can tell
_LEAST_S = 20.0  # shorter takes tell too little of their own measure


def performance(rng: np.random.Generator, real: list[Track]) -> Track:
    """What a camera would record at 30 rows a second: real and lightly changed (mirrored, other gains, another rest; its noise stays its own), or generated,
    with a tracker's noise."""
    long = [t for t in real if t.duration > _LEAST_S]
    if not long or rng.uniform() > _REAL_SHARE:
        track = augment.at_rate(generate(_SECONDS, rng), 30.0)
        quiet = rng.lognormal(np.log(0.0015), 0.6, track.values.shape[1])
        return Track(
            track.kind, track.time, track.columns, np.clip(track.values + rng.normal(size=track.values.shape) * quiet, 0.0, 1.0), track.meta
        )
    track = long[int(rng.integers(len(long)))]
    if rng.uniform() < 0.5:
        track = augment.mirror(track)
    if rng.uniform() < 0.7:
        track = augment.gains(track, rng)
    return augment.offset_rest(track, rng) if rng.uniform() < 0.3 else track


def helper_of(track: Track, faces: Identities | None, rng: np.random.Generator) -> np.ndarray | None:
    """Channels (T, D) of a helping take at the track's rows: simulated sensors through calibration and network, or another tracker of the same face. None
    where the simulated sensors could not be calibrated."""
    if rng.uniform() < 0.25:
        mix = np.eye(len(ARKIT)) * rng.uniform(0.5, 1.2, len(ARKIT)) + rng.normal(0, 0.03, (len(ARKIT), len(ARKIT)))
        return np.clip(
            np.nan_to_num(track.select(ARKIT)) @ mix + rng.normal(0, 0.05, len(ARKIT)) + rng.normal(0, 0.02, (len(track.time), len(ARKIT))),
            0,
            1,
        )
    face: FaceModel = bundled() if faces is None or rng.uniform() < BUNDLED_SHARE else faces.face(rng)
    try:
        done = infer(simulate(track, face, layout(), random_effects(rng), rng), layout(), load()[0])
    except InnerfaceError:
        return None
    return evidence.helping(done.take.weights(), done.motion.rotation, track.time)


def train(
    examples: int, seed: int, faces: Identities | None, real: list[Track], progress: Callable[[float], None] = lambda _: None
) -> detect.Detector:
    """A detector from `examples` damaged performances."""
    made: dict[bool, list[tuple[np.ndarray, np.ndarray]]] = {False: [], True: []}
    for k in range(examples):
        rng = np.random.default_rng([seed, k])
        track = performance(rng, real)
        kinds = (occluders.QUIET, *rng.permutation([k for k in occluders.OCCLUDERS if k != occluders.QUIET])[: rng.integers(1, 4)])
        hurt = track if rng.uniform() < _UNHURT else None
        ranges: list = []
        if hurt is None:
            done = occluders.occlude(track, kinds, rng.uniform(0.08, 0.4), rng)
            hurt, ranges = done.track, done.ranges
        weights = hurt.select(ARKIT)
        certain, still = detect.lost(weights), detect.frozen(weights, hurt.time)
        values = detect.whole(weights, hurt.time)
        helper = helper_of(track, faces, rng)
        for helped in (False, True):
            if helped and helper is None:
                continue
            for group, found in evidence.gather(values, hurt.rate, helper if helped else None).items():
                bad = rows_of(ranges, hurt.time, group)
                edge = near_edges(bad, int(_EDGE_S * hurt.rate))
                use = ~edge & ~certain[group] & ~still[group]
                silent = rows_of([r for r in ranges if r.reason == occluders.QUIET], hurt.time, group)
                kind = np.where(silent, 2, bad).astype(np.int8)  # 0 sound, 1 damaged, 2 damaged quietly
                made[helped].append((detect.expanded(found, hurt.rate)[use][::3].astype(np.float32), kind[use][::3]))
        progress((k + 1) / examples)
    experts = []
    for names, parts in zip((evidence.ALONE, evidence.HELPED), made.values()):
        x = np.concatenate([x for x, _ in parts]).astype(np.float64) if parts else np.zeros((0, 0))
        kind = np.concatenate([kind for _, kind in parts]) if parts else np.zeros(0)
        if not all((kind == k).any() for k in (0, 1, 2)):
            raise InnerfaceError("too few examples had damage in them; raise --examples")
        experts.append(tuple(_logistic(names, x[kind != other], kind[kind != other] > 0) for other in (2, 1)))
    card = {
        "data": f"{examples} performances of up to two minutes: generated, and real takes ({', '.join(TRAINING_TAKES[:2])}) lightly changed",
        "held out": ", ".join(HELD_OUT),
        "damage": f"simulated: {', '.join(occluders.OCCLUDERS)}",
        "frames": str(sum(len(x) for x, _ in made[False])),
        "groups": ", ".join(GROUPS),
        "seed": str(seed),
        "licence": "GPL-3.0-or-later; trained on MIT data",
    }
    return detect.Detector(experts[0], experts[1], card)


def _logistic(names: tuple[str, ...], x: np.ndarray, bad: np.ndarray, rounds: int = 20) -> detect.Weighing:
    """Logistic regression by Newton's method, weights held by a penalty."""
    centre, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    z = np.concatenate([(x - centre) / spread, np.ones((len(x), 1))], axis=1)
    held = np.full(z.shape[1], _PENALTY * len(z))
    held[-1] = 0.0
    b = np.zeros(z.shape[1])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-np.clip(z @ b, -30, 30)))
        slope = z.T @ (p - bad) + held * b
        step = np.linalg.solve((z * (p * (1 - p) + 1e-6)[:, None]).T @ z + np.diag(held + 1e-9), slope)
        b = b - step
        if np.abs(step).max() < 1e-6:
            break
    return detect.Weighing(names, centre, spread, b[:-1], float(b[-1]))
