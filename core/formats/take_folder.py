"""What the Live Link Face app leaves of a take: a folder with two CSV files, one of them with the performer's neutral taken out (`_cal.csv`), and the video."""

from __future__ import annotations

from pathlib import Path

from ..errors import InnerfaceError

CALIBRATED = "_cal"
SOUND = (".wav", ".m4a", ".aac", ".flac", ".mp3", ".ogg", ".mov", ".mp4", ".m4v", ".mkv")  # in this order
_FILMS = SOUND[6:]
_HEADER = b"timecode,blendshapecount"


def choose(folder: str | Path, calibrated: bool = True) -> tuple[Path, list[str]]:
    """The CSV of a folder's take, and what to say of the choice. Raises InnerfaceError for a folder that is no take, or several."""
    folder = Path(folder)
    files = [p for p in sorted(folder.iterdir()) if p.suffix.lower() == ".csv" and _is_take(p)]
    signs = len(files) > 1 or any(p.suffix.lower() in (*_FILMS, ".json", ".jpg") for p in folder.iterdir())
    if not files or not signs:  # a lone table in a folder may be anything
        raise InnerfaceError(f"{folder}: is a folder without a Live Link Face CSV in it; choose a take's folder or file")
    names = sorted({_bare(p.stem) for p in files})
    if len(names) > 1:
        raise InnerfaceError(f"{folder}: holds {len(names)} takes ({', '.join(names[:6])}); choose one of its files")
    twin = next((p for p in files if _is_calibrated(p)), None)
    plain = next((p for p in files if not _is_calibrated(p)), None)
    if twin is None or plain is None:
        return files[0], []
    if calibrated:
        return twin, [f"{folder.name}: took {twin.name}, in which the app has taken the neutral out; {plain.name} has the face as captured"]
    return plain, [f"{folder.name}: took {plain.name}, the face as captured; {twin.name} has the neutral taken out"]


def twin(path: str | Path) -> Path | None:
    """The calibrated file beside a captured one."""
    path = Path(path)
    found = path.with_name(f"{path.stem}{CALIBRATED}{path.suffix}")
    return found if path.suffix.lower() == ".csv" and not _is_calibrated(path) and found.is_file() and _is_take(found) else None


def sound_of(path: str | Path) -> Path | None:
    """The sound or video of a take's file: of the same name beside it, or the only video in a folder of one take."""
    path = Path(path)
    beside = [p for p in path.parent.iterdir() if p.suffix.lower() in SOUND] if path.parent.is_dir() else []
    beside.sort(key=lambda p: SOUND.index(p.suffix.lower()))
    named = [p for p in beside if p.stem == _bare(path.stem)]
    takes = {_bare(p.stem) for p in path.parent.glob("*.csv") if _is_take(p)}
    films = [p for p in beside if p.suffix.lower() in _FILMS]
    return named[0] if named else films[0] if len(films) == 1 and len(takes) == 1 else None


def _bare(stem: str) -> str:
    return stem[: -len(CALIBRATED)] if stem.lower().endswith(CALIBRATED) else stem


def _is_calibrated(path: Path) -> bool:
    return path.stem.lower().endswith(CALIBRATED)


def _is_take(path: Path) -> bool:
    try:
        with open(path, "rb") as source:
            return source.read(64).lstrip(b"\xef\xbb\xbf").lower().startswith(_HEADER)
    except OSError:
        return False
