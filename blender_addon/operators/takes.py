"""What can be done with recorded takes. No `from __future__ import annotations` here: Blender reads properties out of the annotations."""

# pyright: reportInvalidTypeForm=false
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import InnerfaceError
from ..animation import bake, loaded_take, playback
from ..character.face import active_face, face_or_none
from ..live import take_list
from ..properties.preferences import performer_settings
from .base import BackgroundOperator, ReportsErrors
from .import_takes import bake_take

_EXPECTED_SPEED_X = 60.0  # times real time that reading and inferring a take is expected to run at, for the bar


class _NeedsChosenTake:
    """Operators on the chosen take."""

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Blender's call."""
        if take_list.chosen() is None:
            cls.poll_message_set("There is no take yet: record one")  # type: ignore[attr-defined]
            return False
        return True


def _chosen_row() -> Any:
    row = take_list.chosen()
    if row is None:
        raise InnerfaceError("no take is chosen; choose one in the list")
    if not Path(row.path).exists():
        raise InnerfaceError(f"{row.path}: is not there any more; refresh the list")
    return row


class INNERFACE_OT_take_bake(_NeedsChosenTake, BackgroundOperator, bpy.types.Operator):
    """Key the chosen take on the active face. Baked before, it is baked again with these settings, and keys that you made or moved stay"""

    bl_idname = "innerface.take_bake"
    bl_label = "Bake to Face"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        flame = loaded_take.flame_source(active_face(context))
        row, who = _chosen_row(), performer_settings()
        path = Path(row.path)
        return (
            f"Baking {path.stem}",
            lambda: loaded_take.load_take(path, who, flame),
            1.0 + row.seconds / _EXPECTED_SPEED_X,
        )

    def finish(self, context: Any, loaded: Any) -> set[str]:
        face, scene, shot = active_face(context), context.scene, context.scene.innerface
        start_frame = float(scene.frame_current) if shot.placed == "PLAYHEAD" else None
        span = (
            (scene.frame_preview_start, scene.frame_preview_end)
            if shot.onto == "OVER" and shot.within == "PREVIEW" and scene.use_preview_range
            else None
        )
        if shot.onto == "OVER" and shot.within == "PREVIEW" and span is None:
            raise InnerfaceError("there is no preview range; set one with P in a timeline, or choose Whole Take")
        with bake.all_or_nothing(face):
            bake_options = bake.bake_options(
                shot.options, loaded.from_sensors, at=start_frame, onto=shot.onto, span=span, blend=shot.blend
            )
            keyed = bake_take(
                face, loaded, scene, bake_options, shot.options, shot.options.sound and shot.onto == "ACTION"
            )
        take_list.mark_baked()
        return self.report_notes(
            keyed.notes,
            f"Baked {loaded.path.stem} on {face.name} from frame {keyed.first_frame}: {bake.key_count_text(keyed)}",
        )


class INNERFACE_OT_take_delete(_NeedsChosenTake, ReportsErrors, bpy.types.Operator):
    """Delete the chosen take's file. What was baked from it stays"""

    bl_idname = "innerface.take_delete"
    bl_label = "Delete Take"

    def invoke(self, context: Any, event: Any) -> set[str]:
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=f"Delete {take_list.chosen().name}?",
            message="Its file is deleted. This cannot be undone.",
        )

    def work(self, _context: Any) -> set[str]:
        row = _chosen_row()
        try:
            Path(row.path).unlink()
        except OSError as error:
            raise InnerfaceError(f"{row.path}: cannot be deleted ({error.strerror})") from None
        take_list.refresh(wait=True)
        return {"FINISHED"}


class INNERFACE_OT_takes_folder(ReportsErrors, bpy.types.Operator):
    """Open the folder that takes are in"""

    bl_idname = "innerface.takes_folder"
    bl_label = "Open Folder"

    def work(self, _context: Any) -> set[str]:
        folder = take_list.folder()
        folder.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.path_open(filepath=str(folder))
        return {"FINISHED"}


class INNERFACE_OT_takes_refresh(ReportsErrors, bpy.types.Operator):
    """Look for takes on the disk again"""

    bl_idname = "innerface.takes_refresh"
    bl_label = "Refresh"

    def work(self, _context: Any) -> set[str]:
        take_list.refresh(wait=bpy.app.background)
        return {"FINISHED"}


class INNERFACE_OT_invented(ReportsErrors, bpy.types.Operator):
    """Show or mute what no sensor sees, and the network made up (gaze, blinks)"""

    bl_idname = "innerface.invented"
    bl_label = "Invented Channels"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        face = face_or_none(context)
        return face is not None and bool(playback.unobserved_tracks(face))

    def work(self, context: Any) -> set[str]:
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
