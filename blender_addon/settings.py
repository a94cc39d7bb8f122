"""What users set. Their equipment is kept in the add-on's preferences, over files and sessions; what belongs to the shot, in the scene.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from typing import Any

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

ROOT = __package__.rpartition(".")[0]

SENSORS = (
    ("NONE", "None", "No sensors on the face", "X", 0),
    ("VIRTUAL", "Virtual Performer", "A simulated performer with simulated sensors: nothing to plug in", "GHOST_ENABLED", 1),
    ("DEVICE", "Device by Wi-Fi", "Innerface devices in your network", "URL", 2),
    ("SERIAL", "Device by USB", "An Innerface device on a cable", "PLUGIN", 3),
    ("SLIMEVR", "SlimeVR Trackers", "Trackers that speak SlimeVR's protocol", "OUTLINER_OB_EMPTY", 4),
    ("TAKE", "Recorded Take", "A take of yours, as if it came now, over and over", "FILE_MOVIE", 5),
)
CAMERAS = (
    ("NONE", "None", "No camera", "X", 0),
    ("LIVELINKFACE", "Live Link Face", "Epic's app on an iPhone, in its Live Link (ARKit) mode", "OUTLINER_OB_CAMERA", 1),
    ("IFACIALMOCAP", "iFacialMocap", "iFacialMocap or Facemotion3D on a phone", "OUTLINER_OB_CAMERA", 2),
    ("VMC", "VMC Performer", "A program on this computer that sends VMC", "NETWORK_DRIVE", 3),
    ("BRIDGE", "Another Bridge", "innerface serve, here or elsewhere: BrainFlow and LSL devices need it", "LINKED", 4),
)
RANGES = (
    ("FREE", "Until Stopped", "From the playhead on, until Stop is pressed", "PLAY", 0),
    ("SCENE", "Scene Range", "From the scene's start to its end", "PREVIEW_RANGE", 1),
    ("PUNCH", "Punch In", "Only the preview range; what comes before it plays as pre-roll (set it with P in a timeline)", "ARROW_LEFTRIGHT", 2),
)
LAN = {"DEVICE", "SLIMEVR", "LIVELINKFACE", "IFACIALMOCAP"}
_addresses: list[tuple[str, str, str]] = []  # Blender needs the strings kept


def _interfaces(_self: Any, _context: Any) -> list[tuple[str, str, str]]:
    if not _addresses:
        from ..server.addresses import own_addresses

        _addresses.extend((a, a, "This address of this computer") for a in own_addresses())
        _addresses.append(("0.0.0.0", "All", "Every address of this computer"))
    return _addresses


class InnerfacePreferences(bpy.types.AddonPreferences):
    """The equipment, and habits."""

    bl_idname = ROOT

    sensors: EnumProperty(name="Sensors", items=SENSORS, default="VIRTUAL", description="What the performer wears")
    camera: EnumProperty(name="Camera", items=CAMERAS, default="NONE", description="What sees the performer's face")
    device_port: IntProperty(name="Port", default=7645, min=1, max=65535, description="UDP port that devices send to")
    slimevr_port: IntProperty(name="Port", default=6969, min=1, max=65535, description="UDP port that trackers send to")
    serial_port: StringProperty(name="USB Port", description="Such as COM3, /dev/ttyACM0 or /dev/cu.usbmodem1; the first one found where empty")
    take: StringProperty(name="Take", subtype="FILE_PATH", description="A take of sensors or weights")
    livelink_port: IntProperty(name="Port", default=11111, min=1, max=65535, description="UDP port that the app sends to")
    phone: StringProperty(name="Phone", description="The phone's address, as the app shows it; may stay empty where the app is told this computer's")
    vmc_port: IntProperty(name="Port", default=39539, min=1, max=65535, description="UDP port that the program sends to")
    bridge: StringProperty(name="Address", default="ws://127.0.0.1:7646", description="As innerface serve prints it")
    bridge_token: StringProperty(name="Token", subtype="PASSWORD", description="What that bridge was started with, if anything")
    interface: EnumProperty(name="Address", items=_interfaces, description="Which of this computer's addresses phones and trackers are heard on")
    network: BoolProperty(
        name="Hear Other Devices", default=False,
        description="Let phones and trackers in your network send to Blender; without it only this computer itself is heard",
    )  # fmt: skip

    layout_file: StringProperty(name="Layout", subtype="FILE_PATH", description="Where sensors sit (.json); the eleven default sites where empty")
    adapter: StringProperty(name="Adapter", subtype="FILE_PATH", description="What innerface adapt learned of this performer (.npz)")
    lowest_delay: BoolProperty(
        name="Lowest Delay", default=False, description="Show faces 33 ms earlier, a little less exactly; recordings are not changed by it"
    )
    loss: EnumProperty(
        name="When Lost", description="What the face does while nothing comes",
        items=(("hold", "Hold", "The last face stays"), ("fade", "Fade", "The face relaxes"), ("gap", "Stop", "Nothing is sent")),
    )  # fmt: skip

    send_vmc: BoolProperty(name="VMC", description="To VSeeFace, VNyan, Warudo and other programs that receive VMC")
    vmc_target: StringProperty(name="To", default="127.0.0.1:39539", description="HOST:PORT")
    send_livelink: BoolProperty(name="Live Link Face", description="To Unreal's Live Link, as an iPhone would")
    livelink_target: StringProperty(name="To", default="127.0.0.1:11111", description="HOST:PORT")
    send_vts: BoolProperty(name="VTube Studio", description="To VTube Studio's plugin port; it asks for your permission once")
    vts_target: StringProperty(name="To", default="127.0.0.1:8001", description="HOST:PORT")

    countdown: FloatProperty(
        name="Countdown", default=3.0, min=0.0, max=30.0, precision=0, step=100, subtype="TIME_ABSOLUTE", description="Seconds before a recording"
    )
    preroll: FloatProperty(
        name="Pre-Roll", default=1.0, min=0.0, max=30.0, precision=1, step=50, subtype="TIME_ABSOLUTE",
        description="Seconds that the scene plays before the recording",
    )  # fmt: skip
    playback: BoolProperty(name="Play the Scene", default=True, description="Sound and animation of the scene play while recording")
    takes_folder: StringProperty(name="Takes", subtype="DIR_PATH", description="Where takes are kept; beside the .blend file where empty")

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


class InnerfaceShot(bpy.types.PropertyGroup):
    """What belongs to the scene."""

    slate: StringProperty(name="Slate", default="take", maxlen=60, description="The shot's name; takes are called by it")
    number: IntProperty(name="Take", default=1, min=1, max=9999, description="Number of the next take")
    range: EnumProperty(name="Record", items=RANGES, description="What is recorded of the timeline")
    loop: BoolProperty(name="Loop", description="At the end begin again, each time as a take of its own, until Stop is pressed")
    fewer: BoolProperty(
        name="Fewer Keys", default=True, description="Bezier keys that stay within the tolerance at every frame, instead of a key on every frame"
    )
    tolerance: FloatProperty(
        name="Tolerance", default=0.005, min=0.0005, max=0.2, precision=4, description="Largest deviation from the take at any frame, in weights (0 to 1)"
    )
    smooth: FloatProperty(name="Smoothing", default=1.0, min=0.0, max=5.0, precision=1, step=20, description="0 is off, 1 usual; for takes of sensors")
    placed: EnumProperty(
        name="Place", description="Where on the timeline a take begins",
        items=(("RECORDED", "Where Recorded", "At the frames that played while it was recorded"), ("PLAYHEAD", "At Playhead", "At the current frame")),
    )  # fmt: skip
    strip: BoolProperty(name="As NLA Strip", description="Put the take into a strip of its own instead of making it the playing action")


class InnerfaceTake(bpy.types.PropertyGroup):
    """A row of the list of takes."""

    path: StringProperty()
    seconds: FloatProperty()
    when: StringProperty()
    source: StringProperty()
    quality: StringProperty()
    whole: BoolProperty(default=True)
    baked: BoolProperty()


CLASSES = (InnerfacePreferences, InnerfaceShot, InnerfaceTake)


def preferences() -> Any:
    """The add-on's preferences."""
    return bpy.context.preferences.addons[ROOT].preferences


_register, _unregister = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    """Make the settings known."""
    _register()
    bpy.types.Scene.innerface = PointerProperty(type=InnerfaceShot)
    bpy.types.WindowManager.innerface_takes = CollectionProperty(type=InnerfaceTake)
    bpy.types.WindowManager.innerface_take = IntProperty(name="Take", description="The take that is chosen")


def unregister() -> None:
    """Undo `register`."""
    del bpy.types.WindowManager.innerface_take, bpy.types.WindowManager.innerface_takes, bpy.types.Scene.innerface
    _unregister()
