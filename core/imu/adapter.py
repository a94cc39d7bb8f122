"""A personal adapter: what a model gets wrong on one performer, learned in seconds from a short take of sensors and camera together.

Ridge regression in the output: w' = w + A [w, S, 1], with w the model's weights and S the sites' rotation vectors. Whether S takes part, and how
strongly A is held to 0, is chosen per channel by leaving out one stretch of the take after the other; a channel that gains nothing stays as the
model has it. Gaze and lids never listen to S: no site shows them, so what S seems to say of them in one minute is gone in the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InnerfaceError
from ..face.channels import ARKIT
from ..numerics import ridge
from ..numerics.model_files import load_npz, save_npz
from ..rates import FRAME_RATE
from .kinematics import Motion
from .layout import load_layout

KIND = "innerface-adapter 1"
_REMEDY = "make it again with 'innerface adapt'"
_PENALTIES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
_UNOBSERVED = np.array([c.startswith(("eyeLook", "eyeBlink")) for c in ARKIT])
_FOLDS = 5
_FOLD_MARGIN_S = 1.0  # frames so near to a stretch that is left out are left out, too: they know it
_MAX_ERROR_RATIO = 0.98  # of a channel's error at most, for it to be adapted
_ROTATION_SCALE = 2.0  # brings rotation vectors to the size of weights
MIN_CAPTURE_S = 5.0
_MAX_MODELS = 8  # in one file


def features(motion: Motion, weights: np.ndarray, sites: tuple[str, ...]) -> np.ndarray:
    """What corrections are made of (T, 52 + 3 * len(sites)): the model's weights, and rotation vectors, 0 where a site is missing."""
    rotations = np.zeros((len(weights), len(sites), 3))
    for k, site in enumerate(sites):
        if site in motion.sites:
            rotations[:, k] = np.nan_to_num(motion.rotation[:, motion.sites.index(site)]) * _ROTATION_SCALE
    return np.concatenate([np.nan_to_num(weights), rotations.reshape(len(rotations), -1)], axis=1)


@dataclass(frozen=True)
class Correction:
    """For one model: `coefficients` (F + 1, 52), the last row constant, and the limits (2, F) of what the features did in the paired take."""

    coefficients: np.ndarray
    limits: np.ndarray

    def apply(self, motion: Motion, weights: np.ndarray, sites: tuple[str, ...]) -> np.ndarray:
        """Corrected weights (T, 52) in 0..1. Features beyond what the paired take showed correct no further."""
        x = np.clip(features(motion, weights, sites), *self.limits)
        return np.clip(weights + ridge.predict(x, self.coefficients), 0.0, 1.0)


@dataclass(frozen=True)
class Adapter:
    """`corrections` by model (its `id`), made from `seconds` of paired capture of one performer; `sites` as features count them."""

    sites: tuple[str, ...]
    corrections: dict[str, Correction]
    seconds: float

    def correction(self, model: str, path: str | Path = "the adapter") -> Correction:
        """The correction for a model. Raises InnerfaceError where there is none."""
        if model not in self.corrections:
            raise InnerfaceError(
                f"{path}: was made for another model; make it again with 'innerface adapt', or name its model with --model"
            )
        return self.corrections[model]

    def apply(self, model: str, motion: Motion, weights: np.ndarray) -> np.ndarray:
        """A model's weights (T, 52) corrected. Raises InnerfaceError for a model that it was not made for."""
        return self.correction(model).apply(motion, weights, self.sites)

    def save(self, path: str | Path) -> None:
        """Write the adapter atomically."""
        save_npz(
            path,
            kind=KIND,
            channels=np.array(ARKIT),
            sites=np.array(self.sites),
            models=np.array(list(self.corrections)),
            seconds=self.seconds,
            coefficients=np.stack([c.coefficients for c in self.corrections.values()]),
            limits=np.stack([c.limits for c in self.corrections.values()]),
        )


