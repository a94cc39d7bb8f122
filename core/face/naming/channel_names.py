"""What one name means: of a shape key, a column of a table, or a value that another program sends."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from ..channels import ARKIT, LIVE_LINK_FACE, pascal_case
from .scheme_tables import FEW_SHAPE_SCHEMES, SCHEMES, few_shape_names, load_expressions, load_schemes

APPLE = "ARKit"
APPLES_SCHEMES = (APPLE, "ARKit, _L/_R", "VRM perfect sync")  # which differ in spelling only
_FREE_ORDER = "common names"  # the few-shape scheme whose words stand in any order, as those of Apple's names
_MAX_NAME_LENGTH = 128
_MIN_SQUASHED_LENGTH = 4  # of names of schemes, which shorter ones resemble by chance
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\x00-\x7f]+")
_COPY = re.compile(
    r"(?<=.)(?:\.\d{3,}| ?\(\d+\)|[ ._-](?:copy|old|bak|backup|orig|original)(?:[ _-]?\d+)?|[ _-]?\d{1,3})$",
    re.IGNORECASE,
)
_SCHEME_ORDER = {scheme: i for i, scheme in enumerate((*SCHEMES, *FEW_SHAPE_SCHEMES))}
_SIDES = {"l": "left", "r": "right"}
# Words that need no separator before or after a name.
_AFFIXES = frozenset(
    ("ar", "arkit", "ak", "kit", "bs", "blend", "blendshape", "blendshapes", "copy", "ctrl", "exp", "expression")
    + ("expressions", "face", "geo", "key", "mesh", "morph", "shape", "shapes", "target", "value", "weight")
)
# Words that make another name of what follows them: `upper_mouth_left`.
_QUALIFIERS = frozenset(
    ("l", "r", "left", "right", "up", "down", "upper", "lower", "inner", "outer", "in", "out", "top", "bottom")
    + ("no", "not")
)
# Words before a shape for the whole face that make it one for a part: `brow_angry`.
_PARTS = frozenset(
    ("eye", "eyes", "eyelid", "lid", "brow", "brows", "eyebrow", "brw", "blw", "mouth", "mth", "lip", "lips", "jaw")
    + ("cheek", "nose", "tongue", "teeth", "tooth", "ha", "ear", "hair", "pupil", "iris")
)
_SEPARATORS = re.compile(r"[\W_]+")
# Words before a name that say nothing of what it is for.
_CARRIERS = frozenset(("avatar", "emotion", "facial", "head", "preset", "presets", "viseme", "vowel", "vrm"))
_BOUNDARY = re.compile(r"(?:[.:|/]|__)$")  # the end of a mesh's or a rig's name


class Precision(IntEnum):
    """How a name was recognised; the smallest number takes precedence."""

    EXACT = 0  # Apple's own spelling, or Live Link Face's
    SCHEME = 1  # a scheme's own spelling
    SPELLING = 2  # but for case, separators and the way that sides are written
    AFFIX = 3  # with something before or after it: AK_25_JawOpen
    COPY = 4  # jawOpen.001
    WORDS = 5  # the same words in another order: Left_Eye_Blink
    EXPRESSION = 6  # stands for several channels: Joy, A, Blink


class Reading(NamedTuple):
    """A name as one of a scheme's.

    Attributes
    ----------
    scheme : one of SCHEMES, of which APPLE stands for all spellings of Apple's names, or of FEW_SHAPE_SCHEMES.
    name : the scheme's own spelling.
    precision : how it was recognised, up to WORDS.
    """

    scheme: str
    name: str
    precision: Precision

    @property
    def is_expression(self) -> bool:
        """Whether the name stands for several channels."""
        return self.scheme in FEW_SHAPE_SCHEMES

    @property
    def channels(self) -> dict[str, float]:
        """What of each channel a value of 1 shows; none for a neutral face."""
        if self.scheme == APPLE:
            return {self.name: 1.0}
        if self.is_expression:
            return load_expressions().get(self.name, {})
        return _known_names().channels[_Name(self.scheme, self.name)]


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


def match_name(name: str) -> NameMatch | None:
    """What a name means, None if it is no name of a face's channel: exact > scheme > spelling > affixes > words."""
    readings = read_name(name)
    if not readings:
        return None
    best = readings[0]
    precision = Precision.EXPRESSION if best.is_expression else best.precision
    return NameMatch(tuple(best.channels.items()), precision, "" if best.scheme == APPLE else best.scheme)


@lru_cache(maxsize=1024)  # strangers send names, too
def read_name(name: str) -> tuple[Reading, ...]:
    """What a name can mean: a reading for each scheme that knows it, the most precise first."""
    if not 0 < len(name) <= _MAX_NAME_LENGTH:
        return ()
    found: dict[str, Reading] = {}
    for reading in _readings(name if name.isascii() else unicodedata.normalize("NFKC", name)):
        known = found.setdefault(reading.scheme, reading)
        if reading.precision < known.precision:
            found[reading.scheme] = reading
    return tuple(sorted(found.values(), key=lambda r: (r.precision, _SCHEME_ORDER[r.scheme])))


def is_copy(name: str) -> bool:
    """Whether a name is that of a copy, such as `jawOpen.001`."""
    return _COPY.search(name) is not None


