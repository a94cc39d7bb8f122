"""The linear model: ridge regression from calibrated motion at a few lags to the 52 weights. It serves as a baseline.

Only moments are stored (means of x x^T and x y^T over training frames), so that the regression is solved for the sites
that are present: a take without some sites gets the model that would have been trained without them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT
from ..files import reading
from ..numerics import ridge
from ..numerics.model_files import load_npz, save_npz
from .kinematics import Motion

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "linear.npz"
KIND = "innerface-linear 1"
_REMEDY = "copy it again, or train it with 'innerface train linear'"
FEATURES_PER_SITE = 6  # at each lag: rotation vector (rad), acceleration (m/s^2, scaled)
ACCELERATION_SCALE = 0.02  # brings accelerations to the size of rotation vectors, since both share one penalty
LAGS = (-12, -6, -3, 0, 3, 6)  # frames, of the moments
OFFLINE_LAGS, CAUSAL_LAGS = (-6, -3, 0, 3, 6), (-12, -6, -3, 0)  # used of them
_MAX_PATTERNS = 64  # sets of present sites in one take that are solved for; rarer ones use a subset
_MAX_CACHED = 64  # patterns whose coefficients are kept, 0.1 MB each


def features(motion: Motion, sites: tuple[str, ...]) -> tuple[Array, Array]:
    """Features (T, K, FEATURES_PER_SITE) of the model's K sites, 0 where missing, and which are present (T, K)."""
    values = np.zeros((len(motion.time), len(sites), FEATURES_PER_SITE))
    present = np.zeros(values.shape[:2], dtype=bool)
    known = motion.present()
    for k, site in enumerate(sites):
        if site in motion.sites:
            s = motion.sites.index(site)
            values[:, k, :3], values[:, k, 3:] = motion.rotation[:, s], motion.acceleration[:, s] * ACCELERATION_SCALE
            present[:, k] = known[:, s]
    return np.where(present[..., None], values, 0.0), present


def lagged(values: Array, lags: tuple[int, ...]) -> Array:
    """Values (T, ...) at the frames t + lag: (T, len(lags), ...), held at the ends."""
    rows = np.clip(np.arange(len(values))[:, None] + np.asarray(lags), 0, len(values) - 1)
    return values[rows]


@dataclass(frozen=True)
class LinearModel:
    """Moments that regressions are solved from. Features are ordered by lag, site and component; the last one is 1.

    Attributes
    ----------
    sites : K ids
    xx : (n, n), mean products of features
    xy : (n, 52), mean products of features and weights
    penalty : added to the diagonal of `xx` for every feature but the last
    card : what it was trained on
    id : start of its file's SHA-256
    """

    sites: tuple[str, ...]
    xx: Array
    xy: Array
    penalty: float
    card: dict[str, str] = field(default_factory=dict[str, str])
    id: str = ""

    @cached_property
    def _coefficient_cache(self) -> dict[tuple[tuple[int, ...], bytes], Array]:
        return {}

    def coefficients(self, lags: tuple[int, ...], present: Array) -> Array:
        """Coefficients (features + 1, 52) at these lags for the sites that are present (K,); 0 for others."""
        key = (lags, present.tobytes())
        if key not in self._coefficient_cache:
            if len(self._coefficient_cache) >= _MAX_CACHED:  # sensors that come and go make 2,048 patterns
                del self._coefficient_cache[next(iter(self._coefficient_cache))]
            selected = np.zeros((len(LAGS), len(self.sites), FEATURES_PER_SITE), dtype=bool)
            selected[[LAGS.index(k) for k in lags]] = present[:, None]
            index = np.concatenate([np.flatnonzero(selected), [len(self.xx) - 1]])
            padded = np.zeros((len(lags), len(self.sites), FEATURES_PER_SITE, len(ARKIT)))
            penalty = np.append(np.full(len(index) - 1, self.penalty), 0.0)
            solution = ridge.solve(self.xx[np.ix_(index, index)], self.xy[index], penalty)
            padded[:, present] = solution[:-1].reshape(len(lags), -1, FEATURES_PER_SITE, len(ARKIT))
            self._coefficient_cache[key] = np.concatenate([padded.reshape(-1, len(ARKIT)), solution[-1:]])
        return self._coefficient_cache[key]

    def infer(self, motion: Motion, causal: bool = False) -> Array:
        """Weights (T, 52) in 0..1; NaN where no site is present. `causal`: from each frame and earlier ones only.

        Raises InnerfaceError where the motion has none of the model's sites.
        """
        lags = CAUSAL_LAGS if causal else OFFLINE_LAGS
        values, present = features(motion, self.sites)
        if not set(motion.sites) & set(self.sites):
            raise InnerfaceError(
                f"none of the sites that the model knows ({', '.join(self.sites)}) is in the take; use its layout"
            )
        rows = lagged(values, lags).reshape(len(values), -1)
        lagged_present = lagged(present, lags).all(axis=1)  # a site counts where it was measured at all lags
        patterns, pattern_index, count = cast(
            tuple[Array, Array, Array], np.unique(lagged_present, axis=0, return_inverse=True, return_counts=True)
        )
        pattern_index = pattern_index.reshape(-1)
        common: list[int] = np.argsort(-count)[:_MAX_PATTERNS].tolist()
        out = np.full((len(rows), len(ARKIT)), np.nan)
        for k in range(len(patterns)):
            pattern = solvable = patterns[k]
            if k not in common and pattern.any():  # the largest common pattern that is a subset
                subsets = [c for c in common if not (patterns[c] & ~pattern).any()]
                largest = max(subsets, key=lambda c: int(patterns[c].sum()), default=None)
                solvable = np.zeros_like(pattern) if largest is None else patterns[largest]
            if solvable.any():
                mask = pattern_index == k
                solution = self.coefficients(lags, solvable)
                out[mask] = ridge.predict(rows[mask], solution)
        return np.clip(out, 0.0, 1.0)

    def save(self, path: str | Path) -> None:
        """Write the model atomically."""
        save_npz(
            path,
            kind=KIND,
            card=self.card,
            sites=np.array(self.sites),
            channels=np.array(ARKIT),
            lags=np.array(LAGS),
            xx=self.xx.astype(np.float32),
            xy=self.xy.astype(np.float32),
            ridge=self.penalty,
        )


