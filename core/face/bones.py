"""Jaw and eye bones: how they are called, and how channels turn them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from . import gaze
from .channels import ARKIT
from .mapping import Target

_DEGREES = 57.29577951308232
_PREFIX = r"^(?:.*[:|])?(?:cc_base_|def-|org-|mch-)?"
_PATTERNS = {
    "jaw": re.compile(
        _PREFIX + r"(?:jaw|jawroot|jaw_root|jaw_master|lower_?jaw|j_adj_c_jaw|c_jaw_?(?:jnt)?|facial_c_jaw)$",
        re.IGNORECASE,
    ),
    "eye_left": re.compile(
        _PREFIX + r"(?:l_?eye|eye[._ ]?l|left_?eye|eye_?left|j_adj_l_faceeye|facial_l_eye|l_eye_jnt)$", re.IGNORECASE
    ),
    "eye_right": re.compile(
        _PREFIX + r"(?:r_?eye|eye[._ ]?r|right_?eye|eye_?right|j_adj_r_faceeye|facial_r_eye|r_eye_jnt)$", re.IGNORECASE
    ),
}
# Degrees for a full weight: eyes as Live Link Face has them; a jaw of 95 mm opens its teeth by about 40 mm; mm forward.
_JAW_TARGETS = (
    ("jawOpen", "pitch", 25.0),
    ("jawLeft", "yaw", 6.0),
    ("jawRight", "yaw", -6.0),
    ("jawForward", "forward", 6.0),
)
_YAW_DEGREES, _DOWN_DEGREES, _UP_DEGREES = gaze.YAW_RAD * _DEGREES, gaze.DOWN_RAD * _DEGREES, gaze.UP_RAD * _DEGREES
_EYE_TARGETS = {
    "eye_left": (
        ("Down", "pitch", _DOWN_DEGREES),
        ("Up", "pitch", -_UP_DEGREES),
        ("Out", "yaw", _YAW_DEGREES),
        ("In", "yaw", -_YAW_DEGREES),
    ),
    "eye_right": (
        ("Down", "pitch", _DOWN_DEGREES),
        ("Up", "pitch", -_UP_DEGREES),
        ("In", "yaw", _YAW_DEGREES),
        ("Out", "yaw", -_YAW_DEGREES),
    ),
}


def find_roles(names: Iterable[str]) -> dict[str, str]:
    """Which bones are jaw, eye_left and eye_right, by their names: the shortest that fits."""
    names = sorted(names, key=lambda n: (len(n), n))
    matches = {role: next((n for n in names if pattern.match(n)), None) for role, pattern in _PATTERNS.items()}
    return {role: name for role, name in matches.items() if name is not None}


def targets(role: str, bone: str) -> tuple[Target, ...]:
    """The rows that turn a bone of a role."""
    if role == "jaw":
        return tuple(Target(channel, "bone", bone, axis, round(gain, 3)) for channel, axis, gain in _JAW_TARGETS)
    side = "Left" if role == "eye_left" else "Right"
    return tuple(
        Target(f"eyeLook{direction}{side}", "bone", bone, axis, round(gain, 3))
        for direction, axis, gain in _EYE_TARGETS[role]
    )


def channels(role: str) -> frozenset[str]:
    """The channels that turn a bone of a role."""
    driven = {t.channel for t in targets(role, "")}
    return frozenset(c for c in ARKIT if c in driven)
