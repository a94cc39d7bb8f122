"""Takes as the Live Link Face app exports them: a folder with a CSV, a calibrated `_cal.csv`, and the video."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InnerfaceError
from ..files import open_file

CALIBRATED_SUFFIX = "_cal"
SOUND_SUFFIXES = (
    ".wav",
    ".m4a",
    ".aac",
    ".flac",
    ".mp3",
    ".ogg",
    ".mov",
    ".mp4",
    ".m4v",
    ".mkv",
)  # in order of preference
_VIDEO_SUFFIXES = SOUND_SUFFIXES[6:]
# Files of a take that the app records for MetaHuman Animator.
_DEPTH_FILE, _DEPTH_SUFFIX = "depth_data.bin", ".mhaical"
_TAKE_SUFFIXES = (".csv", ".mcap", ".xdf", ".edf", ".bdf", ".npz", ".pkl", ".txt")
_HEADER = re.compile(rb"[\xef\xbb\xbf\xff\xfe\s\"]*timecode\"?[,;\t|]\s*\"?blendshapecount", re.IGNORECASE)


def choose_csv(folder: str | Path, calibrated: bool = True) -> tuple[Path, list[str]]:
    """CSV of the take in a folder, and notes. Raises InnerfaceError for a folder without a take or with several."""
    folder = Path(folder)
    files = [p for p in sorted(folder.iterdir()) if p.suffix.lower() == ".csv" and _is_take(p)]
    is_take_folder = len(files) > 1 or any(
        p.suffix.lower() in (*_VIDEO_SUFFIXES, ".json", ".jpg") for p in folder.iterdir()
    )
    if not files or not is_take_folder:  # a single CSV in a folder may be anything
        raise InnerfaceError(f"{folder}: is a folder without a Live Link Face CSV in it{_hint(folder)}")
    take_names = sorted({_take_stem(p.stem) for p in files})
    if len(take_names) > 1:
        raise InnerfaceError(
            f"{folder}: holds {len(take_names)} takes ({', '.join(take_names[:6])}); choose one of its files"
        )
    calibrated_file = next((p for p in files if _is_calibrated(p)), None)
    captured_file = next((p for p in files if not _is_calibrated(p)), None)
    if calibrated_file is None or captured_file is None:
        return files[0], []
    if calibrated:
        return calibrated_file, [
            f"{folder.name}: took {calibrated_file.name}, from which the app removed the neutral; "
            f"{captured_file.name} has the face as captured"
        ]
    return captured_file, [
        f"{folder.name}: took {captured_file.name}, the face as captured; "
        f"{calibrated_file.name} has the neutral removed"
    ]


def _hint(folder: Path) -> str:
    """What lies in a folder that is no take's, and what to do."""
    names = sorted(p.name for p in folder.iterdir())
    if any(name.endswith(_DEPTH_SUFFIX) or name == _DEPTH_FILE for name in names):
        return (
            ", recorded in the app's MetaHuman Animator mode, which writes none; "
            "record in its Live Link (ARKit) mode for a take of weights"
        )
    takes = [name for name in names if name.lower().endswith(_TAKE_SUFFIXES)]
    if takes:
        return f"; choose one of its files ({', '.join(takes[:5])}{', ...' if len(takes) > 5 else ''})"
    return "; choose a take's folder or file"


def find_calibrated(path: str | Path) -> Path | None:
    """The calibrated file beside a captured one, or None."""
    path = Path(path)
    candidate = path.with_name(f"{path.stem}{CALIBRATED_SUFFIX}{path.suffix}")
    return (
        candidate
        if path.suffix.lower() == ".csv" and not _is_calibrated(path) and candidate.is_file() and _is_take(candidate)
        else None
    )


def find_sound(path: str | Path) -> Path | None:
    """Sound or video of a take: the file of the same name, or the only video in a folder of one take."""
    path = Path(path)
    sound_files = (
        [p for p in path.parent.iterdir() if p.suffix.lower() in SOUND_SUFFIXES] if path.parent.is_dir() else []
    )
    sound_files.sort(key=lambda p: SOUND_SUFFIXES.index(p.suffix.lower()))
    same_name = [p for p in sound_files if p.stem == _take_stem(path.stem)]
    take_names = {_take_stem(p.stem) for p in path.parent.glob("*.csv") if _is_take(p)}
    videos = [p for p in sound_files if p.suffix.lower() in _VIDEO_SUFFIXES]
    return same_name[0] if same_name else videos[0] if len(videos) == 1 and len(take_names) == 1 else None


def _take_stem(stem: str) -> str:
    return stem[: -len(CALIBRATED_SUFFIX)] if stem.lower().endswith(CALIBRATED_SUFFIX) else stem


def _is_calibrated(path: Path) -> bool:
    return path.stem.lower().endswith(CALIBRATED_SUFFIX)


def _is_take(path: Path) -> bool:
    try:
        with open_file(path) as source:
            return _HEADER.match(source.read(128).replace(b"\0", b"")) is not None  # UTF-16, too
    except OSError:
        return False
