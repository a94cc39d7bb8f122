"""Arguments of sources and sinks, declared once as fields of a dataclass.

They are parsed from `KIND:ARGS`, and shown in panels, help texts and documentation.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from ..core.errors import InnerfaceError

T = TypeVar("T")
Options = TypeVar("Options")

_METADATA_KEY = "argument"
_MAX_NUMBER = 1e9


@dataclass(frozen=True)
class Address:
    """An address to listen on or to send to; an empty host means the default of the source or sink."""

    host: str = ""
    port: int = 0


@dataclass(frozen=True)
class PanelField:
    """How an argument is shown in Blender's sidebar.

    Attributes
    ----------
    property
        Identifier of the preference that it is saved as. Two kinds may share one.
    label, description
        Name and tooltip.
    default
        The preference's default; None for the argument's own.
    minimum, maximum
        Limits of a number.
    subtype
        Blender's subtype of a text: "FILE_PATH", "PASSWORD" or "".
    missing
        Message if the text is empty; "" if it may be empty.
    """

    property: str
    label: str
    description: str
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    subtype: str = ""
    missing: str = ""


@dataclass(frozen=True)
class Argument:
    """An argument of a source or sink; its type is that of its default.

    Attributes
    ----------
    default
        An `Address`, bool (a flag), int, float or str; anything else needs `parse`.
    help
        What it means, for help texts and documentation.
    metavar
        What stands for its value in usage lines.
    name
        Its keyword; that of the field with hyphens unless given.
    attribute
        The field of the options that it fills.
    positional
        Whether it is what follows `KIND:`.
    required
        Whether the command line must name it.
    remainder
        Whether it takes all keywords that no other argument has, as (keyword, value) pairs.
    path
        Whether it is a file, whose name may hold an equals sign.
    parse
        Parses its text; raises ValueError with the rest of the message.
    suggestions
        Values that this computer offers, the likeliest first.
    field
        How panels show it; None where they do not.
    """

    default: Any
    help: str
    metavar: str = ""
    name: str = ""
    attribute: str = ""
    positional: bool = False
    required: bool = False
    remainder: bool = False
    path: bool = False
    parse: Callable[[str], Any] | None = None
    suggestions: Callable[[], list[str]] | None = None
    field: PanelField | None = None

    @property
    def is_flag(self) -> bool:
        """Whether its keyword alone switches it on."""
        return isinstance(self.default, bool)

    @property
    def usage(self) -> str:
        """How users write it, such as `rate=HZ`."""
        if self.positional:
            return self.metavar or ("[HOST:]PORT" if isinstance(self.default, Address) else self.name.upper())
        if self.is_flag:
            return self.name
        return self.metavar if self.remainder else f"{self.name}={self.metavar or 'TEXT'}"

    @property
    def default_text(self) -> str:
        """Its default as users write it; "" if not worth showing."""
        value: Any = self.default
        if isinstance(value, Address):
            return str(value.port)
        if self.is_flag or self.parse is not None or self.remainder:
            return ""
        return f"{value:g}" if isinstance(value, float) else str(value)

    def read(self, text: str) -> Any:
        """Parse its value. Raises ValueError with the rest of the message."""
        if self.parse is not None:
            return self.parse(text)
        default: Any = self.default
        if isinstance(default, Address):
            return parse_address(text, default)
        if isinstance(default, bool):
            return True
        if isinstance(default, (int, float)):
            return type(default)(parse_number(text))
        return text


def argument(
    default: T,
    *,
    help: str,
    metavar: str = "",
    name: str = "",
    positional: bool = False,
    required: bool = False,
    remainder: bool = False,
    path: bool = False,
    parse: Callable[[str], T] | None = None,
    suggestions: Callable[[], list[str]] | None = None,
    field: PanelField | None = None,
) -> T:
    """Declare a dataclass field as an argument; see `Argument`."""
    declared = Argument(
        default,
        help,
        metavar,
        name,
        positional=positional,
        required=required,
        remainder=remainder,
        path=path,
        parse=parse,
        suggestions=suggestions,
        field=field,
    )
    return dataclasses.field(default=default, metadata={_METADATA_KEY: declared})


@cache
def arguments_of(options_type: type[Any]) -> tuple[Argument, ...]:
    """Return the arguments that an options dataclass declares, in order."""
    return tuple(
        dataclasses.replace(
            f.metadata[_METADATA_KEY],
            attribute=f.name,
            name=f.metadata[_METADATA_KEY].name or f.name.replace("_", "-"),
        )
        for f in dataclasses.fields(options_type)
        if _METADATA_KEY in f.metadata
    )


def parse_number(text: str) -> float:
    """Parse a finite number up to 1e9. Raises ValueError."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > _MAX_NUMBER:
        raise ValueError("is not a number in range")
    return value


def parse_address(text: str, default: Address) -> Address:
    """Parse HOST:PORT, PORT or HOST. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon and not text.isdecimal():
        return Address(text, default.port)
    if not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError("is not a port; give one from 0 to 65535")
    return Address(host.strip("[]") or default.host, int(port))


def parse_options(options_type: type[Options], text: str) -> Options:
    """Parse `KIND[:ARGS]`, such as `virtual:take.mcap,loss=0.02,gyro`. Raises InnerfaceError."""
    arguments = arguments_of(options_type)
    positional = next((a for a in arguments if a.positional), None)
    by_keyword = {a.name: a for a in arguments if not a.positional and not a.remainder}
    remainder = next((a for a in arguments if a.remainder), None)
    first, keywords = _split(text, positional)
    values: dict[str, Any] = {}
    if first and positional is None:
        raise _unknown(text, first)
    if positional is not None and first:
        values[positional.attribute] = _read(text, positional, first, label=f"'{first.rpartition(':')[2]}'")
    elif positional is not None and positional.required:
        suggestions = positional.suggestions() if positional.suggestions is not None else None
        available = "" if suggestions is None else f"; there are {', '.join(suggestions) or 'none'}"
        kind = text.partition(":")[0].partition(",")[0]
        raise InnerfaceError(f"{text}: give the {positional.name}: {kind}:{positional.usage}{available}")
    other: list[tuple[str, str]] = []
    for keyword, value in keywords.items():
        known = by_keyword.get(keyword)
        if known is not None:
            values[known.attribute] = _read(text, known, value, label=f"{keyword}={value}")
        elif remainder is not None:
            other.append((keyword, value))
        else:
            raise _unknown(text, keyword)
    if remainder is not None:
        values[remainder.attribute] = tuple(other)
    return options_type(**values)


def _split(text: str, positional: Argument | None) -> tuple[str, dict[str, str]]:
    """Return what follows `KIND:`, and the keywords with their values, "" for flags."""
    kind_length = min((k for k in (text.find(":"), text.find(",")) if k >= 0), default=len(text))
    first, *items = text[kind_length + 1 :].split(",")
    if text[kind_length : kind_length + 1] == ",":
        first, items = "", [first, *items]
    must_be_path = positional is not None and positional.required and positional.path
    if "=" in first and not must_be_path and not Path(first).exists():
        first, items = "", [first, *items]
    pairs = (item.partition("=") for item in items)
    return first.strip(), {keyword.strip(): value.strip() for keyword, _, value in pairs}


def _read(text: str, argument: Argument, value: str, *, label: str) -> Any:
    try:
        return argument.read(value)
    except ValueError as error:
        raise InnerfaceError(f"{text}: {label} {error}") from None


def _unknown(text: str, word: str) -> InnerfaceError:
    return InnerfaceError(f"{text}: unknown argument '{word}'; see 'innerface serve --help'")
