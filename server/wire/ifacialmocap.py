"""iFacialMocap's and Facemotion3D's text frames: `name-value|...|=head#x,y,z,...|rightEye#x,y,z|leftEye#x,y,z|`, values 0..100, degrees."""

from __future__ import annotations

import math

from ...core.channels import ARKIT

PORT, FACEMOTION3D_PORT = 49983, 49993
START = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719|sendDataVersion=v2"
FACEMOTION3D_START = b"FACEMOTION3D_OtherStreaming"
_LONGEST = 16384


def _names() -> dict[str, str]:
    out = {}
    for name in ARKIT:
        out[name.lower()] = name
        for side, short in (("Left", "_l"), ("Right", "_r")):
            if name.endswith(side) and not name.startswith(("jaw", "mouthLeft", "mouthRight")):
                out[name[: -len(side)].lower() + short] = name
    return out


_BY_NAME = _names()


def parse(data: bytes) -> dict[str, float] | None:
    """Weights 0..1 and head and eye angles (rad; Live Link Face's signs) by name; None for what is no frame. A lost face is {}."""
    if not 8 <= len(data) <= _LONGEST:
        return None
    shapes, _, pose = data.decode("utf-8", "replace").strip().removesuffix("___iFacialMocap").partition("=")
    out: dict[str, float] = {}
    found, tracked = False, True
    for field in shapes.split("|"):
        cut = max(field.rfind("&"), field.rfind("-"))
        if cut <= 0:
            continue
        if field[cut] == "-" and field[cut - 1] == "&":  # a negative value of version 2
            cut -= 1
        name, value = field[:cut].strip(), _number(field[cut + 1 :])
        if value is None:
            continue
        if name == "trackingStatus":
            tracked = value > 0
        channel = _BY_NAME.get(name.lower())
        if channel is not None:
            found = True
            out[channel] = min(max(value / 100, -1.0), 2.0)
    for field in pose.split("|"):
        part, _, numbers = field.partition("#")
        angles = [_number(x) for x in numbers.split(",")]
        if len(angles) < 3 or None in angles[:3]:
            continue
        x, y, z = (math.radians(a) for a in angles[:3] if a is not None)
        if part.strip() == "head":
            out |= {"headPitch": x, "headYaw": y, "headRoll": z}
        elif part.strip() in ("leftEye", "rightEye"):
            out |= {f"{part.strip()}Pitch": x, f"{part.strip()}Yaw": -y, f"{part.strip()}Roll": z}
    if not found:
        return None
    return out if tracked else {}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 1e6 else None
