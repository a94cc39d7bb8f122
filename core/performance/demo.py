"""A performance made up in code: expressions, speech-like motion, blinks, glances and nods, seeded.

It stands in for a recording where there is none (the demo, tests). Every motion is a smooth bump with onset, apex and
offset; speech is a chain of visemes that overlap (co-articulation) and close the lips where the sound does.
"""

from __future__ import annotations

import numpy as np

from ..channels import OUTPUT
from ..take import Take, Track

RATE = 60.0


def both(**weights: float) -> dict[str, float]:
    """The same weight on both sides: both(mouthSmile=0.8)."""
    return {stem + side: weight for stem, weight in weights.items() for side in ("Left", "Right")}


# Expressions as weights at the apex.
EXPRESSIONS: dict[str, dict[str, float]] = {
    "smile": both(mouthSmile=0.84, cheekSquint=0.5, eyeSquint=0.3, mouthDimple=0.25),
    "surprise": {"browInnerUp": 0.9, "jawOpen": 0.4, "mouthFunnel": 0.2, **both(browOuterUp=0.8, eyeWide=0.8)},
    "anger": both(browDown=0.9, noseSneer=0.5, mouthPress=0.5, eyeSquint=0.5),
    "sadness": {"browInnerUp": 0.7, "mouthShrugLower": 0.5, **both(mouthFrown=0.7, eyeLookDown=0.4)},
    "doubt": {"browOuterUpLeft": 0.9, "browDownRight": 0.5, "mouthLeft": 0.4, "mouthPressRight": 0.3, "mouthSmileLeft": 0.2},
    "puff": {"cheekPuff": 0.95, **both(mouthPress=0.3)},
    "kiss": {"mouthPucker": 0.95, **both(eyeSquint=0.15)},
}

# Mouth shapes of sounds; "m" and "f" are closures.
VISEMES: dict[str, dict[str, float]] = {
    "a": {"jawOpen": 0.62, **both(mouthLowerDown=0.2)},
    "e": {"jawOpen": 0.32, **both(mouthStretch=0.35, mouthSmile=0.15)},
    "i": {"jawOpen": 0.16, **both(mouthSmile=0.35, mouthUpperUp=0.2)},
    "o": {"jawOpen": 0.42, "mouthFunnel": 0.55, "mouthPucker": 0.2},
    "u": {"jawOpen": 0.18, "mouthPucker": 0.7, "mouthFunnel": 0.25},
    "m": {"jawOpen": 0.1, "mouthClose": 0.1, "mouthRollLower": 0.2, "mouthRollUpper": 0.15, **both(mouthPress=0.35)},
    "f": {"jawOpen": 0.12, "mouthRollLower": 0.5, **both(mouthUpperUp=0.2)},
    "s": {"jawOpen": 0.08, "mouthShrugUpper": 0.2, **both(mouthStretch=0.3, mouthLowerDown=0.25)},
    "l": {"jawOpen": 0.28, "tongueOut": 0.12},
}
_PHRASE = "halo am inesfei smama ou i felu moa sili"


_BEATS = (
    ("rest", 0.8), ("smile", 2.0), ("speech", 5.2), ("surprise", 1.8), ("doubt", 1.8), ("speech", 3.4), ("puff", 1.5),
    ("kiss", 1.3), ("anger", 1.8), ("sadness", 1.9), ("smile", 2.0), ("rest", 0.8),
)  # fmt: skip


def _bump(time: np.ndarray, start: float, onset: float, hold: float, offset: float) -> np.ndarray:
    """0 -> 1 -> 0 with minimum-jerk flanks."""

    def rise(x: np.ndarray) -> np.ndarray:
        x = np.clip(x, 0.0, 1.0)
        return x**3 * (10 - 15 * x + 6 * x * x)

    return rise((time - start) / onset) * (1 - rise((time - start - onset - hold) / offset))


