"""The trained detector of occlusions: a logistic regression on occlusion features, expanded by hinges and products.

Trained by `innerface train occlusion`; `detect.py` turns its log odds into time ranges.
"""

# SciPy has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..arrays import Array
from ..errors import InnerfaceError
from ..files import reading
from ..numerics.model_files import load_npz, save_npz
from .occlusion_features import FEATURES_ALONE, FEATURES_HELPED, OcclusionFeatures

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "occlusion.npz"
KIND = "innerface-occlusion 1"
_REMEDY = "copy it again, or train one with 'innerface train occlusion'"
_KEYS = ("centre", "spread", "weights", "bias")
_EXPERTS = {
    "alone": FEATURES_ALONE,
    "alone_quiet": FEATURES_ALONE,
    "helped": FEATURES_HELPED,
    "helped_quiet": FEATURES_HELPED,
}
_SMOOTHING_S = (0.35, 1.0)
_CLIP_RANGE = (-6.0, 8.0)  # of a feature before it is expanded
_MAX_FACTOR = 6.0  # of a feature in a product
# Knots of the hinge functions: the weight of a feature is piecewise linear.
_KNOTS: dict[str, tuple[float, ...]] = {
    "jitter": (0.3, 0.8, 1.2),
    "stillness": (-2.0, -1.3, 2.0),
    "mahalanobis": (1.0, 2.0, 3.5),
    "misfit": (1.0, 2.0, 3.5),
    "contradiction": (1.0, 2.0, 3.5),
    "motion_ratio": (-1.5, -0.7, 0.7),
    "motion_correlation": (0.0, 0.4),
}
_INTERACTIONS = (
    ("mahalanobis", "misfit"),
    ("jitter", "misfit"),
    ("contradiction", "misfit"),
    ("contradiction", "mahalanobis"),
)


@dataclass(frozen=True)
class LogOddsModel:
    """Log odds of an occlusion: (x - centre) / spread @ weights + bias, x the expanded features.

    Attributes
    ----------
    names : names of the features before expansion
    centre, spread, weights : (F,)
    bias : float
    """

    names: tuple[str, ...]
    centre: Array
    spread: Array
    weights: Array
    bias: float

    def log_odds(self, values: Array) -> Array:
        """Log odds (T,) of expanded features (T, F)."""
        return (values - self.centre) / self.spread @ self.weights + self.bias


@dataclass(frozen=True)
class Detector:
    """Two experts each for a camera alone and for a camera with a helping take.

    The first of each pair knows damage that shows in the dynamics (jitter, stillness), the second quiet damage, which
    shows only in the expressions.
    """

    alone: tuple[LogOddsModel, LogOddsModel]
    helped: tuple[LogOddsModel, LogOddsModel]
    card: dict[str, str] = field(default_factory=dict[str, str])

    def save(self, path: str | Path) -> None:
        """Write the detector atomically."""
        arrays = {
            f"{name}_{key}": getattr(expert, key)
            for name, expert in zip(_EXPERTS, (*self.alone, *self.helped))
            for key in _KEYS
        }
        save_npz(path, kind=KIND, card=self.card, **arrays)


@lru_cache(maxsize=2)
def load(path: str | Path = SHIPPED) -> Detector:
    """Read a detector. Raises InnerfaceError for a file that is missing, damaged or of another kind."""
    with reading(path, _REMEDY):
        data = load_npz(path, kind=KIND, remedy=_REMEDY)
        experts = [
            LogOddsModel(
                names,
                **{key: data.floats(f"{expert}_{key}") for key in _KEYS[:3]},
                bias=data.number(f"{expert}_bias"),
            )
            for expert, names in _EXPERTS.items()
        ]
        for expert in experts:
            if (
                expert.weights.shape != (expanded_width(expert.names),)
                or expert.centre.shape != expert.spread.shape
                or expert.centre.shape != expert.weights.shape
                or not all(np.isfinite(v).all() for v in (expert.weights, expert.centre, expert.spread, expert.bias))
                or not (expert.spread > 0).all()
            ):
                raise InnerfaceError(f"{path}: array shapes do not match; {_REMEDY}")
        return Detector((experts[0], experts[1]), (experts[2], experts[3]), data.card())


def expand_features(features: OcclusionFeatures, rate: float) -> Array:
    """Expand features (T, N) to (T, F): with hinges and products, at the moment and averaged around it."""
    columns: list[Array] = []
    for x in (features.values, *(gaussian_filter1d(features.values, s * rate, axis=0) for s in _SMOOTHING_S)):
        x = np.clip(x, *_CLIP_RANGE)
        hinges = [
            np.minimum(x[:, i] - k, 0) if k < 0 else np.maximum(x[:, i] - k, 0)
            for i, n in enumerate(features.names)
            for k in _KNOTS[n]
        ]
        products = [
            np.clip(x[:, a], 0, _MAX_FACTOR) * np.clip(x[:, b], 0, _MAX_FACTOR)
            for a, b in _interacting_columns(features.names)
        ]
        columns += [x, np.stack([*hinges, *products], axis=1)]
    return np.concatenate(columns, axis=1)


def column_sources(names: tuple[str, ...]) -> list[str]:
    """Name of the feature that each column of `expand_features` comes from."""
    products = (names[a] for a, _ in _interacting_columns(names))
    columns = [*names, *(n for n in names for _ in _KNOTS[n]), *products]
    return columns * (1 + len(_SMOOTHING_S))


def expanded_width(names: tuple[str, ...]) -> int:
    """Number of columns of `expand_features`."""
    return len(column_sources(names))


def _interacting_columns(names: tuple[str, ...]) -> list[tuple[int, int]]:
    return [(names.index(a), names.index(b)) for a, b in _INTERACTIONS if a in names and b in names]
