"""Text frames of iFacialMocap and Facemotion3D.

`name-value|...|=head#x,y,z,...|rightEye#x,y,z|leftEye#x,y,z|`, weights 0..100, angles in degrees.
"""

from __future__ import annotations

import math

from ...core.face.channels import ARKIT

PORT, FACEMOTION3D_PORT = 49983, 49993
START = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719|sendDataVersion=v2"
FACEMOTION3D_START = b"FACEMOTION3D_OtherStreaming"
_MAX_BYTES = 16384


def _channel_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for name in ARKIT:
        names[name.lower()] = name
        for side, suffix in (("Left", "_l"), ("Right", "_r")):
            if name.endswith(side) and not name.startswith(("jaw", "mouthLeft", "mouthRight")):
                names[name[: -len(side)].lower() + suffix] = name
    return names


_CHANNEL_BY_NAME = _channel_names()


def parse(data: bytes) -> dict[str, float] | None:
    """Return weights (0..1) and head and eye angles (rad, signs of Live Link Face) by channel name.

    Empty if no face is tracked, None if `data` is not a frame.
    """
    if not 8 <= len(data) <= _MAX_BYTES:
        return None
    shapes, _, pose = data.decode("utf-8", "replace").strip().removesuffix("___iFacialMocap").partition("=")
    values: dict[str, float] = {}
    has_channel, tracked = False, True
    for field in shapes.split("|"):
        separator = max(field.rfind("&"), field.rfind("-"))
        if separator <= 0:
            continue
        if field[separator] == "-" and field[separator - 1] == "&":  # a negative value of version 2
            separator -= 1
        name, value = field[:separator].strip(), _number(field[separator + 1 :])
        if value is None:
            continue
        if name == "trackingStatus":
            tracked = value > 0
        channel = _CHANNEL_BY_NAME.get(name.lower())
        if channel is not None:
            has_channel = True
            values[channel] = min(max(value / 100, -1.0), 2.0)
    for field in pose.split("|"):
        bone, _, numbers = field.partition("#")
        angles = [_number(x) for x in numbers.split(",")]
        if len(angles) < 3 or None in angles[:3]:
            continue
        x, y, z = (math.radians(a) for a in angles[:3] if a is not None)
        if bone.strip() == "head":
            values |= {"headPitch": x, "headYaw": y, "headRoll": z}
        elif bone.strip() in ("leftEye", "rightEye"):
            values |= {f"{bone.strip()}Pitch": x, f"{bone.strip()}Yaw": -y, f"{bone.strip()}Roll": z}
    if not has_channel:
        return None
    return values if tracked else {}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 1e6 else None
