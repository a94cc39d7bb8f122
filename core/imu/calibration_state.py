"""A calibration at work, as text: what a take that is recorded later needs to be inferred without a nod and shake of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InnerfaceError
from ..rates import FRAME_RATE
from .convention import ConventionFix
from .kinematics import Calibration, Motion
from .layout import MAX_SITES

META_KEY = "calibration"  # of an IMU track
_VERSION = 1
_MAX_CHARS = 1 << 18
_ARRAY_FIELDS = ("heading", "neutral", "axes", "at_rest", "bias", "levers", "upper")
_CALM_SPAN_S, _MAX_CALM_RAD = 1.0, np.radians(1.0)


@dataclass(frozen=True)
class CalibrationState:
    """`found`: the calibration; `level`: what brings the sensors' signal to the conventions; how far things have crept when this was
    written: `heading` (S,) rad, `zero` (F, 3) rotation vectors; `head_zero` (3,): yaw, pitch, roll in rad that count as straight ahead."""

    calibration: Calibration
    convention_fix: ConventionFix
    heading: np.ndarray
    zero: np.ndarray
    head_zero: np.ndarray

    def to_json(self) -> str:
        """JSON, a few kilobytes."""
        calibration, fix = self.calibration, self.convention_fix
        arrays = {name: np.round(getattr(calibration, name), 9).tolist() for name in _ARRAY_FIELDS}
        data = arrays | {
            "version": _VERSION,
            "sites": calibration.sites,
            "reference": calibration.reference,
            "use_levers": bool(calibration.use_levers),
            "linear": bool(calibration.linear),
            "renamed": calibration.renamed,
            "level": [fix.scale, bool(fix.reordered), bool(fix.inverted), *fix.world_rotation.tolist()],
            "crept": np.round(self.heading, 9).tolist(),
            "zero": np.round(self.zero, 9).tolist(),
            "head_zero": np.round(self.head_zero, 9).tolist(),
        }
        return json.dumps(data, separators=(",", ":"))


def parse(text: str, take_name: str) -> CalibrationState:
    """What `Worn.text` wrote. Raises InnerfaceError, naming the take `name`, for anything else."""
    try:
        if len(text) > _MAX_CHARS:
            raise ValueError("too long")
        data: dict[str, Any] = json.loads(text)
        sites = tuple(str(s) for s in data["sites"])
        count, reference = len(sites), int(data["reference"])
        if data["version"] != _VERSION or not 1 <= count <= MAX_SITES or not -1 <= reference < count:
            raise ValueError("another version or layout")
        face_count = count - (reference >= 0)
        shapes = {
            "heading": (count,),
            "neutral": (count, 4),
            "axes": (4,),
            "at_rest": (4,),
            "bias": (count, 3),
            "levers": (count, 3),
            "upper": (count,),
        }
        arrays: dict[str, Any] = {key: _parse_array(data[key], shape) for key, shape in shapes.items()}
        scale, reordered, inverted, *turn = data["level"]
        calibration = Calibration(
            sites,
            reference,
            use_levers=bool(data["use_levers"]),
            linear=bool(data["linear"]),
            neutral_span=(0.0, 0.0),
            turn_span=(0.0, 0.0),
            renamed={str(k): str(v) for k, v in data["renamed"].items()},
            **arrays,
        )
        fix = ConventionFix(float(scale), bool(reordered), bool(inverted), _parse_array(turn, (4,)))
        return CalibrationState(
            calibration,
            fix,
            _parse_array(data["crept"], (count,)),
            _parse_array(data["zero"], (face_count, 3)),
            _parse_array(data["head_zero"], (3,)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise InnerfaceError(
            f"{take_name}: the calibration that it was recorded with cannot be read ({type(error).__name__}); give --neutral and --turn, or record again"
        ) from None


def _parse_array(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    out = np.array(values, dtype=np.float64)
    if out.shape != shape or np.isinf(out).any():
        raise ValueError(f"{out.shape} is not {shape}")
    return out


def calm_span(motion: Motion) -> tuple[float, float]:
    """The second in which the face moves least, in seconds from the first row: where a take without a neutral span shows its sensors' noise. Empty (0, 0)
    where the face never rests."""
    block_frames = int(_CALM_SPAN_S * FRAME_RATE)
    count = len(motion.time) // block_frames
    if not count:
        return 0.0, 0.0
    blocks = np.nan_to_num(motion.rotation[: count * block_frames]).reshape(
        count, block_frames, *motion.rotation.shape[1:]
    )
    spread = np.sqrt(blocks.var(axis=1).sum(axis=-1).mean(axis=-1))
    calmest = int(spread.argmin())
    if spread[calmest] > _MAX_CALM_RAD:
        return 0.0, 0.0
    return calmest * _CALM_SPAN_S, (calmest + 1) * _CALM_SPAN_S - 1 / FRAME_RATE
