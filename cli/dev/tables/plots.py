"""Images of the report, in one style."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def image(path: Path, **subplots: Any) -> Iterator[Any]:
    """Axes of `matplotlib.pyplot.subplots(**subplots)`, written to `path` at the end. Needs no display."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(
        {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "font.family": "DejaVu Sans"}
    )
    figure, axes = plt.subplots(**subplots)
    yield axes
    figure.savefig(path, dpi=120, bbox_inches="tight", facecolor="white")
    plt.close(figure)
