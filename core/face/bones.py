"""Jaw and eye bones: recognised by name, and turned by channels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from enum import StrEnum

from . import gaze
from .channels import ARKIT
from .mapping import Target


class BoneRole(StrEnum):
    """What a bone turns."""

    JAW = "jaw"
    EYE_LEFT = "eye_left"
    EYE_RIGHT = "eye_right"


_PREFIX = r"^(?:.*[:|])?(?:cc_base_|def-|org-|mch-)?"
_PATTERNS = {
    BoneRole.JAW: re.compile(
        _PREFIX + r"(?:jaw|jawroot|jaw_root|jaw_master|lower_?jaw|j_adj_c_jaw|c_jaw_?(?:jnt)?|facial_c_jaw)$",
        re.IGNORECASE,
    ),
    BoneRole.EYE_LEFT: re.compile(
        _PREFIX + r"(?:l_?eye|eye[._ ]?l|left_?eye|eye_?left|j_adj_l_faceeye|facial_l_eye|l_eye_jnt)$", re.IGNORECASE
    ),
    BoneRole.EYE_RIGHT: re.compile(
        _PREFIX + r"(?:r_?eye|eye[._ ]?r|right_?eye|eye_?right|j_adj_r_faceeye|facial_r_eye|r_eye_jnt)$", re.IGNORECASE
    ),
}
# Degrees (forward: mm) for a full weight. At 25 degrees a jaw of 95 mm opens the teeth by about 40 mm.
_JAW_TARGETS = (
    ("jawOpen", "pitch", 25.0),
    ("jawLeft", "yaw", 6.0),
    ("jawRight", "yaw", -6.0),
    ("jawForward", "forward", 6.0),
)
_YAW_DEGREES, _DOWN_DEGREES, _UP_DEGREES = map(math.degrees, (gaze.YAW_RAD, gaze.DOWN_RAD, gaze.UP_RAD))
_PITCH_TARGETS = (("Down", "pitch", _DOWN_DEGREES), ("Up", "pitch", -_UP_DEGREES))
_EYE_TARGETS = {
    BoneRole.EYE_LEFT: (*_PITCH_TARGETS, ("Out", "yaw", _YAW_DEGREES), ("In", "yaw", -_YAW_DEGREES)),
    BoneRole.EYE_RIGHT: (*_PITCH_TARGETS, ("In", "yaw", _YAW_DEGREES), ("Out", "yaw", -_YAW_DEGREES)),
}


def find_roles(names: Iterable[str]) -> dict[BoneRole, str]:
    """Bones by role, recognised by name; of several that match, the shortest name."""
    names = sorted(names, key=lambda n: (len(n), n))
    matches = {role: next((n for n in names if pattern.match(n)), None) for role, pattern in _PATTERNS.items()}
    return {role: name for role, name in matches.items() if name is not None}


def targets(role: BoneRole, bone: str) -> tuple[Target, ...]:
    """Mapping targets that turn the bone of a role."""
    if role == BoneRole.JAW:
        rows = _JAW_TARGETS
    else:
        side = "Left" if role == BoneRole.EYE_LEFT else "Right"
        rows = [(f"eyeLook{direction}{side}", axis, gain) for direction, axis, gain in _EYE_TARGETS[role]]
    return tuple(Target(channel, "bone", bone, axis, round(gain, 3)) for channel, axis, gain in rows)


def channels(role: BoneRole) -> frozenset[str]:
    """Channels that turn the bone of a role."""
    driven = {t.channel for t in targets(role, "")}
    return frozenset(c for c in ARKIT if c in driven)
