"""Occluded ranges of the camera take: add, edit, go to; and markers at lip closures.

No `from __future__ import annotations` here: Blender reads properties from the annotations.
"""

# pyright: reportInvalidTypeForm=false
from typing import Any

import bpy
from bpy.props import EnumProperty, IntProperty

from ...core.errors import InnerfaceError
from .. import compat
from ..animation import hybrid_take, loaded_take
from ..animation.playback import playing_action
from ..animation.scene_time import curve_step, scene_rate
from ..animation.take_action import TakeAction
from ..character.face import active_face
from ..properties.face_parts import HIDDEN_PART_ITEMS
from ..properties.hybrid_ranges import RANGE_STATES
from ..properties.preferences import performer_settings
from ..redraw import redraw
from .base import ReportsErrors
from .hybrid import RequiresCameraTake, active_camera_action

_DEFAULT_RANGE_S = 1.0  # length of a new range where no preview range is set
_MARKER_NAME = "lips"


def _active_range(settings: Any) -> Any:
    if not 0 <= settings.active < len(settings.ranges):
        raise InnerfaceError("no range is selected; select one in the list or on the timeline")
    return settings.ranges[settings.active]


class INNERFACE_OT_range_add(RequiresCameraTake, ReportsErrors, bpy.types.Operator):
    """Add an occluded range: the preview range if one is set, otherwise one second around the playhead"""

    bl_idname = "innerface.range_add"
    bl_label = "Add Range"
    bl_options = {"REGISTER", "UNDO"}

    group: EnumProperty(
        name="Part", items=HIDDEN_PART_ITEMS, default="mouth", description="Part of the face that is occluded"
    )

    def work(self, context: bpy.types.Context) -> set[str]:
        scene, action = context.scene, active_camera_action(context)
        half = _DEFAULT_RANGE_S / 2 * scene_rate(scene)
        first, last = scene.frame_current - half, scene.frame_current + half
        if scene.use_preview_range:
            first, last = scene.frame_preview_start, scene.frame_preview_end
        start, end = (hybrid_take.seconds_at(action, f, scene) for f in (first, last))
        duration = hybrid_take.take_duration(action)
        if end <= 0 or start >= duration:
            take_first, take_last = (frame / curve_step(scene) for frame in action.frame_range)
            raise InnerfaceError(
                f"the playhead is outside the take; move it to a frame from {take_first:.0f} to {take_last:.0f}"
            )
        hybrid_take.add_range(action, start, min(end, duration), group=self.group)
        action.innerface_hybrid.active = len(action.innerface_hybrid.ranges) - 1
        redraw()
        return {"FINISHED"}


class INNERFACE_OT_range_set(RequiresCameraTake, ReportsErrors, bpy.types.Operator):
    """Accept, reject, mute or delete a range"""

    bl_idname = "innerface.range_set"
    bl_label = "Edit Range"
    bl_options = {"REGISTER", "UNDO"}

    what: EnumProperty(
        name="Action",
        items=(
            *(s[:3] for s in RANGE_STATES),
            ("MUTE", "Mute", "Leave the range out of the next mix, or include it again"),
            ("DELETE", "Delete", "Delete the range"),
            ("CLEAR", "Delete All", "Delete all ranges"),
            ("ALL", "Accept All", "Accept all pending ranges"),
        ),
        options={"SKIP_SAVE"},
    )
    index: IntProperty(
        name="Index",
        default=-1,
        options={"SKIP_SAVE"},
        description="Index of the range; the active one if negative",
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: Any) -> str:
        """Called by Blender."""
        return next(i.description for i in cls.bl_rna.properties["what"].enum_items if i.identifier == properties.what)

    def work(self, context: bpy.types.Context) -> set[str]:
        settings = active_camera_action(context).innerface_hybrid
        if self.what == "CLEAR":
            settings.ranges.clear()
        elif self.what == "ALL":
            for item in settings.ranges:
                item.state = "ACCEPTED" if item.state == "OPEN" else item.state
        else:
            self._edit_range(settings)
        redraw()
        return {"FINISHED"}

    def _edit_range(self, settings: Any) -> None:
        index = self.index if self.index >= 0 else settings.active
        if not 0 <= index < len(settings.ranges):
            raise InnerfaceError("no range is selected; select one in the list or on the timeline")
        item = settings.ranges[index]
        if self.what == "DELETE":
            settings.ranges.remove(index)
            settings.active = max(min(settings.active, len(settings.ranges) - 1), 0)
        elif self.what == "MUTE":
            item.mute = not item.mute
        else:
            item.state = "OPEN" if item.state == self.what else self.what


class INNERFACE_OT_range_show(RequiresCameraTake, ReportsErrors, bpy.types.Operator):
    """Move the playhead to the active range"""

    bl_idname = "innerface.range_show"
    bl_label = "Go to Range"

    def work(self, context: bpy.types.Context) -> set[str]:
        action, scene = active_camera_action(context), context.scene
        scene.frame_set(round(hybrid_take.frame_at(action, _active_range(action.innerface_hybrid).start, scene)))
        return {"FINISHED"}


class INNERFACE_OT_lip_markers(RequiresCameraTake, ReportsErrors, bpy.types.Operator):
    """Mark the lip closures of the current action and show waveforms in the sequencer; again to remove the markers"""

    bl_idname = "innerface.lip_markers"
    bl_label = "Mark Lip Closures"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: bpy.types.Context) -> set[str]:
        from ...core.face import lips
        from ...core.face.channels import ARKIT
        from ...core.face.face_model import load_bundled
        from ...core.hybrid.occlusion_features import without_gaps

        scene, action = context.scene, playing_action(active_face(context))
        existing_markers = [m for m in scene.timeline_markers if m.name == _MARKER_NAME]
        for marker in existing_markers:
            scene.timeline_markers.remove(marker)
        if existing_markers:
            return {"FINISHED"}
        loaded = loaded_take.cached_take(TakeAction(action).take_path)
        if loaded is None:
            loaded = loaded_take.load_take(hybrid_take.camera_path(action), performer_settings())
        track = loaded.weights.take.weights()
        lip_gaps = lips.lip_gap(load_bundled(), without_gaps(track.select(ARKIT), track.time))
        closure_rows = lips.closures(lip_gaps - lips.closed_gap(lip_gaps))
        for k in closure_rows:
            frame = round(hybrid_take.frame_at(action, float(track.time[k] - track.time[0]), scene))
            scene.timeline_markers.new(_MARKER_NAME, frame=frame)
        if scene.sequence_editor is not None:
            for strip in compat.sequencer_strips(scene.sequence_editor):
                if strip.type == "SOUND":
                    strip.show_waveform = True
        return self.report_notes(
            [], f"Marked {len(closure_rows)} lip closures; open the sequencer to compare them with the sound"
        )


CLASSES = (
    INNERFACE_OT_range_add,
    INNERFACE_OT_range_set,
    INNERFACE_OT_range_show,
    INNERFACE_OT_lip_markers,
)


register, unregister = bpy.utils.register_classes_factory(CLASSES)
