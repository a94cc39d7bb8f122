"""What a transfer that took a binary file for text did to it: changed line ends, or another encoding."""

from __future__ import annotations

_MIN_LINE_ENDS = 6  # of one kind, so that chance does not explain them: any byte follows another in 1 of 256 places
_MIN_EXPECTED_PAIRS = 8.0
_MAX_JUDGED_BYTES = 1 << 20
_MIN_REPLACED = 4
_REPLACEMENT = "\ufffd".encode()


def line_end_damage(data: bytes) -> str:
    """What happened to the line ends of a binary file, in words that follow "its line ends were"; "" for nothing."""
    data = data[:_MAX_JUDGED_BYTES]
    feeds, returns, pairs = data.count(b"\n"), data.count(b"\r"), data.count(b"\r\n")
    if pairs == feeds >= _MIN_LINE_ENDS:
        return "changed from LF to CRLF"
    if not pairs and feeds * returns / max(len(data), 1) > _MIN_EXPECTED_PAIRS:
        return "changed from CRLF to LF"
    return ""


def was_reencoded(data: bytes) -> bool:
    """Whether a binary file was read as text and written as UTF-8: each byte above 127 became two or three."""
    data = data[:_MAX_JUDGED_BYTES]
    if not any(byte in data for byte in (b"\0", b"\1", b"\2")):
        return False
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data" or error.start < len(data) - 3:
            return False
        text = data[: error.start].decode("utf-8")
    return data.count(_REPLACEMENT) >= _MIN_REPLACED or sum("\x80" <= c <= "\xff" for c in text) >= _MIN_REPLACED


def text_damage(data: bytes) -> str:
    """What is wrong with a binary file, and its mend, in one clause; "" where no such damage is seen."""
    if was_reencoded(data):
        return "its bytes were taken for text and encoded again; copy it again in binary mode"
    if change := line_end_damage(data):
        return f"its line ends were {change}; copy it again in binary mode (Git: mark it -text in .gitattributes)"
    return ""
