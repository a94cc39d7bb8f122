"""The list of recorded takes: bake, delete, refresh, open the folder, and the channels that sensors cannot observe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ...core.errors import InnerfaceError
from ..animation import bake, loaded_take, playback
from ..character.face import active_face, face_or_none
from ..live import take_list
from ..properties.preferences import performer_settings
from .baking import bake_take
from .base import BackgroundOperator, Job, ReportsErrors

_EXPECTED_SPEED_X = 60.0  # times real time at which a take is read and inferred, for the progress bar


class _RequiresSelectedTake:
    """Mixin for operators on the take that is selected in the list."""

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Called by Blender."""
        if take_list.selected() is None:
            cls.poll_message_set("There are no takes yet; record one first")  # type: ignore[attr-defined]
            return False
        return True


def _selected_row() -> Any:
    row = take_list.selected()
    if row is None:
        raise InnerfaceError("no take is selected; select one in the list")
    if not Path(row.path).exists():
        raise InnerfaceError(f"{row.path}: the take no longer exists; refresh the list")
    return row


class INNERFACE_OT_take_bake(_RequiresSelectedTake, BackgroundOperator, bpy.types.Operator):
    """Bake the selected take to the active face; baking it again keeps keys that were added or edited by hand"""

    bl_idname = "innerface.take_bake"
    bl_label = "Bake to Face"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: bpy.types.Context) -> Job:
        flame = loaded_take.flame_source(active_face(context))
        row, performer = _selected_row(), performer_settings()
        path = Path(row.path)
        return Job(
            f"Baking {path.stem}",
            lambda: loaded_take.load_take(path, performer, flame),
            expected_s=1.0 + row.seconds / _EXPECTED_SPEED_X,
        )

    def finish(self, context: bpy.types.Context, loaded: loaded_take.LoadedTake) -> set[str]:
        face, scene, shot = active_face(context), context.scene, context.scene.innerface
        with bake.all_or_nothing(face):
            bake_options = bake.bake_options(
                shot.options,
                loaded.from_sensors,
                at=float(scene.frame_current) if shot.placed == "PLAYHEAD" else None,
                onto=shot.onto,
                span=_frame_range(scene),
                blend=shot.blend,
            )
            with_sound = shot.options.sound and shot.onto == "ACTION"
            keyed = bake_take(
                face, loaded, scene, bake_options=bake_options, options=shot.options, with_sound=with_sound
            )
        take_list.mark_baked()
        key_count = bake.key_count_text(keyed)
        return self.report_notes(
            keyed.notes, f"Baked {loaded.path.stem} to {face.name} from frame {keyed.first_frame}: {key_count}"
        )


def _frame_range(scene: Any) -> tuple[int, int] | None:
    """Return the frames of the current action to bake over, None for all. Raises InnerfaceError."""
    shot = scene.innerface
    if shot.onto != "OVER" or shot.within != "PREVIEW":
        return None
    if not scene.use_preview_range:
        raise InnerfaceError("there is no preview range; press P in a timeline to set one, or choose Whole Take")
    return scene.frame_preview_start, scene.frame_preview_end


class INNERFACE_OT_take_delete(_RequiresSelectedTake, ReportsErrors, bpy.types.Operator):
    """Delete the file of the selected take; animation that was baked from it is kept"""

    bl_idname = "innerface.take_delete"
    bl_label = "Delete Take"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=f"Delete {take_list.selected().name}?",
            message="The file will be deleted. This cannot be undone.",
        )

    def work(self, _context: bpy.types.Context) -> set[str]:
        row = _selected_row()
        try:
            Path(row.path).unlink()
        except OSError as error:
            raise InnerfaceError(f"{row.path}: cannot be deleted ({error.strerror})") from None
        take_list.refresh(wait=True)
        return {"FINISHED"}


class INNERFACE_OT_takes_folder(ReportsErrors, bpy.types.Operator):
    """Open the takes folder"""

    bl_idname = "innerface.takes_folder"
    bl_label = "Open Folder"

    def work(self, _context: bpy.types.Context) -> set[str]:
        folder = take_list.folder()
        folder.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.path_open(filepath=str(folder))
        return {"FINISHED"}


class INNERFACE_OT_takes_refresh(ReportsErrors, bpy.types.Operator):
    """Refresh the list of takes"""

    bl_idname = "innerface.takes_refresh"
    bl_label = "Refresh"

    def work(self, _context: bpy.types.Context) -> set[str]:
        take_list.refresh(read=True, wait=bpy.app.background)
        return {"FINISHED"}


class INNERFACE_OT_invented(ReportsErrors, bpy.types.Operator):
    """Play or mute the channels that sensors cannot observe, such as gaze and blinks, which the model estimates"""

    bl_idname = "innerface.invented"
    bl_label = "Unobserved Channels"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        face = face_or_none(context)
        return face is not None and bool(playback.unobserved_tracks(face))

    def work(self, context: bpy.types.Context) -> set[str]:
        tracks = playback.unobserved_tracks(active_face(context))
        mute = not all(track.mute for track in tracks)
        for track in tracks:
            track.mute = mute
        context.scene.frame_set(context.scene.frame_current)
        return {"FINISHED"}


CLASSES = (
    INNERFACE_OT_take_bake,
    INNERFACE_OT_take_delete,
    INNERFACE_OT_takes_folder,
    INNERFACE_OT_takes_refresh,
    INNERFACE_OT_invented,
)


register, unregister = bpy.utils.register_classes_factory(CLASSES)
