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

from ..core.errors import InnerfaceError
from . import bake, compat, hybrid, sound, takes
from .face import active_face, face_or_none
from .import_takes import one, performer
from .keying import scene_rate
from .mended import Mended, Threaded
from .redraw import redraw
from .settings import HIDDEN_PARTS, RANGE_STATES

_DRAWN_S = 1.0  # a new range without a preview range is so long


class _Camera:
    """Operators on the camera's take that plays, or that the mix that plays was made of."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Blender's call."""
        return hybrid.camera_action(face_or_none(context)) is not None


class INNERFACE_OT_hybrid_align(_Camera, Threaded, bpy.types.Operator):
    """Find where the helping take lies on the camera's clock, by the motion of both. Takes that do not match are refused"""

    bl_idname = "innerface.hybrid_align"
    bl_label = "Align"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        asked = hybrid.work_of(hybrid.camera_action(active_face(context)))
        if asked.helper is None:
            raise InnerfaceError("choose a helping take first: of sensors, or any other take of this performance")
        asked.forget()
        return f"Aligning {asked.helper.name}", lambda: asked.help(hybrid.read_camera(asked.camera)), asked.seconds

    def finish(self, context: Any, found: Any) -> set[str]:
        settings = hybrid.camera_action(active_face(context)).innerface_hybrid
        how = "placed by hand" if settings.by_hand else "recorded together"
        if found.found is not None:
            settings.offset = found.begins_s
            how = f"begins at {round(found.begins_s, 2) + 0.0:.2f} s, by {found.found.method}, confidence {found.found.confidence:.0%}"
        settings.aligned = f"{Path(settings.helper).name}: {how}"
        redraw()
        return self.told(found.notes, settings.aligned)


class INNERFACE_OT_hybrid_helper(_Camera, Mended, bpy.types.Operator):
    """Let the take that is chosen in the list of takes help. A take that was recorded with a camera and sensors helps itself"""

    bl_idname = "innerface.hybrid_helper"
    bl_label = "Chosen Take Helps"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        row = takes.chosen()
        if row is None:
            raise InnerfaceError("no take is chosen; choose one in the list under Takes, or a file")
        settings = hybrid.camera_action(active_face(context)).innerface_hybrid
        settings.helper, settings.aligned = row.path, ""
        return {"FINISHED"}


class INNERFACE_OT_hybrid_detect(_Camera, Threaded, bpy.types.Operator):
    """Find where the camera is not to be trusted. Nothing is baked. Ranges that you accepted, rejected or drew stay"""

    bl_idname = "innerface.hybrid_detect"
    bl_label = "Detect"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        asked = hybrid.work_of(hybrid.camera_action(active_face(context)))

        def work() -> Any:
            from ..core.hybrid import detect

            camera = hybrid.read_camera(asked.camera)
            found = asked.help(camera)
            if found is None:
                return detect.detect(camera.weights())
            return detect.detect(camera.weights(), found.helper.features(), who=found.helper.who)

        return f"Looking at {asked.camera.name}", work, asked.seconds

    def finish(self, context: Any, found: Any) -> set[str]:
        new, known = hybrid.put(hybrid.camera_action(active_face(context)), found)
        redraw()
        return self.told([], f"{new} hidden ranges found" + (f", {known} were known" if known else "") + ("" if found else ": all of the take can be trusted"))


class INNERFACE_OT_hybrid_mix(_Camera, Threaded, bpy.types.Operator):
    """Mend the ranges (all but rejected and muted ones) into a new take and a new action. The camera's take and its action stay as they are"""

    bl_idname = "innerface.hybrid_mix"
    bl_label = "Bake Mix"
    bl_options = {"REGISTER", "UNDO"}

    def prepare(self, context: Any) -> tuple[str, Callable[[], Any], float]:
        asked = hybrid.work_of(hybrid.camera_action(active_face(context)))
        if not asked.ranges:
            raise InnerfaceError("there is no range to mend: Detect, or add ranges where something hid the face")
        out = takes.folder() / f"{asked.camera.stem} mix.mcap"

        def work() -> Any:
            from ..core import formats
            from ..core.hybrid import mix

            camera, heard = hybrid.read_camera(asked.camera), None
            with suppress(InnerfaceError):  # a video without sound
                heard = sound.heard(camera)
            found = asked.help(camera)
            done = mix.mix(camera, asked.ranges, found.helper if found else None, find=False, sound=heard, doubt=found.doubt if found else None)
            formats.write_take(replace(done.take, name=out.stem), out)
            return bake.load(out, asked.who), done

        return f"Mixing {asked.camera.name}", work, asked.seconds

    def finish(self, context: Any, result: Any) -> set[str]:
        loaded, done = result
        face, scene = active_face(context), context.scene
        camera = hybrid.camera_action(face)
        slope, start, first = float(camera.get(bake.SLOPE, 1.0)), float(camera[bake.START]), camera.get(bake.FIRST)
        how = bake.how_of(camera.innerface, False, start=start, first=first)
        with bake.whole(face):
            keyed = one(face, bake.slowed(loaded, slope), scene, how, camera.innerface, with_sound=False)
        bake.mark(keyed, bake.SLOPE, slope)
        for action in keyed.actions:
            if bake.TAKE in action:
                action.innerface_hybrid.camera = camera
        takes.refresh(wait=bpy.app.background)
        made = done.mended.source
        edges = [c for c, what in made.items() if what == "edges"]
        notes = [f"nothing shows {', '.join(edges)} there: interpolated from the camera before and after"] if edges else []
        return self.told(notes, f"Mixed {len(done.ranges)} ranges: {bake.counted(keyed)}")


