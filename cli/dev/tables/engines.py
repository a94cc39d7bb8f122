"""What engines find in exports."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ....core.errors import InnerfaceError
from ....core.take import Track
from .. import engines
from . import ProgressCallback, Section, markdown_table

_SECONDS = 10.0  # of the take: some of the readers take a second for each


def engines_section(track: Track, name: str, progress: ProgressCallback) -> Section:
    """Open a real take's exports in all engines that are here, at all of `engines.RATES`."""
    kept = track.time - track.time[0] < _SECONDS
    track = Track(track.kind, track.time[kept], track.columns, track.values[kept])
    rows: list[str] = []
    figures: dict[str, Any] = {}
    for k, fps in enumerate(engines.RATES):
        with tempfile.TemporaryDirectory() as folder:
            keyed = engines.key_take(track, fps, Path(folder))
            for i, engine in enumerate(engines.ENGINES):
                row, found = _row(engine, keyed)
                rows.append(f"{engine.name} ({engine.kind.upper()}) | {fps} | {row}")
                figures[f"{engine.name} {fps}"] = found
                progress((k + (i + 1) / len(engines.ENGINES)) / len(engines.RATES))
    rows.sort(key=lambda row: [e.name for e in engines.ENGINES].index(row.split(" | ")[0].rpartition(" (")[0]))
    lines = [
        "\n## Engines",
        f"\nThe first {_SECONDS:g} s of {name}, whose head turns are made up (up to 23 degrees), on the bundled head: "
        f"exported at {len(engines.RATES)} frame rates and read back by programs that share no code with Innerface. "
        "The weights' error is the largest of any channel at the engine's own keys (VTK shows no weights: "
        "the largest of any vertex of the face, in mm); "
        "the head's is the largest difference of the angles between its rotations. A dash: the "
        "program shows no such thing.",
        *markdown_table(
            f"program | fps | opens | clip, s (of {keyed.duration:.3f}) | weights' error | head's error, degrees", rows
        ),
    ]
    return Section(lines, figures)


def _row(engine: engines.Engine, keyed: engines.KeyedTake) -> tuple[str, dict[str, Any]]:
    """Cells of a row, and its figures."""
    try:
        found = engines.measure(engine, keyed)
    except engines.NotHereError as error:
        return f"not here ({engine.package}) | - | - | -", {"problem": str(error)}
    except InnerfaceError as error:
        return f"no: {error} | - | - | -", {"problem": str(error)}
    unit = " mm" if engine.name == "VTK" else ""
    cells = [
        _number(found.clip_s, ".3f"),
        _number(found.weight_error, ".1e") + (unit if np.isfinite(found.weight_error) else ""),
        _number(found.turn_error, ".1e"),
    ]
    return f"yes | {' | '.join(cells)}", {
        "clip_s": _json(found.clip_s),
        "weight_error": _json(found.weight_error),
        "turn_error": _json(found.turn_error),
    }


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if np.isfinite(value) else "-"


def _json(value: float) -> float | None:
    return value if np.isfinite(value) else None
