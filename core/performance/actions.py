"""Actions that fill a part of a timeline: expressions, single channels, ranges of motion, speech, song, rest."""

# NumPy 1.26's stubs leave results of random generators untyped.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..face.channels import ARKIT, mirrored
from .demo import EXPRESSIONS, both_sides
from .style import PerformerStyle
from .timeline import CHANNEL_INDEX, Timeline, minimum_jerk, weight_row

# Action units of FACS, for random combination.
ACTION_UNITS: tuple[dict[str, float], ...] = (
    {"browInnerUp": 0.9},
    both_sides(browOuterUp=0.9),
    both_sides(browDown=0.9),
    both_sides(eyeWide=0.8),
    both_sides(cheekSquint=0.8),
    both_sides(eyeSquint=0.8),
    both_sides(noseSneer=0.9),
    both_sides(mouthUpperUp=0.8),
    both_sides(mouthSmile=0.95),
    both_sides(mouthDimple=0.8),
    both_sides(mouthFrown=0.9),
    both_sides(mouthLowerDown=0.8),
    {"mouthShrugLower": 0.9, "mouthShrugUpper": 0.4},
    {"mouthPucker": 1.0},
    both_sides(mouthStretch=0.8),
    {"mouthFunnel": 0.9},
    both_sides(mouthPress=0.8),
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
    both_sides(eyeBlink=0.9),
)
_FREQUENT_CHANNELS = ("brow", "mouthSmile", "mouthFrown", "eyeWide")
_UNIT_ODDS = np.array([3.0 if any(c.startswith(_FREQUENT_CHANNELS) for c in unit) else 1.0 for unit in ACTION_UNITS])
_UNIT_PROBABILITIES = _UNIT_ODDS / _UNIT_ODDS.sum()
_NAMED_EXPRESSIONS = tuple(EXPRESSIONS.values())
# Mouth shapes of sounds: (weights, minimum and maximum s); None is silence.
SOUND_SHAPES: dict[str, tuple[dict[str, float], float, float]] = {
    "a": ({"jawOpen": 0.55, **both_sides(mouthLowerDown=0.25)}, 0.08, 0.2),
    "e": ({"jawOpen": 0.3, **both_sides(mouthStretch=0.3, mouthSmile=0.2, mouthUpperUp=0.15)}, 0.07, 0.18),
    "i": ({"jawOpen": 0.15, **both_sides(mouthSmile=0.35, mouthStretch=0.2, mouthUpperUp=0.15)}, 0.06, 0.16),
    "o": ({"jawOpen": 0.38, "mouthFunnel": 0.5, "mouthPucker": 0.25}, 0.08, 0.2),
    "u": ({"jawOpen": 0.15, "mouthPucker": 0.65, "mouthFunnel": 0.3}, 0.07, 0.18),
    "m": (
        {
            "jawOpen": 0.1,
            "mouthClose": 0.12,
            "mouthRollLower": 0.2,
            "mouthRollUpper": 0.15,
            **both_sides(mouthPress=0.3),
        },
        0.06,
        0.12,
    ),
    "b": ({"jawOpen": 0.16, "mouthClose": 0.18, "mouthRollLower": 0.1, **both_sides(mouthPress=0.15)}, 0.05, 0.1),
    "f": ({"jawOpen": 0.1, "mouthRollLower": 0.45, **both_sides(mouthUpperUp=0.2)}, 0.05, 0.12),
    "s": ({"jawOpen": 0.07, "mouthShrugUpper": 0.15, **both_sides(mouthStretch=0.25, mouthLowerDown=0.25)}, 0.05, 0.14),
    "sh": ({"jawOpen": 0.12, "mouthFunnel": 0.55, "mouthPucker": 0.3, **both_sides(mouthUpperUp=0.15)}, 0.06, 0.14),
    "th": ({"jawOpen": 0.2, "tongueOut": 0.3, **both_sides(mouthLowerDown=0.2)}, 0.05, 0.12),
    "l": ({"jawOpen": 0.25, "tongueOut": 0.08, **both_sides(mouthLowerDown=0.15)}, 0.04, 0.1),
    "r": ({"jawOpen": 0.2, "mouthFunnel": 0.3, "mouthPucker": 0.15}, 0.05, 0.1),
    "k": ({"jawOpen": 0.22, **both_sides(mouthUpperUp=0.1)}, 0.04, 0.1),
    "w": ({"jawOpen": 0.08, "mouthPucker": 0.75, "mouthFunnel": 0.2}, 0.05, 0.12),
}
_VOWELS = ("a", "e", "i", "o", "u")
_SOUND_WEIGHTS = {sound: weight_row(weights) for sound, (weights, _, _) in SOUND_SHAPES.items()}
_MIRROR_INDEX = np.array([CHANNEL_INDEX[mirrored(c)] for c in ARKIT])
_IS_RIGHT = np.array([c.endswith("Right") and mirrored(c) in CHANNEL_INDEX for c in ARKIT])


