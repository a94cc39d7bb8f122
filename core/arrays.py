"""The type of arrays in annotations; docstrings give their shapes, units and element types."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
