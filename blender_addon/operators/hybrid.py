"""Hybrid capture: align a second take, detect occlusions of the camera, bake the mix, compare."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import InnerfaceError
from .. import compat
from ..animation import bake, hybrid_take, loaded_take, rebake, sound
from ..animation.playback import playing_action
from ..animation.take_action import Part, TakeAction
from ..character.face import active_face, face_or_none
from ..live import take_list
from ..redraw import redraw
from .baking import bake_take
from .base import BackgroundOperator, Job, ReportsErrors

if TYPE_CHECKING:
    from ...core.hybrid.repair import RepairedTake


class RequiresCameraTake:
    """Mixin for operators on the camera take: the one of the current action, or the one its mix was made from."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Called by Blender."""
        return hybrid_take.camera_action(face_or_none(context)) is not None


def active_camera_action(context: bpy.types.Context) -> Any:
    """Return the action of the camera take. Raises InnerfaceError."""
    return hybrid_take.camera_action(active_face(context))


def _request(context: bpy.types.Context) -> hybrid_take.HybridRequest:
    return hybrid_take.hybrid_request(active_camera_action(context))


class INNERFACE_OT_hybrid_helper(RequiresCameraTake, ReportsErrors, bpy.types.Operator):
    """Use the selected take of the Takes list as second take; it may be the camera take itself if that has sensors"""

    bl_idname = "innerface.hybrid_helper"
    bl_label = "Use Selected Take"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: bpy.types.Context) -> set[str]:
        row = take_list.selected()
        if row is None:
            raise InnerfaceError("no take is selected; select one in the Takes list, or choose a file")
        settings = active_camera_action(context).innerface_hybrid
        settings.helper, settings.aligned = row.path, ""
        return {"FINISHED"}


class INNERFACE_OT_hybrid_align(RequiresCameraTake, BackgroundOperator, bpy.types.Operator):
    """Align the second take with the camera take by the motion of both; takes that do not match are refused"""

    bl_idname = "innerface.hybrid_align"
    bl_label = "Align"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: bpy.types.Context) -> Job:
        request = _request(context)
        if request.helper is None:
            raise InnerfaceError("there is no second take; choose one, from sensors or any other of this performance")
        request.forget_alignment()
        return Job(
            f"Aligning {request.helper.name}",
            lambda: request.aligned_helper(hybrid_take.read_camera_take(request.camera)),
            request.expected_s,
        )

    def finish(self, context: bpy.types.Context, aligned: Any) -> set[str]:
        settings = active_camera_action(context).innerface_hybrid
        placement = "placed by hand" if settings.by_hand else "recorded together"
        if aligned.alignment is not None:
            settings.offset = aligned.begins_s
            start_s = round(aligned.begins_s, 2) + 0.0  # no -0.00
            found = aligned.alignment
            placement = f"starts at {start_s:.2f} s, by {found.method}, confidence {found.confidence:.0%}"
        settings.aligned = f"{Path(settings.helper).name}: {placement}"
        redraw()
        return self.report_notes(aligned.notes, settings.aligned)


class INNERFACE_OT_hybrid_detect(RequiresCameraTake, BackgroundOperator, bpy.types.Operator):
    """Find ranges where the camera cannot be trusted; ranges that were accepted, rejected or added by hand are kept"""

    bl_idname = "innerface.hybrid_detect"
    bl_label = "Detect Occlusions"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: bpy.types.Context) -> Job:
        request = _request(context)

        def work() -> Any:
            from ...core.hybrid import detect

            camera = hybrid_take.read_camera_take(request.camera)
            aligned = request.aligned_helper(camera)
            if aligned is None:
                return detect.detect(camera.weights())
            return detect.detect(camera.weights(), helper=aligned.helper.features(), helper_name=aligned.helper.name)

        return Job(f"Analysing {request.camera.name}", work, request.expected_s)

    def finish(self, context: bpy.types.Context, occlusions: Any) -> set[str]:
        new_count, known_count = hybrid_take.replace_detected(active_camera_action(context), occlusions)
        redraw()
        if not occlusions:
            return self.report_notes([], "No occlusions found: the whole take can be trusted")
        known = f", {known_count} already known" if known_count else ""
        return self.report_notes([], f"{new_count} occlusions found{known}")


class INNERFACE_OT_hybrid_mix(RequiresCameraTake, BackgroundOperator, bpy.types.Operator):
    """Repair all but rejected and muted ranges in a new take and a new action; the camera take is kept"""

    bl_idname = "innerface.hybrid_mix"
    bl_label = "Bake Mix"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: bpy.types.Context) -> Job:
        request = _request(context)
        if not request.ranges:
            raise InnerfaceError("there is no range to repair; detect occlusions, or add a range by hand")
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

        return Job(f"Mixing {request.camera.name}", work, request.expected_s)

    def finish(self, context: bpy.types.Context, result: tuple[loaded_take.LoadedTake, RepairedTake]) -> set[str]:
        loaded, repaired = result
        face, scene = active_face(context), context.scene
        camera = hybrid_take.camera_action(face)
        camera_take = TakeAction(camera)
        bake_options = bake.bake_options(
            camera.innerface, False, start=camera_take.start_frame, first=camera_take.first_frame
        )
        with bake.all_or_nothing(face):
            mix = loaded_take.retime(loaded, camera_take.clock_slope)
            keyed = bake_take(face, mix, scene, bake_options=bake_options, options=camera.innerface, with_sound=False)
        rebake.store_clock_slope(keyed, camera_take.clock_slope)
        for action in keyed.actions:
            if TakeAction(action).is_take:
                action.innerface_hybrid.camera = camera
        take_list.refresh(wait=bpy.app.background)
        interpolated = [channel for channel, source in repaired.infill.source.items() if source == "edges"]
        notes = (
            [f"Interpolated {', '.join(interpolated)} from the camera before and after, as nothing else shows them"]
            if interpolated
            else []
        )
        return self.report_notes(notes, f"Repaired {len(repaired.ranges)} ranges: {bake.key_count_text(keyed)}")


class INNERFACE_OT_hybrid_compare(RequiresCameraTake, ReportsErrors, bpy.types.Operator):
    """Switch between the camera take and the mix"""

    bl_idname = "innerface.hybrid_compare"
    bl_label = "Camera / Mix"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: bpy.types.Context) -> set[str]:
        face = active_face(context)
        camera = hybrid_take.camera_action(face)
        mixes = hybrid_take.mixes_of(camera)
        if not mixes:
            raise InnerfaceError("there is no mix yet; press Bake Mix")
        target = camera if hybrid_take.is_mix(playing_action(face)) else mixes[0]
        for owner, action in bake.previous_bake(face, TakeAction(target).take_path, Part.OBSERVED).items():
            compat.assign_action(action, owner)
        context.scene.frame_set(context.scene.frame_current)
        redraw()
        return self.report_notes([], f"Playing the {'camera take' if target == camera else 'mix'}")


CLASSES = (
    INNERFACE_OT_hybrid_helper,
    INNERFACE_OT_hybrid_align,
    INNERFACE_OT_hybrid_detect,
    INNERFACE_OT_hybrid_mix,
    INNERFACE_OT_hybrid_compare,
)


register, unregister = bpy.utils.register_classes_factory(CLASSES)
