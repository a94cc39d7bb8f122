"""Find the offset and the clock drift between two takes of one performance.

A and B are takes, or sounds: a song, a dialogue master. time in A = (1 + drift 1e-6) time in B + offset, on the takes' own clocks; sounds begin at 0. In this
order: timecode (where both have it, and the motion agrees), the takes' own sound (the video beside a Live Link Face take), motion, taps.
A take of electrodes is aligned with a camera's, or face IMUs', by the eyes, the lids and the muscles that both show. What does not match is refused.
"""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..core import formats
from ..core.align import Alignment
from ..core.errors import InnerfaceError
from ..core.formats import take_folder
from ..core.imu.layout import layout
from ..core.take import Take


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help="the take (or sound) whose clock counts")
    parser.add_argument("b", metavar="B", help="the take (or sound) to be placed on it")
    parser.add_argument("--layout", default="default", metavar="L", help="sites of IMU takes: a shipped layout or a .json file")


def run(options: argparse.Namespace) -> dict[str, Any]:
    try:
        from ..core import align
        from ..core.imu import linear
    except ImportError as error:
        raise InnerfaceError(f"aligning needs SciPy, which does not load ({error}); pip install scipy") from None
    takes = [None if _is_sound(path) else formats.read_take(path) for path in (options.a, options.b)]
    sounds = [Path(path) if take is None else take.sound for path, take in zip((options.a, options.b), takes)]
    both = [take for take in takes if take is not None]
    if len(both) < 2:
        return _by_sound(options, takes, sounds)
    if any(map(_of_electrodes, both)):
        return _by_electrodes(options, *both)
    sites, model = layout(options.layout), linear.load()
    a, b = (align.moving(take, sites, model) for take in both)
    heard = None
    try:
        found = align.by_timecode(align.align(a, b), *both)
    except InnerfaceError:
        if not all(sounds):
            raise
        return _by_sound(options, takes, sounds)
    if found.method != "timecode" and all(sounds):
        with suppress(InnerfaceError):  # silent, or of something else: the motion has decided
            heard = _by_sound(options, takes, sounds)
    if heard is not None:
        return heard
    if not options.json:
        _tell(options, found, a.start, b.start)
        for path, moved in ((options.a, a), (options.b, b)):
            if moved.taps is not None:
                print(f"{path}: three taps on the chin at {', '.join(f'{t - moved.start:.2f}' for t in moved.taps)} s from its start")
    return _keys(found) | {"taps": {"a": None if a.taps is None else a.taps.tolist(), "b": None if b.taps is None else b.taps.tolist()}}


def _tell(options: argparse.Namespace, found: Alignment, start_a: float, start_b: float) -> None:
    print(f"{options.b} begins {found.a_time(start_b) - start_a:+.4f} s after {options.a} begins, by {found.method}")
    print(f"time in A = (1 + {found.drift_ppm:.1f}e-6) x time in B {found.offset_s:+.4f} s; confidence {found.confidence:.2f}")


def _keys(found: Alignment) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("offset_s", "drift_ppm", "confidence", "method", "correlation")}


def _of_electrodes(take: Take) -> bool:
    kinds = {t.kind for t in take.tracks.values()}
    return "biosignal" in kinds and not kinds & {"imu", "weights", "landmarks"}


def _by_electrodes(options: argparse.Namespace, a: Take, b: Take) -> dict[str, Any]:
    """By what the electrodes hear and the other one shows."""
    from ..core.bio import align
    from ..core.bio.signal import bio_track, even
    from ..core.face_model import bundled
    from ..core.landmarks.points import blind
    from ..core.landmarks.sources import landmarks_of
    from ..core.weights import Performer, weights_of

    if _of_electrodes(a) and _of_electrodes(b):
        raise InnerfaceError(f"{options.a} and {options.b}: are both of electrodes, which show no face to be compared; align each with the camera's take")
    worn, seen = (a, b) if _of_electrodes(a) else (b, a)
    if not any(t.kind in ("weights", "landmarks") for t in seen.tracks.values()):
        seen = weights_of(seen, Performer(options.layout)).take
        points = blind(landmarks_of(seen, bundled())[0])  # the eyes of IMUs are made up
    else:
        points = landmarks_of(seen, bundled())[0]
    signal = even(bio_track(worn))
    found = align.align(signal, points)  # time of the camera by time of the electrodes
    found = found if worn is b else align.inverse(found)
    starts = (float(points.time[0]), signal.start)
    if not options.json:
        _tell(options, found, *(starts if worn is b else reversed(starts)))
    return _keys(found)


def _is_sound(path: str) -> bool:
    return Path(path).suffix.lower() in take_folder.SOUND


def _by_sound(options: argparse.Namespace, takes: list[Take | None], sounds: list[Path | None]) -> dict[str, Any]:
    """By what both heard."""
    from ..core import audio
    from . import blender

    for path, sound in zip((options.a, options.b), sounds):
        if sound is None:
            raise InnerfaceError(f"{path}: has no sound of its own to be compared with; put its recording beside it, with the same name")
    blender.load()
    from ..blender_addon.sound import samples

    found = audio.align(*(samples(sound, audio.RATE) for sound in sounds if sound is not None))
    first = [0.0 if take is None else float(next(iter(take.tracks.values())).time[0]) for take in takes]
    slope = 1 + found.drift_ppm * 1e-6
    offset = found.offset_s + first[0] - slope * first[1]  # sounds begin with the takes' first rows
    if not options.json:
        print(f"{options.b} begins {found.offset_s:+.4f} s after {options.a} begins, by sound")
        print(f"time in A = (1 + {found.drift_ppm:.1f}e-6) x time in B {offset:+.4f} s; confidence {found.confidence:.2f}")
    return {"offset_s": offset, "drift_ppm": found.drift_ppm, "confidence": found.confidence, "method": "sound"}
