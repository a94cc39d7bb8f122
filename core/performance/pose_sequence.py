"""Seven posed expressions, as in a calibration session or BioFace-3D's study, with rests, blinks and glances.

Action units of the expressions are those of EMFACS: happiness 6+12, sadness 1+4+15, surprise 1+2+5+26, fear
1+2+4+5+20+26, anger 4+5+7+23, disgust 9+15+16, contempt 12+14 on one side.
"""

from __future__ import annotations

import numpy as np

from ..face.channels import ARKIT
from ..take import Track, TrackKind
from .demo import both_sides
from .eyes import add_blinks, add_gaze
from .style import random_style
from .timeline import Timeline, weight_row

POSED_EXPRESSIONS: dict[str, dict[str, float]] = {
    "happiness": both_sides(mouthSmile=0.85, cheekSquint=0.6, eyeSquint=0.3, mouthDimple=0.2),
    "sadness": {
        "browInnerUp": 0.7,
        "mouthShrugLower": 0.4,
        **both_sides(browDown=0.3, mouthFrown=0.75, eyeLookDown=0.3),
    },
    "surprise": {"browInnerUp": 0.85, "jawOpen": 0.5, **both_sides(browOuterUp=0.85, eyeWide=0.8)},
    "fear": {
        "browInnerUp": 0.8,
        "jawOpen": 0.25,
        **both_sides(browOuterUp=0.4, browDown=0.3, eyeWide=0.8, mouthStretch=0.7),
    },
    "anger": both_sides(browDown=0.9, eyeWide=0.3, eyeSquint=0.5, mouthPress=0.7),
    "disgust": both_sides(noseSneer=0.85, mouthFrown=0.4, mouthLowerDown=0.35, mouthUpperUp=0.4, eyeSquint=0.3),
    "contempt": {"mouthSmileLeft": 0.6, "mouthDimpleLeft": 0.6, "eyeSquintLeft": 0.2},
}


def pose_sequence(seconds: float, performer: int, *, take: int = 0, rate: float = 30.0) -> Track:
    """Weights (T, 52) for `seconds` at `rate` Hz from time 0: all seven in random order, repeatedly, with variation.

    `performer` and `take` seed the performer's style and the take.
    """
    performer_rng, rng = np.random.default_rng([performer, 61]), np.random.default_rng([performer, 62, take])
    who = random_style(performer_rng)
    gaze_spread = performer_rng.uniform(0.05, 0.2)  # small: people look into the camera that they pose for
    timeline = Timeline(seconds, rate)
    remaining, at = [], 2.0
    apexes = {
        name: weight_row(face) * np.exp(0.2 * performer_rng.normal(0, 1, len(ARKIT)))
        for name, face in POSED_EXPRESSIONS.items()
    }
    while at < seconds - 2.0:
        if not remaining:
            remaining = list(rng.permutation(list(POSED_EXPRESSIONS)))
        apex = apexes[remaining.pop()] * rng.uniform(0.5, 1.05) * np.exp(0.1 * rng.normal(0, 1, len(ARKIT)))
        onset, hold, offset = rng.uniform(0.25, 0.7), rng.uniform(0.6, 2.5), rng.uniform(0.3, 0.9)
        timeline.add_action(at, onset=onset, hold=hold, offset=offset, apex=np.clip(apex, 0, 1))
        at += onset + hold + offset + rng.uniform(0.5, 2.0)
    add_gaze(timeline, who, rng, gaze_spread=gaze_spread)
    add_blinks(timeline, who, rng)
    return Track(TrackKind.WEIGHTS, timeline.time, ARKIT, np.clip(timeline.values, 0, 1))
