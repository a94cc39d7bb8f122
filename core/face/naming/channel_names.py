"""What one name means: of a shape key, a column of a table, or a value that another program sends."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from ..channels import ARKIT, LIVE_LINK_FACE, pascal_case
from .scheme_tables import load_expressions, load_schemes

_MAX_NAME_LENGTH = 128
_MIN_SQUASHED_LENGTH = 4  # of names of schemes, which shorter ones resemble by chance
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_COPY = re.compile(r"(?<=.)(?:\.\d{3,}| ?\(\d+\)|[ _-]copy(?:[ _-]?\d+)?|[ _-]?\d{1,3})$", re.IGNORECASE)
_APPLES_SCHEMES = ("ARKit", "ARKit, _L/_R", "VRM perfect sync")
_STEM = re.compile("eye|jaw|mouth|brow|cheek|nose|tongue|head")  # of every name of Apple's
_SIDES = {"l": "left", "r": "right"}
# Words that need no separator before or after a name.
_AFFIXES = frozenset(
    ("ar", "arkit", "ak", "kit", "bs", "blend", "blendshape", "blendshapes", "copy", "ctrl", "exp", "expression")
    + ("expressions", "face", "geo", "key", "mesh", "morph", "shape", "shapes", "target", "value", "weight")
)
# Words that make another name of what follows them: `upper_mouth_left`.
_QUALIFIERS = frozenset(
    (
        "l",
        "r",
        "left",
        "right",
        "up",
        "down",
        "upper",
        "lower",
        "inner",
        "outer",
        "in",
        "out",
        "top",
        "bottom",
        "no",
        "not",
    )
)


class Precision(IntEnum):
    """How a name was recognised; the smallest number takes precedence."""

    EXACT = 0  # Apple's own spelling, or Live Link Face's
    SCHEME = 1  # a scheme's own spelling
    SPELLING = 2  # but for case, separators and the way that sides are written
    AFFIX = 3  # with something before or after it: AK_25_JawOpen
    COPY = 4  # jawOpen.001
    WORDS = 5  # the same words in another order: Left_Eye_Blink
    EXPRESSION = 6  # stands for several channels: Joy, A, Blink


@dataclass(frozen=True)
class NameMatch:
    """What a name means.

    Attributes
    ----------
    channels : channels with their weights. A scheme's name is `weight` times its channel; an expression of 1 shows
        `weight` of each of its channels, and none is the neutral one.
    precision : how the name was recognised.
    scheme : whose name it is; "" for Apple's.
    """

    channels: tuple[tuple[str, float], ...]
    precision: Precision
    scheme: str = ""


@lru_cache(maxsize=1024)
def match_name(name: str) -> NameMatch | None:
    """What a name means, None if it is no name of a face's channel: exact > scheme > spelling > affixes > words."""
    if not 0 < len(name) <= _MAX_NAME_LENGTH:
        return None
    known = _known_names()
    if name in known.exact:
        return _of_channel(known.exact[name], Precision.EXACT)
    return known.expressions.get(_squash(name)) or known.schemes.get(name) or match_arkit_name(name) or _by_scheme(name)


def match_arkit_name(name: str) -> NameMatch | None:
    """What a name means if it is one of Apple's (or of Live Link Face's angles) in any spelling, else None."""
    known = _known_names()
    if name in known.exact:
        return _of_channel(known.exact[name], Precision.EXACT)
    squashed = _squash(name)
    channel = known.squashed.get(squashed)
    if channel is not None:
        return _of_channel(channel, Precision.SPELLING)
    if not _STEM.search(squashed):
        return None
    if _COPY.search(name):
        original = match_arkit_name(_COPY.sub("", name))
        return None if original is None else NameMatch(original.channels, max(original.precision, Precision.COPY))
    words = _split_words(name)
    channel = _without_affixes(words)
    if channel is not None:
        return _of_channel(channel, Precision.AFFIX)
    channel = known.words.get(_word_set(w.text for w in words if w.text not in _AFFIXES))
    return None if channel is None else _of_channel(channel, Precision.WORDS)


def is_copy(name: str) -> bool:
    """Whether a name is that of a copy, such as `jawOpen.001`."""
    return _COPY.search(name) is not None


