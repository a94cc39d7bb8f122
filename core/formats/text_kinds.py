"""All kinds of text that takes are read from, in the order in which they are tried.

Kinds that are known and not read are those of `core.file_kinds`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InnerfaceError
from ..take import Take
from . import (
    beat_json,
    bio_csv,
    brainflow_csv,
    imu_csv,
    landmarks_csv,
    live_link_face,
    openbci_raw,
    tracker_csv,
    unnamed_electrodes,
    weights_csv,
)
from .text_file import TextFile


@dataclass(frozen=True)
class TextKind:
    """A kind of text.

    Attributes
    ----------
    label : for messages: "tables of ..." and the like.
    recognises : whether a file is of this kind, by its first lines.
    parse : the take in it.
    """

    label: str
    recognises: Callable[[TextFile], bool]
    parse: Callable[[TextFile], Take]


def _begins_with(*beginnings: str) -> Callable[[TextFile], bool]:
    """Whether the first line begins so, in quotes or not."""
    return lambda source: source.first_line.lstrip('"').startswith(beginnings)


# A kind that is not listed here is none that is read. The first that recognises a file reads it.
TEXT_KINDS = (
    TextKind("face-IMU CSV", _begins_with(imu_csv.SIGNATURE), imu_csv.parse),
    TextKind("biosignal CSV", _begins_with(bio_csv.SIGNATURE), bio_csv.parse),
    TextKind("landmark CSV", _begins_with(landmarks_csv.SIGNATURE), landmarks_csv.parse),
    TextKind("BEAT-style JSON", _begins_with("{", "["), beat_json.parse),
    TextKind("OpenBCI's GUI's recording", openbci_raw.recognises, openbci_raw.parse),
    TextKind("Live Link Face CSV", live_link_face.recognises, weights_csv.parse),
    TextKind("a tracker's landmarks", tracker_csv.recognises, tracker_csv.parse),
    TextKind("BrainFlow's CSV", brainflow_csv.recognises, brainflow_csv.parse),
    TextKind("CSV of face channels", weights_csv.recognises, weights_csv.parse),
    TextKind("electrodes without a unit, which are refused", unnamed_electrodes.recognises, unnamed_electrodes.parse),
)


def parse(source: TextFile) -> Take:
    """The take in a text file. Raises InnerfaceError."""
    for kind in TEXT_KINDS:
        if kind.recognises(source):
            take = kind.parse(source)
            take.notes[:0] = source.notes
            return take
    raise InnerfaceError(f"{source.path}: {weights_csv.describe_unknown(source)}")
