"""What a face does for some seconds: expressions, single channels, ranges of motion, speech, song. Each draws on a canvas."""

from __future__ import annotations

import numpy as np

from ..channels import ARKIT, mirrored
from .canvas import INDEX, Canvas, rise, row
from .demo import EXPRESSIONS, both
from .style import Style

# Facial actions as FACS names them, to be combined at random.
UNITS: tuple[dict[str, float], ...] = (
    {"browInnerUp": 0.9},
    both(browOuterUp=0.9),
    both(browDown=0.9),
    both(eyeWide=0.8),
    both(cheekSquint=0.8),
    both(eyeSquint=0.8),
    both(noseSneer=0.9),
    both(mouthUpperUp=0.8),
    both(mouthSmile=0.95),
    both(mouthDimple=0.8),
    both(mouthFrown=0.9),
    both(mouthLowerDown=0.8),
    {"mouthShrugLower": 0.9, "mouthShrugUpper": 0.4},
    {"mouthPucker": 1.0},
    both(mouthStretch=0.8),
    {"mouthFunnel": 0.9},
    both(mouthPress=0.8),
    {"mouthRollLower": 0.9, "mouthRollUpper": 0.6},
    {"jawOpen": 0.9},
    {"jawForward": 0.9},
    {"jawLeft": 0.9},
    {"jawRight": 0.9},
    {"cheekPuff": 0.95},
    {"mouthLeft": 0.9},
    {"mouthRight": 0.9},
    {"tongueOut": 0.95, "jawOpen": 0.35},
    {"jawOpen": 0.6, "mouthClose": 0.55},
    {"mouthRollUpper": 0.8},
    {"mouthShrugUpper": 0.8},
    {"mouthRollLower": 0.8},
    both(eyeBlink=0.9),
)
_OFTEN = np.array([3.0 if any(c.startswith(("brow", "mouthSmile", "mouthFrown", "eyeWide")) for c in unit) else 1.0 for unit in UNITS])  # moved most
_OFTEN /= _OFTEN.sum()
_FACES = tuple(EXPRESSIONS.values())
# Mouth shapes of sounds: (weights, least and most seconds); None is silence.
SOUNDS: dict[str, tuple[dict[str, float], float, float]] = {
    "a": ({"jawOpen": 0.55, **both(mouthLowerDown=0.25)}, 0.08, 0.2),
    "e": ({"jawOpen": 0.3, **both(mouthStretch=0.3, mouthSmile=0.2, mouthUpperUp=0.15)}, 0.07, 0.18),
    "i": ({"jawOpen": 0.15, **both(mouthSmile=0.35, mouthStretch=0.2, mouthUpperUp=0.15)}, 0.06, 0.16),
    "o": ({"jawOpen": 0.38, "mouthFunnel": 0.5, "mouthPucker": 0.25}, 0.08, 0.2),
    "u": ({"jawOpen": 0.15, "mouthPucker": 0.65, "mouthFunnel": 0.3}, 0.07, 0.18),
    "m": ({"jawOpen": 0.1, "mouthClose": 0.12, "mouthRollLower": 0.2, "mouthRollUpper": 0.15, **both(mouthPress=0.3)}, 0.06, 0.12),
    "b": ({"jawOpen": 0.16, "mouthClose": 0.18, "mouthRollLower": 0.1, **both(mouthPress=0.15)}, 0.05, 0.1),
    "f": ({"jawOpen": 0.1, "mouthRollLower": 0.45, **both(mouthUpperUp=0.2)}, 0.05, 0.12),
    "s": ({"jawOpen": 0.07, "mouthShrugUpper": 0.15, **both(mouthStretch=0.25, mouthLowerDown=0.25)}, 0.05, 0.14),
    "sh": ({"jawOpen": 0.12, "mouthFunnel": 0.55, "mouthPucker": 0.3, **both(mouthUpperUp=0.15)}, 0.06, 0.14),
    "th": ({"jawOpen": 0.2, "tongueOut": 0.3, **both(mouthLowerDown=0.2)}, 0.05, 0.12),
    "l": ({"jawOpen": 0.25, "tongueOut": 0.08, **both(mouthLowerDown=0.15)}, 0.04, 0.1),
    "r": ({"jawOpen": 0.2, "mouthFunnel": 0.3, "mouthPucker": 0.15}, 0.05, 0.1),
    "k": ({"jawOpen": 0.22, **both(mouthUpperUp=0.1)}, 0.04, 0.1),
    "w": ({"jawOpen": 0.08, "mouthPucker": 0.75, "mouthFunnel": 0.2}, 0.05, 0.12),
}
_VOWELS = ("a", "e", "i", "o", "u")
_ROWS = {sound: row(weights) for sound, (weights, _, _) in SOUNDS.items()}
_FLIP = np.array([INDEX[mirrored(c)] for c in ARKIT])
_RIGHT = np.array([c.endswith("Right") and mirrored(c) in INDEX for c in ARKIT])


