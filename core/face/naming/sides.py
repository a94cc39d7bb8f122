"""Names of the opposite side: `Smile_L` -> `Smile_R`, `eye.L` -> `eye.R`, `CC_Base_L_Eye` -> `CC_Base_R_Eye`."""

from __future__ import annotations

import re

_SIDE_PATTERN = re.compile(
    r"(?<=[._\- ])[LR](?=$|[._\- \"\]])|^[LR](?=[._\- ])|(?<=[a-z])[LR]$|[Ll]eft|[Rr]ight|LEFT|RIGHT"
    r"|(?<=[._\- ])[lr](?=$|[._\- \"\]])"
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
    """Swap left and right in a name, where it occurs last; names without a side stay as they are."""
    matches = list(_SIDE_PATTERN.finditer(name))
    if not matches:
        return name
    side = matches[-1]
    return name[: side.start()] + _OPPOSITE[side.group()] + name[side.end() :]