class INNERFACE_OT_hybrid_compare(_Camera, Mended, bpy.types.Operator):
    """Play the camera's take instead of the mix, or the mix again"""

    bl_idname = "innerface.hybrid_compare"
    bl_label = "Camera / Mix"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        face = active_face(context)
        camera = hybrid.camera_action(face)
        mixes = hybrid.mixes_of(camera)
        if not mixes:
            raise InnerfaceError("there is no mix yet; press Bake Mix")
        other = camera if hybrid.is_mix(bake.playing(face)) else mixes[0]
        for owner, action in bake.made_of(face, other[bake.TAKE], bake.SEEN).items():
            compat.assign(action, owner)
        context.scene.frame_set(context.scene.frame_current)
        redraw()
        self.report({"INFO"}, f"{'The camera' if other == camera else 'The mix'} plays")
        return {"FINISHED"}


class INNERFACE_OT_range_add(_Camera, Mended, bpy.types.Operator):
    """Add a range: the preview range (P in a timeline) where one is set, else a second around the playhead"""

    bl_idname = "innerface.range_add"
    bl_label = "Add Range"
    bl_options = {"REGISTER", "UNDO"}

    group: EnumProperty(name="Part", items=HIDDEN_PARTS, default="mouth", description="What of the face is hidden")

    def work(self, context: Any) -> set[str]:
        scene, action = context.scene, hybrid.camera_action(active_face(context))
        half = _DRAWN_S / 2 * scene_rate(scene)
        first, last = scene.frame_current - half, scene.frame_current + half
        if scene.use_preview_range:
            first, last = scene.frame_preview_start, scene.frame_preview_end
        start, end = (hybrid.second_of(action, f, scene) for f in (first, last))
        length = hybrid.length_of(action)
        if end <= 0 or start >= length:
            raise InnerfaceError(f"the take lies from frame {action.frame_range[0]:.0f} to {action.frame_range[1]:.0f}; move the playhead into it")
        hybrid.add(action, start, min(end, length), self.group)
        action.innerface_hybrid.active = len(action.innerface_hybrid.ranges) - 1
        redraw()
        return {"FINISHED"}


class INNERFACE_OT_range_set(_Camera, Mended, bpy.types.Operator):
    """Accept, reject, mute or delete a range"""

    bl_idname = "innerface.range_set"
    bl_label = "Range"
    bl_options = {"REGISTER", "UNDO"}

    what: EnumProperty(
        items=(*(s[:3] for s in RANGE_STATES), ("MUTE", "Mute", "Leave it out of the next mix, or no longer"), ("DELETE", "Delete", "Remove it"),
               ("CLEAR", "Clear", "Remove all ranges"), ("ALL", "Accept All", "Accept all that are open")),
        options={"SKIP_SAVE"},
    )  # fmt: skip
    index: IntProperty(default=-1, options={"SKIP_SAVE"}, description="Which range; the chosen one where negative")

    @classmethod
    def description(cls, _context: Any, properties: Any) -> str:
        """Blender's call."""
        return next(i.description for i in cls.bl_rna.properties["what"].enum_items if i.identifier == properties.what)

    def work(self, context: Any) -> set[str]:
        settings = hybrid.camera_action(active_face(context)).innerface_hybrid
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


class INNERFACE_OT_range_show(_Camera, Mended, bpy.types.Operator):
    """Move the playhead to the chosen range"""

    bl_idname = "innerface.range_show"
    bl_label = "Go to Range"

    def work(self, context: Any) -> set[str]:
        action = hybrid.camera_action(active_face(context))
        settings = action.innerface_hybrid
        if not 0 <= settings.active < len(settings.ranges):
            raise InnerfaceError("no range is chosen; click one in the list")
        context.scene.frame_set(round(hybrid.frame_of(action, settings.ranges[settings.active].start, context.scene)))
        return {"FINISHED"}


class INNERFACE_OT_lip_markers(_Camera, Mended, bpy.types.Operator):
    """Mark where the lips close in what plays, and show the waveforms of the sounds in the sequencer, to compare the two. Again: the marks go"""

    bl_idname = "innerface.lip_markers"
    bl_label = "Lips on the Waveform"
    bl_options = {"REGISTER", "UNDO"}

    def work(self, context: Any) -> set[str]:
        from ..core import metrics
        from ..core.channels import ARKIT
        from ..core.face_model import bundled
        from ..core.hybrid import detect

        scene, action = context.scene, bake.playing(active_face(context))
        old = [m for m in scene.timeline_markers if m.name == "lips"]
        for marker in old:
            scene.timeline_markers.remove(marker)
        if old:
            return {"FINISHED"}
        loaded = bake.at_hand(action) or bake.load(hybrid.take_of(action), performer())
        track = loaded.weights.take.weights()
        gap = metrics.lip_gap(bundled(), detect.whole(track.select(ARKIT), track.time))
        first = metrics.closures(gap - metrics.closed_gap(gap))
        for k in first:
            frame = round(hybrid.frame_of(action, float(track.time[k] - track.time[0]), scene))
            scene.timeline_markers.new("lips", frame=frame)
        if scene.sequence_editor is not None:
            for strip in compat.strips_of(scene.sequence_editor):
                if strip.type == "SOUND":
                    strip.show_waveform = True
        self.report({"INFO"}, f"{len(first)} lip closures marked; open the sequencer to compare them with the sound")
        return {"FINISHED"}


CLASSES = (
    INNERFACE_OT_hybrid_helper, INNERFACE_OT_hybrid_align, INNERFACE_OT_hybrid_detect, INNERFACE_OT_hybrid_mix, INNERFACE_OT_hybrid_compare,
    INNERFACE_OT_range_add, INNERFACE_OT_range_set, INNERFACE_OT_range_show, INNERFACE_OT_lip_markers,
)  # fmt: skip


register, unregister = bpy.utils.register_classes_factory(CLASSES)
