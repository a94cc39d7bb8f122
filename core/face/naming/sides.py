"""Names of the other side: `Smile_L` and `Smile_R`, `eye.L` and `eye.R`, `CC_Base_L_Eye` and `CC_Base_R_Eye`, `LeftEye` and `RightEye`."""

from __future__ import annotations

import re

_SIDE_PATTERN = re.compile(
    r"(?<=[._\- ])[LR](?=$|[._\- \"\]])|^[LR](?=[._\- ])|(?<=[a-z])[LR]$|[Ll]eft|[Rr]ight|LEFT|RIGHT|(?<=[._\- ])[lr](?=$|[._\- \"\]])"
)
_OPPOSITE = {
    "L": "R",
    "R": "L",
    "l": "r",
    "r": "l",
    "Left": "Right",
    "Right": "Left",
    "left": "right",
    "right": "left",
    "LEFT": "RIGHT",
    "RIGHT": "LEFT",
}


def other_side(name: str) -> str:
    """The name with its (last) side swapped; unchanged where it has none."""
    matches = list(_SIDE_PATTERN.finditer(name))
    if not matches:
        return name
    side = matches[-1]
    return name[: side.start()] + _OPPOSITE[side.group()] + name[side.end() :]
