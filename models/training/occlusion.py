"""Training of the occlusion detector on simulated damage to performances, with and without helping takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core.arrays import Array
from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, GROUPS
from ...core.face.face_model import FaceModel, IdentityModel, load_bundled
from ...core.hybrid import occlusion_features, occlusion_simulation
from ...core.hybrid.detector import Detector, LogOddsModel, expand_features
from ...core.hybrid.ranges import near_edges
from ...core.hybrid.ranges import row_mask as rows_of
from ...core.hybrid.tracking_loss import find_frozen, find_lost
from ...core.imu.inference import infer
from ...core.imu.layout import load_layout
from ...core.imu.model import load
from ...core.imu.simulation.examples import random_effects
from ...core.imu.simulation.simulate import simulate
from ...core.performance import augment
from ...core.performance.generate import generate
from ...core.take import Track
from .linear import BUNDLED_HEAD_SHARE, HELD_OUT, TRAINING_TAKES

_PERFORMANCE_S = 60.0
_REAL_SHARE = 0.75
_UNDAMAGED_SHARE = 0.25  # of the examples
_RIDGE_SHARE = 1e-3
_EDGE_MARGIN_S = 0.1  # rows this near to an edge are ambiguous
_MIN_TAKE_S = 20.0  # shorter takes do not show what is usual in them


def random_performance(rng: np.random.Generator, real: list[Track]) -> Track:
    """Draw a camera's take at 30 rows per second: real and lightly augmented, with its own noise, or generated.

    Generated takes get a tracker's noise.
    """
    long_takes = [t for t in real if t.duration > _MIN_TAKE_S]
    if not long_takes or rng.uniform() > _REAL_SHARE:
        track = augment.at_rate(generate(_PERFORMANCE_S, rng), 30.0)
        noise_size = rng.lognormal(np.log(0.0015), 0.6, track.values.shape[1])
        return Track(
            track.kind,
            track.time,
            track.columns,
            np.clip(track.values + rng.normal(size=track.values.shape) * noise_size, 0.0, 1.0),
            track.meta,
        )
    track = long_takes[int(rng.integers(len(long_takes)))]
    if rng.uniform() < 0.5:
        track = augment.mirror(track)
    if rng.uniform() < 0.7:
        track = augment.random_gains(track, rng)
    return augment.offset_rest(track, rng) if rng.uniform() < 0.3 else track


def random_helper(track: Track, faces: IdentityModel | None, rng: np.random.Generator) -> Array | None:
    """Channels (T, D) of a helping take at the track's rows: of simulated sensors, or of another tracker.

    None where the simulated sensors could not be calibrated.
    """
    if rng.uniform() < 0.25:
        channel_mix = np.eye(len(ARKIT)) * rng.uniform(0.5, 1.2, len(ARKIT)) + rng.normal(
            0, 0.03, (len(ARKIT), len(ARKIT))
        )
        return np.clip(
            np.nan_to_num(track.select(ARKIT)) @ channel_mix
            + rng.normal(0, 0.05, len(ARKIT))
            + rng.normal(0, 0.02, (len(track.time), len(ARKIT))),
            0,
            1,
        )
    face: FaceModel = load_bundled() if faces is None or rng.uniform() < BUNDLED_HEAD_SHARE else faces.sample(rng)
    try:
        inference = infer(
            simulate(track, face, load_layout(), effects=random_effects(rng), seed=rng), load_layout(), load()[0]
        )
    except InnerfaceError:
        return None
    return occlusion_features.helper_channels(inference.take.weights(), inference.motion.rotation, track.time)


def train(
    examples: int,
    seed: int,
    faces: IdentityModel | None,
    *,
    real: list[Track],
    progress: Callable[[float], None] = lambda _: None,
) -> Detector:
    """Train a detector on simulated damage. Raises InnerfaceError where too few examples have damage.

    Parameters
    ----------
    examples : number of performances
    seed : of all random numbers
    faces : identities besides the bundled head
    real : real performances
    progress : called with the share that is done
    """
    samples: dict[bool, list[tuple[Array, Array]]] = {False: [], True: []}
    for k in range(examples):
        rng = np.random.default_rng([seed, k])
        track = random_performance(rng, real)
        kinds = (
            occlusion_simulation.QUIET,
            *rng.permutation([k for k in occlusion_simulation.OCCLUDERS if k != occlusion_simulation.QUIET])[
                : rng.integers(1, 4)
            ],
        )
        damaged = track if rng.uniform() < _UNDAMAGED_SHARE else None
        ranges: list = []
        if damaged is None:
            occluded = occlusion_simulation.occlude(track, kinds, rng.uniform(0.08, 0.4), rng=rng)
            damaged, ranges = occluded.track, occluded.ranges
        weights = damaged.select(ARKIT)
        is_lost, is_frozen = find_lost(weights), find_frozen(weights, damaged.time)
        values = occlusion_features.without_gaps(weights, damaged.time)
        helper = random_helper(track, faces, rng)
        for with_helper in (False, True):
            if with_helper and helper is None:
                continue
            for group, features in occlusion_features.gather_features(
                values, damaged.rate, helper if with_helper else None
            ).items():
                is_damaged = rows_of(ranges, damaged.time, group)
                near_edge = near_edges(is_damaged, int(_EDGE_MARGIN_S * damaged.rate))
                usable = ~near_edge & ~is_lost[group] & ~is_frozen[group]
                is_quiet = rows_of([r for r in ranges if r.reason == occlusion_simulation.QUIET], damaged.time, group)
                kind = np.where(is_quiet, 2, is_damaged).astype(np.int8)  # 0 intact, 1 damaged, 2 damaged quietly
                samples[with_helper].append(
                    (expand_features(features, damaged.rate)[usable][::3].astype(np.float32), kind[usable][::3])
                )
        progress((k + 1) / examples)
    experts = []
    for names, group_samples in zip(
        (occlusion_features.FEATURES_ALONE, occlusion_features.FEATURES_HELPED), samples.values()
    ):
        x = np.concatenate([x for x, _ in group_samples]).astype(np.float64) if group_samples else np.zeros((0, 0))
        kind = np.concatenate([kind for _, kind in group_samples]) if group_samples else np.zeros(0)
        if not all((kind == k).any() for k in (0, 1, 2)):
            raise InnerfaceError("too few examples had damage in them; raise --examples")
        experts.append(tuple(_fit_logistic(names, x[kind != other], kind[kind != other] > 0) for other in (2, 1)))
    card = {
        "data": f"{examples} performances of up to two minutes: generated, "
        f"and real takes ({', '.join(TRAINING_TAKES[:2])}) lightly changed",
        "held out": ", ".join(HELD_OUT),
        "damage": f"simulated: {', '.join(occlusion_simulation.OCCLUDERS)}",
        "frames": str(sum(len(x) for x, _ in samples[False])),
        "groups": ", ".join(GROUPS),
        "seed": str(seed),
        "licence": "GPL-3.0-or-later; trained on MIT data",
    }
    return Detector(experts[0], experts[1], card)


def _fit_logistic(names: tuple[str, ...], x: Array, damaged: Array, *, iterations: int = 20) -> LogOddsModel:
    """Fit a logistic regression with a ridge penalty by Newton's method."""
    centre, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    z = np.concatenate([(x - centre) / spread, np.ones((len(x), 1))], axis=1)
    penalty = np.full(z.shape[1], _RIDGE_SHARE * len(z))
    penalty[-1] = 0.0
    b = np.zeros(z.shape[1])
    for _ in range(iterations):
        p = 1 / (1 + np.exp(-np.clip(z @ b, -30, 30)))
        gradient = z.T @ (p - damaged) + penalty * b
        step = np.linalg.solve((z * (p * (1 - p) + 1e-6)[:, None]).T @ z + np.diag(penalty + 1e-9), gradient)
        b = b - step
        if np.abs(step).max() < 1e-6:
            break
    return LogOddsModel(names, centre, spread, b[:-1], float(b[-1]))
