"""A short synthetic performance with expressions, speech-like motion, blinks, glances and nods.

It stands in for a recording where there is none (the demo, tests). Every motion is a smooth bump with onset, apex and
offset; speech is a chain of visemes that overlap (co-articulation) and close the lips where the sound does.
"""

# NumPy 1.26's stubs leave results of random generators untyped.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..face.channels import OUTPUT_CHANNELS
from ..take import Take, Track, TrackKind

DEFAULT_RATE = 60.0


def both_sides(**weights: float) -> dict[str, float]:
    """Equal weights for both sides: `both_sides(mouthSmile=0.8)`."""
    return {stem + side: weight for stem, weight in weights.items() for side in ("Left", "Right")}


# Expressions as weights at the apex.
EXPRESSIONS: dict[str, dict[str, float]] = {
    "smile": both_sides(mouthSmile=0.84, cheekSquint=0.5, eyeSquint=0.3, mouthDimple=0.25),
    "surprise": {"browInnerUp": 0.9, "jawOpen": 0.4, "mouthFunnel": 0.2, **both_sides(browOuterUp=0.8, eyeWide=0.8)},
    "anger": both_sides(browDown=0.9, noseSneer=0.5, mouthPress=0.5, eyeSquint=0.5),
    "sadness": {"browInnerUp": 0.7, "mouthShrugLower": 0.5, **both_sides(mouthFrown=0.7, eyeLookDown=0.4)},
    "doubt": {
        "browOuterUpLeft": 0.9,
        "browDownRight": 0.5,
        "mouthLeft": 0.4,
        "mouthPressRight": 0.3,
        "mouthSmileLeft": 0.2,
    },
    "puff": {"cheekPuff": 0.95, **both_sides(mouthPress=0.3)},
    "kiss": {"mouthPucker": 0.95, **both_sides(eyeSquint=0.15)},
}

# Mouth shapes of sounds; lips close at "m" and "f".
VISEMES: dict[str, dict[str, float]] = {
    "a": {"jawOpen": 0.62, **both_sides(mouthLowerDown=0.2)},
    "e": {"jawOpen": 0.32, **both_sides(mouthStretch=0.35, mouthSmile=0.15)},
    "i": {"jawOpen": 0.16, **both_sides(mouthSmile=0.35, mouthUpperUp=0.2)},
    "o": {"jawOpen": 0.42, "mouthFunnel": 0.55, "mouthPucker": 0.2},
    "u": {"jawOpen": 0.18, "mouthPucker": 0.7, "mouthFunnel": 0.25},
    "m": {
        "jawOpen": 0.1,
        "mouthClose": 0.1,
        "mouthRollLower": 0.2,
        "mouthRollUpper": 0.15,
        **both_sides(mouthPress=0.35),
    },
    "f": {"jawOpen": 0.12, "mouthRollLower": 0.5, **both_sides(mouthUpperUp=0.2)},
    "s": {"jawOpen": 0.08, "mouthShrugUpper": 0.2, **both_sides(mouthStretch=0.3, mouthLowerDown=0.25)},
    "l": {"jawOpen": 0.28, "tongueOut": 0.12},
}
_SPEECH_TEXT = "halo am inesfei smama ou i felu moa sili"


_SCRIPT = (
    ("rest", 0.8),
    ("smile", 2.0),
    ("speech", 5.2),
    ("surprise", 1.8),
    ("doubt", 1.8),
    ("speech", 3.4),
    ("puff", 1.5),
    ("kiss", 1.3),
    ("anger", 1.8),
    ("sadness", 1.9),
    ("smile", 2.0),
    ("rest", 0.8),
)


def _minimum_jerk_pulse(time: Array, start: float, *, onset: float, hold: float, offset: float) -> Array:
    """0 -> 1 -> 0 with minimum-jerk flanks."""

    def minimum_jerk(x: Array) -> Array:
        x = np.clip(x, 0.0, 1.0)
        return x**3 * (10 - 15 * x + 6 * x * x)

    return minimum_jerk((time - start) / onset) * (1 - minimum_jerk((time - start - onset - hold) / offset))