def perform(seed: int = 0, rate: float = RATE) -> Take:
    """A performance of about 20 s: (T, 55) weights and head angles (rad) at `rate` rows per second."""
    rng = np.random.default_rng(seed)
    length = sum(seconds for _, seconds in _BEATS)
    time = np.arange(int(length * rate) + 1) / rate
    out = {name: np.zeros(len(time)) for name in OUTPUT}
    start = 0.0
    for beat, seconds in _BEATS:
        if beat == "speech":
            _speak(out, time, start + 0.15, seconds - 0.3, rng)
        elif beat in EXPRESSIONS:
            onset, offset = rng.uniform(0.22, 0.4), rng.uniform(0.35, 0.6)
            shape = _bump(time, start + 0.1, onset, seconds - 0.2 - onset - offset, offset)
            for name, apex in EXPRESSIONS[beat].items():
                out[name] += apex * rng.uniform(0.92, 1.0) * shape
        start += seconds
    _blink(out, time, length, rng)
    _look(out, time, length, rng)
    for i, (name, size) in enumerate((("headYaw", 0.16), ("headPitch", 0.09), ("headRoll", 0.06))):
        phase = rng.uniform(0, 2 * np.pi, 3)
        sway = sum(np.sin(2 * np.pi * f * time + p) / (k + 1) for k, (f, p) in enumerate(zip((0.11 + 0.03 * i, 0.31, 0.7), phase)))
        out[name] = size * sway / 1.8 * _bump(time, 0.2, 1.0, length - 2.4, 1.0)
    values = np.stack([out[name] for name in OUTPUT], axis=1)
    values[:, :52] = np.clip(values[:, :52], 0.0, 1.0)
    return Take("performance", {"weights": Track("weights", time, OUTPUT, values)})


def _speak(out: dict[str, np.ndarray], time: np.ndarray, start: float, seconds: float, rng: np.random.Generator) -> None:
    at = start
    sounds = [c for c in _PHRASE if c in VISEMES or c == " "]
    k = int(rng.integers(len(sounds)))
    while at < start + seconds - 0.2:
        sound = sounds[k % len(sounds)]
        k += 1
        length = rng.uniform(0.09, 0.16) if sound in "mfsl" else rng.uniform(0.13, 0.24)
        if sound == " ":
            at += rng.uniform(0.05, 0.12)
            continue
        shape = _bump(time, at - 0.05, 0.09, max(length - 0.06, 0.02), 0.1)
        for name, apex in VISEMES[sound].items():
            out[name] = np.maximum(out[name] * (1 - 0.6 * shape * (sound in "mf")), apex * rng.uniform(0.85, 1.1) * shape)
        if sound in "mf":  # a closure pulls the jaw and open lips shut
            for name in ("jawOpen", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthFunnel"):
                out[name] = np.minimum(out[name], 1 - shape * 0.9)
        at += length


def _blink(out: dict[str, np.ndarray], time: np.ndarray, length: float, rng: np.random.Generator) -> None:
    at = rng.uniform(0.6, 1.5)
    while at < length - 0.4:
        shape = _bump(time, at, 0.08, 0.02, 0.16)
        for side in ("Left", "Right"):
            out[f"eyeBlink{side}"] = np.maximum(out[f"eyeBlink{side}"], shape * rng.uniform(0.97, 1.0))
            out[f"eyeWide{side}"] *= 1 - shape
        at += rng.uniform(1.6, 4.5)


def _look(out: dict[str, np.ndarray], time: np.ndarray, length: float, rng: np.random.Generator) -> None:
    yaw, pitch = np.zeros(len(time)), np.zeros(len(time))
    at = 0.5
    while at < length:
        jump = _bump(time, at, 0.05, 1e3, 1.0)
        yaw += jump * (rng.normal(0, 0.22) - yaw)
        pitch += jump * (rng.normal(0, 0.14) - pitch)
        at += rng.uniform(0.5, 2.2)
    out["eyeLookOutLeft"] += np.clip(yaw, 0, 1)
    out["eyeLookInRight"] += np.clip(yaw, 0, 1)
    out["eyeLookInLeft"] += np.clip(-yaw, 0, 1)
    out["eyeLookOutRight"] += np.clip(-yaw, 0, 1)
    for side in ("Left", "Right"):
        out[f"eyeLookUp{side}"] += np.clip(pitch, 0, 1)
        out[f"eyeLookDown{side}"] += np.clip(-pitch, 0, 1)
