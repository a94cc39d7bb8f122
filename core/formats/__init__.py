"""Readers and writers of takes. `read_take` sniffs the content; `write_take` goes by suffix or by a named format."""

from __future__ import annotations

from pathlib import Path

from ..errors import InnerfaceError
from ..files import read_bytes
from ..take import Take
from . import beat_json, imu_csv, live_link_face, mcap_take, take_folder, weights_csv

# name -> (suffix, what people call it); the first format of a suffix is its default
WRITERS = {
    "llf": (".csv", "Live Link Face CSV"),
    "plain": (".csv", "CSV with Apple's channel names"),
    "beat": (".json", "BEAT-style JSON"),
    "mcap": (".mcap", "MCAP, the native take"),
    "imu": (".imu.csv", "face-IMU CSV"),
}
_OURS = {"# innerface-biosignal": "a biosignal take", "# innerface-landmarks": "a landmark track"}


def read_take(path: str | Path) -> Take:
    """Read a take of any known format, or a Live Link Face take's folder. Raises InnerfaceError with file, place and mend."""
    path = Path(path)
    if path.is_dir():
        chosen, said = take_folder.choose(path)
        take = read_take(chosen)
        take.notes[:0] = said
        return take
    take = _read(path)
    take.sound = take_folder.sound_of(path)
    return take


def _read(path: Path) -> Take:
    data = read_bytes(path)
    if data.startswith(mcap_take.MAGIC):
        return mcap_take.read(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InnerfaceError(f"{path}: byte {error.start} is not text; give a CSV, JSON or MCAP take") from None
    head = text.lstrip()[:200]
    if "\0" in text:
        raise InnerfaceError(f"{path}: holds binary data; give a CSV, JSON or MCAP take")
    for mark, what in _OURS.items():
        if head.startswith(mark):
            raise InnerfaceError(f"{path}: is {what}, which this version cannot read yet; give a weights or IMU take")
    if head.startswith(imu_csv.MARK):
        return imu_csv.parse(text.lstrip(), path)
    if head.startswith(("{", "[")):
        return beat_json.parse(text, path)
    first = head.split("\n", 1)[0].lower()
    if first.startswith("timecode,blendshapecount"):
        return live_link_face.parse(text, path)
    return weights_csv.parse(text, path)


def write_take(take: Take, path: str | Path, form: str | None = None) -> None:
    """Write a take; `form` is a key of WRITERS, by default chosen by the suffix. Raises InnerfaceError."""
    path = Path(path)
    if form is None:
        fits = [name for name, (suffix, _) in WRITERS.items() if path.name.lower().endswith(suffix)]
        fits.sort(key=lambda name: -len(WRITERS[name][0]))  # .imu.csv before .csv
        if not fits:
            known = ", ".join(sorted({suffix for suffix, _ in WRITERS.values()}))
            raise InnerfaceError(f"{path}: cannot tell the format from '{path.suffix}'; end the name in one of {known}")
        form = fits[0]
    if form == "llf":
        live_link_face.write(take, path)
    elif form == "plain":
        weights_csv.write(take, path)
    elif form == "beat":
        beat_json.write(take, path)
    elif form == "imu":
        imu_csv.write(take, path)
    elif form == "mcap":
        mcap_take.write(take, path)
    else:
        raise InnerfaceError(f"{path}: unknown format '{form}'; use one of {', '.join(WRITERS)}")