def load(path: str | Path = SHIPPED) -> LinearModel:
    """Read a model. Raises InnerfaceError for a file that is missing, damaged or of another kind."""
    with reading(path, _REMEDY):
        data = load_npz(path, kind=KIND, remedy=_REMEDY)
        if data.strings("channels") != ARKIT or data.integers("lags") != LAGS:
            raise InnerfaceError(f"{path}: a model of another version; {_REMEDY}")
        sites, xx, xy, penalty = data.strings("sites"), data.floats("xx"), data.floats("xy"), data.number("ridge")
        size = len(LAGS) * len(sites) * FEATURES_PER_SITE + 1
        if (
            xx.shape != (size, size)
            or xy.shape != (size, len(ARKIT))
            or not np.isfinite(xx).all()
            or not np.isfinite(xy).all()
            or not 0 < penalty < np.inf
        ):
            raise InnerfaceError(f"{path}: array shapes or values do not match; {_REMEDY}")
        return LinearModel(sites, xx, xy, penalty, data.card(), data.id)


class Moments:
    """Sums over training frames, from which a `LinearModel` is made."""

    def __init__(self, sites: tuple[str, ...]) -> None:
        size = len(LAGS) * len(sites) * FEATURES_PER_SITE + 1
        self.sites, self.frames = sites, 0.0
        self.xx, self.xy = np.zeros((size, size)), np.zeros((size, len(ARKIT)))

    def add(self, motion: Motion, weights: Array, use: Array, *, weight: float = 1.0) -> None:
        """Add the frames `use` (T,) of a motion with its true weights (T, 52). `weight`: how much they count."""
        values, present = features(motion, self.sites)
        use = use & lagged(present, LAGS).all(axis=(1, 2))
        rows = lagged(values, LAGS).reshape(len(values), -1)[use]
        rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
        self.xx += weight * (rows.T @ rows)
        self.xy += weight * (rows.T @ weights[use])
        self.frames += weight * len(rows)

    def to_model(self, penalty: float, card: dict[str, str] | None = None) -> LinearModel:
        """The model of the frames that were added. Raises ValueError where there are none."""
        if not self.frames:
            raise ValueError("no frame was added")
        return LinearModel(self.sites, self.xx / self.frames, self.xy / self.frames, penalty, card or {})
