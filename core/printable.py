"""Texts of strangers (names of devices and streams, what files say of themselves), made fit to be shown."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_JOINERS = "\u200c\u200d"  # format characters that scripts and emoji need
_SPACES = "\t\n\v\f\r\u0085\u2028\u2029"
_REPLACEMENT = "\ufffd"
# Controls (terminal sequences), format characters (which reorder or hide text), halves of surrogate pairs, line ends.
_UNSAFE_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")


def one_line(text: str, limit: int | None = None) -> str:
    """The text in one line of at most `limit` characters, that does nothing to a terminal, a page or a panel.

    Line ends and tabs become spaces; what else controls the output becomes U+FFFD.
    """
    text = text[:limit]
    return text if text.isprintable() else "".join(map(_printable_character, text))


def printable_names(names: Iterable[str]) -> tuple[str, ...]:
    """Each name in one printable line; names that would become alike stay different."""
    names = tuple(names)
    if all(map(str.isprintable, names)):
        return names
    renamed: dict[str, None] = {}
    for number, name in enumerate(map(one_line, names), 1):
        renamed[f"{name} {number}" if name in renamed else name] = None
    return tuple(renamed)


def _printable_character(character: str) -> str:
    if character in _SPACES:
        return " "
    unsafe = unicodedata.category(character) in _UNSAFE_CATEGORIES and character not in _JOINERS
    return _REPLACEMENT if unsafe else character
