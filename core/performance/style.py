"""A synthetic performer's style: gains of channels, couplings between them, resting face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT, mirrored
from .timeline import CHANNEL_INDEX

# Crosstalk of cameras' solvers: (channel, companion, maximum share); names without a side mean both sides.
_COMPANIONS = (
    ("mouthSmile", "cheekSquint", 0.5),
    ("mouthSmile", "mouthDimple", 0.35),
    ("mouthSmile", "mouthStretch", 0.25),
    ("mouthSmile", "noseSneer", 0.25),
    ("mouthSmile", "mouthUpperUp", 0.3),
    ("mouthSmile", "eyeSquint", 0.35),
    ("mouthSmile", "mouthPress", 0.15),
    ("jawOpen", "mouthLowerDown", 0.3),
    ("jawOpen", "mouthStretch", 0.2),
    ("jawOpen", "mouthClose", 0.15),
    ("jawOpen", "mouthFunnel", 0.15),
    ("jawOpen", "mouthUpperUp", 0.15),
    ("mouthPucker", "mouthFunnel", 0.3),
    ("mouthFunnel", "mouthPucker", 0.3),
    ("mouthPucker", "mouthClose", 0.1),
    ("mouthFunnel", "jawOpen", 0.1),
    ("mouthFrown", "mouthShrugLower", 0.4),
    ("mouthShrugLower", "mouthShrugUpper", 0.5),
    ("mouthShrugLower", "mouthPress", 0.2),
    ("mouthShrugLower", "mouthFrown", 0.25),
    ("mouthRollLower", "mouthRollUpper", 0.4),
    ("mouthRollLower", "mouthPress", 0.3),
    ("mouthPress", "mouthRollLower", 0.2),
    ("mouthPress", "mouthDimple", 0.25),
    ("browDown", "eyeSquint", 0.4),
    ("browDown", "noseSneer", 0.25),
    ("noseSneer", "browDown", 0.35),
    ("noseSneer", "mouthUpperUp", 0.5),
    ("noseSneer", "cheekSquint", 0.5),
    ("noseSneer", "eyeSquint", 0.35),
    ("browInnerUp", "browOuterUp", 0.5),
    ("browOuterUp", "browInnerUp", 0.5),
    ("browOuterUp", "eyeWide", 0.35),
    ("cheekPuff", "mouthPucker", 0.2),
    ("cheekPuff", "mouthPress", 0.25),
    ("mouthUpperUp", "noseSneer", 0.35),
    ("mouthLowerDown", "mouthStretch", 0.2),
    ("eyeSquint", "cheekSquint", 0.35),
    ("cheekSquint", "eyeSquint", 0.5),
    ("eyeBlink", "eyeSquint", 0.12),
    ("tongueOut", "jawOpen", 0.4),
    ("tongueOut", "mouthLowerDown", 0.25),
    ("jawForward", "mouthShrugLower", 0.2),
    ("mouthStretch", "mouthFrown", 0.2),
    ("mouthStretch", "mouthLowerDown", 0.2),
    ("jawLeft", "mouthLeft", 0.4),
    ("jawRight", "mouthRight", 0.4),
    ("mouthLeft", "jawLeft", 0.2),
    ("mouthRight", "jawRight", 0.2),
)
# Maxima of resting faces; every performer has random shares of them.
_MAX_REST = {
    "eyeLookDown": 0.35,
    "jawForward": 0.16,
    "mouthPress": 0.15,
    "mouthFrown": 0.22,
    "mouthShrugLower": 0.2,
    "mouthRollLower": 0.12,
    "browDown": 0.25,
    "eyeSquint": 0.2,
    "browInnerUp": 0.3,
    "eyeBlink": 0.2,
    "mouthClose": 0.06,
    "jawOpen": 0.06,
    "cheekPuff": 0.1,
    "mouthSmile": 0.12,
    "mouthPucker": 0.15,
    "mouthStretch": 0.25,
    "mouthLowerDown": 0.08,
    "cheekSquint": 0.12,
    "noseSneer": 0.12,
    "mouthDimple": 0.08,
    "mouthUpperUp": 0.06,
    "mouthShrugUpper": 0.22,
    "browOuterUp": 0.15,
    "mouthFunnel": 0.18,
    "mouthRollUpper": 0.06,
}
# A relaxed face as cameras' solvers report it: means over the calmest frames of the four takes used for training.
_TYPICAL_REST = {
    "mouthStretch": 0.17,
    "browInnerUp": 0.13,
    "mouthShrugUpper": 0.11,
    "mouthFrown": 0.09,
    "eyeLookDown": 0.09,
    "mouthRollLower": 0.09,
    "mouthShrugLower": 0.09,
    "eyeSquint": 0.09,
    "mouthDimple": 0.08,
    "mouthLowerDown": 0.07,
    "eyeBlink": 0.07,
    "mouthFunnel": 0.07,
    "mouthRollUpper": 0.065,
    "noseSneer": 0.05,
    "mouthPucker": 0.055,
    "jawForward": 0.055,
    "mouthPress": 0.04,
    "jawOpen": 0.04,
    "mouthClose": 0.04,
    "cheekPuff": 0.04,
    "mouthUpperUp": 0.03,
}


def side_channels(stem: str) -> list[str]:
    """Channels of a stem: `mouthSmile` -> both sides; a channel's own name stays."""
    return [stem] if stem in CHANNEL_INDEX else [stem + "Left", stem + "Right"]