def lopsided(apex: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same done by both sides, by one more than by the other, or by one alone."""
    kind = rng.uniform()
    if kind < 0.5:
        return apex
    weak = rng.uniform(0, 0.8) if kind < 0.75 else 0.0
    out = np.where(_RIGHT, apex * weak, apex)
    return out[_FLIP] if rng.uniform() < 0.5 else out


def expression(canvas: Canvas, start: float, end: float, who: Style, rng: np.random.Generator) -> None:
    """A face of one to four units, or one of the named ones, with onset, apex and offset."""
    at = start
    while at < end - 0.4:
        if rng.uniform() < 0.35:
            apex = row(_FACES[int(rng.integers(len(_FACES)))]) * rng.uniform(0.3, 1.1)
        else:
            units = rng.choice(len(UNITS), size=int(rng.integers(1, 5)), replace=False, p=_OFTEN)
            apex = sum(row(UNITS[k]) * 1.1 * rng.beta(1.8, 1.0) for k in units)
        onset, hold, offset = rng.uniform(0.12, 0.6, 3) * [1, 2.5, 1.3] / who.speed
        canvas.stroke(at, onset, hold, offset, lopsided(np.asarray(apex), rng))
        at += (onset + hold) + rng.uniform(-0.2, 1.0)


def single(canvas: Canvas, start: float, end: float, who: Style, rng: np.random.Generator) -> None:
    """Channels that move on their own, any of the 52, alone or a few at once, fast or slow, large or minute."""
    for _ in range(rng.poisson((end - start) * (0.8 + 1.6 * who.lively))):
        name = ARKIT[int(rng.integers(len(ARKIT)))]
        apex = np.zeros(len(ARKIT))
        minute = rng.uniform() < 0.3
        value = rng.uniform(0.03, 0.2) if minute else rng.beta(1.4, 1.2)
        apex[INDEX[name]] = value
        if rng.uniform() < 0.55 and not name.startswith(("jaw", "mouthLeft", "mouthRight")):
            apex[INDEX[mirrored(name)]] = value * rng.uniform(0.8, 1.2)
        if name == "mouthClose":
            apex[INDEX["jawOpen"]] = value * rng.uniform(1.0, 1.3)
        onset, hold, offset = (rng.uniform(0.07, 0.25, 3) if minute else rng.uniform(0.1, 0.7, 3)) / who.speed
        canvas.stroke(rng.uniform(start, end), onset, hold, offset, apex)


def range_of_motion(canvas: Canvas, start: float, end: float, who: Style, rng: np.random.Generator) -> None:
    """One unit after another to its end, held, and back: what performers are asked for when a rig is made."""
    at = start
    while at < end - 0.8:
        apex = row(UNITS[int(rng.choice(len(UNITS), p=_OFTEN))]) * rng.uniform(0.8, 1.2)
        onset, hold, offset = rng.uniform([0.2, 0.2, 0.2], [0.6, 1.2, 0.6])
        times = int(rng.integers(1, 4))
        for k in range(times):
            canvas.stroke(
                at + k * (onset + 0.6 * hold + offset),
                onset,
                hold if times == 1 else 0.3 * hold,
                offset,
                lopsided(apex, rng) if k == 0 else apex,
            )
        at += times * (onset + hold + offset) + rng.uniform(0, 0.5)


def _chain(seconds: float, who: Style, rng: np.random.Generator, sung: bool) -> tuple[np.ndarray, np.ndarray]:
    """Targets (N, 52) and lengths (N,) of sounds that fill the time; phrases with pauses between."""
    names, lengths, total = [], [], 0.0
    left = int(rng.integers(4, 18))
    while total < seconds:
        vowel = len(names) % 2 == 1 if rng.uniform() < 0.8 else rng.uniform() < 0.5
        options = _VOWELS if vowel else tuple(s for s in SOUNDS if s not in _VOWELS)
        name = options[int(rng.integers(len(options)))]
        if left <= 0:
            name, left = "", int(rng.integers(4, 18))
        length = rng.uniform(0.15, 0.7) if not name else rng.uniform(*SOUNDS[name][1:]) / who.speed
        if sung and vowel and name:
            length = rng.uniform(0.3, 2.2)
        names.append(name)
        lengths.append(length)
        total += length
        left -= 1
    strength = rng.uniform(0.55, 1.25, (len(names), 1)) * who.speech * (1.35 if sung else 1.0)
    rows = np.stack([_ROWS[n] if n else np.zeros(len(ARKIT)) for n in names]) * strength
    rows *= np.exp(rng.normal(0, 0.25, rows.shape))
    closed = np.array([n in ("m", "b") for n in names])
    close, jaw = INDEX["mouthClose"], INDEX["jawOpen"]
    rows[closed, close] = rows[closed, jaw] * rng.uniform(0.85, 1.1, int(closed.sum()))  # the lips meet whatever the jaw does
    return rows, np.array(lengths)


def speech(canvas: Canvas, start: float, end: float, who: Style, rng: np.random.Generator) -> None:
    """Co-articulated speech, the brows beating time now and then, in a mood."""
    rows, lengths = _chain(end - start, who, rng, sung=False)
    canvas.paint(start, end, rows, lengths, rng.uniform(0.03, 0.07) / who.speed)
    _mood(canvas, start, end, rng)
    for _ in range(rng.poisson((end - start) * 0.5 * who.lively)):
        brows = UNITS[int(rng.integers(0, 3))]
        onset, hold, offset = rng.uniform(0.08, 0.4, 3)
        canvas.stroke(rng.uniform(start, end), onset, hold, offset, row(brows) * rng.beta(1.2, 1.4))


def song(canvas: Canvas, start: float, end: float, who: Style, rng: np.random.Generator) -> None:
    """Held vowels with vibrato, wide jaws, brows that follow the phrase."""
    rows, lengths = _chain(end - start, who, rng, sung=True)
    canvas.paint(start, end, rows, lengths, rng.uniform(0.03, 0.06))
    _mood(canvas, start, end, rng)
    first, last = int(start * canvas.rate), min(int(end * canvas.rate), len(canvas.time))
    sung = canvas.time[first:last] - start
    beat = rise(sung / 0.5) * np.sin(2 * np.pi * rng.uniform(4.8, 6.4) * sung) * rise((end - start - sung) / 0.3)
    canvas.values[first:last, INDEX["jawOpen"]] *= 1 + rng.uniform(0, 0.08) * beat
    for _ in range(rng.poisson((end - start) * 0.35)):
        onset, hold, offset = rng.uniform(0.3, 1.0, 3)
        canvas.stroke(rng.uniform(start, end), onset, hold, offset, row(UNITS[int(rng.integers(0, 3))]) * rng.beta(1.5, 1.5))


def _mood(canvas: Canvas, start: float, end: float, rng: np.random.Generator) -> None:
    """An expression that lies under speech or song."""
    if rng.uniform() < 0.5:
        apex = row(_FACES[int(rng.integers(len(_FACES)))]) * rng.uniform(0.1, 0.6)
        apex[[INDEX["jawOpen"], INDEX["cheekPuff"], INDEX["mouthPucker"]]] = 0.0
        canvas.stroke(start, rng.uniform(0.3, 1.0), max(end - start - 1.5, 0.1), rng.uniform(0.3, 1.0), lopsided(apex, rng))


def rest(canvas: Canvas, start: float, end: float, who: Style, rng: np.random.Generator) -> None:
    """Nothing, or nearly."""


ACTS = ((expression, 0.24), (single, 0.2), (range_of_motion, 0.18), (speech, 0.22), (song, 0.08), (rest, 0.08))
