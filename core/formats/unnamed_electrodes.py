"""Tables that look like electrodes but say neither unit nor kind: refused with the line that makes them readable."""

from __future__ import annotations

import re
from typing import NoReturn

from ..errors import InnerfaceError
from .bio_csv import SIGNATURE
from .table import find_separator, split_line
from .text_file import TextFile

# Names of channels: of kinds (EMG1, eog_left), of places (Fp1, RAW_TP9), and of boards (EXG Channel 0).
_ELECTRODE = re.compile(
    r"(.*[\W_])?(s?emg|eog|eeg|exg|ecg)([\W_]*(channel|ch))?[\W_]*\w{0,12}"
    r"|(raw_|eeg\.)?((tp|af|fp|fc|ft|cp|po)\d{1,2}|[fcpot]\d{1,2}|[fcp]z)",
    re.IGNORECASE,
)
_MIN_SHARE = 0.2  # of the columns


def recognises(source: TextFile) -> bool:
    """Whether a table's header names electrodes."""
    return bool(_electrodes(source))


def parse(source: TextFile) -> NoReturn:
    """Raise InnerfaceError that says how to name the table's unit."""
    names = _electrodes(source)
    shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    raise InnerfaceError(
        f"{source.path}: looks like a table of electrodes ({shown}) that does not say its unit; put a line "
        f"'{SIGNATURE} 1 unit=uV' (or mV, V) before its header, and call the column of seconds 'time'"
    )


def _electrodes(source: TextFile) -> list[str]:
    line = source.first_line
    if len(line) > 1 << 16:
        return []
    header = [name.strip() for name in split_line(line, find_separator(source.lines[source.start :]))]
    names = [name for name in header if len(name) < 40 and _ELECTRODE.fullmatch(name)]
    return names if len(names) >= _MIN_SHARE * len(header) else []