def _of_channel(channel: str, precision: Precision) -> NameMatch:
    return NameMatch(((channel, 1.0),), precision)


def _by_scheme(name: str) -> NameMatch | None:
    """A scheme's name in another spelling, behind a mesh's or a rig's name, or as a copy."""
    known, plain = _known_names().squashed_schemes, re.split(r"[.:|]", _COPY.sub("", name))[-1]
    for text, precision in (
        (name, Precision.SPELLING),
        (plain, Precision.AFFIX if name.endswith(plain) else Precision.COPY),
    ):
        found = known.get(_squash(text))
        if found is not None:
            return NameMatch(found.channels, precision, found.scheme)
    return None


@dataclass(frozen=True)
class _Known:
    """Names by their spellings: exact, squashed, and as sets of words."""

    exact: dict[str, str]
    squashed: dict[str, str]
    words: dict[tuple[str, ...], str]
    schemes: dict[str, NameMatch]
    squashed_schemes: dict[str, NameMatch]
    expressions: dict[str, NameMatch]


@lru_cache(maxsize=1)
def _known_names() -> _Known:
    exact = {c: c for c in LIVE_LINK_FACE} | {pascal_case(c): c for c in LIVE_LINK_FACE}
    exact |= {row.name: row.channel for scheme in _APPLES_SCHEMES for row in load_schemes()[scheme]}
    squashed = {_squash(c): c for c in LIVE_LINK_FACE}
    for channel in ARKIT:
        for side in ("Left", "Right"):
            if channel.endswith(side):
                squashed[_squash(channel[: -len(side)] + side[0])] = channel
    words = {_word_set(w.text for w in _split_words(c)): c for c in ARKIT}
    schemes: dict[str, NameMatch] = {}
    for scheme, rows in load_schemes().items():
        if scheme in _APPLES_SCHEMES:
            continue
        own: dict[str, dict[str, float]] = {}
        for channel, name, weight in rows:
            own.setdefault(name, {})[channel] = weight
        for name, channels in own.items():
            schemes.setdefault(name, NameMatch(tuple(channels.items()), Precision.SCHEME, scheme))
    squashed_schemes: dict[str, NameMatch] = {}
    for name, found in schemes.items():
        if len(_squash(name)) >= _MIN_SQUASHED_LENGTH:
            squashed_schemes.setdefault(_squash(name), found)
    expressions = {
        _squash(name): NameMatch(tuple(channels.items()), Precision.EXPRESSION, "expressions")
        for name, channels in load_expressions().items()
    }
    return _Known(exact, squashed, words, schemes, squashed_schemes, expressions)


def _squash(name: str) -> str:
    """`Mouth_Smile.L` -> `mouthsmilel`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


@dataclass(frozen=True)
class _Word:
    """A word of a name in lower case, and whether a separator or a number stands before it."""

    text: str
    separated: bool


def _split_words(name: str) -> list[_Word]:
    """`head_lod0_mesh__jawOpen` -> head, lod, 0, mesh, jaw, open."""
    words: list[_Word] = []
    end = -1
    for found in _WORD.finditer(name):
        after_number = bool(words) and words[-1].text.isdecimal()
        words.append(_Word(found.group().lower(), found.start() != end or after_number))
        end = found.end()
    return words


def _word_set(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(_SIDES.get(w, w) for w in words))


def _without_affixes(words: list[_Word]) -> str | None:
    """The one channel whose whole name stands in a longer one: at its end, but for words like `shape`; else None."""
    squashed, texts = _known_names().squashed, [w.text for w in words]
    end = len(texts)
    while end > 1 and texts[end - 1] in _AFFIXES:
        end -= 1
    for start in range(end):
        channel = squashed.get("".join(texts[start:end]))
        if channel is None:
            continue
        before = texts[:start]
        is_separate = not before or words[start].separated or all(w in _AFFIXES for w in before)
        if not is_separate or (before and before[-1] in _QUALIFIERS) or _holds_channel(before):
            return None
        return channel
    return None


def _holds_channel(texts: list[str]) -> bool:
    """Whether a whole name stands among words: of a corrective, such as `jawOpen_mouthFunnel`."""
    squashed, count = _known_names().squashed, len(texts)
    return any("".join(texts[i:j]) in squashed for i in range(count) for j in range(i + 1, min(i + 5, count) + 1))
