"""A take is moved to where its own sound is heard in a song or a dialogue master.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..core.errors import InnerfaceError
from . import bake, compat, sound
from .face import active_face
from .import_takes import performer
from .keying import scene_rate
from .mended import Threaded


class INNERFACE_OT_align_sound(Threaded, bpy.types.Operator):
    """Move the take that plays to where its own sound is heard in the song or dialogue of the sequencer (the active sound strip, or the only other one)"""

    bl_idname = "innerface.align_sound"
    bl_label = "Align to Song"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        try:
            return bake.playing(active_face(context)) is not None
        except InnerfaceError:
            return False

    def invoke(self, context: Any, _event: Any) -> set[str]:
        return self.begin(context)

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        action, scene = bake.playing(active_face(context)), context.scene
        path, who = Path(action[bake.TAKE]), performer()
        ready = bake.at_hand(action)
        own = ready.weights.take.sound if ready is not None else _own_sound(path)
        if own is None:
            raise InnerfaceError(f"{path.name} has no sound of its own; put its recording beside it, with the same name")
        strip = master(scene, own)
        song = Path(bpy.path.abspath(strip.sound.filepath))

        def work() -> Any:
            from ..core import audio

            loaded = ready or bake.load(path, who)
            return loaded, audio.align(sound.samples(own, audio.RATE), sound.samples(song, audio.RATE)), strip.name

        return f"Listening to {own.name}", work, 6.0

    def finish(self, context: Any, result: Any) -> set[str]:
        loaded, found, name = result
        face, scene = active_face(context), context.scene
        action, strip = bake.playing(face), compat.strips_of(scene.sequence_editor)[name]
        # The song's beginning lies at strip.frame_start; the take hears it `offset` s after its own beginning.
        rate, slope = scene_rate(scene), 1 + found.drift_ppm * 1e-6
        start = float(strip.frame_start) - found.offset_s / slope * rate
        keyed = bake.bake(face, bake.slowed(loaded, slope), scene, bake.how_of(action.innerface, loaded.sensed, start=start))
        bake.mark(keyed, bake.SLOPE, slope)
        scene.frame_end = max(scene.frame_end, keyed.first_frame + keyed.frames - 1)
        own = loaded.weights.take.sound
        placed, _ = sound.place(scene, own, start, loaded.path.stem) if own is not None else (None, [])
        if placed is not None:
            placed.mute = True  # the song is heard
        drift = f", clocks drift by {found.drift_ppm:+.0f} ppm" if found.drift_ppm else ""
        self.report({"INFO"}, f"{loaded.path.stem} begins at frame {start:.2f} of {name}{drift}; confidence {found.confidence:.0%}")
        return {"FINISHED"}


def _own_sound(path: Path) -> Any:
    from ..core.formats import take_folder

    return take_folder.sound_of(path)


def master(scene: Any, own: Path) -> Any:
    """The song's strip. Raises InnerfaceError where it cannot be told."""
    editor = scene.sequence_editor
    strips = [] if editor is None else [s for s in compat.strips_of(editor) if s.type == "SOUND" and s.sound is not None]
    others = [s for s in strips if Path(bpy.path.abspath(s.sound.filepath)) != own]
    active = editor.active_strip if editor is not None else None
    if active in others:
        return active
    if len(others) != 1:
        what, mend = ("no song", "add the song as a sound strip") if not others else (f"{len(others)} sounds", "click the one that is the song")
        raise InnerfaceError(f"the sequencer holds {what} beside the take's own sound; {mend}")
    return others[0]


register, unregister = bpy.utils.register_classes_factory((INNERFACE_OT_align_sound,))