@dataclass(frozen=True)
class PerformerStyle:
    """Style of a performer.

    Attributes
    ----------
    gain : (52,) of each channel.
    coupling : (52, 52) share of each channel's weight that appears in others.
    rest : (52,) weights of the resting face.
    speech_strength : gain of speech.
    speed : pace of all actions.
    tremor : amplitude of small restless motion.
    activity : amount of simultaneous actions.
    """

    gain: Array
    coupling: Array
    rest: Array
    speech_strength: float
    speed: float
    tremor: float
    activity: float


def random_style(rng: np.random.Generator) -> PerformerStyle:
    """Draw a random performer."""
    gain = np.exp(rng.normal(0, 0.3, len(ARKIT)))
    symmetry = rng.uniform(0.3, 1.0)  # of both sides' gains
    for name, k in CHANNEL_INDEX.items():
        gain[k] = symmetry * (gain[k] * gain[CHANNEL_INDEX[mirrored(name)]]) ** 0.5 + (1 - symmetry) * gain[k]
    coupling = np.zeros((len(ARKIT), len(ARKIT)))
    for source, companion, max_share in _COMPANIONS:
        share = max_share * rng.beta(1.2, 1.2)
        for a in side_channels(source):
            for b in side_channels(companion):
                if (
                    a[-4:] == b[-4:]
                    or not (a.endswith(("Left", "Right")) and b.endswith(("Left", "Right")))
                    or len(side_channels(source)) != len(side_channels(companion))
                ):
                    coupling[CHANNEL_INDEX[a], CHANNEL_INDEX[b]] += share * rng.uniform(0.75, 1.25)
    cross_coupling = rng.uniform(0, 0.25)  # of a side with its mirror image
    for name, k in CHANNEL_INDEX.items():
        if mirrored(name) != name and not name.startswith(("jaw", "eyeLook", "mouthLeft", "mouthRight")):
            coupling[k, CHANNEL_INDEX[mirrored(name)]] += cross_coupling
    rest = np.zeros(len(ARKIT))
    if rng.uniform() < 0.85:
        strength = rng.uniform(0.5, 1.6)
        for stem, value in _TYPICAL_REST.items():
            typical = value * strength * np.exp(rng.normal(0, 0.5))
            for name in side_channels(stem):
                rest[CHANNEL_INDEX[name]] = typical * rng.uniform(0.85, 1.15)
    if rng.uniform() < 0.6:
        for stem, max_share in _MAX_REST.items():
            if rng.uniform() < 0.4:
                value = max_share * rng.beta(1.0, 1.6)
                for name in side_channels(stem):
                    rest[CHANNEL_INDEX[name]] = max(rest[CHANNEL_INDEX[name]], value * rng.uniform(0.8, 1.2))
    return PerformerStyle(
        gain,
        coupling,
        rest,
        rng.uniform(0.5, 1.25),
        rng.uniform(0.75, 1.3),
        rng.uniform(0.0, 0.012),
        rng.uniform(0.3, 1.0),
    )
