"""A calibration at work, as text: what a take that is recorded later needs to be inferred without a nod and shake of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InnerfaceError
from .kinematics import Calibration, Motion
from .layout import MAX_SITES
from .level import Leveling
from .signal import FRAME_RATE

META = "calibration"  # of an IMU track
_VERSION = 1
_LONGEST = 1 << 18
_ARRAYS = ("heading", "neutral", "axes", "at_rest", "bias", "levers", "upper")
_CALM_S, _CALM_RAD = 1.0, np.radians(1.0)


@dataclass(frozen=True)
class Worn:
    """`found`: the calibration; `level`: what brings the sensors' signal to the conventions; how far things have crept when this was
    written: `heading` (S,) rad, `zero` (F, 3) rotation vectors; `head_zero` (3,): yaw, pitch, roll in rad that count as straight ahead."""

    found: Calibration
    level: Leveling
    heading: np.ndarray
    zero: np.ndarray
    head_zero: np.ndarray

    def text(self) -> str:
        """JSON, a few kilobytes."""
        f, v = self.found, self.level
        arrays = {name: np.round(getattr(f, name), 9).tolist() for name in _ARRAYS}
        data = arrays | {
            "version": _VERSION, "sites": f.sites, "reference": f.reference, "use_levers": bool(f.use_levers), "linear": bool(f.linear), "renamed": f.renamed,
            "level": [v.scale, bool(v.reordered), bool(v.inverted), *v.turn.tolist()], "crept": np.round(self.heading, 9).tolist(),
            "zero": np.round(self.zero, 9).tolist(), "head_zero": np.round(self.head_zero, 9).tolist(),
        }  # fmt: skip
        return json.dumps(data, separators=(",", ":"))


def read(text: str, name: str) -> Worn:
    """What `Worn.text` wrote. Raises InnerfaceError, naming the take `name`, for anything else."""
    try:
        if len(text) > _LONGEST:
            raise ValueError("too long")
        data: dict[str, Any] = json.loads(text)
        sites = tuple(str(s) for s in data["sites"])
        count, reference = len(sites), int(data["reference"])
        if data["version"] != _VERSION or not 1 <= count <= MAX_SITES or not -1 <= reference < count:
            raise ValueError("another version or layout")
        faces = count - (reference >= 0)
        shapes = {"heading": (count,), "neutral": (count, 4), "axes": (4,), "at_rest": (4,), "bias": (count, 3), "levers": (count, 3), "upper": (count,)}
        arrays: dict[str, Any] = {key: _array(data[key], shape) for key, shape in shapes.items()}
        scale, reordered, inverted, *turn = data["level"]
        found = Calibration(
            sites, reference, use_levers=bool(data["use_levers"]), linear=bool(data["linear"]), neutral_span=(0.0, 0.0), turn_span=(0.0, 0.0),
            renamed={str(k): str(v) for k, v in data["renamed"].items()}, **arrays,
        )  # fmt: skip
        level = Leveling(float(scale), bool(reordered), bool(inverted), _array(turn, (4,)))
        return Worn(found, level, _array(data["crept"], (count,)), _array(data["zero"], (faces, 3)), _array(data["head_zero"], (3,)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise InnerfaceError(
            f"{name}: the calibration that it was recorded with cannot be read ({type(error).__name__}); give --neutral and --turn, or record again"
        ) from None


def _array(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    out = np.array(values, dtype=np.float64)
    if out.shape != shape or np.isinf(out).any():
        raise ValueError(f"{out.shape} is not {shape}")
    return out


def calm_span(motion: Motion) -> tuple[float, float]:
    """The second in which the face moves least, in seconds from the first row: where a take without a neutral span shows its sensors' noise. Empty (0, 0)
    where the face never rests."""
    size = int(_CALM_S * FRAME_RATE)
    count = len(motion.time) // size
    if not count:
        return 0.0, 0.0
    blocks = np.nan_to_num(motion.rotation[: count * size]).reshape(count, size, *motion.rotation.shape[1:])
    spread = np.sqrt(blocks.var(axis=1).sum(axis=-1).mean(axis=-1))
    calmest = int(spread.argmin())
    if spread[calmest] > _CALM_RAD:
        return 0.0, 0.0
    return calmest * _CALM_S, (calmest + 1) * _CALM_S - 1 / FRAME_RATE
