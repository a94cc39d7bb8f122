"""Equipment and preferences of the user, kept over files and sessions.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ...core.pipeline import PerformerSettings
from ..paths import ADDON_ID
from .source_fields import preference_properties

_addresses: list[tuple[str, str, str]] = []  # Blender needs the strings kept


def _interface_items(_self: Any, _context: Any) -> list[tuple[str, str, str]]:
    if not _addresses:
        from ...server.addresses import local_addresses

        _addresses.extend((a, a, "An address of this computer") for a in local_addresses())
        _addresses.append(("0.0.0.0", "All", "All addresses of this computer"))
    return _addresses


class InnerfacePreferences(bpy.types.AddonPreferences):
    """Equipment and preferences of the user; those of sources and sinks are added by `declare_preferences`."""

    bl_idname = ADDON_ID

    interface: EnumProperty(
        name="Address",
        items=_interface_items,
        description="Address of this computer at which Blender listens for phones and trackers",
    )
    network: BoolProperty(
        name="Allow Network Devices",
        default=False,
        description="Let phones and trackers on your network send to Blender; otherwise only this computer can",
    )

    layout_file: StringProperty(
        name="Sensor Layout",
        subtype="FILE_PATH",
        description="File with the sites of the sensors (.json); the eleven default sites if empty",
    )
    adapter: StringProperty(
        name="Adapter", subtype="FILE_PATH", description="Adapter that innerface adapt fitted to this performer (.npz)"
    )
    rest: StringProperty(
        name="Relaxed Face",
        subtype="FILE_PATH",
        description="Take with a second or more of this performer's relaxed face as a camera saw it, which sensors "
        "cannot know; if empty, a camera that is connected shows it during the calibration",
    )
    electrodes_network: StringProperty(
        name="Electrode Model",
        subtype="FILE_PATH",
        description="Model that innerface train bio made for this performer (.onnx); "
        "without it, electrodes are recorded but drive no face",
    )
    lowest_delay: BoolProperty(
        name="Low Latency",
        default=False,
        description="Show the face 33 ms earlier, slightly less accurately; recordings are not affected",
    )
    loss: EnumProperty(
        name="On Signal Loss",
        description="What the face does while no data arrives",
        items=(
            ("hold", "Hold", "Hold the last pose"),
            ("fade", "Fade", "Fade to the relaxed face"),
            ("gap", "Stop", "Stop sending"),
        ),
    )

    countdown: FloatProperty(
        name="Countdown",
        default=3.0,
        min=0.0,
        max=30.0,
        precision=0,
        step=100,
        subtype="TIME_ABSOLUTE",
        description="Seconds before recording starts",
    )
    preroll: FloatProperty(
        name="Pre-Roll",
        default=1.0,
        min=0.0,
        max=30.0,
        precision=1,
        step=50,
        subtype="TIME_ABSOLUTE",
        description="Seconds that the scene plays before recording starts",
    )
    playback: BoolProperty(
        name="Play Scene", default=True, description="Play the scene's animation and sound while recording"
    )
    takes_folder: StringProperty(
        name="Takes Folder",
        subtype="DIR_PATH",
        description="Folder for recorded takes; beside the .blend file if empty",
    )

    def draw(self, _context: Any) -> None:
        """In Blender's preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "takes_folder")
        layout.prop(self, "network")
        row = layout.row()
        row.enabled = self.network
        row.prop(self, "interface")
        layout.prop(self, "loss")


_OWN_ANNOTATIONS = dict(InnerfacePreferences.__annotations__)


def declare_preferences() -> None:
    """Add the preferences of all kinds of sources and sinks, before the class is registered."""
    InnerfacePreferences.__annotations__ = _OWN_ANNOTATIONS | preference_properties()


def preferences() -> Any:
    """Return the add-on's preferences (`InnerfacePreferences`)."""
    return bpy.context.preferences.addons[ADDON_ID].preferences


def electrode_network_file(settings: Any) -> str:
    """Return the file of the performer's electrode network, "" for none; the virtual performer has its own."""
    if settings.electrodes_network:
        return bpy.path.abspath(settings.electrodes_network)
    return "simulated" if settings.electrodes == "VIRTUAL" else ""


def performer_settings() -> PerformerSettings:
    """Return the performer's sensor layout, adapter, relaxed face and electrode network, from the preferences."""
    settings = preferences()
    layout = bpy.path.abspath(settings.layout_file) if settings.layout_file else "default"
    adapter = bpy.path.abspath(settings.adapter) if settings.adapter else ""
    rest = bpy.path.abspath(settings.rest) if settings.rest else ""
    return PerformerSettings(layout, adapter, electrodes=electrode_network_file(settings), rest=rest)
