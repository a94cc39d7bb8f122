"""Facial muscles of the left side, by the ARKit channels that recruit them, and their positions.

Muscle to action unit to channel: PMC7264164 table 1 and ICT-FaceKit's README (with AU26/27 read as jaw opening).
Positions are the middle of the muscle bellies in the head frame, for a face of average size [assumed to within a
centimetre]. The right side is the mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...arrays import Array
from ...face.channels import ARKIT, mirrored


@dataclass(frozen=True)
class Muscle:
    """One muscle.

    Attributes
    ----------
    name : Latin name
    channels : how strongly each channel of the left side recruits it
    position_mm : (x, y, z)
    peak_hz : frequency with most power in its surface EMG
    strength : at full contraction, relative to the masseter
    """

    name: str
    channels: dict[str, float]
    position_mm: tuple[float, float, float]
    peak_hz: float
    strength: float


# van Boxtel 2001: facial EMG has its energy between 15-25 and 400-500 Hz; corrugator has a line near 31 Hz, orbicularis
# oculi a broad peak near 64 Hz.
MUSCLES: tuple[Muscle, ...] = (
    Muscle("frontalis_medialis", {"browInnerUp": 1.0}, (18, 75, 95), 70, 0.5),
    Muscle("frontalis_lateralis", {"browOuterUpLeft": 1.0, "browInnerUp": 0.2}, (42, 72, 85), 75, 0.5),
    Muscle("corrugator", {"browDownLeft": 1.0}, (20, 52, 98), 45, 0.4),
    Muscle("orbicularis_oculi_palpebral", {"eyeBlinkLeft": 0.5, "eyeSquintLeft": 0.6}, (45, 36, 85), 64, 0.4),
    Muscle("orbicularis_oculi_orbital", {"cheekSquintLeft": 1.0, "eyeSquintLeft": 0.3}, (52, 28, 75), 64, 0.5),
    Muscle("levator_labii_alaeque_nasi", {"noseSneerLeft": 1.0}, (16, 15, 105), 80, 0.4),
    Muscle("levator_labii_superioris", {"mouthUpperUpLeft": 1.0, "mouthShrugUpper": 0.5}, (26, 2, 98), 80, 0.4),
    Muscle("zygomaticus_minor", {"mouthUpperUpLeft": 0.4, "mouthSmileLeft": 0.3}, (38, 0, 88), 85, 0.4),
    Muscle("zygomaticus_major", {"mouthSmileLeft": 1.0, "mouthLeft": 0.3}, (48, -8, 78), 85, 0.6),
    Muscle("risorius", {"mouthStretchLeft": 0.6, "mouthSmileLeft": 0.15, "mouthLeft": 0.4}, (45, -30, 70), 90, 0.4),
    Muscle("platysma", {"mouthStretchLeft": 0.8, "mouthLowerDownLeft": 0.3}, (35, -75, 55), 55, 0.5),
    Muscle("buccinator", {"mouthDimpleLeft": 1.0, "cheekPuff": 0.6, "mouthLeft": 0.5}, (42, -28, 72), 75, 0.4),
    Muscle("depressor_anguli_oris", {"mouthFrownLeft": 1.0}, (30, -55, 85), 75, 0.4),
    Muscle("depressor_labii", {"mouthLowerDownLeft": 1.0, "mouthFunnel": 0.3}, (18, -58, 95), 75, 0.4),
    Muscle("mentalis", {"mouthShrugLower": 1.0, "mouthFrownLeft": 0.2, "mouthPucker": 0.2}, (8, -65, 98), 70, 0.4),
    Muscle(
        "orbicularis_oris",
        {"mouthPucker": 0.9, "mouthFunnel": 0.7, "mouthPressLeft": 0.8, "mouthRollLower": 0.5, "mouthRollUpper": 0.5},
        (12, -33, 105),
        70,
        0.5,
    ),
    Muscle("masseter", {"mouthPressLeft": 0.15, "mouthClose": 0.1}, (58, -30, 30), 100, 1.0),
    Muscle("temporalis", {"browDownLeft": 0.05}, (66, 45, 15), 90, 0.8),
    Muscle("pterygoid", {"jawForward": 1.0, "jawRight": 0.9, "jawOpen": 0.3}, (45, -15, 15), 80, 0.5),
    Muscle("digastric", {"jawOpen": 0.8}, (22, -75, 40), 60, 0.6),
    Muscle(
        "auricularis", {"mouthSmileLeft": 0.15, "browOuterUpLeft": 0.2, "eyeSquintLeft": 0.05}, (78, 25, -15), 90, 0.15
    ),
)
JAW_CLOSERS = ("masseter", "temporalis")  # active while the jaw closes, and in bites
NAMES = tuple(m.name + side for side in ("_left", "_right") for m in MUSCLES)
POSITIONS_MM = np.array(
    [[s * m.position_mm[0], *m.position_mm[1:]] for s in (1, -1) for m in MUSCLES], dtype=np.float64
)
PEAKS_HZ = np.array([m.peak_hz for _ in range(2) for m in MUSCLES])
STRENGTHS = np.array([m.strength for _ in range(2) for m in MUSCLES])


def recruitment() -> Array:
    """Matrix (52, M): how strongly each channel recruits each muscle of NAMES."""
    out = np.zeros((len(ARKIT), len(NAMES)))
    for k, muscle in enumerate(MUSCLES):
        for channel, share in muscle.channels.items():
            out[ARKIT.index(channel), k] = share
            out[ARKIT.index(mirrored(channel)), k + len(MUSCLES)] = share
    return out
