"""Names of channels: Apple's 52 shapes, head and eye angles, groups and mirror pairs.

Every channel has Apple's camelCase name. Other software uses four other orders of the same names, so arrays are never
exchanged without names.
"""

from __future__ import annotations

from enum import StrEnum

_EYE_STEMS = ("eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide")


def _left_right(*stems: str) -> tuple[str, ...]:
    return tuple(stem + side for stem in stems for side in ("Left", "Right"))


# In the order of the Live Link Face app's CSV (its UDP packets swap jawLeft/jawRight and mouthLeft/mouthRight).
ARKIT: tuple[str, ...] = (
    *(stem + "Left" for stem in _EYE_STEMS),
    *(stem + "Right" for stem in _EYE_STEMS),
    "jawForward",
    "jawRight",
    "jawLeft",
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthRight",
    "mouthLeft",
    *_left_right("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch"),
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    *_left_right("mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown"),
    "browInnerUp",
    *_left_right("browOuterUp"),
    "cheekPuff",
    *_left_right("cheekSquint", "noseSneer"),
    "tongueOut",
)

# These move in a relaxed face, too, and no sensor on the skin measures them.
GAZE_AND_BLINKS: tuple[str, ...] = tuple(c for c in ARKIT if c.startswith(("eyeLook", "eyeBlink")))

HEAD_ANGLES: tuple[str, ...] = ("headYaw", "headPitch", "headRoll")
EYE_ANGLES: tuple[str, ...] = tuple(
    f"{side}Eye{axis}" for side in ("left", "right") for axis in ("Yaw", "Pitch", "Roll")
)

OUTPUT_CHANNELS: tuple[str, ...] = ARKIT + HEAD_ANGLES  # of inference
LIVE_LINK_FACE: tuple[str, ...] = ARKIT + HEAD_ANGLES + EYE_ANGLES  # columns of Live Link Face's CSV


class ChannelGroup(StrEnum):
    """Regions of the face whose channels are treated alike."""

    MOUTH = "mouth"
    BROW = "brow"
    CHEEK = "cheek"
    EYE_LEFT = "eye_left"
    EYE_RIGHT = "eye_right"


GROUPS: dict[str, tuple[str, ...]] = {
    ChannelGroup.MOUTH: tuple(c for c in ARKIT if c.startswith(("mouth", "jaw", "tongue"))),
    ChannelGroup.BROW: tuple(c for c in ARKIT if c.startswith("brow")),
    ChannelGroup.CHEEK: tuple(c for c in ARKIT if c.startswith(("cheek", "nose"))),
    ChannelGroup.EYE_LEFT: tuple(c for c in ARKIT if c.startswith("eye") and c.endswith("Left")),
    ChannelGroup.EYE_RIGHT: tuple(c for c in ARKIT if c.startswith("eye") and c.endswith("Right")),
}


def pascal_case(name: str) -> str:
    """`jawOpen` -> `JawOpen`, the spelling of Live Link Face and of VRM perfect sync."""
    return name[:1].upper() + name[1:]


def mirrored(name: str) -> str:
    """Mirror image of a channel: `jawLeft` -> `jawRight`; channels without a side are their own."""
    for a, b in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(a):
            return name[: -len(a)] + b
    for a, b in (("left", "right"), ("right", "left")):
        if name.startswith(a + "Eye"):
            return b + name[len(a) :]
    return name
