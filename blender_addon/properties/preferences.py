"""Equipment and preferences of the user, kept over files and sessions.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from importlib.util import find_spec
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ...core.pipeline import PerformerSettings
from ..paths import ADDON_ID

SENSORS = (
    ("NONE", "None", "No face sensors", "X", 0),
    (
        "VIRTUAL",
        "Virtual Performer",
        "A simulated performer with simulated sensors; no hardware needed",
        "GHOST_ENABLED",
        1,
    ),
    ("DEVICE", "Wi-Fi Device", "Innerface devices on your network", "URL", 2),
    ("SERIAL", "USB Device", "An Innerface device connected by cable", "PLUGIN", 3),
    ("SLIMEVR", "SlimeVR Trackers", "Trackers that use the SlimeVR protocol", "OUTLINER_OB_EMPTY", 4),
    ("TAKE", "Recorded Take", "A recorded take, played in a loop as if it were live", "FILE_MOVIE", 5),
)
ELECTRODES = (
    ("NONE", "None", "No electrodes", "X", 0),
    (
        "VIRTUAL",
        "Virtual Performer",
        "A simulated performer with two simulated ear electrodes; no hardware needed",
        "GHOST_ENABLED",
        1,
    ),
    ("CYTON", "OpenBCI Cyton", "Connected through its USB dongle", "PLUGIN", 2),
    ("BRAINFLOW", "BrainFlow Board", "Any board that BrainFlow supports", "PLUGIN", 3),
    ("LSL", "LSL Stream", "A biosignal stream on your network (Lab Streaming Layer)", "NETWORK_DRIVE", 4),
)
BOARD_LIBRARIES = {"BRAINFLOW": "brainflow", "LSL": "pylsl"}  # which Blender may not have
CAMERAS = (
    ("NONE", "None", "No camera", "X", 0),
    (
        "LIVELINKFACE",
        "Live Link Face",
        "Epic's iPhone app, in its Live Link (ARKit) mode",
        "OUTLINER_OB_CAMERA",
        1,
    ),
    ("IFACIALMOCAP", "iFacialMocap", "iFacialMocap or Facemotion3D on a phone", "OUTLINER_OB_CAMERA", 2),
    ("VMC", "VMC Application", "An application on this computer that sends VMC", "NETWORK_DRIVE", 3),
    (
        "BRIDGE",
        "Innerface Server",
        "A running 'innerface serve', on this or another computer; needed for BrainFlow and LSL",
        "LINKED",
        4,
    ),
)
NETWORK_SOURCES = {"DEVICE", "SLIMEVR", "LIVELINKFACE", "IFACIALMOCAP"}
_addresses: list[tuple[str, str, str]] = []  # Blender needs the strings kept


def _interface_items(_self: Any, _context: Any) -> list[tuple[str, str, str]]:
    if not _addresses:
        from ...server.addresses import local_addresses

        _addresses.extend((a, a, "An address of this computer") for a in local_addresses())
        _addresses.append(("0.0.0.0", "All", "All addresses of this computer"))
    return _addresses


_boards: list[tuple[str, str, str, str, int]] = []


def _electrode_items(_self: Any, _context: Any) -> list[tuple[str, str, str, str, int]]:
    if not _boards:
        _boards.extend(
            e for e in ELECTRODES if e[0] not in BOARD_LIBRARIES or find_spec(BOARD_LIBRARIES[e[0]]) is not None
        )
    return _boards


def has_unavailable_boards() -> bool:
    """Whether boards are left out of the choice, because Blender lacks their libraries."""
    return len(_electrode_items(None, None)) < len(ELECTRODES)


class InnerfacePreferences(bpy.types.AddonPreferences):
    """The equipment, and habits."""

    bl_idname = ADDON_ID

    sensors: EnumProperty(
        name="Sensors", items=SENSORS, default="VIRTUAL", description="Sensors on the performer's face"
    )
    camera: EnumProperty(
        name="Camera", items=CAMERAS, default="NONE", description="Camera that captures the performer's face"
    )
    electrodes: EnumProperty(
        name="Electrodes", items=_electrode_items, description="Electrodes around the performer's ear"
    )
    electrodes_port: StringProperty(
        name="USB Port",
        description="Serial port of the board or its dongle, such as COM3 or /dev/ttyUSB0; the first port found if empty",
    )
    electrodes_board: StringProperty(
        name="Board",
        description="Name or ID of the board in BrainFlow, such as ganglion or 1; synthetic is a simulated board",
    )
    electrodes_stream: StringProperty(name="Stream", default="EMG", description="Name or type of the LSL stream")
    electrodes_inputs: StringProperty(
        name="Inputs", description="Inputs of the board that are connected at the ear, such as 1+2; all inputs if empty"
    )
    device_port: IntProperty(name="Port", default=7645, min=1, max=65535, description="UDP port that devices send to")
    slimevr_port: IntProperty(name="Port", default=6969, min=1, max=65535, description="UDP port that trackers send to")
    serial_port: StringProperty(
        name="USB Port",
        description="Serial port, such as COM3, /dev/ttyACM0 or /dev/cu.usbmodem1; the first port found if empty",
    )
    take: StringProperty(name="Take", subtype="FILE_PATH", description="Take to play, with sensor data or weights")
    livelink_port: IntProperty(
        name="Port", default=11111, min=1, max=65535, description="UDP port that the app sends to"
    )
    phone: StringProperty(
        name="Phone",
        description="Address of the phone, as shown in the app; may be empty if the app is given this computer's address",
    )
    vmc_port: IntProperty(
        name="Port", default=39539, min=1, max=65535, description="UDP port that the application sends to"
    )
    bridge: StringProperty(
        name="Address", default="ws://127.0.0.1:7646", description="Address that innerface serve prints"
    )
    bridge_token: StringProperty(
        name="Token", subtype="PASSWORD", description="Token that the server was started with, if any"
    )
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

    send_vmc: BoolProperty(
        name="VMC", description="Send to VSeeFace, VNyan, Warudo and other applications that receive VMC"
    )
    vmc_target: StringProperty(name="Target", default="127.0.0.1:39539", description="Address to send to, as HOST:PORT")
    send_livelink: BoolProperty(name="Live Link Face", description="Send to Unreal's Live Link, as the iPhone app does")
    livelink_target: StringProperty(
        name="Target", default="127.0.0.1:11111", description="Address to send to, as HOST:PORT"
    )
    send_vts: BoolProperty(
        name="VTube Studio", description="Send to VTube Studio's plugin port; VTube Studio asks for permission once"
    )
    vts_target: StringProperty(name="Target", default="127.0.0.1:8001", description="Address to send to, as HOST:PORT")

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


def preferences() -> Any:
    """Return the add-on's preferences (`InnerfacePreferences`)."""
    return bpy.context.preferences.addons[ADDON_ID].preferences


def electrode_network_file(settings: Any) -> str:
    """Return the file of the performer's electrode network, "" for none; the virtual wearer has its own."""
    if settings.electrodes_network:
        return bpy.path.abspath(settings.electrodes_network)
    return "simulated" if settings.electrodes == "VIRTUAL" else ""


def performer_settings() -> PerformerSettings:
    """Return the performer's sensor layout, adapter and electrode network, from the preferences."""
    settings = preferences()
    layout = bpy.path.abspath(settings.layout_file) if settings.layout_file else "default"
    adapter = bpy.path.abspath(settings.adapter) if settings.adapter else ""
    return PerformerSettings(layout, adapter, electrodes=electrode_network_file(settings))
