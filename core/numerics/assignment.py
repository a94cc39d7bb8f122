"""The assignment problem: one-to-one pairs of least total cost."""

from __future__ import annotations

from typing import cast

from scipy.optimize import linear_sum_assignment  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from ..arrays import Array


def assign(cost: Array) -> list[tuple[int, int]]:
    """Pairs (row, column) of a matrix (N, M) of costs, each row and column at most once, of least total cost."""
    rows, columns = cast(tuple[Array, Array], linear_sum_assignment(cost))
    return [(int(row), int(column)) for row, column in zip(rows, columns)]
