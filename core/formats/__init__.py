"""Readers and writers of takes. `read_take` sniffs the content; `write_take` goes by suffix or by a named format."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import InnerfaceError
from ..files import read_bytes
from ..take import Take
from . import (
    beat_json,
    bio_csv,
    brainflow_csv,
    imu_csv,
    landmarks_csv,
    live_link_face,
    mcap_take,
    take_folder,
    tracker_csv,
    weights_csv,
)

# name -> (suffix, what people call it); the first format of a suffix is its default
WRITERS = {
    "llf": (".csv", "Live Link Face CSV"),
    "plain": (".csv", "CSV with Apple's channel names"),
    "beat": (".json", "BEAT-style JSON"),
    "mcap": (".mcap", "MCAP, the native take"),
    "imu": (".imu.csv", "face-IMU CSV"),
    "bio": (".bio.csv", "biosignal CSV"),
    "landmarks": (".landmarks.csv", "landmark CSV"),
    "flame": (".flame.npz", "FLAME parameters"),
}
_WRITER_MODULES = {  # name -> the module that writes it, imported when it is needed
    "llf": "live_link_face",
    "plain": "weights_csv",
    "beat": "beat_json",
    "mcap": "mcap_take",
    "imu": "imu_csv",
    "bio": "bio_csv",
    "landmarks": "landmarks_csv",
    "flame": "flame_npz",
}
_BINARY_SIGNATURES = {
    mcap_take.MAGIC: "mcap_take",
    b"XDF:": "xdf",
    b"0       ": "edf",
    b"\xffBIOSEMI": "edf",
    b"PK\x03\x04": "flame_npz",
}  # first bytes -> module
_TEXT_SIGNATURES = {
    imu_csv.SIGNATURE: imu_csv,
    bio_csv.SIGNATURE: bio_csv,
    landmarks_csv.SIGNATURE: landmarks_csv,
}  # first line -> module


def _format_module(name: str) -> Any:
    return import_module(f".{name}", __package__)


def read_take(path: str | Path) -> Take:
    """Read a take of any known format, or a Live Link Face take's folder. Raises InnerfaceError with file, place and mend."""
    path = Path(path)
    if path.is_dir():
        chosen, notes = take_folder.choose_csv(path)
        take = read_take(chosen)
        take.notes[:0] = notes
        return take
    take = _read_file(path)
    take.sound = take_folder.find_sound(path)
    return take


def _read_file(path: Path) -> Take:
    data = read_bytes(path)
    module_name = next((name for magic, name in _BINARY_SIGNATURES.items() if data.startswith(magic)), None)
    if module_name:
        return _format_module(module_name).read(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InnerfaceError(
            f"{path}: byte {error.start} is not text; give a CSV, JSON, MCAP, XDF or EDF take"
        ) from None
    if "\0" in text:
        raise InnerfaceError(f"{path}: holds binary data; give a CSV, JSON, MCAP, XDF or EDF take")
    body = text.lstrip()
    for signature, reader in _TEXT_SIGNATURES.items():
        if body.startswith(signature):
            return reader.parse(body, path)
    if body.startswith(("{", "[")):
        return beat_json.parse(text, path)
    first_line = body.split("\n", 1)[0]
    if first_line.lower().startswith("timecode,blendshapecount"):
        return live_link_face.parse(text, path)
    for module in (tracker_csv, brainflow_csv):
        if module.sniff(first_line):
            return module.parse(body, path)
    return weights_csv.parse(text, path)


def write_take(take: Take, path: str | Path, format_name: str | None = None) -> None:
    """Write a take; `form` is a key of WRITERS, by default chosen by the suffix. Raises InnerfaceError."""
    path = Path(path)
    if format_name is None:
        candidates = [name for name, (suffix, _) in WRITERS.items() if path.name.lower().endswith(suffix)]
        candidates.sort(key=lambda name: -len(WRITERS[name][0]))  # .imu.csv before .csv
        if not candidates:
            suffixes = ", ".join(sorted({suffix for suffix, _ in WRITERS.values()}))
            raise InnerfaceError(
                f"{path}: cannot tell the format from '{path.suffix}'; end the name in one of {suffixes}"
            )
        format_name = candidates[0]
    if format_name not in WRITERS:
        raise InnerfaceError(f"{path}: unknown format '{format_name}'; use one of {', '.join(WRITERS)}")
    _format_module(_WRITER_MODULES[format_name]).write(take, path)
