"""Mending a camera's take: align what helps it, find where it is hidden, say what is true of each range, mix.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, IntProperty

from ...core.errors import InnerfaceError
from .. import compat
from ..animation import bake, hybrid_take, loaded_take, playback, rebake, sound
from ..animation.scene_time import scene_rate
from ..animation.take_action import Part, TakeAction
from ..character.face import active_face, face_or_none
from ..live import take_list
from ..properties.face_parts import HIDDEN_PART_ITEMS
from ..properties.hybrid_ranges import RANGE_STATES
from ..properties.preferences import performer_settings
from ..redraw import redraw
from .base import BackgroundOperator, ReportsErrors
from .import_takes import bake_take

_DEFAULT_RANGE_S = 1.0  # a new range without a preview range is so long


class _NeedsCameraTake:
    """Operators on the camera's take that plays, or that the mix that plays was made of."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Blender's call."""
        return hybrid_take.camera_action(face_or_none(context)) is not None


class INNERFACE_OT_hybrid_align(_NeedsCameraTake, BackgroundOperator, bpy.types.Operator):
    """Find where the helping take lies on the camera's clock, by the motion of both. Takes that do not match are refused"""

    bl_idname = "innerface.hybrid_align"
    bl_label = "Align"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        request = hybrid_take.hybrid_request(hybrid_take.camera_action(active_face(context)))
        if request.helper is None:
            raise InnerfaceError("choose a helping take first: of sensors, or any other take of this performance")
        request.forget_alignment()
        return (
            f"Aligning {request.helper.name}",
            lambda: request.aligned_helper(hybrid_take.read_camera_take(request.camera)),
            request.expected_s,
        )

    def finish(self, context: Any, aligned: Any) -> set[str]:
        settings = hybrid_take.camera_action(active_face(context)).innerface_hybrid
        placement = "placed by hand" if settings.by_hand else "recorded together"
        if aligned.alignment is not None:
            settings.offset = aligned.begins_s
            placement = f"begins at {round(aligned.begins_s, 2) + 0.0:.2f} s, by {aligned.alignment.method}, confidence {aligned.alignment.confidence:.0%}"
        settings.aligned = f"{Path(settings.helper).name}: {placement}"
        redraw()
        return self.report_notes(aligned.notes, settings.aligned)


class INNERFACE_OT_hybrid_helper(_NeedsCameraTake, ReportsErrors, bpy.types.Operator):
    """Let the take that is chosen in the list of takes help. A take that was recorded with a camera and sensors helps itself"""

    bl_idname = "innerface.hybrid_helper"
    bl_label = "Chosen Take Helps"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        row = take_list.chosen()
        if row is None:
            raise InnerfaceError("no take is chosen; choose one in the list under Takes, or a file")
        settings = hybrid_take.camera_action(active_face(context)).innerface_hybrid
        settings.helper, settings.aligned = row.path, ""
        return {"FINISHED"}


class INNERFACE_OT_hybrid_detect(_NeedsCameraTake, BackgroundOperator, bpy.types.Operator):
    """Find where the camera is not to be trusted. Nothing is baked. Ranges that you accepted, rejected or drew stay"""

    bl_idname = "innerface.hybrid_detect"
    bl_label = "Detect"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        request = hybrid_take.hybrid_request(hybrid_take.camera_action(active_face(context)))

        def work() -> Any:
            from ...core.hybrid import detect

            camera = hybrid_take.read_camera_take(request.camera)
            aligned = request.aligned_helper(camera)
            if aligned is None:
                return detect.detect(camera.weights())
            return detect.detect(camera.weights(), aligned.helper.features(), helper_name=aligned.helper.name)

        return f"Looking at {request.camera.name}", work, request.expected_s

    def finish(self, context: Any, occlusions: Any) -> set[str]:
        new_count, known_count = hybrid_take.replace_detected(
            hybrid_take.camera_action(active_face(context)), occlusions
        )
        redraw()
        return self.report_notes(
            [],
            f"{new_count} hidden ranges found"
            + (f", {known_count} were known" if known_count else "")
            + ("" if occlusions else ": all of the take can be trusted"),
        )


