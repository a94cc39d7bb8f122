"""Text frames of iFacialMocap and Facemotion3D.

`name-value|...|=head#x,y,z,...|rightEye#x,y,z|leftEye#x,y,z|`, weights 0..100, angles in degrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...core.face.naming.channel_table import match_names

PORT, FACEMOTION3D_PORT = 49983, 49993
START = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719|sendDataVersion=v2"
FACEMOTION3D_START = b"FACEMOTION3D_OtherStreaming"
FULL_WEIGHT = 100.0
_MAX_BYTES, _MAX_NAMES = 16384, 128
_POSE_START = "head#"
_OTHER_NAMES, _OTHER_PREFIX = ("hapihapi",), "FM_"  # further values of the apps


@dataclass(frozen=True)
class Frame:
    """A text frame.

    Attributes
    ----------
    weights
        By channel, as sent: 0..100; NaN for what is no number.
    angles
        Of head and eyes, rad, with Live Link Face's signs; NaN likewise.
    unknown
        Names that are neither channels nor the apps' own.
    tracked
        Whether a face is tracked.
    """

    weights: dict[str, float]
    angles: dict[str, float]
    unknown: tuple[str, ...]
    tracked: bool


def parse(data: bytes) -> Frame | None:
    """Return the content of a frame, None if `data` is not one."""
    if not 8 <= len(data) <= _MAX_BYTES:
        return None
    shapes, _, pose = data.decode("utf-8", "replace").strip().removesuffix("___iFacialMocap").partition("=")
    named: dict[str, float] = {}
    tracked = True
    for field in shapes.split("|"):
        separator = max(field.rfind("&"), field.rfind("-"))
        if separator <= 0:
            continue
        if field[separator] == "-" and field[separator - 1] == "&":  # a negative value of version 2
            separator -= 1
        name, value = field[:separator].strip(), _number(field[separator + 1 :])
        if name == "trackingStatus":
            tracked = not value <= 0
        elif name not in _OTHER_NAMES and not name.startswith(_OTHER_PREFIX) and len(named) < _MAX_NAMES:
            named[name] = value
    table = match_names(tuple(named))
    if not table.channels and not (named and pose.startswith(_POSE_START)):
        return None
    numbers = table.to_channels(np.array([list(named.values())]))[0].tolist()
    return Frame(dict(zip(table.channels, numbers)), _parse_pose(pose), table.unknown, tracked)


def _parse_pose(pose: str) -> dict[str, float]:
    angles: dict[str, float] = {}
    for field in pose.split("|"):
        bone, _, numbers = field.partition("#")
        degrees = [_number(x) for x in numbers.split(",")]
        if len(degrees) < 3:
            continue
        x, y, z = (math.radians(a) for a in degrees[:3])
        if bone.strip() == "head":
            angles |= {"headPitch": x, "headYaw": y, "headRoll": z}
        elif bone.strip() in ("leftEye", "rightEye"):
            angles |= {f"{bone.strip()}Pitch": x, f"{bone.strip()}Yaw": -y, f"{bone.strip()}Roll": z}
    return angles


def _number(text: str) -> float:
    """A number, NaN for other text."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) and abs(value) < 1e6 else math.nan
