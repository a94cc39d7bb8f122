"""Generated performances beside real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ....core import formats
from ....core.face.channels import ARKIT, GROUPS
from ....core.performance.generate import generate
from ....core.performance.statistics import correlation_agreement, explained_variance, performance_statistics
from . import Section

_HELD_OUT = ("alex_rom_3.csv", "alex_rom_4.csv", "MySlate_3_Jason_Millers_iPhone.csv")
_OTHER_TAKES = ("S07-001.csv", "apfel.csv", "dao.converted.csv", "FaceCapture_2020-19-7-17-03-23.converted.csv")


def performance_section(folder: Path) -> Section:
    """Generated performances beside real takes."""
    real = {name: formats.read_take(folder / name).weights() for name in (*_OTHER_TAKES, *_HELD_OUT)}
    generated = [generate(60.0, np.random.default_rng(k)) for k in range(60)]
    generated_stats, real_stats = performance_statistics(generated), performance_statistics(list(real.values()))
    held_out = [real[n] for n in _HELD_OUT]
    lines = [
        "\n## Performances",
        "\nWhat models train on (`core/performance/generate.py`) beside the seven real takes: it should be wider, and "
        "channels should go together as they do in people. Range is the 99th percentile, speed that of |dw/dt| per "
        "second, active the share of time more than 0.1 off the median; means over each group's channels.\n",
        "| group | range made | real | speed made | real | active made | real |",
        "|---|---|---|---|---|---|---|",
    ]
    groups: dict[str, Any] = {}
    for group, names in GROUPS.items():
        index = [ARKIT.index(c) for c in names]
        values = [
            float(getattr(s, k)[index].mean())
            for k in ("high", "speed", "active")
            for s in (generated_stats, real_stats)
        ]
        groups[group] = values
        lines.append(f"| {group} | " + " | ".join(f"{v:.2f}" for v in values) + " |")
    generated_agreement = correlation_agreement(generated_stats, performance_statistics(held_out))
    real_agreement = correlation_agreement(
        performance_statistics([real[n] for n in _OTHER_TAKES]), performance_statistics(held_out)
    )
    generated_explained, real_explained = (
        explained_variance(generated, held_out),
        explained_variance([real[n] for n in _OTHER_TAKES], held_out),
    )
    lines += [
        f"\nCorrelations between channels agree with those of the held-out performers to {generated_agreement:.2f} "
        f"(the other real performers: {real_agreement:.2f}).",
        f"The first 20 principal components of made performances hold {generated_explained:.1%} of the held-out "
        f"takes' variance (of the other real takes: {real_explained:.1%}).",
        "\nPer channel, made / real:\n",
        "| channel | range | speed | active |",
        "|---|---|---|---|",
    ]
    for k, c in enumerate(ARKIT):
        pairs = (
            f"{getattr(generated_stats, s)[k]:.2f} / {getattr(real_stats, s)[k]:.2f}"
            for s in ("high", "speed", "active")
        )
        lines.append(f"| {c} | " + " | ".join(pairs) + " |")
    return Section(
        lines,
        {
            "agreement": generated_agreement,
            "agreement_real": real_agreement,
            "explained": generated_explained,
            "explained_real": real_explained,
            "groups": groups,
        },
    )