class INNERFACE_OT_hybrid_mix(_NeedsCameraTake, BackgroundOperator, bpy.types.Operator):
    """Mend the ranges (all but rejected and muted ones) into a new take and a new action. The camera's take and its action stay as they are"""

    bl_idname = "innerface.hybrid_mix"
    bl_label = "Bake Mix"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        request = hybrid_take.hybrid_request(hybrid_take.camera_action(active_face(context)))
        if not request.ranges:
            raise InnerfaceError("there is no range to mend: Detect, or add ranges where something hid the face")
        out_path = take_list.folder() / f"{request.camera.stem} mix.mcap"

        def work() -> Any:
            from ...core import formats
            from ...core.hybrid import repair

            camera, voice = hybrid_take.read_camera_take(request.camera), None
            with suppress(InnerfaceError):  # a video without sound
                voice = sound.voice_features(camera)
            aligned = request.aligned_helper(camera)
            repaired = repair.repair(
                camera,
                request.ranges,
                aligned.helper if aligned else None,
                find_ranges=False,
                sound=voice,
                doubt=aligned.doubt if aligned else None,
            )
            formats.write_take(replace(repaired.take, name=out_path.stem), out_path)
            return loaded_take.load_take(out_path, request.performer), repaired

        return f"Mixing {request.camera.name}", work, request.expected_s

    def finish(self, context: Any, result: Any) -> set[str]:
        loaded, repaired = result
        face, scene = active_face(context), context.scene
        camera = hybrid_take.camera_action(face)
        slope, start, first = (
            TakeAction(camera).clock_slope,
            TakeAction(camera).start_frame,
            TakeAction(camera).first_frame,
        )
        bake_options = bake.bake_options(camera.innerface, False, start=start, first=first)
        with bake.all_or_nothing(face):
            keyed = bake_take(
                face, loaded_take.retime(loaded, slope), scene, bake_options, camera.innerface, with_sound=False
            )
        rebake.store_clock_slope(keyed, slope)
        for action in keyed.actions:
            if TakeAction(action).is_take:
                action.innerface_hybrid.camera = camera
        take_list.refresh(wait=bpy.app.background)
        sources = repaired.infill.source
        interpolated = [c for c, what in sources.items() if what == "edges"]
        notes = (
            [f"nothing shows {', '.join(interpolated)} there: interpolated from the camera before and after"]
            if interpolated
            else []
        )
        return self.report_notes(notes, f"Mixed {len(repaired.ranges)} ranges: {bake.key_count_text(keyed)}")


class INNERFACE_OT_hybrid_compare(_NeedsCameraTake, ReportsErrors, bpy.types.Operator):
    """Play the camera's take instead of the mix, or the mix again"""

    bl_idname = "innerface.hybrid_compare"
    bl_label = "Camera / Mix"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        face = active_face(context)
        camera = hybrid_take.camera_action(face)
        mixes = hybrid_take.mixes_of(camera)
        if not mixes:
            raise InnerfaceError("there is no mix yet; press Bake Mix")
        target = camera if hybrid_take.is_mix(playback.playing_action(face)) else mixes[0]
        for owner, action in bake.previous_bake(face, TakeAction(target).take_path, Part.OBSERVED).items():
            compat.assign_action(action, owner)
        context.scene.frame_set(context.scene.frame_current)
        redraw()
        self.report({"INFO"}, f"{'The camera' if target == camera else 'The mix'} plays")
        return {"FINISHED"}


class INNERFACE_OT_range_add(_NeedsCameraTake, ReportsErrors, bpy.types.Operator):
    """Add a range: the preview range (P in a timeline) where one is set, else a second around the playhead"""

    bl_idname = "innerface.range_add"
    bl_label = "Add Range"
    bl_options = {"REGISTER", "UNDO"}

    group: EnumProperty(name="Part", items=HIDDEN_PART_ITEMS, default="mouth", description="What of the face is hidden")

    def work(self, context: Any) -> set[str]:
        scene, action = context.scene, hybrid_take.camera_action(active_face(context))
        half = _DEFAULT_RANGE_S / 2 * scene_rate(scene)
        first, last = scene.frame_current - half, scene.frame_current + half
        if scene.use_preview_range:
            first, last = scene.frame_preview_start, scene.frame_preview_end
        start, end = (hybrid_take.seconds_at(action, f, scene) for f in (first, last))
        length = hybrid_take.take_duration(action)
        if end <= 0 or start >= length:
            raise InnerfaceError(
                f"the take lies from frame {action.frame_range[0]:.0f} to {action.frame_range[1]:.0f}; move the playhead into it"
            )
        hybrid_take.add_range(action, start, min(end, length), self.group)
        action.innerface_hybrid.active = len(action.innerface_hybrid.ranges) - 1
        redraw()
        return {"FINISHED"}