def _readings(name: str) -> Iterator[Reading]:
    known, squashed = _known_names(), _squash(name)
    for scheme, own in known.exact.get(name, ()):
        yield Reading(scheme, own, Precision.EXACT if scheme == APPLE else Precision.SCHEME)
    for scheme, own in known.squashed.get(squashed, ()):
        yield Reading(scheme, own, Precision.SPELLING)
    words = split_words(name)
    if len(words) > 1:
        yield from _without_affixes(name, words)
    if copy := _COPY.search(name):
        for reading in _readings(name[: copy.start()]):
            yield reading._replace(precision=max(reading.precision, Precision.COPY))
    own = known.words.get(_word_set(w for w in words if w not in _AFFIXES))
    if own is not None:
        yield Reading(own.scheme, own.name, Precision.WORDS)


class _Name(NamedTuple):
    scheme: str
    name: str


@dataclass(frozen=True)
class _Known:
    """Names by their spellings (exact, squashed, as sets of words), and the channels of schemes' names."""

    exact: dict[str, list[_Name]]
    squashed: dict[str, list[_Name]]
    words: dict[tuple[str, ...], _Name]
    channels: dict[_Name, dict[str, float]]


@lru_cache(maxsize=1)
def _known_names() -> _Known:
    known = _Known({}, {}, {_word_set(split_words(c)): _Name(APPLE, c) for c in ARKIT}, {})

    def add(table: dict[str, list[_Name]], spelling: str, own: _Name) -> None:
        names = table.setdefault(spelling, [])
        if own.scheme not in (n.scheme for n in names):
            names.append(own)

    def add_spellings(spelling: str, own: _Name) -> None:
        spelling = unicodedata.normalize("NFKC", spelling)
        add(known.exact, spelling, own)
        for squashed in _squashed_spellings(spelling):
            if own.scheme == APPLE or own.scheme in FEW_SHAPE_SCHEMES or len(squashed) >= _MIN_SQUASHED_LENGTH:
                add(known.squashed, squashed, own)

    for channel in LIVE_LINK_FACE:
        add_spellings(channel, _Name(APPLE, channel))
        add_spellings(pascal_case(channel), _Name(APPLE, channel))
    for scheme, rows in load_schemes().items():
        for channel, name, weight in rows:
            if scheme in APPLES_SCHEMES:
                add_spellings(name, _Name(APPLE, channel))
            else:
                own = _Name(scheme, name)
                add_spellings(name, own)
                known.channels.setdefault(own, {})[channel] = weight
    driven = load_expressions()
    for scheme, names in few_shape_names().items():
        for name in names:
            if name not in driven:
                continue
            add_spellings(name, _Name(scheme, name))
            if scheme == _FREE_ORDER and len(words := split_words(name)) > 1:
                known.words.setdefault(_word_set(words), _Name(scheme, name))
    return known


def _squash(name: str) -> str:
    """`Mouth_Smile.L` -> `mouthsmilel`."""
    return _SEPARATORS.sub("", name.lower())


def _squashed_spellings(name: str) -> set[str]:
    """A name without case and separators, and with the side at its end spelled out or as a letter."""
    squashed, words = _squash(name), split_words(name)
    out = {squashed}
    if len(words) > 1:
        stem = squashed[: len(squashed) - len(words[-1])]
        for letter, side in _SIDES.items():
            if words[-1] in (letter, side):
                out |= {stem + letter, stem + side}
    return out


def split_words(name: str) -> list[str]:
    """`head_lod0_mesh__jawOpen` -> head, lod, 0, mesh, jaw, open."""
    return [word.lower() for word in _WORD.findall(name)]


def _word_set(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(_SIDES.get(w, w) for w in words))


def _without_affixes(name: str, words: list[str]) -> Iterator[Reading]:
    """Whole names that stand in a longer one: at its end, but for words like `shape`."""
    squashed, end = _known_names().squashed, len(words)
    while end > 1 and words[end - 1] in _AFFIXES:
        end -= 1
    rest = "".join(words[:end])
    for start in range(end):
        hits = squashed.get(rest)
        if hits:
            break
        rest = rest[len(words[start]) :]
    else:
        return
    before = tuple(words[:start])
    prefix = name[: [found.start() for found in _WORD.finditer(name)][start]]
    is_separate = (
        all(w in _AFFIXES for w in before) or before[-1].isdecimal() or _SEPARATORS.search(prefix[-1:]) is not None
    )
    if not is_separate or (before and before[-1] in _QUALIFIERS) or _holds_channel(before):
        return
    is_whole_face = _BOUNDARY.search(prefix) is not None or _is_whole_face(before, end - start)
    for scheme, own in hits:
        if scheme not in FEW_SHAPE_SCHEMES or is_whole_face:
            yield Reading(scheme, own, Precision.AFFIX)


def _is_whole_face(before: tuple[str, ...], length: int) -> bool:
    """Whether words before a shape of `length` words, such as `Joy`, say nothing of the part of the face it is for."""
    if length == 1:
        return all(w in _AFFIXES or w in _CARRIERS or w.isdecimal() for w in before)
    return not _PARTS.intersection(before)


@lru_cache(maxsize=256)
def _holds_channel(texts: tuple[str, ...]) -> bool:
    """Whether a whole name stands among words: of a corrective, such as `jawOpen_mouthFunnel`."""
    squashed, count = _known_names().squashed, len(texts)
    return any(
        scheme not in FEW_SHAPE_SCHEMES
        for i in range(count)
        for j in range(i + 1, min(i + 5, count) + 1)
        for scheme, _ in squashed.get("".join(texts[i:j]), ())
    )
