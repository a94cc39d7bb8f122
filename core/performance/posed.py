"""Seven posed expressions, as people are asked for in a calibration session or in BioFace-3D's study: onset, hold, offset, a calm face between, blinks and
glances.

Which actions an expression is made of: EMFACS (happiness 6+12, sadness 1+4+15, surprise 1+2+5+26, fear 1+2+4+5+20+26, anger 4+5+7+23, disgust 9+15+16,
contempt 12+14 on one side).
"""

from __future__ import annotations

import numpy as np

from ..channels import ARKIT
from ..take import Track
from .canvas import Canvas, row
from .demo import both
from .eyes import blink, look
from .style import style

SEVEN: dict[str, dict[str, float]] = {
    "happiness": both(mouthSmile=0.85, cheekSquint=0.6, eyeSquint=0.3, mouthDimple=0.2),
    "sadness": {"browInnerUp": 0.7, "mouthShrugLower": 0.4, **both(browDown=0.3, mouthFrown=0.75, eyeLookDown=0.3)},
    "surprise": {"browInnerUp": 0.85, "jawOpen": 0.5, **both(browOuterUp=0.85, eyeWide=0.8)},
    "fear": {"browInnerUp": 0.8, "jawOpen": 0.25, **both(browOuterUp=0.4, browDown=0.3, eyeWide=0.8, mouthStretch=0.7)},
    "anger": both(browDown=0.9, eyeWide=0.3, eyeSquint=0.5, mouthPress=0.7),
    "disgust": both(noseSneer=0.85, mouthFrown=0.4, mouthLowerDown=0.35, mouthUpperUp=0.4, eyeSquint=0.3),
    "contempt": {"mouthSmileLeft": 0.6, "mouthDimpleLeft": 0.6, "eyeSquintLeft": 0.2},
}


def posed(seconds: float, performer: int, take: int = 0, rate: float = 30.0) -> Track:
    """A weights track (T, 52) of `seconds` at `rate` rows a second, time from 0: the seven again and again in random order, each time somewhat otherwise.
    `performer`: whose habits; `take`: which of their takes."""
    habit, rng = np.random.default_rng([performer, 61]), np.random.default_rng([performer, 62, take])
    who, far = style(habit), habit.uniform(0.05, 0.2)  # people look into the camera that they are asked to pose for
    canvas = Canvas(seconds, rate)
    names, at = [], 2.0
    habits = {name: row(face) * np.exp(0.2 * habit.normal(0, 1, len(ARKIT))) for name, face in SEVEN.items()}
    while at < seconds - 2.0:
        if not names:
            names = list(rng.permutation(list(SEVEN)))
        apex = habits[names.pop()] * rng.uniform(0.5, 1.05) * np.exp(0.1 * rng.normal(0, 1, len(ARKIT)))
        onset, hold, offset = rng.uniform(0.25, 0.7), rng.uniform(0.6, 2.5), rng.uniform(0.3, 0.9)
        canvas.stroke(at, onset, hold, offset, np.clip(apex, 0, 1))
        at += onset + hold + offset + rng.uniform(0.5, 2.0)
    look(canvas, who, rng, far)
    blink(canvas, who, rng)
    return Track("weights", canvas.time, ARKIT, np.clip(canvas.values, 0, 1))
