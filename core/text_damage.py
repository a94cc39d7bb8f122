"""What a transfer that took a binary file for text did to it: changed line ends, or another encoding."""

from __future__ import annotations

_MIN_LINE_ENDS = 6  # of one kind, so that chance does not explain them: any byte follows another in 1 of 256 places
_MIN_EXPECTED_PAIRS = 8.0
_MAX_JUDGED_BYTES = 1 << 20
_MIN_REPLACED = 4
_REPLACEMENT = "\ufffd".encode()


def has_crlf_for_lf(data: bytes) -> bool:
    """Whether every LF of a binary file follows a CR, as after a change of line ends from LF to CRLF."""
    data = data[:_MAX_JUDGED_BYTES]
    return data.count(b"\r\n") == data.count(b"\n") >= _MIN_LINE_ENDS


def lacks_crlf(data: bytes) -> bool:
    """Whether a binary file that cannot be read has less CRLF than chance, as after a change from CRLF to LF."""
    data = data[:_MAX_JUDGED_BYTES]
    expected = data.count(b"\n") * data.count(b"\r") / max(len(data), 1)
    return expected > _MIN_EXPECTED_PAIRS and b"\r\n" not in data


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


def text_damage(data: bytes, *, unreadable: bool = False) -> str:
    """What is wrong with a binary file, and its remedy, in one clause; "" where no such damage is seen.

    `unreadable` data may have lost line ends, which cannot be told from data that never had any.
    """
    if was_reencoded(data):
        return "its bytes were taken for text and encoded again; copy it again in binary mode"
    change = "LF to CRLF" if has_crlf_for_lf(data) else "CRLF to LF" if unreadable and lacks_crlf(data) else ""
    remedy = "copy it again in binary mode (Git: mark it -text in .gitattributes)"
    return f"its line ends were changed from {change}; {remedy}" if change else ""
