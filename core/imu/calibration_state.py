"""State of a running calibration as JSON: with it a later recording needs no nod and shake of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT
from ..rates import FRAME_RATE
from .convention import ConventionFix
from .kinematics import Calibration, Motion
from .layout import MAX_SITES

META_KEY = "calibration"  # in the metadata of an IMU track
_VERSION = 1
_MAX_CHARS = 1 << 18
_ARRAY_FIELDS = ("heading", "neutral", "axes", "at_rest", "bias", "levers", "upper")
_CALM_SPAN_S, _MAX_CALM_RAD = 1.0, np.radians(1.0)
_CALM_ACCELERATION = 0.3  # m/s^2, which disturbs as much as _MAX_CALM_RAD


@dataclass(frozen=True)
class CalibrationState:
    """A calibration with its drifts at one moment, for S sites of which F are on the face.

    Attributes
    ----------
    calibration : the calibration itself
    convention_fix : conversion of the sensors' signal to the convention
    heading : (S,) rad, heading drifts
    zero : (F, 3) rad, zero drifts as rotation vectors
    head_zero : (3,) rad, yaw, pitch and roll that count as straight ahead
    rest : (52,), the relaxed face as a camera saw it while calibrating; None where there was none
    """

    calibration: Calibration
    convention_fix: ConventionFix
    heading: Array
    zero: Array
    head_zero: Array
    rest: Array | None = None

    def to_json(self) -> str:
        """Serialise, in a few kilobytes."""
        calibration, fix = self.calibration, self.convention_fix
        arrays: dict[str, Any] = {name: _rounded(getattr(calibration, name)) for name in _ARRAY_FIELDS}
        data = arrays | {
            "version": _VERSION,
            "sites": calibration.sites,
            "reference": calibration.reference,
            "use_levers": bool(calibration.use_levers),
            "linear": bool(calibration.linear),
            "renamed": calibration.renamed,
            "level": [fix.scale, bool(fix.reordered), bool(fix.inverted), *fix.world_rotation.tolist()],
            "crept": _rounded(self.heading),
            "zero": _rounded(self.zero),
            "head_zero": _rounded(self.head_zero),
        }
        if self.rest is not None:
            data["rest"] = _rounded(self.rest)
        return json.dumps(data, separators=(",", ":"))


def parse(text: str, take_name: str) -> CalibrationState:
    """Parse what `CalibrationState.to_json` wrote. Raises InnerfaceError, which names the take, for anything else."""
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
            _parse_array(data["rest"], (len(ARKIT),)) if "rest" in data else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise InnerfaceError(
            f"{take_name}: the calibration that it was recorded with cannot be read ({type(error).__name__}); "
            "give --neutral and --turn, or record again"
        ) from None


def _rounded(array: Array) -> list[Any]:
    return np.round(array, 9).tolist()


def _parse_array(values: Any, shape: tuple[int, ...]) -> Array:
    out = np.array(values, dtype=np.float64)
    if out.shape != shape or np.isinf(out).any():
        raise ValueError(f"{out.shape} is not {shape}")
    return out


def calm_span(motion: Motion) -> tuple[float, float]:
    """Find the second in which face and sensors move least, in s from the first row; (0, 0) where the face never rests.

    There a take without a neutral span shows its sensors' noise.
    """
    block_frames = int(_CALM_SPAN_S * FRAME_RATE)
    count = len(motion.time) // block_frames
    if not count:
        return 0.0, 0.0

    def block_spread(values: Array) -> Array:
        blocks = np.nan_to_num(values[: count * block_frames]).reshape(count, block_frames, *values.shape[1:])
        return cast(Array, np.sqrt(blocks.var(axis=1).sum(axis=-1).mean(axis=-1)))

    spread = block_spread(motion.rotation)
    # taps on the chin shake sensors that do not turn
    calmest = int((spread / _MAX_CALM_RAD + block_spread(motion.acceleration) / _CALM_ACCELERATION).argmin())
    if spread[calmest] > _MAX_CALM_RAD:
        return 0.0, 0.0
    return calmest * _CALM_SPAN_S, (calmest + 1) * _CALM_SPAN_S - 1 / FRAME_RATE
