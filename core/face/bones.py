"""Jaw and eye bones: recognised by name, and turned by channels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from enum import StrEnum

from . import gaze
from .channels import ARKIT
from .mapping import Target
from .naming.channel_names import split_words


class BoneRole(StrEnum):
    """What a bone turns."""

    JAW = "jaw"
    EYE_LEFT = "eye_left"
    EYE_RIGHT = "eye_right"


# Words that rigs put before or after the names of bones (Rigify, Character Creator, Biped, MetaHuman, VRoid).
_AFFIXES = frozenset(
    ("def", "org", "mch", "cc", "base", "bip", "facial", "face", "j", "adj", "c", "bind", "jnt", "joint", "bone", "x")
)
_NAMESPACE = re.compile(r"^.*[:|]|^bip\d*[ _]", re.IGNORECASE)
_HEAD = re.compile(r"(^|[:|_. -])head(\.x)?$", re.IGNORECASE)
_SIDES = {"l": "left", "r": "right"}
_WORDS: dict[BoneRole, tuple[tuple[str, ...], ...]] = {
    BoneRole.JAW: (("jaw",), ("m", "jaw"), ("jaw", "root"), ("jaw", "master"), ("lower", "jaw"), ("lowerjaw",))
    + (("jawroot",), ("jawbone",)),
    BoneRole.EYE_LEFT: (("left", "eye"), ("eye", "left"), ("leye",), ("lefteye",)),
    BoneRole.EYE_RIGHT: (("right", "eye"), ("eye", "right"), ("reye",), ("righteye",)),
}
_ROLES = {words: role for role, spellings in _WORDS.items() for words in spellings}
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
    roles: dict[BoneRole, str] = {}
    for name in sorted(names, key=lambda n: (len(n), n)):
        role = _ROLES.get(_significant_words(name))
        if role is not None:
            roles.setdefault(role, name)
    return {role: roles[role] for role in BoneRole if role in roles}


def find_head(names: Iterable[str]) -> str | None:
    """The bone that turns the head, recognised by name behind any prefix; of several, the shortest name."""
    return min((n for n in names if _HEAD.search(n)), key=lambda n: (len(n), n), default=None)


def _significant_words(name: str) -> tuple[str, ...]:
    """`mixamorig:LeftEye` -> left, eye; `Bip01 MJaw` -> m, jaw; `CC_Base_L_Eye` -> left, eye."""
    words = split_words(_NAMESPACE.sub("", name))
    return tuple(_SIDES.get(w, w) for w in words if w not in _AFFIXES)


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
