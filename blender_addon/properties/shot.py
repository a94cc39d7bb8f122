"""What belongs to the shot: kept in the scene.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from .bake_options import InnerfaceBake

RECORD_RANGES = (
    ("FREE", "Until Stopped", "From the playhead until Stop is pressed", "PLAY", 0),
    ("SCENE", "Scene Range", "From the scene's start frame to its end frame", "PREVIEW_RANGE", 1),
    (
        "PUNCH",
        "Punch In",
        "Only the preview range (press P in a timeline to set it); frames before it play as pre-roll",
        "ARROW_LEFTRIGHT",
        2,
    ),
)


class InnerfaceShot(bpy.types.PropertyGroup):
    """Slate, recording range and placement of takes."""

    slate: StringProperty(
        name="Slate", default="take", maxlen=60, description="Name of the shot, which its takes are named after"
    )
    number: IntProperty(name="Take", default=1, min=1, max=9999, description="Number of the next take")
    range: EnumProperty(name="Range", items=RECORD_RANGES, description="Part of the timeline to record")
    loop: BoolProperty(
        name="Loop", description="At the end of the range start again with a new take, until Stop is pressed"
    )
    placed: EnumProperty(
        name="Start At",
        description="Where on the timeline the take starts",
        items=(
            ("RECORDED", "As Recorded", "At the frame that played when it was recorded"),
            ("PLAYHEAD", "Playhead", "At the current frame"),
        ),
    )
    onto: EnumProperty(
        name="Bake To",
        description="Where the keys of the take go",
        items=(
            ("ACTION", "New Action", "A new action, assigned to the face", "ACTION", 0),
            ("STRIP", "NLA Strip", "A strip on an NLA track of its own", "NLA", 1),
            (
                "OVER",
                "Current Action",
                "Over the keys of the current action, within the chosen range: combines takes phrase by phrase",
                "GREASEPENCIL",
                2,
            ),
        ),
    )
    within: EnumProperty(
        name="Range",
        description="How much of the take is baked over the current action",
        items=(
            ("TAKE", "Whole Take", "The whole take"),
            ("PREVIEW", "Preview Range", "Only the preview range (press P in a timeline to set it)"),
        ),
    )
    blend: IntProperty(
        name="Blend",
        default=4,
        min=0,
        max=1000,
        description="Frames over which the take fades in and out over the current action",
    )
    options: PointerProperty(type=InnerfaceBake)
