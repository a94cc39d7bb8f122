"""The one entrance for text: bytes of any encoding and line ends become lines, and what was unusual is told."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ..errors import InnerfaceError

_MARKS = {  # https://www.unicode.org/faq/utf_bom.html; UTF-32 begins as UTF-16 does
    b"\xff\xfe\0\0": "utf-32-le",
    b"\0\0\xfe\xff": "utf-32-be",
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
_NAMES = {"utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32-le": "UTF-32", "utf-32-be": "UTF-32"}
_SAMPLE = 4096  # bytes in which UTF-16 without a mark is looked for
_CONTROLS = re.compile(rb"[\0-\x08\x0b\x0e-\x19\x1b-\x1f\x7f]")
_MAX_ACCENTED = 0.3  # of the bytes of a text in an old encoding
_CUT_CHARACTER = 3  # bytes at most of a UTF-8 character that is cut off
_TAKES = "give a CSV, JSON, MCAP, XDF or EDF take"


@dataclass(frozen=True)
class TextFile:
    """A text file.

    Attributes
    ----------
    path : of the file.
    text : its content; every line ends in `\\n`, but perhaps the last one.
    newline : the line end that most of its lines have.
    notes : for the user, on what is unusual about the text.
    """

    path: Path
    text: str
    newline: str = "\n"
    notes: tuple[str, ...] = ()

    @cached_property
    def lines(self) -> list[str]:
        """Lines without their ends; the first is line 1."""
        return self.text.split("\n")

    @cached_property
    def start(self) -> int:
        """Index of the first line that is not blank."""
        return next((k for k, line in enumerate(self.lines) if line.strip()), 0)

    @property
    def first_line(self) -> str:
        """The first line that is not blank, stripped."""
        return self.lines[self.start].strip()

    @property
    def ends_with_line(self) -> bool:
        """Whether the last line has an end, as it does not where a file is cut off."""
        return self.text.endswith("\n")


def decode(data: bytes, path: Path) -> TextFile:
    """The text of a file. Raises InnerfaceError for bytes that are not text."""
    encoding, mark = next(((name, len(m)) for m, name in _MARKS.items() if data.startswith(m)), ("", 0))
    encoding = encoding or _guess_utf16(data) or "utf-8"
    notes: list[str] = []
    if encoding == "utf-8":
        whole = data[mark:].rstrip(b"\0")  # what a file system leaves of a file after a power failure
        if len(whole) < len(data) - mark:
            notes.append("the file ends in zeros instead of text; they were left out")
        text, encoding = _decode_bytes(whole, path)
    else:
        text = data[mark:].decode(encoding, errors="ignore")
    if name := _NAMES.get(encoding, encoding if encoding != "utf-8" else ""):
        notes.append(f"the text is {name}, not UTF-8")
    if "\0" in text:
        raise InnerfaceError(f"{path}: holds binary data; {_TAKES}")
    text = text.lstrip("\ufeff").removesuffix("\x1a")  # the end of a file for DOS
    if not text.isascii():
        text = text.replace("\u2212", "-")  # the minus sign of spreadsheets
    return _unify_line_ends(TextFile(path, text, notes=tuple(notes)))


def _guess_utf16(data: bytes) -> str:
    """UTF-16 without a mark: every other byte of a text in Latin letters is 0."""
    sample = data[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if even + odd < len(sample) // 3 or len(sample) < 8:
        return ""
    return "utf-16-le" if even == 0 else "utf-16-be" if odd == 0 else ""


def _decode_bytes(data: bytes, path: Path) -> tuple[str, str]:
    """Text and its encoding: UTF-8, or an old one of one byte per character."""
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        if error.start >= len(data) - _CUT_CHARACTER and error.reason == "unexpected end of data":
            return data[: error.start].decode("utf-8"), "utf-8"
        place = error.start
    if _CONTROLS.search(data) or sum(byte > 0x7F for byte in data[:_SAMPLE]) > _MAX_ACCENTED * len(data[:_SAMPLE]):
        raise InnerfaceError(f"{path}: byte {place} is not text; {_TAKES}")
    try:
        return data.decode("cp1252"), "Windows-1252 (Latin-1)"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "Latin-1"


def _unify_line_ends(source: TextFile) -> TextFile:
    text = source.text
    if "\r" not in text:
        return source
    if "\r\r\n" in text:
        text = text.replace("\r\r\n", "\r\n")  # a CRLF file that was translated once more
    pairs = text.count("\r\n")
    alone, feeds = text.count("\r") - pairs, text.count("\n") - pairs
    notes = source.notes
    if alone:
        some = "its lines end" if alone > pairs + feeds else f"{alone} of its lines end"
        notes = (*notes, f"{some} in CR, as on old Macs")
    newline = "\r\n" if pairs >= max(alone, feeds) else "\n"
    return replace(source, text=text.replace("\r\n", "\n").replace("\r", "\n"), newline=newline, notes=notes)