def randomly_asymmetric(apex: Array, rng: np.random.Generator) -> Array:
    """Row of weights (52,) made symmetric, asymmetric or one-sided at random."""
    draw = rng.uniform()
    if draw < 0.5:
        return apex
    weaker_side = rng.uniform(0, 0.8) if draw < 0.75 else 0.0
    out = np.where(_IS_RIGHT, apex * weaker_side, apex)
    return out[_MIRROR_INDEX] if rng.uniform() < 0.5 else out


def expression(
    timeline: Timeline, start: float, end: float, *, style: PerformerStyle, rng: np.random.Generator
) -> None:
    """Expressions of one to four action units, or named ones, with onset, apex and offset."""
    at = start
    while at < end - 0.4:
        if rng.uniform() < 0.35:
            apex = weight_row(_NAMED_EXPRESSIONS[int(rng.integers(len(_NAMED_EXPRESSIONS)))]) * rng.uniform(0.3, 1.1)
        else:
            units = rng.choice(len(ACTION_UNITS), size=int(rng.integers(1, 5)), replace=False, p=_UNIT_PROBABILITIES)
            apex = sum(weight_row(ACTION_UNITS[k]) * 1.1 * rng.beta(1.8, 1.0) for k in units)
        onset, hold, offset = rng.uniform(0.12, 0.6, 3) * [1, 2.5, 1.3] / style.speed
        timeline.add_action(at, onset=onset, hold=hold, offset=offset, apex=randomly_asymmetric(np.asarray(apex), rng))
        at += (onset + hold) + rng.uniform(-0.2, 1.0)


def single_channels(
    timeline: Timeline, start: float, end: float, *, style: PerformerStyle, rng: np.random.Generator
) -> None:
    """Motion of any single channels or a few at once, fast or slow, large or small."""
    for _ in range(rng.poisson((end - start) * (0.8 + 1.6 * style.activity))):
        name = ARKIT[int(rng.integers(len(ARKIT)))]
        apex = np.zeros(len(ARKIT))
        is_minute = rng.uniform() < 0.3
        value = rng.uniform(0.03, 0.2) if is_minute else rng.beta(1.4, 1.2)
        apex[CHANNEL_INDEX[name]] = value
        if rng.uniform() < 0.55 and not name.startswith(("jaw", "mouthLeft", "mouthRight")):
            apex[CHANNEL_INDEX[mirrored(name)]] = value * rng.uniform(0.8, 1.2)
        if name == "mouthClose":
            apex[CHANNEL_INDEX["jawOpen"]] = value * rng.uniform(1.0, 1.3)
        onset, hold, offset = (rng.uniform(0.07, 0.25, 3) if is_minute else rng.uniform(0.1, 0.7, 3)) / style.speed
        timeline.add_action(rng.uniform(start, end), onset=onset, hold=hold, offset=offset, apex=apex)


def range_of_motion(
    timeline: Timeline, start: float, end: float, *, style: PerformerStyle, rng: np.random.Generator
) -> None:
    """Range-of-motion exercise: one action unit after another to its limit, held, and back."""
    at = start
    while at < end - 0.8:
        apex = weight_row(ACTION_UNITS[int(rng.choice(len(ACTION_UNITS), p=_UNIT_PROBABILITIES))]) * rng.uniform(
            0.8, 1.2
        )
        onset, hold, offset = rng.uniform([0.2, 0.2, 0.2], [0.6, 1.2, 0.6])
        repeats = int(rng.integers(1, 4))
        for k in range(repeats):
            timeline.add_action(
                at + k * (onset + 0.6 * hold + offset),
                onset=onset,
                hold=hold if repeats == 1 else 0.3 * hold,
                offset=offset,
                apex=randomly_asymmetric(apex, rng) if k == 0 else apex,
            )
        at += repeats * (onset + hold + offset) + rng.uniform(0, 0.5)


