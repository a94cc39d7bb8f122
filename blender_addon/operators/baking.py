"""What the operators that bake takes share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..animation import bake, rebake, sound
from ..animation.take_action import TakeAction

if TYPE_CHECKING:
    from ..animation.keying import KeyingResult
    from ..animation.loaded_take import LoadedTake
    from ..character.face import Face


def preferred_file(path: Path, calibrated: bool) -> Path:
    """Return the file to read where a folder, or one of the two files of a Live Link Face take, was selected."""
    from ...core.formats import take_folder

    if path.is_dir():
        return take_folder.choose_csv(path, calibrated)[0]
    return (take_folder.find_calibrated(path) if calibrated else None) or path


def bake_take(
    face: Face,
    loaded: LoadedTake,
    scene: Any,
    *,
    bake_options: bake.BakeOptions,
    options: Any,
    with_sound: bool,
) -> KeyingResult:
    """Bake a take, store `options` (InnerfaceBake) in its actions, lengthen the scene, and add its sound.

    Raises InnerfaceError.
    """
    keyed = bake.bake_take(face, loaded, scene, options=bake_options)
    if loaded.path.stem.lower().endswith("_cal"):
        keyed.notes.insert(
            0,
            f"Imported {loaded.path.name}, with the neutral face subtracted; choose As Captured for the other file",
        )
    for action in keyed.actions:
        if TakeAction(action).is_take:
            rebake.store_options(action, options)
    scene.frame_end = max(scene.frame_end, keyed.first_frame + keyed.frames - 1)
    audio = loaded.weights.take.sound
    if with_sound and audio is not None:
        take_actions = [TakeAction(action) for action in keyed.actions]
        start = next((a.start_frame for a in take_actions if a.is_take), float(keyed.first_frame))
        strip, sound_notes = sound.place_strip(scene, audio, frame=start, name=loaded.path.stem)
        keyed.notes += sound_notes
        if strip is not None:
            scene.sync_mode = "AUDIO_SYNC"
    return keyed