def demo_performance(seed: int = 0, rate: float = DEFAULT_RATE) -> Take:
    """A performance of about 20 s: weights and head angles (rad), (T, 55), at `rate` Hz."""
    rng = np.random.default_rng(seed)
    length = sum(seconds for _, seconds in _SCRIPT)
    time = np.arange(int(length * rate) + 1) / rate
    channels = {name: np.zeros(len(time)) for name in OUTPUT_CHANNELS}
    start = 0.0
    for action, seconds in _SCRIPT:
        if action == "speech":
            _add_speech(channels, time, start + 0.15, seconds=seconds - 0.3, rng=rng)
        elif action in EXPRESSIONS:
            onset, offset = rng.uniform(0.22, 0.4), rng.uniform(0.35, 0.6)
            shape = _minimum_jerk_pulse(
                time, start + 0.1, onset=onset, hold=seconds - 0.2 - onset - offset, offset=offset
            )
            for name, apex in EXPRESSIONS[action].items():
                channels[name] += apex * rng.uniform(0.92, 1.0) * shape
        start += seconds
    _add_blinks(channels, time, length, rng=rng)
    _add_gaze(channels, time, length, rng=rng)
    for i, (name, amplitude) in enumerate((("headYaw", 0.16), ("headPitch", 0.09), ("headRoll", 0.06))):
        phase = rng.uniform(0, 2 * np.pi, 3)
        sway = sum(
            np.sin(2 * np.pi * f * time + p) / (k + 1)
            for k, (f, p) in enumerate(zip((0.11 + 0.03 * i, 0.31, 0.7), phase))
        )
        channels[name] = (
            amplitude * sway / 1.8 * _minimum_jerk_pulse(time, 0.2, onset=1.0, hold=length - 2.4, offset=1.0)
        )
    values = np.stack([channels[name] for name in OUTPUT_CHANNELS], axis=1)
    values[:, :52] = np.clip(values[:, :52], 0.0, 1.0)
    return Take("performance", {TrackKind.WEIGHTS: Track(TrackKind.WEIGHTS, time, OUTPUT_CHANNELS, values)})


def _add_speech(
    channels: dict[str, Array], time: Array, start: float, *, seconds: float, rng: np.random.Generator
) -> None:
    at = start
    sounds = [c for c in _SPEECH_TEXT if c in VISEMES or c == " "]
    k = int(rng.integers(len(sounds)))
    while at < start + seconds - 0.2:
        sound = sounds[k % len(sounds)]
        k += 1
        length = rng.uniform(0.09, 0.16) if sound in "mfsl" else rng.uniform(0.13, 0.24)
        if sound == " ":
            at += rng.uniform(0.05, 0.12)
            continue
        shape = _minimum_jerk_pulse(time, at - 0.05, onset=0.09, hold=max(length - 0.06, 0.02), offset=0.1)
        for name, apex in VISEMES[sound].items():
            channels[name] = np.maximum(
                channels[name] * (1 - 0.6 * shape * (sound in "mf")), apex * rng.uniform(0.85, 1.1) * shape
            )
        if sound in "mf":  # a closure overrides the jaw and open lips
            for name in ("jawOpen", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthFunnel"):
                channels[name] = np.minimum(channels[name], 1 - shape * 0.9)
        at += length


def _add_blinks(channels: dict[str, Array], time: Array, length: float, *, rng: np.random.Generator) -> None:
    at = rng.uniform(0.6, 1.5)
    while at < length - 0.4:
        shape = _minimum_jerk_pulse(time, at, onset=0.08, hold=0.02, offset=0.16)
        for side in ("Left", "Right"):
            channels[f"eyeBlink{side}"] = np.maximum(channels[f"eyeBlink{side}"], shape * rng.uniform(0.97, 1.0))
            channels[f"eyeWide{side}"] *= 1 - shape
        at += rng.uniform(1.6, 4.5)


def _add_gaze(channels: dict[str, Array], time: Array, length: float, *, rng: np.random.Generator) -> None:
    yaw, pitch = np.zeros(len(time)), np.zeros(len(time))
    at = 0.5
    while at < length:
        saccade = _minimum_jerk_pulse(time, at, onset=0.05, hold=1e3, offset=1.0)
        yaw += saccade * (rng.normal(0, 0.22) - yaw)
        pitch += saccade * (rng.normal(0, 0.14) - pitch)
        at += rng.uniform(0.5, 2.2)
    channels["eyeLookOutLeft"] += np.clip(yaw, 0, 1)
    channels["eyeLookInRight"] += np.clip(yaw, 0, 1)
    channels["eyeLookInLeft"] += np.clip(-yaw, 0, 1)
    channels["eyeLookOutRight"] += np.clip(-yaw, 0, 1)
    for side in ("Left", "Right"):
        channels[f"eyeLookUp{side}"] += np.clip(pitch, 0, 1)
        channels[f"eyeLookDown{side}"] += np.clip(-pitch, 0, 1)