def load(path: str | Path) -> Adapter:
    """Read an adapter. Raises InnerfaceError for a file that is missing, damaged or of another kind."""
    data = load_npz(path, kind=KIND, remedy=_REMEDY)
    sites, models = data.strings("sites"), data.strings("models")
    coefficients, limits = data.floats("coefficients"), data.floats("limits")
    width = len(ARKIT) + 3 * len(sites)
    if (
        data.strings("channels") != ARKIT
        or not 0 < len(models) <= _MAX_MODELS
        or coefficients.shape != (len(models), width + 1, len(ARKIT))
        or limits.shape != (len(models), 2, width)
        or not (np.isfinite(coefficients).all() and np.isfinite(limits).all())
    ):
        raise InnerfaceError(f"{path}: an adapter of another version; {_REMEDY}")
    corrections = {model: Correction(c, b) for model, c, b in zip(models, coefficients, limits)}
    return Adapter(sites, corrections, data.number("seconds"))


def fit(motion: Motion, weights: np.ndarray, truth: np.ndarray, use: np.ndarray) -> tuple[Correction, dict[str, float]]:
    """A correction of a model's `weights` (T, 52) towards the camera's `truth` (T, 52) over the frames `use` (T,), and mean square errors
    over stretches left out: {"before", "after"}. Raises InnerfaceError for too little to learn from."""
    use = use & np.isfinite(weights).all(axis=1) & np.isfinite(truth).all(axis=1)
    if use.sum() < MIN_CAPTURE_S * FRAME_RATE:
        raise InnerfaceError(
            f"sensors and camera share only {use.sum() / FRAME_RATE:.1f} s; record at least {MIN_CAPTURE_S:.0f} s, better a minute, of both together"
        )
    x = features(motion, weights, layout_sites())[use]
    residual = truth[use] - weights[use]
    rows = np.arange(len(x))
    fold = rows * _FOLDS // len(x)
    candidates = [(width, penalty) for width in (len(ARKIT), x.shape[1]) for penalty in _PENALTIES]
    squared_error, before = np.zeros((len(candidates), len(ARKIT))), np.zeros(len(ARKIT))
    for k in range(_FOLDS):
        held_out = fold == k
        excluded = np.convolve(held_out, np.ones(2 * int(_FOLD_MARGIN_S * FRAME_RATE) + 1), "same") > 0
        if (~excluded).sum() < FRAME_RATE:
            continue
        for r, (width, penalty) in enumerate(candidates):
            c = ridge.fit(x[~excluded, :width], residual[~excluded], penalty)
            squared_error[r] += ((ridge.predict(x[held_out, :width], c) - residual[held_out]) ** 2).sum(0)
        before += (residual[held_out] ** 2).sum(0)
    squared_error, before = squared_error / len(x), before / len(x)
    uses_rotation = np.array([width > len(ARKIT) for width, _ in candidates])
    squared_error[uses_rotation[:, None] & _UNOBSERVED] = np.inf
    best, channels = squared_error.argmin(0), np.arange(len(ARKIT))
    improves = squared_error[best, channels] < _MAX_ERROR_RATIO * before
    solutions = np.zeros((len(candidates), x.shape[1] + 1, len(ARKIT)))
    for solution, (width, penalty) in zip(solutions, candidates):
        c = ridge.fit(x[:, :width], residual, penalty)
        solution[:width], solution[-1] = c[:-1], c[-1]
    coefficients = np.where(improves, solutions[best, :, channels].T, 0.0)
    after = np.where(improves, squared_error[best, channels], before)
    return Correction(coefficients, np.stack([x.min(0), x.max(0)])), {
        "before": float(before.mean()),
        "after": float(after.mean()),
    }


def layout_sites() -> tuple[str, ...]:
    """The face sites of the default layout, which corrections count."""
    sites = load_layout()
    return tuple(s for s in sites.sites if s != sites.reference)
