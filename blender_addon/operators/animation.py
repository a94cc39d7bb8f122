"""What can be done with the take that plays on a face: bake it again, set its neutral, move it to where its sound is heard in a song.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty

from ...core.errors import InnerfaceError
from .. import compat
from ..animation import bake, loaded_take, playback, rebake, sound
from ..animation.scene_time import scene_rate
from ..animation.take_action import TakeAction
from ..character.face import active_face, face_or_none
from ..properties.preferences import performer_settings
from .base import BackgroundOperator, ReportsErrors
from .import_takes import preferred_file


class _RequiresPlayingTake:
    """Operators on the take that plays."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Blender's call."""
        face = face_or_none(context)
        return face is not None and playback.playing_action(face) is not None


class INNERFACE_OT_bake_again(_RequiresPlayingTake, BackgroundOperator, bpy.types.Operator):
    """Read the take that plays again, and bake it with its options. Keys that you made or moved stay"""

    bl_idname = "innerface.bake_again"
    bl_label = "Bake Again"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        face, wearer = active_face(context), performer_settings()
        path, flame = (
            preferred_file(Path(TakeAction(playback.playing_action(face)).take_path), False),
            loaded_take.flame_source(face),
        )
        return f"Baking {path.stem}", lambda: loaded_take.load_take(path, wearer, flame), 3.0

    def finish(self, context: Any, loaded: Any) -> set[str]:
        face = active_face(context)
        keyed = rebake.rebake(face, playback.playing_action(face), loaded, context.scene)
        return self.report_notes(keyed.notes, f"Baked {loaded.path.stem} again: {bake.key_count_text(keyed)}")


class INNERFACE_OT_neutral_here(_RequiresPlayingTake, ReportsErrors, bpy.types.Operator):
    """Take the face at the playhead (or in the preview range, where one is set) as the relaxed one, in the whole take that plays"""

    bl_idname = "innerface.neutral_here"
    bl_label = "Set Neutral from Here"
    bl_options = {"REGISTER", "UNDO"}

    clear: BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    def work(self, context: Any) -> set[str]:
        scene, face = context.scene, active_face(context)
        action, rate = playback.playing_action(face), scene_rate(scene)
        first, last = (
            (scene.frame_preview_start, scene.frame_preview_end)
            if scene.use_preview_range
            else (scene.frame_current, scene.frame_current)
        )
        span = [max((f - TakeAction(action).start_frame) / rate, 0.0) for f in (first - 0.5, last + 0.5)]
        loaded = loaded_take.cached_take(TakeAction(action).take_path)
        if loaded is None:
            loaded = loaded_take.load_take(Path(TakeAction(action).take_path), performer_settings())
        start, length = TakeAction(action).start_frame, loaded.weights.take.weights().duration
        if not self.clear and (span[1] <= 0 or span[0] >= length):
            take_range = f"from frame {start:.0f} to {start + length * rate:.0f}"
            raise InnerfaceError(
                f"the playhead is {'before' if span[1] <= 0 else 'after'} the take, which lies {take_range}; move it into the take"
            )
        options = action.innerface
        previous_span = options.neutral_from, options.neutral_to
        rebake.set_options(
            options, neutral_from=0.0 if self.clear else span[0], neutral_to=0.0 if self.clear else span[1]
        )
        try:
            keyed = rebake.rebake(face, action, loaded, scene)
        except InnerfaceError:
            rebake.set_options(options, neutral_from=previous_span[0], neutral_to=previous_span[1])
            raise
        self.report(
            {"INFO"},
            f"{'Neutral cleared' if self.clear else f'Neutral is {span[0]:.2f} to {span[1]:.2f} s of the take'}: {bake.key_count_text(keyed)}",
        )
        return {"FINISHED"}


class INNERFACE_OT_align_sound(_RequiresPlayingTake, BackgroundOperator, bpy.types.Operator):
    """Move the take that plays to where its own sound is heard in the song or dialogue of the sequencer (the active sound strip, or the only other one)"""

    bl_idname = "innerface.align_sound"
    bl_label = "Align to Song"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        action, scene = playback.playing_action(active_face(context)), context.scene
        path, wearer = Path(TakeAction(action).take_path), performer_settings()
        cached = loaded_take.cached_take(TakeAction(action).take_path)
        take_sound = cached.weights.take.sound if cached is not None else _sound_of_take(path)
        if take_sound is None:
            raise InnerfaceError(
                f"{path.name} has no sound of its own; put its recording beside it, with the same name"
            )
        strip = song_strip(scene, take_sound)
        song_path = Path(bpy.path.abspath(strip.sound.filepath))

        def work() -> Any:
            from ...core.take import audio

            loaded = cached or loaded_take.load_take(path, wearer)
            return (
                loaded,
                audio.align(sound.read_samples(take_sound, audio.RATE), sound.read_samples(song_path, audio.RATE)),
                strip.name,
            )

        return f"Listening to {take_sound.name}", work, 6.0

    def finish(self, context: Any, result: Any) -> set[str]:
        loaded, alignment, strip_name = result
        face, scene = active_face(context), context.scene
        action, strip = playback.playing_action(face), compat.sequencer_strips(scene.sequence_editor)[strip_name]
        # The song's beginning lies at strip.frame_start; the take hears it `offset` s after its own beginning.
        rate, slope = scene_rate(scene), 1 + alignment.drift_ppm * 1e-6
        start = float(strip.frame_start) - alignment.offset_s / slope * rate
        keyed = bake.bake_take(
            face,
            loaded_take.retime(loaded, slope),
            scene,
            bake.bake_options(action.innerface, loaded.from_sensors, start=start),
        )
        rebake.store_clock_slope(keyed, slope)
        scene.frame_end = max(scene.frame_end, keyed.first_frame + keyed.frames - 1)
        take_sound = loaded.weights.take.sound
        sound_strip, _ = (
            sound.place_strip(scene, take_sound, start, loaded.path.stem) if take_sound is not None else (None, [])
        )
        if sound_strip is not None:
            sound_strip.mute = True  # the song is heard
        drift = f", clocks drift by {alignment.drift_ppm:+.0f} ppm" if alignment.drift_ppm else ""
        self.report(
            {"INFO"},
            f"{loaded.path.stem} begins at frame {start:.2f} of {strip_name}{drift}; confidence {alignment.confidence:.0%}",
        )
        return {"FINISHED"}


def _sound_of_take(path: Path) -> Any:
    from ...core.formats import take_folder

    return take_folder.find_sound(path)


def song_strip(scene: Any, take_sound: Path) -> Any:
    """The song's strip. Raises InnerfaceError where it cannot be told."""
    editor = scene.sequence_editor
    strips = (
        []
        if editor is None
        else [s for s in compat.sequencer_strips(editor) if s.type == "SOUND" and s.sound is not None]
    )
    others = [s for s in strips if Path(bpy.path.abspath(s.sound.filepath)) != take_sound]
    active = editor.active_strip if editor is not None else None
    if active in others:
        return active
    if len(others) != 1:
        problem, remedy = (
            ("no song", "add the song as a sound strip")
            if not others
            else (f"{len(others)} sounds", "click the one that is the song")
        )
        raise InnerfaceError(f"the sequencer holds {problem} beside the take's own sound; {remedy}")
    return others[0]


register, unregister = bpy.utils.register_classes_factory(
    (INNERFACE_OT_bake_again, INNERFACE_OT_neutral_here, INNERFACE_OT_align_sound)
)
