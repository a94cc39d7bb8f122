"""A personal adapter: the correction of a model's errors on one performer, fitted in seconds to a short paired take.

Ridge regression of the output: w' = w + A [w, S, 1], with the model's weights w and the sites' rotation vectors S.
Whether S takes part, and the penalty of A, are chosen per channel by cross-validation over stretches of the take; a
channel that gains nothing is left as it is. Gaze and lids never depend on S: no site measures them, so that what S
seems to say of them does not last.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT
from ..files import reading
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
_FOLD_MARGIN_S = 1.0  # frames this near to a left-out stretch are left out, too, since they resemble it
_MAX_ERROR_RATIO = 0.98  # a channel is adapted where its error falls below this share
_ROTATION_SCALE = 2.0  # brings rotation vectors to the size of weights
MIN_CAPTURE_S = 5.0
_MAX_MODELS = 8  # in one file


def features(motion: Motion, weights: Array, sites: tuple[str, ...]) -> Array:
    """Features (T, 52 + 3 S) of corrections: weights of the model, rotation vectors of S sites; 0 where missing."""
    rotations = np.zeros((len(weights), len(sites), 3))
    for k, site in enumerate(sites):
        if site in motion.sites:
            rotations[:, k] = np.nan_to_num(motion.rotation[:, motion.sites.index(site)]) * _ROTATION_SCALE
    return np.concatenate([np.nan_to_num(weights), rotations.reshape(len(rotations), -1)], axis=1)


@dataclass(frozen=True)
class Correction:
    """Correction of one model: `coefficients` (F + 1, 52), and `limits` (2, F) of the features in the paired take."""

    coefficients: Array
    limits: Array

    def apply(self, motion: Motion, weights: Array, sites: tuple[str, ...]) -> Array:
        """Corrected weights (T, 52) in 0..1. Features are clipped to their range in the paired take."""
        x = np.clip(features(motion, weights, sites), *self.limits)
        return np.clip(weights + ridge.predict(x, self.coefficients), 0.0, 1.0)


@dataclass(frozen=True)
class Adapter:
    """Corrections by the models' ids, from `seconds` of paired capture; `sites`: those of the features, in order."""

    sites: tuple[str, ...]
    corrections: dict[str, Correction]
    seconds: float

    def correction(self, model: str, path: str | Path = "the adapter") -> Correction:
        """The correction of a model. Raises InnerfaceError where there is none."""
        if model not in self.corrections:
            raise InnerfaceError(
                f"{path}: made for another model; make it again with 'innerface adapt', or name its model with --model"
            )
        return self.corrections[model]

    def apply(self, model: str, motion: Motion, weights: Array) -> Array:
        """Correct a model's weights (T, 52). Raises InnerfaceError for a model that it was not made for."""
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
    with reading(path, _REMEDY):
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


def fit(motion: Motion, weights: Array, truth: Array, *, use: Array) -> tuple[Correction, dict[str, float]]:
    """Fit a correction of a model to a paired take. Raises InnerfaceError where it is too short.

    Parameters
    ----------
    motion : of the take, T frames
    weights : (T, 52), the model's
    truth : (T, 52), the camera's
    use : (T,) bool, frames to learn from

    Returns
    -------
    correction : for the model
    errors : cross-validated mean square errors, "before" and "after"
    """
    use = use & np.isfinite(weights).all(axis=1) & np.isfinite(truth).all(axis=1)
    if use.sum() < MIN_CAPTURE_S * FRAME_RATE:
        raise InnerfaceError(
            f"sensors and camera share only {use.sum() / FRAME_RATE:.1f} s; record at least {MIN_CAPTURE_S:.0f} s, "
            "better a minute, of both together"
        )
    x = features(motion, weights, layout_sites())[use]
    residual = truth[use] - weights[use]
    rows = np.arange(len(x))
    fold = rows * _FOLDS // len(x)
    candidates = [(width, penalty) for width in (len(ARKIT), x.shape[1]) for penalty in _PENALTIES]
    squared_error, before = np.zeros((len(candidates), len(ARKIT))), np.zeros(len(ARKIT))
    for k in range(_FOLDS):
        held_out = fold == k
        width = 2 * int(_FOLD_MARGIN_S * FRAME_RATE) + 1
        excluded = cast(Array, np.convolve(held_out, np.ones(width), "same")) > 0
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
    """The face sites of the default layout, which features are made of."""
    sites = load_layout()
    return tuple(s for s in sites.sites if s != sites.reference)
