"""The take of the current action: bake it again, set its neutral face, align it to a song.

No `from __future__ import annotations` here: Blender reads properties from the annotations.
"""

# pyright: reportInvalidTypeForm=false
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty

from ...core.errors import InnerfaceError
from .. import compat
from ..animation import bake, loaded_take, rebake, sound
from ..animation.loaded_take import LoadedTake
from ..animation.playback import playing_action
from ..animation.scene_time import scene_rate
from ..animation.take_action import TakeAction
from ..character.face import active_face
from ..properties.preferences import performer_settings
from .baking import preferred_file
from .base import BackgroundOperator, Job, ReportsErrors, RequiresTakeAction

if TYPE_CHECKING:
    from ...core.take.audio import SoundAlignment


class INNERFACE_OT_bake_again(RequiresTakeAction, BackgroundOperator, bpy.types.Operator):
    """Read the take of the current action again and bake it with its options; keys added or edited by hand are kept"""

    bl_idname = "innerface.bake_again"
    bl_label = "Bake Again"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: bpy.types.Context) -> Job:
        face, performer = active_face(context), performer_settings()
        path = preferred_file(Path(TakeAction(playing_action(face)).take_path), False)
        flame = loaded_take.flame_source(face)
        return Job(f"Baking {path.stem}", lambda: loaded_take.load_take(path, performer, flame), expected_s=3.0)

    def finish(self, context: bpy.types.Context, loaded: LoadedTake) -> set[str]:
        face = active_face(context)
        keyed = rebake.rebake(face, playing_action(face), loaded, scene=context.scene)
        return self.report_notes(keyed.notes, f"Baked {loaded.path.stem} again: {bake.key_count_text(keyed)}")


class INNERFACE_OT_neutral_here(RequiresTakeAction, ReportsErrors, bpy.types.Operator):
    """Use the face at the playhead, or in the preview range if one is set, as the neutral face of the whole take"""

    bl_idname = "innerface.neutral_here"
    bl_label = "Set Neutral at Playhead"
    bl_options = {"REGISTER", "UNDO"}

    clear: BoolProperty(name="Clear", description="Remove the neutral face", options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: Any) -> str:
        """Called by Blender."""
        return "Clear the neutral face of the take" if properties.clear else cls.__doc__ or ""

    def work(self, context: bpy.types.Context) -> set[str]:
        face = active_face(context)
        action = playing_action(face)
        take_path = TakeAction(action).take_path
        loaded = loaded_take.cached_take(take_path)
        if loaded is None:
            loaded = loaded_take.load_take(Path(take_path), performer_settings())
        start_s, end_s = (0.0, 0.0) if self.clear else _neutral_range(context.scene, action, loaded)
        options = action.innerface
        previous_start, previous_end = options.neutral_from, options.neutral_to
        rebake.set_options(options, neutral_from=start_s, neutral_to=end_s)
        try:
            keyed = rebake.rebake(face, action, loaded, scene=context.scene)
        except InnerfaceError:
            rebake.set_options(options, neutral_from=previous_start, neutral_to=previous_end)
            raise
        change = "Neutral cleared" if self.clear else f"Neutral set to {start_s:.2f}\u2013{end_s:.2f} s of the take"
        return self.report_notes([], f"{change}: {bake.key_count_text(keyed)}")


def _neutral_range(scene: Any, action: Any, loaded: LoadedTake) -> tuple[float, float]:
    """Return the time in the take (s) of the playhead or preview range. Raises InnerfaceError outside the take."""
    rate, take_start = scene_rate(scene), TakeAction(action).start_frame
    first, last = (
        (scene.frame_preview_start, scene.frame_preview_end)
        if scene.use_preview_range
        else (scene.frame_current, scene.frame_current)
    )
    start_s, end_s = (max((frame - take_start) / rate, 0.0) for frame in (first - 0.5, last + 0.5))
    duration = loaded.weights.take.weights().duration
    if end_s <= 0 or start_s >= duration:
        raise InnerfaceError(
            f"the playhead is {'before' if end_s <= 0 else 'after'} the take; move it to a frame from "
            f"{take_start:.0f} to {take_start + duration * rate:.0f}"
        )
    return start_s, end_s