class INNERFACE_OT_range_set(_NeedsCameraTake, ReportsErrors, bpy.types.Operator):
    """Accept, reject, mute or delete a range"""

    bl_idname = "innerface.range_set"
    bl_label = "Range"
    bl_options = {"REGISTER", "UNDO"}

    what: EnumProperty(
        items=(
            *(s[:3] for s in RANGE_STATES),
            ("MUTE", "Mute", "Leave it out of the next mix, or no longer"),
            ("DELETE", "Delete", "Remove it"),
            ("CLEAR", "Clear", "Remove all ranges"),
            ("ALL", "Accept All", "Accept all that are open"),
        ),
        options={"SKIP_SAVE"},
    )
    index: IntProperty(default=-1, options={"SKIP_SAVE"}, description="Which range; the chosen one where negative")

    @classmethod
    def description(cls, _context: Any, properties: Any) -> str:
        """Blender's call."""
        return next(i.description for i in cls.bl_rna.properties["what"].enum_items if i.identifier == properties.what)

    def work(self, context: Any) -> set[str]:
        settings = hybrid_take.camera_action(active_face(context)).innerface_hybrid
        if self.what == "CLEAR":
            settings.ranges.clear()
        elif self.what == "ALL":
            for item in settings.ranges:
                item.state = "ACCEPTED" if item.state == "OPEN" else item.state
        else:
            k = self.index if self.index >= 0 else settings.active
            if not 0 <= k < len(settings.ranges):
                raise InnerfaceError("no range is chosen; click one in the list or on the timeline")
            item = settings.ranges[k]
            if self.what == "DELETE":
                settings.ranges.remove(k)
                settings.active = max(min(settings.active, len(settings.ranges) - 1), 0)
            elif self.what == "MUTE":
                item.mute = not item.mute
            else:
                item.state = "OPEN" if item.state == self.what else self.what
        redraw()
        return {"FINISHED"}


class INNERFACE_OT_range_show(_NeedsCameraTake, ReportsErrors, bpy.types.Operator):
    """Move the playhead to the chosen range"""

    bl_idname = "innerface.range_show"
    bl_label = "Go to Range"

    def work(self, context: Any) -> set[str]:
        action = hybrid_take.camera_action(active_face(context))
        settings = action.innerface_hybrid
        if not 0 <= settings.active < len(settings.ranges):
            raise InnerfaceError("no range is chosen; click one in the list")
        context.scene.frame_set(
            round(hybrid_take.frame_at(action, settings.ranges[settings.active].start, context.scene))
        )
        return {"FINISHED"}


class INNERFACE_OT_lip_markers(_NeedsCameraTake, ReportsErrors, bpy.types.Operator):
    """Mark where the lips close in what plays, and show the waveforms of the sounds in the sequencer, to compare the two. Again: the marks go"""

    bl_idname = "innerface.lip_markers"
    bl_label = "Lips on the Waveform"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        from ...core.face import lips
        from ...core.face.channels import ARKIT
        from ...core.face.face_model import load_bundled
        from ...core.hybrid.occlusion_features import without_gaps

        scene, action = context.scene, playback.playing_action(active_face(context))
        existing_markers = [m for m in scene.timeline_markers if m.name == "lips"]
        for marker in existing_markers:
            scene.timeline_markers.remove(marker)
        if existing_markers:
            return {"FINISHED"}
        loaded = loaded_take.cached_take(TakeAction(action).take_path) or loaded_take.load_take(
            hybrid_take.camera_path(action), performer_settings()
        )
        track = loaded.weights.take.weights()
        lip_gaps = lips.lip_gap(load_bundled(), without_gaps(track.select(ARKIT), track.time))
        closure_rows = lips.closures(lip_gaps - lips.closed_gap(lip_gaps))
        for k in closure_rows:
            frame = round(hybrid_take.frame_at(action, float(track.time[k] - track.time[0]), scene))
            scene.timeline_markers.new("lips", frame=frame)
        if scene.sequence_editor is not None:
            for strip in compat.sequencer_strips(scene.sequence_editor):
                if strip.type == "SOUND":
                    strip.show_waveform = True
        self.report(
            {"INFO"}, f"{len(closure_rows)} lip closures marked; open the sequencer to compare them with the sound"
        )
        return {"FINISHED"}


CLASSES = (
    INNERFACE_OT_hybrid_helper,
    INNERFACE_OT_hybrid_align,
    INNERFACE_OT_hybrid_detect,
    INNERFACE_OT_hybrid_mix,
    INNERFACE_OT_hybrid_compare,
    INNERFACE_OT_range_add,
    INNERFACE_OT_range_set,
    INNERFACE_OT_range_show,
    INNERFACE_OT_lip_markers,
)


register, unregister = bpy.utils.register_classes_factory(CLASSES)
