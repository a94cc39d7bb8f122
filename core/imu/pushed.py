"""Sensors that are pushed aside: which one, when, and how far.

A finger, a collar or loose tape turns one sensor by itself, and there it stays. An expression turns several sites, or
one in a direction that the face model knows, and passes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import cast

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT
from ..face.face_model import load_bundled
from ..numerics import quaternion as quat
from .drift import BLOCK_FRAMES, block_means
from .layout import load_layout
from .skin import expression_rotations

_MIN_TURN = np.radians(8.0)  # less than this the zero tracker follows by itself
_MIN_RATIO = 3.0  # of the turn to that of every other site at the same time
_CONFIRM_BLOCKS = 6  # in which the sensor must stay where it is
_MIN_KNOWN_BLOCKS = 4  # of them with samples
_EXPRESSION_RATIO = 2.0  # sites that an expression turns this much more than others may look pushed
_MIN_COSINE, _SIZE_RATIO = 0.8, 1.5  # of a turn that resembles an expression, performers being different
_MIN_EXPRESSION = np.radians(3.0)


@dataclass(frozen=True)
class Push:
    """A sensor that was pushed aside.

    Attributes
    ----------
    site : its index
    block : in which it was pushed
    before, after : (4,), its rotations from neutral in the blocks next to this one
    """

    site: int
    block: int
    before: Array
    after: Array

    @property
    def turn(self) -> Array:
        """Rotation vector (3,) rad of the sensor on the skin."""
        return quat.to_rotvec(quat.multiply(quat.conjugate(self.before), self.after))


def pushed_zeros(vectors: Array, sites: tuple[str, ...]) -> Array:
    """Zeros (T, F, 4) of the sensors that are pushed aside in a take, given rotation vectors (T, F, 3) from neutral."""
    detector = PushDetector(sites)
    out = np.zeros((*vectors.shape[:2], 4))
    out[..., 0] = 1.0
    count = len(vectors) // BLOCK_FRAMES
    for mean in block_means(vectors[: count * BLOCK_FRAMES].reshape(count, BLOCK_FRAMES, *vectors.shape[1:])):
        for push in detector.append(mean):
            k, block = push.site, slice(push.block * BLOCK_FRAMES, (push.block + 1) * BLOCK_FRAMES)
            rotation = quat.multiply(quat.from_rotvec(vectors[block, k]), quat.conjugate(out[block, k]))
            start = block.start + int(np.argmax(_distance(push.after, rotation) < _distance(push.before, rotation)))
            out[start:, k] = quat.multiply(quat.from_rotvec(push.turn), out[start:, k])
    return out


class PushDetector:
    """Finds sensors that were pushed aside in the blocks of a take, _CONFIRM_BLOCKS later.

    `sites`: F ids on the face. Those that the default layout lacks are never found, since it is not known how
    expressions turn them.
    """

    def __init__(self, sites: tuple[str, ...]) -> None:
        self.sites = sites
        self.expressions = [_lonely_expressions().get(s) for s in sites]
        self.zero = np.tile([1.0, 0.0, 0.0, 0.0], (len(sites), 1))
        self.blocks: deque[Array] = deque(maxlen=_CONFIRM_BLOCKS + 3)
        self.block_count = 0

    def append(self, mean: Array) -> list[Push]:
        """Add a block, given its mean (F, 3) by `drift.block_means`."""
        self.blocks.append(quat.multiply(quat.from_rotvec(mean), quat.conjugate(self.zero)))
        self.block_count += 1
        if len(self.blocks) < _CONFIRM_BLOCKS + 3:
            return []
        rows = np.stack(list(self.blocks))
        turns = quat.to_rotvec(quat.multiply(quat.conjugate(rows[:3]), rows[2:5]))  # over blocks 1, 2 and 3
        size = np.nan_to_num(cast(Array, np.linalg.norm(turns, axis=-1)))
        largest = (size[1] > _MIN_TURN) & (size[1] >= size[0]) & (size[1] > size[2])
        leaves = np.abs(rows[3, :, 0]) < np.abs(rows[1, :, 0])  # neutral: a return to it is no push
        found: list[Push] = []
        for s in np.flatnonzero(largest & leaves):
            others = np.delete(size[1], s)
            turn = turns[1, s]
            if (
                size[1, s] > _MIN_RATIO * others.max(initial=0.0)
                and not self._resembles_expression(s, turn)
                and _stays(rows[1, s], rows[3, s], rows[3:, s])
            ):
                found.append(Push(int(s), self.block_count - _CONFIRM_BLOCKS - 1, rows[1, s], rows[3, s]))
        for push in found:
            back = quat.conjugate(quat.from_rotvec(push.turn))
            self.zero[push.site] = quat.multiply(quat.conjugate(back), self.zero[push.site])
            kept = list(self.blocks)
            kept[2][push.site] = np.nan  # neither before nor after
            for row in kept[3:]:
                row[push.site] = quat.multiply(row[push.site], back)
        return found

    def _resembles_expression(self, site: int, turn: Array) -> bool:
        known = self.expressions[site]
        if known is None:
            return True
        length, size = np.linalg.norm(known, axis=1), float(np.linalg.norm(turn))
        return bool(((known @ turn > _MIN_COSINE * length * size) & (size < _SIZE_RATIO * length)).any())


def _distance(a: Array, b: Array) -> Array:
    """Angles between rotations (..., 4)."""
    return cast(Array, np.linalg.norm(quat.to_rotvec(quat.multiply(quat.conjugate(a), b)), axis=-1))


def _stays(before: Array, after: Array, later: Array) -> bool:
    """Whether a sensor's rotations `later` (N, 4) are all nearer to that after the push than to the one before."""
    distance = _distance(before, later)
    known = np.isfinite(distance)
    return bool(known.sum() >= _MIN_KNOWN_BLOCKS and (_distance(after, later) < distance)[known].all())


@lru_cache(maxsize=1)
def _lonely_expressions() -> dict[str, Array]:
    """Rotation vectors (N, 3) that expressions of one or two channels give a site while other sites hardly turn."""
    layout, face = load_layout(), load_bundled()
    pairs = list(combinations(range(len(ARKIT)), 2))
    weights = np.concatenate([np.eye(len(ARKIT)), np.zeros((len(pairs), len(ARKIT)))])
    for row, pair in enumerate(pairs, start=len(ARKIT)):
        weights[row, list(pair)] = 1.0
    turn = expression_rotations(face, layout, weights)
    size = np.linalg.norm(turn, axis=-1)
    out: dict[str, Array] = {}
    for k, site in enumerate(layout.sites):
        others = np.delete(size, k, axis=1).max(axis=1)
        lonely = (size[:, k] > _MIN_EXPRESSION) & (size[:, k] > _EXPRESSION_RATIO * others)
        out[site] = turn[lonely, k]
    return out
