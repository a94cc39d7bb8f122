"""Files of takes: `read_take` recognises formats by content, `write_take` chooses one by suffix or name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import InnerfaceError
from ..file_kinds import refuse_other_kinds
from ..files import read_bytes, reading
from ..printable import one_line, printable_names
from ..take import Take, TrackKind
from ..take.choice import choice_notes, writing_note
from ..take.timing import timing_notes
from . import mcap_take, take_folder, text_file, text_kinds


@dataclass(frozen=True)
class Writer:
    """A format that takes are written in: its module (imported when needed), suffix, and name for users."""

    module: str
    suffix: str
    label: str
    kind: str | None  # of the one track that it holds; None for all tracks


# By the name that commands use; the first format of a suffix is its default.
WRITERS = {
    "llf": Writer("live_link_face", ".csv", "Live Link Face CSV", TrackKind.WEIGHTS),
    "plain": Writer("weights_csv", ".csv", "CSV with Apple's channel names", TrackKind.WEIGHTS),
    "beat": Writer("beat_json", ".json", "BEAT-style JSON", TrackKind.WEIGHTS),
    "mcap": Writer("mcap_take", ".mcap", "MCAP, the native format", None),
    "imu": Writer("imu_csv", ".imu.csv", "face-IMU CSV", TrackKind.IMU),
    "bio": Writer("bio_csv", ".bio.csv", "biosignal CSV", TrackKind.BIOSIGNAL),
    "landmarks": Writer("landmarks_csv", ".landmarks.csv", "landmark CSV", TrackKind.LANDMARKS),
    "flame": Writer("flame_npz", ".flame.npz", "FLAME parameters", TrackKind.FLAME),
}
# Modules of binary formats by first bytes, imported when needed.
_BINARY_FORMATS = {
    mcap_take.MAGIC: "mcap_take",
    b"XDF:": "xdf",
    b"0       ": "edf",
    b"\xffBIOSEMI": "edf",
    b"PK\x03\x04": "flame_npz",
    b"\x93NUMPY": "flame_npz",
    **{b"\x80" + bytes([protocol]): "flame_npz" for protocol in range(2, 6)},  # pickles
    b"(dp": "flame_npz",
}
BINARY_SIGNATURES = tuple(_BINARY_FORMATS)


def read_take(path: str | Path, frame_rate: float | None = None) -> Take:
    """Read a take of any known format, or the folder of a Live Link Face take.

    `frame_rate` (Hz) is that of frames which the file counts without times. Raises InnerfaceError.
    """
    path = Path(path)
    if path.is_dir() and (module := _import_format("flame_folder")).frame_files(path):
        return module.read(path, frame_rate)
    if path.is_dir():
        chosen, notes = take_folder.choose_csv(path)
        take = read_take(chosen)
        take.notes[:0] = notes
        return take
    with reading(path, "it is damaged, or no take: record or export it again"):
        take = _with_printable_texts(_read_file(path, frame_rate))
        take.notes += timing_notes(take) + choice_notes(take)
    take.sound = take_folder.find_sound(path)
    return take


def _with_printable_texts(take: Take) -> Take:
    """The take with the names that its file gives, and what quotes it, in printable lines."""
    take.name, take.notes = one_line(take.name), [one_line(note) for note in take.notes]
    take.tracks = dict(zip(printable_names(take.tracks), take.tracks.values()))
    for track in take.tracks.values():
        track.columns = printable_names(track.columns)
    return take


def _read_file(path: Path, frame_rate: float | None) -> Take:
    refuse_other_kinds(path)
    data = read_bytes(path)
    for magic, module in _BINARY_FORMATS.items():
        if data.startswith(magic):
            if module == "flame_npz":
                return _import_format(module).read(path, frame_rate)
            return _import_format(module).read(path)
    source = text_file.decode(data, path)
    del data  # long files fit into memory once
    return text_kinds.parse(source)


def write_take(take: Take, path: str | Path, format_name: str | None = None) -> None:
    """Write a take; `format_name` is a key of WRITERS, by default chosen by suffix. Raises InnerfaceError.

    Where the format holds fewer tracks than the take, its notes say which were written.
    """
    path = Path(path)
    writer = find_writer(path, format_name)
    _import_format(writer.module).write(take, path)
    note = "" if writer.kind is None else writing_note(take, writer.kind, Path(f"x{writer.suffix}").suffix)
    if note:
        take.notes = [n for n in take.notes if n not in choice_notes(take)] + [note]


def find_writer(path: Path, format_name: str | None = None) -> Writer:
    """The writer of this name, by default the one of the path's suffix. Raises InnerfaceError."""
    if format_name is None:
        candidates = [name for name, writer in WRITERS.items() if path.name.lower().endswith(writer.suffix)]
        candidates.sort(key=lambda name: -len(WRITERS[name].suffix))  # .imu.csv before .csv
        if not candidates:
            suffixes = ", ".join(sorted({writer.suffix for writer in WRITERS.values()}))
            raise InnerfaceError(
                f"{path}: cannot tell the format from '{path.suffix}'; end the name in one of {suffixes}"
            )
        format_name = candidates[0]
    if format_name not in WRITERS:
        raise InnerfaceError(f"{path}: unknown format '{format_name}'; use one of {', '.join(WRITERS)}")
    return WRITERS[format_name]


def _import_format(module: str) -> Any:
    return import_module(f".{module}", __package__)
