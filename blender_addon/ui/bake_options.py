"""Options of a bake, as several panels show them."""

from __future__ import annotations

from typing import Any

from ...core.face.channels import ChannelGroup

_SMOOTHED_GROUPS = (
    ChannelGroup.MOUTH,
    ChannelGroup.CHEEK,
    ChannelGroup.BROW,
    ChannelGroup.EYE_LEFT,
    ChannelGroup.EYE_RIGHT,
)


def draw_smoothing(layout: Any, options: Any) -> None:
    """Draw the strength of smoothing for each part of the face."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    layout.prop(options, "before", toggle=True)
    column = layout.column(align=True)
    column.active = not options.before
    for group in _SMOOTHED_GROUPS:
        column.prop(options, f"smooth_{group}", slider=True)
    row = column.row()
    row.use_property_split = False  # as wide as its label
    row.prop(options, "smooth_camera")


def draw_key_options(layout: Any, options: Any) -> None:
    """Draw whether and how far keys are reduced."""
    layout.prop(options, "fewer")
    row = layout.row()
    row.active = options.fewer
    row.prop(options, "tolerance")