@dataclass(frozen=True)
class _AlignedSound:
    """A loaded take, and where its sound lies in the sound of a strip."""

    loaded: LoadedTake
    alignment: "SoundAlignment"
    strip_name: str


class INNERFACE_OT_align_sound(RequiresTakeAction, BackgroundOperator, bpy.types.Operator):
    """Move the take to where its sound occurs in a song or dialogue: the active sound strip, or the only other one"""

    bl_idname = "innerface.align_sound"
    bl_label = "Align to Song"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: bpy.types.Context) -> Job:
        action, scene = playing_action(active_face(context)), context.scene
        take_path, performer = TakeAction(action).take_path, performer_settings()
        path, cached = Path(take_path), loaded_take.cached_take(take_path)
        take_sound = cached.weights.take.sound if cached is not None else _sound_of_take(path)
        if take_sound is None:
            raise InnerfaceError(
                f"{path.name} has no sound of its own; put its recording beside it, with the same name"
            )
        strip = song_strip(scene, take_sound)
        strip_name, song_path = strip.name, Path(bpy.path.abspath(strip.sound.filepath))

        def work() -> _AlignedSound:
            from ...core.take import audio

            loaded = cached or loaded_take.load_take(path, performer)
            samples, song_samples = (sound.read_samples(p, audio.RATE) for p in (take_sound, song_path))
            return _AlignedSound(loaded, audio.align(samples, song_samples), strip_name)

        return Job(f"Aligning {take_sound.name}", work, expected_s=6.0)

    def finish(self, context: bpy.types.Context, aligned: _AlignedSound) -> set[str]:
        loaded, alignment = aligned.loaded, aligned.alignment
        face, scene = active_face(context), context.scene
        action = playing_action(face)
        strip = compat.sequencer_strips(scene.sequence_editor)[aligned.strip_name]
        # The song starts at strip.frame_start, which is `offset_s` after the start of the take's sound.
        rate, slope = scene_rate(scene), 1 + alignment.drift_ppm * 1e-6
        start = float(strip.frame_start) - alignment.offset_s / slope * rate
        bake_options = bake.bake_options(action.innerface, loaded.from_sensors, start=start)
        keyed = bake.bake_take(face, loaded_take.retime(loaded, slope), scene, options=bake_options)
        rebake.store_clock_slope(keyed, slope)
        scene.frame_end = max(scene.frame_end, keyed.first_frame + keyed.frames - 1)
        take_sound = loaded.weights.take.sound
        if take_sound is not None:
            sound_strip, _ = sound.place_strip(scene, take_sound, frame=start, name=loaded.path.stem)
            if sound_strip is not None:
                sound_strip.mute = True  # so that only the song is heard
        drift = f", clock drift {alignment.drift_ppm:+.0f} ppm" if alignment.drift_ppm else ""
        return self.report_notes(
            [],
            f"Aligned {loaded.path.stem} to {aligned.strip_name}: starts at frame {start:.2f}{drift}, "
            f"confidence {alignment.confidence:.0%}",
        )


def _sound_of_take(path: Path) -> Path | None:
    from ...core.formats import take_folder

    return take_folder.find_sound(path)


def song_strip(scene: Any, take_sound: Path) -> Any:
    """Return the strip of the song. Raises InnerfaceError where there is none, or more than one and none is active."""
    editor = scene.sequence_editor
    strips = compat.sequencer_strips(editor) if editor is not None else []
    songs = [
        s
        for s in strips
        if s.type == "SOUND" and s.sound is not None and Path(bpy.path.abspath(s.sound.filepath)) != take_sound
    ]
    active = editor.active_strip if editor is not None else None
    if active in songs:
        return active
    if not songs:
        raise InnerfaceError("there is no song in the sequencer; add it as a sound strip")
    if len(songs) > 1:
        raise InnerfaceError(f"the sequencer has {len(songs)} sound strips beside the take's; select the song")
    return songs[0]


register, unregister = bpy.utils.register_classes_factory(
    (INNERFACE_OT_bake_again, INNERFACE_OT_neutral_here, INNERFACE_OT_align_sound)
)