def _sound_sequence(
    seconds: float, style: PerformerStyle, rng: np.random.Generator, *, is_song: bool
) -> tuple[Array, Array]:
    """Targets (N, 52) and durations (N,) s of sounds that fill the time, in phrases with pauses."""
    sounds: list[str] = []
    lengths: list[float] = []
    elapsed = 0.0
    sounds_to_pause = int(rng.integers(4, 18))
    while elapsed < seconds:
        is_vowel = len(sounds) % 2 == 1 if rng.uniform() < 0.8 else rng.uniform() < 0.5
        options = _VOWELS if is_vowel else tuple(s for s in SOUND_SHAPES if s not in _VOWELS)
        sound = options[int(rng.integers(len(options)))]
        if sounds_to_pause <= 0:
            sound, sounds_to_pause = "", int(rng.integers(4, 18))
        length = rng.uniform(0.15, 0.7) if not sound else rng.uniform(*SOUND_SHAPES[sound][1:]) / style.speed
        if is_song and is_vowel and sound:
            length = rng.uniform(0.3, 2.2)
        sounds.append(sound)
        lengths.append(length)
        elapsed += length
        sounds_to_pause -= 1
    strength = rng.uniform(0.55, 1.25, (len(sounds), 1)) * style.speech_strength * (1.35 if is_song else 1.0)
    targets = np.stack([_SOUND_WEIGHTS[n] if n else np.zeros(len(ARKIT)) for n in sounds]) * strength
    targets *= np.exp(rng.normal(0, 0.25, targets.shape))
    is_closure = np.array([n in ("m", "b") for n in sounds])
    close, jaw = CHANNEL_INDEX["mouthClose"], CHANNEL_INDEX["jawOpen"]
    # the lips close, whatever the jaw does
    targets[is_closure, close] = targets[is_closure, jaw] * rng.uniform(0.85, 1.1, int(is_closure.sum()))
    return targets, np.array(lengths)


def speech(timeline: Timeline, start: float, end: float, *, style: PerformerStyle, rng: np.random.Generator) -> None:
    """Co-articulated speech in a mood, at times with brows on the beat."""
    targets, lengths = _sound_sequence(end - start, style, rng, is_song=False)
    timeline.add_sequence(
        start, end, targets=targets, durations=lengths, time_constant=rng.uniform(0.03, 0.07) / style.speed
    )
    _background_expression(timeline, start, end, rng=rng)
    for _ in range(rng.poisson((end - start) * 0.5 * style.activity)):
        brows = ACTION_UNITS[int(rng.integers(0, 3))]
        onset, hold, offset = rng.uniform(0.08, 0.4, 3)
        timeline.add_action(
            rng.uniform(start, end), onset=onset, hold=hold, offset=offset, apex=weight_row(brows) * rng.beta(1.2, 1.4)
        )


def song(timeline: Timeline, start: float, end: float, *, style: PerformerStyle, rng: np.random.Generator) -> None:
    """Song: held vowels with vibrato, a wide-open jaw, brows that follow the phrase."""
    targets, lengths = _sound_sequence(end - start, style, rng, is_song=True)
    timeline.add_sequence(start, end, targets=targets, durations=lengths, time_constant=rng.uniform(0.03, 0.06))
    _background_expression(timeline, start, end, rng=rng)
    first, last = int(start * timeline.rate), min(int(end * timeline.rate), len(timeline.time))
    elapsed = timeline.time[first:last] - start
    vibrato = (
        minimum_jerk(elapsed / 0.5)
        * np.sin(2 * np.pi * rng.uniform(4.8, 6.4) * elapsed)
        * minimum_jerk((end - start - elapsed) / 0.3)
    )
    timeline.values[first:last, CHANNEL_INDEX["jawOpen"]] *= 1 + rng.uniform(0, 0.08) * vibrato
    for _ in range(rng.poisson((end - start) * 0.35)):
        onset, hold, offset = rng.uniform(0.3, 1.0, 3)
        timeline.add_action(
            rng.uniform(start, end),
            onset=onset,
            hold=hold,
            offset=offset,
            apex=weight_row(ACTION_UNITS[int(rng.integers(0, 3))]) * rng.beta(1.5, 1.5),
        )


def _background_expression(timeline: Timeline, start: float, end: float, *, rng: np.random.Generator) -> None:
    """An expression beneath speech or song."""
    if rng.uniform() < 0.5:
        apex = weight_row(_NAMED_EXPRESSIONS[int(rng.integers(len(_NAMED_EXPRESSIONS)))]) * rng.uniform(0.1, 0.6)
        apex[[CHANNEL_INDEX["jawOpen"], CHANNEL_INDEX["cheekPuff"], CHANNEL_INDEX["mouthPucker"]]] = 0.0
        timeline.add_action(
            start,
            onset=rng.uniform(0.3, 1.0),
            hold=max(end - start - 1.5, 0.1),
            offset=rng.uniform(0.3, 1.0),
            apex=randomly_asymmetric(apex, rng),
        )


def rest(timeline: Timeline, start: float, end: float, *, style: PerformerStyle, rng: np.random.Generator) -> None:
    """Rest, with hardly any motion."""


ACTIONS = (
    (expression, 0.24),
    (single_channels, 0.2),
    (range_of_motion, 0.18),
    (speech, 0.22),
    (song, 0.08),
    (rest, 0.08),
)
