"""Numbers in the headers of EDF and BDF files: decimal commas made points, and signals without a usable calibration.

Fields: https://www.edfplus.info/specs/edf.html and https://www.biosemi.com/faq/file_format.htm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

_FILE_BYTES = 256
_DURATION, _SIGNAL_COUNT = slice(244, 252), slice(252, 256)
# Bytes per signal of label, transducer, unit, physical and digital limits, prefilter, samples per record, reserved.
SIGNAL_FIELD_BYTES = 16, 80, 8, 8, 8, 8, 8, 80, 8, 32
_LABEL, _PHYSICAL_MIN, _SAMPLES = 0, 3, 8  # indices of fields
_LIMIT_NAMES = "physical minimum", "physical maximum", "digital minimum", "digital maximum"
_ANNOTATION_LABELS = b"EDF Annotations", b"BDF Annotations"


@dataclass(frozen=True)
class Calibration:
    """What a header says of a signal that is no annotation.

    Attributes
    ----------
    label : of the signal.
    fault : why its values cannot be converted to its unit, in words; "" for none.
    is_identity : the physical limits are the digital ones, as of converter counts.
    """

    label: str
    fault: str
    is_identity: bool


def with_decimal_points(data: bytes) -> tuple[bytes, bool]:
    """The file with points for the decimal commas in its header's numbers, and whether there were commas."""
    out = bytearray(data[: _header_end(data)])
    places = [_DURATION]
    for field in (*range(_PHYSICAL_MIN, _PHYSICAL_MIN + 4), _SAMPLES):
        places += _places(data, field)
    found = False
    for place in places:
        text, plain = bytes(out[place]), _plain_number(bytes(out[place]))
        if plain is not None and plain.strip() != text.strip():
            out[place] = plain.ljust(len(text))
            found |= b"," in text
    return (bytes(out) + data[len(out) :] if bytes(out) != data[: len(out)] else data), found


def read_calibrations(data: bytes) -> list[Calibration]:
    """What the header says of the signals that are no annotations, in their order."""
    labels = [data[place].strip(b" \0") for place in _places(data, _LABEL)]
    limits = [[data[p].strip(b" \0") for p in _places(data, _PHYSICAL_MIN + k)] for k in range(4)]
    return [
        _judge(label.decode("latin-1") or f"signal {k + 1}", [field[k] for field in limits])
        for k, label in enumerate(labels)
        if label not in _ANNOTATION_LABELS
    ]


def _judge(label: str, texts: list[bytes]) -> Calibration:
    numbers: list[float] = []
    for name, text in zip(_LIMIT_NAMES, texts):
        number = _number(text)
        if number is None:
            shown = text.decode("latin-1")
            return Calibration(label, f"its {name} '{shown}' is not a number" if shown else f"it has no {name}", False)
        numbers.append(number)
    physical_min, physical_max, digital_min, digital_max = numbers
    fault = ""
    if physical_min == physical_max:
        fault = f"its physical minimum and maximum are both {physical_min:g}"
    elif not digital_min < digital_max:
        fault = f"its digital minimum {digital_min:g} is not below the maximum {digital_max:g}"
    return Calibration(label, fault, (physical_min, physical_max) == (digital_min, digital_max))


def _number(text: bytes) -> float | None:
    """The number that a field holds; None for any other text."""
    try:
        number = float(text.decode("ascii").replace("_", "?"))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _plain_number(text: bytes) -> bytes | None:
    """A field's number as libraries read it: with a point, and whole numbers without; None for any other text."""
    stripped = text.strip(b" \0")
    if stripped.count(b",") == 1 and b"." not in stripped:
        stripped = stripped.replace(b",", b".")
    number = _number(stripped)
    if number is None:
        return None
    whole, point, fraction = stripped.partition(b".")
    return whole if point and not fraction.strip(b"0") else stripped


def _signal_count(data: bytes) -> int:
    text = data[_SIGNAL_COUNT].strip(b" \0")
    return int(text) if text.isdigit() else 0


def _header_end(data: bytes) -> int:
    return min(_FILE_BYTES * (1 + _signal_count(data)), len(data))


def _places(data: bytes, field: int) -> Iterator[slice]:
    """Where a field of each signal lies."""
    count, size = _signal_count(data), SIGNAL_FIELD_BYTES[field]
    start = _FILE_BYTES + count * sum(SIGNAL_FIELD_BYTES[:field])
    if _header_end(data) == _FILE_BYTES * (1 + count):
        for k in range(count):
            yield slice(start + size * k, start + size * (k + 1))
