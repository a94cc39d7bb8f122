"""Generated performances beside real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...core import formats
from ...core.channels import ARKIT, GROUPS
from ...core.performance.generate import generate
from ...core.performance.statistics import agreement, explained, statistics
from . import Section

_HELD_OUT = ("alex_rom_3.csv", "alex_rom_4.csv", "MySlate_3_Jason_Millers_iPhone.csv")
_OTHERS = ("S07-001.csv", "apfel.csv", "dao.converted.csv", "FaceCapture_2020-19-7-17-03-23.converted.csv")


def performances(folder: Path) -> Section:
    """Generated performances beside real takes."""
    real = {name: formats.read_take(folder / name).weights() for name in (*_OTHERS, *_HELD_OUT)}
    made = [generate(60.0, np.random.default_rng(k)) for k in range(60)]
    ours, all_real = statistics(made), statistics(list(real.values()))
    held = [real[n] for n in _HELD_OUT]
    lines = [
        "\n## Performances",
        "\nWhat models train on (`core/performance/generate.py`) beside the seven real takes: it should be wider, and channels should go "
        "together as they do in people. Range is the 99th percentile, speed that of |dw/dt| per second, active the share of time more than "
        "0.1 off the median; means over each group's channels.\n",
        "| group | range made | real | speed made | real | active made | real |",
        "|---|---|---|---|---|---|---|",
    ]
    groups: dict[str, Any] = {}
    for group, names in GROUPS.items():
        index = [ARKIT.index(c) for c in names]
        values = [float(getattr(s, k)[index].mean()) for k in ("high", "speed", "active") for s in (ours, all_real)]
        groups[group] = values
        lines.append(f"| {group} | " + " | ".join(f"{v:.2f}" for v in values) + " |")
    alike = agreement(ours, statistics(held))
    people = agreement(statistics([real[n] for n in _OTHERS]), statistics(held))
    share, theirs = explained(made, held), explained([real[n] for n in _OTHERS], held)
    lines += [
        f"\nCorrelations between channels agree with those of the held-out performers to {alike:.2f} (the other real performers: {people:.2f}).",
        f"The first 20 principal components of made performances hold {share:.1%} of the held-out takes' variance (of the other real takes: {theirs:.1%}).",
        "\nPer channel, made / real:\n",
        "| channel | range | speed | active |",
        "|---|---|---|---|",
    ]
    for k, c in enumerate(ARKIT):
        pairs = (f"{getattr(ours, s)[k]:.2f} / {getattr(all_real, s)[k]:.2f}" for s in ("high", "speed", "active"))
        lines.append(f"| {c} | " + " | ".join(pairs) + " |")
    return Section(lines, {"agreement": alike, "agreement_real": people, "explained": share, "explained_real": theirs, "groups": groups})
