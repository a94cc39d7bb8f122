"""Repair a camera take: find its hidden ranges and fill them. The command line and the add-on both use this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..arrays import Array
from ..errors import InnerfaceError
from ..take import Take
from .detect import detect
from .helper import Helper
from .infill import Infill, infill, substitute
from .ranges import Occlusion, merge_ranges, sample_mask


@dataclass(frozen=True)
class RepairedTake:
    """`take`: the camera's rows, repaired; `ranges`: what was repaired; `infill`: the samples that changed."""

    take: Take
    ranges: list[Occlusion]
    infill: Infill


def repair(
    camera: Take,
    given: Sequence[Occlusion] = (),
    helper: Helper | None = None,
    *,
    find_ranges: bool = True,
    substitute_only: bool = False,
    sound: Array | None = None,
    doubt: Sequence[Occlusion] | None = None,
) -> RepairedTake:
    """Fill the hidden ranges of a camera take.

    Parameters
    ----------
    camera : a take with weights, T rows
    given : ranges to fill
    helper : a helping take on the camera's rows
    find_ranges : also fill the ranges that the detector finds
    substitute_only : copy the helping take's channels as they are (IMUSIC section 5.3)
    sound : (T, D) levels of sound at the rows (`voice.band_levels`)
    doubt : ranges that nothing is learned from, as detected before; used where `find_ranges` is False

    Raises
    ------
    InnerfaceError
        if no row can be trusted, or `substitute_only` has no helper
    """
    track = camera.weights()
    if substitute_only and helper is None:
        raise InnerfaceError(
            f"{camera.name}: plain substitution copies another take's channels; give one with --imu or --with"
        )
    if find_ranges or doubt is None:
        doubt = detect(
            track, helper=helper.features() if helper else None, helper_name=helper.name if helper else "sensors"
        )
    ranges = merge_ranges([*given, *(doubt if find_ranges else [])])
    if substitute_only and helper is not None:
        result = substitute(track, ranges, helper)
    else:
        try:
            result = infill(track, ranges, helper=helper, sound=sound, doubt=sample_mask(doubt, track.time))
        except InnerfaceError as error:
            raise InnerfaceError(f"{camera.name}: {error}") from None
    tracks = {name: result.track if t is track else t for name, t in camera.tracks.items()}
    return RepairedTake(replace(camera, tracks=tracks), ranges, result)
