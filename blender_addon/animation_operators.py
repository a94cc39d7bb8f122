"""What can be done with the take that plays on a face: bake it again, set its neutral, move it to where its sound is heard in a song.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty

from ..core.errors import InnerfaceError
from . import bake, compat, sound
from .face import active_face, face_or_none
from .import_takes import performer, wanted
from .keying import scene_rate
from .mended import Mended, Threaded


class _Playing:
    """Operators on the take that plays."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Blender's call."""
        face = face_or_none(context)
        return face is not None and bake.playing(face) is not None


class INNERFACE_OT_bake_again(_Playing, Threaded, bpy.types.Operator):
    """Read the take that plays again, and bake it with its options. Keys that you made or moved stay"""

    bl_idname = "innerface.bake_again"
    bl_label = "Bake Again"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        face, who = active_face(context), performer()
        path, flame = wanted(Path(bake.playing(face)[bake.TAKE]), False), bake.flame_source(face)
        return f"Baking {path.stem}", lambda: bake.load(path, who, flame), 3.0

    def finish(self, context: Any, loaded: Any) -> set[str]:
        face = active_face(context)
        keyed = bake.again(face, bake.playing(face), loaded, context.scene)
        return self.told(keyed.notes, f"Baked {loaded.path.stem} again: {bake.counted(keyed)}")


class INNERFACE_OT_neutral_here(_Playing, Mended, bpy.types.Operator):
    """Take the face at the playhead (or in the preview range, where one is set) as the relaxed one, in the whole take that plays"""

    bl_idname = "innerface.neutral_here"
    bl_label = "Set Neutral from Here"
    bl_options = {"REGISTER", "UNDO"}

    clear: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    def work(self, context: Any) -> set[str]:
        scene, face = context.scene, active_face(context)
        action, rate = bake.playing(face), scene_rate(scene)
        first, last = (scene.frame_preview_start, scene.frame_preview_end) if scene.use_preview_range else (scene.frame_current, scene.frame_current)
        span = [max((f - float(action[bake.START])) / rate, 0.0) for f in (first - 0.5, last + 0.5)]
        loaded = bake.at_hand(action)
        if loaded is None:
            loaded = bake.load(Path(action[bake.TAKE]), performer())
        begins, length = float(action[bake.START]), loaded.weights.take.weights().duration
        if not self.clear and (span[1] <= 0 or span[0] >= length):
            where = f"from frame {begins:.0f} to {begins + length * rate:.0f}"
            raise InnerfaceError(f"the playhead is {'before' if span[1] <= 0 else 'after'} the take, which lies {where}; move it into the take")
        options = action.innerface
        was = options.neutral_from, options.neutral_to
        bake.set_one(options, neutral_from=0.0 if self.clear else span[0], neutral_to=0.0 if self.clear else span[1])
        try:
            keyed = bake.again(face, action, loaded, scene)
        except InnerfaceError:
            bake.set_one(options, neutral_from=was[0], neutral_to=was[1])
            raise
        self.report({"INFO"}, f"{'Neutral cleared' if self.clear else f'Neutral is {span[0]:.2f} to {span[1]:.2f} s of the take'}: {bake.counted(keyed)}")
        return {"FINISHED"}


class INNERFACE_OT_align_sound(_Playing, Threaded, bpy.types.Operator):
    """Move the take that plays to where its own sound is heard in the song or dialogue of the sequencer (the active sound strip, or the only other one)"""

    bl_idname = "innerface.align_sound"
    bl_label = "Align to Song"
    bl_options = {"REGISTER", "UNDO"}

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


register, unregister = bpy.utils.register_classes_factory((INNERFACE_OT_bake_again, INNERFACE_OT_neutral_here, INNERFACE_OT_align_sound))
