"""Which of several tracks of one kind is used where one is needed, and notes that name the others."""

from __future__ import annotations

from dataclasses import replace

from ..errors import InnerfaceError
from .track import Take, TrackKind

# Kinds of which one track is used, in words; IMU tracks of several devices are read as one signal.
_SINGLE_KINDS = {
    TrackKind.WEIGHTS: "weights",
    TrackKind.BIOSIGNAL: "biosignals",
    TrackKind.LANDMARKS: "landmarks",
    TrackKind.FLAME: "FLAME parameters",
}
_KIND_WORDS = _SINGLE_KINDS | {TrackKind.IMU: "IMU samples"}
_FILES = {".csv": "a CSV", ".json": "a JSON", ".npz": "an .npz"}


def choose_track(take: Take, kind: str) -> str | None:
    """Name of the track of a kind that is used where one is needed; None without any.

    Of biosignals it is the longest, of other kinds the first in which there is a face.
    """
    tracks = take.tracks_of(kind)
    if kind == TrackKind.BIOSIGNAL:
        return max(tracks, key=lambda name: len(tracks[name].time), default=None)
    return next((name for name, track in tracks.items() if not track.lost_rows().all()), next(iter(tracks), None))


def choice_notes(take: Take) -> list[str]:
    """Notes on the kinds of which a take has several tracks."""
    notes: list[str] = []
    for kind, words in _SINGLE_KINDS.items():
        names = list(take.tracks_of(kind))
        if len(names) > 1:
            chosen = choose_track(take, kind)
            others = ", ".join(name for name in names if name != chosen)
            notes.append(
                f"{len(names)} tracks of {words}: where one is needed, {chosen} is used and {others} not; "
                "innerface convert --track NAME makes a take of another"
            )
    return notes


def writing_note(take: Take, kind: str, suffix: str) -> str:
    """Note that a file holds one of the take's tracks of this kind; "" where there is only one."""
    names, chosen = list(take.tracks_of(kind)), choose_track(take, kind)
    if len(names) < 2:
        return ""
    others = ", ".join(name for name in names if name != chosen)
    return (
        f"{_FILES.get(suffix, 'the file')} holds one track of {_KIND_WORDS.get(TrackKind(kind), kind)}: "
        f"of {len(names)}, {chosen} was written and {others} not; .mcap holds them all"
    )


def keep_track(take: Take, name: str) -> Take:
    """The take without the other tracks of this track's kind. Raises InnerfaceError for a name that it has not."""
    if name not in take.tracks:
        raise InnerfaceError(f"{take.name}: has no track {name[:40]}; it has {', '.join(take.tracks)}")
    kind = take.tracks[name].kind
    tracks = {n: t for n, t in take.tracks.items() if n == name or t.kind != kind}
    notes = [note for note in take.notes if note not in choice_notes(take)]
    return replace(take, tracks=tracks, notes=notes)
