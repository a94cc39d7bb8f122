"""A personal adapter: the correction of a model's errors on one performer.

The correction is fitted in seconds to a short paired take; the relaxed face is what a camera saw. Networks are told it
(`Network.uses_rest`), and every model's output for a face at rest is replaced by that face: w' = w + r - w0, with the
relaxed face r and the model's weights w0 for sensors that show no motion at all; gaze and lids, which rest nowhere,
stay. Sensors are zeroed at the relaxed face and cannot know it.

Ridge regression of the output: w' = w + A [w, S, 1], with the model's weights w and the sites' rotation vectors S.
Whether S takes part, and the penalty of A, are chosen per channel by cross-validation over stretches of the take; a
channel that gains nothing is left as it is. Gaze and lids never depend on S: no site measures them, so that what S
seems to say of them does not last.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, GAZE_AND_BLINKS
from ..files import reading
from ..numerics import ridge
from ..numerics.model_files import load_npz, save_npz
from ..rates import FRAME_RATE
from .kinematics import Motion
from .layout import load_layout
from .model import Model, estimate

KIND = "innerface-adapter 1"
_REMEDY = "make it again with 'innerface adapt'"
_PENALTIES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
_IS_GAZE_OR_BLINK = np.isin(ARKIT, GAZE_AND_BLINKS)
_FOLDS = 5
_FOLD_MARGIN_S = 1.0  # frames this near to a left-out stretch are left out, too, since they resemble it
_MAX_ERROR_RATIO = 0.98  # a channel is adapted where its error falls below this share
_ROTATION_SCALE = 2.0  # brings rotation vectors to the size of weights
MIN_CAPTURE_S = 5.0
_MAX_MODELS = 8  # in one file
_STILL_ROW = 120  # frames after which a network's output for a still face has settled
_CALM_SHARE, _MAX_CALM_TURN = 0.03, np.radians(2.5)  # of the frames: those in which sensors are nearest to their zero
_MIN_CALM_FRAMES = 15


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
    """What is known of a performer.

    Attributes
    ----------
    sites : those of the corrections' features, in order
    corrections : by the models' ids; none where only the relaxed face is known
    seconds : of the paired capture that they were fitted to
    rest : (52,), the relaxed face as a camera saw it; None where it is not known
    fitted_with_rest : whether networks were told the relaxed face when the corrections were fitted
    """

    sites: tuple[str, ...] = ()
    corrections: dict[str, Correction] = field(default_factory=dict[str, Correction])
    seconds: float = 0.0
    rest: Array | None = None
    fitted_with_rest: bool = False
    _offsets: dict[tuple[str, tuple[str, ...]], Array] = field(
        default_factory=dict[tuple[str, tuple[str, ...]], Array], init=False, repr=False, compare=False
    )

    @property
    def rest_input(self) -> Array | None:
        """The relaxed face (52,) that networks are told; None where the corrections were fitted without it."""
        return self.rest if self.fitted_with_rest or not self.corrections else None

    def check(self, model: str, path: str | Path = "the adapter") -> None:
        """Raise InnerfaceError where all corrections are for other models."""
        if self.corrections and model not in self.corrections:
            raise InnerfaceError(
                f"{path}: made for another model; make it again with 'innerface adapt', or name its model with --model"
            )

    def apply(self, model: Model, motion: Motion, weights: Array) -> Array:
        """Correct the weights (T, 52) of a model that was told `rest_input`.

        Raises InnerfaceError for a model that it was not made for.
        """
        corrected = self._correct(model, motion, weights)
        if self.rest is None or (self.corrections and self.fitted_with_rest):
            return corrected  # corrections know how the face rests
        key = (model.id, motion.sites)
        if key not in self._offsets:
            still = _still_motion(motion.sites)
            at_rest = self._correct(model, still, estimate(model, still, rest=self.rest_input)[0])[_STILL_ROW]
            self._offsets[key] = np.where(_IS_GAZE_OR_BLINK, 0.0, self.rest - at_rest)
        return np.clip(corrected + self._offsets[key], 0.0, 1.0)

    def _correct(self, model: Model, motion: Motion, weights: Array) -> Array:
        self.check(model.id)
        return self.corrections[model.id].apply(motion, weights, self.sites) if self.corrections else weights

    def save(self, path: str | Path) -> None:
        """Write the adapter atomically."""
        width = len(ARKIT) + 3 * len(self.sites)
        corrections = list(self.corrections.values())
        arrays = {} if self.rest is None else {"rest": self.rest}
        save_npz(
            path,
            kind=KIND,
            card=None,
            channels=np.array(ARKIT),
            sites=np.array(self.sites, dtype=np.str_),
            models=np.array(list(self.corrections), dtype=np.str_),
            seconds=self.seconds,
            coefficients=np.stack([c.coefficients for c in corrections])
            if corrections
            else np.zeros((0, width + 1, len(ARKIT))),
            limits=np.stack([c.limits for c in corrections]) if corrections else np.zeros((0, 2, width)),
            **arrays,
        )


def with_rest(adapter: Adapter | None, rest: Array | None) -> Adapter | None:
    """An adapter that knows the relaxed face `rest` (52,), unless it knows one already or `rest` is None."""
    if rest is None or (adapter is not None and adapter.rest is not None):
        return adapter
    return replace(adapter or Adapter(), rest=rest)


def _still_motion(sites: tuple[str, ...]) -> Motion:
    """Motion of a face and a head at rest."""
    rows, count = 2 * _STILL_ROW, len(sites)
    zeros = np.zeros((rows, count, 3))
    return Motion(
        np.arange(rows) / FRAME_RATE, sites, zeros, zeros, np.zeros((rows, 3)), np.zeros((rows, count)), zeros
    )


def load(path: str | Path) -> Adapter:
    """Read an adapter. Raises InnerfaceError for a file that is missing, damaged or of another kind."""
    with reading(path, _REMEDY):
        data = load_npz(path, kind=KIND, remedy=_REMEDY)
        sites, models = data.strings("sites"), data.strings("models")
        coefficients, limits = data.floats("coefficients"), data.floats("limits")
        rest = data.floats("rest") if "rest" in data.archive.names else None
        width = len(ARKIT) + 3 * len(sites)
        if (
            data.strings("channels") != ARKIT
            or not (rest is None) <= len(models) <= _MAX_MODELS
            or (rest is not None and (rest.shape != (len(ARKIT),) or not np.isfinite(rest).all()))
            or coefficients.shape != (len(models), width + 1, len(ARKIT))
            or limits.shape != (len(models), 2, width)
            or not (np.isfinite(coefficients).all() and np.isfinite(limits).all())
        ):
            raise InnerfaceError(f"{path}: an adapter of another version; {_REMEDY}")
        corrections = {model: Correction(c, b) for model, c, b in zip(models, coefficients, limits)}
        return Adapter(sites, corrections, data.number("seconds"), rest, rest is not None)


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
    squared_error[uses_rotation[:, None] & _IS_GAZE_OR_BLINK] = np.inf
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


def find_relaxed_face(motion: Motion, truth: Array, use: Array) -> Array | None:
    """The relaxed face (52,): what the camera saw while all sensors were nearest to their zero.

    None where they never came near to it. `truth` (T, 52): the camera's weights; `use` (T,) bool: its frames.
    """
    use = use & np.isfinite(truth).all(axis=1) & motion.present().any(axis=1)
    if not use.any():
        return None
    turn = cast(Array, np.nanmean(np.linalg.norm(motion.rotation[use], axis=-1), axis=1))
    calm = turn <= min(float(np.quantile(turn, _CALM_SHARE)), _MAX_CALM_TURN)
    return np.median(truth[use][calm], axis=0) if calm.sum() >= _MIN_CALM_FRAMES else None


def layout_sites() -> tuple[str, ...]:
    """The face sites of the default layout, which features are made of."""
    sites = load_layout()
    return tuple(s for s in sites.sites if s != sites.reference)
