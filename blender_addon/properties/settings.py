"""What users set. Their equipment is kept in the add-on's preferences, over files and sessions; what belongs to the shot, in the scene.

No `from __future__ import annotations` here: Blender reads properties out of the annotations.
"""

# pyright: reportInvalidTypeForm=false
from importlib.util import find_spec
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

ADDON_ID = __package__.rpartition(".blender_addon")[0]

SENSORS = (
    ("NONE", "None", "No sensors on the face", "X", 0),
    (
        "VIRTUAL",
        "Virtual Performer",
        "A simulated performer with simulated sensors: nothing to plug in",
        "GHOST_ENABLED",
        1,
    ),
    ("DEVICE", "Device by Wi-Fi", "Innerface devices in your network", "URL", 2),
    ("SERIAL", "Device by USB", "An Innerface device on a cable", "PLUGIN", 3),
    ("SLIMEVR", "SlimeVR Trackers", "Trackers that speak SlimeVR's protocol", "OUTLINER_OB_EMPTY", 4),
    ("TAKE", "Recorded Take", "A take of yours, as if it came now, over and over", "FILE_MOVIE", 5),
)
ELECTRODES = (
    ("NONE", "None", "No electrodes at the ear", "X", 0),
    (
        "VIRTUAL",
        "Virtual Wearer",
        "A simulated performer with two simulated electrodes at one ear: nothing to plug in",
        "GHOST_ENABLED",
        1,
    ),
    ("CYTON", "OpenBCI Cyton", "By its dongle, at a USB port", "PLUGIN", 2),
    ("BRAINFLOW", "BrainFlow Board", "Any board that BrainFlow knows", "PLUGIN", 3),
    ("LSL", "LSL Stream", "Whatever streams biosignals by LSL in your network", "NETWORK_DRIVE", 4),
)
BOARD_LIBRARIES = {"BRAINFLOW": "brainflow", "LSL": "pylsl"}  # that Blender may lack
CAMERAS = (
    ("NONE", "None", "No camera", "X", 0),
    (
        "LIVELINKFACE",
        "Live Link Face",
        "Epic's app on an iPhone, in its Live Link (ARKit) mode",
        "OUTLINER_OB_CAMERA",
        1,
    ),
    ("IFACIALMOCAP", "iFacialMocap", "iFacialMocap or Facemotion3D on a phone", "OUTLINER_OB_CAMERA", 2),
    ("VMC", "VMC Performer", "A program on this computer that sends VMC", "NETWORK_DRIVE", 3),
    ("BRIDGE", "Another Bridge", "innerface serve, here or elsewhere: BrainFlow and LSL devices need it", "LINKED", 4),
)
RECORD_RANGES = (
    ("FREE", "Until Stopped", "From the playhead on, until Stop is pressed", "PLAY", 0),
    ("SCENE", "Scene Range", "From the scene's start to its end", "PREVIEW_RANGE", 1),
    (
        "PUNCH",
        "Punch In",
        "Only the preview range; what comes before it plays as pre-roll (set it with P in a timeline)",
        "ARROW_LEFTRIGHT",
        2,
    ),
)
NETWORK_SOURCES = {"DEVICE", "SLIMEVR", "LIVELINKFACE", "IFACIALMOCAP"}
_addresses: list[tuple[str, str, str]] = []  # Blender needs the strings kept


def _interface_items(_self: Any, _context: Any) -> list[tuple[str, str, str]]:
    if not _addresses:
        from ...server.addresses import local_addresses

        _addresses.extend((a, a, "This address of this computer") for a in local_addresses())
        _addresses.append(("0.0.0.0", "All", "Every address of this computer"))
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

    sensors: EnumProperty(name="Sensors", items=SENSORS, default="VIRTUAL", description="What the performer wears")
    camera: EnumProperty(name="Camera", items=CAMERAS, default="NONE", description="What sees the performer's face")
    electrodes: EnumProperty(
        name="Electrodes", items=_electrode_items, description="What the performer wears at one ear"
    )
    electrodes_port: StringProperty(
        name="USB Port",
        description="Of the board or its dongle, such as COM3 or /dev/ttyUSB0; the first one found where empty",
    )
    electrodes_board: StringProperty(
        name="Board",
        description="BrainFlow's name or number of it, such as ganglion or 1; synthetic is none, to try with",
    )
    electrodes_stream: StringProperty(name="Stream", default="EMG", description="Name or type of the LSL stream")
    electrodes_inputs: StringProperty(
        name="Inputs", description="The board's inputs that sit at the ear, such as 1+2; all of them where empty"
    )
    device_port: IntProperty(name="Port", default=7645, min=1, max=65535, description="UDP port that devices send to")
    slimevr_port: IntProperty(name="Port", default=6969, min=1, max=65535, description="UDP port that trackers send to")
    serial_port: StringProperty(
        name="USB Port", description="Such as COM3, /dev/ttyACM0 or /dev/cu.usbmodem1; the first one found where empty"
    )
    take: StringProperty(name="Take", subtype="FILE_PATH", description="A take of sensors or weights")
    livelink_port: IntProperty(
        name="Port", default=11111, min=1, max=65535, description="UDP port that the app sends to"
    )
    phone: StringProperty(
        name="Phone",
        description="The phone's address, as the app shows it; may stay empty where the app is told this computer's",
    )
    vmc_port: IntProperty(
        name="Port", default=39539, min=1, max=65535, description="UDP port that the program sends to"
    )
    bridge: StringProperty(name="Address", default="ws://127.0.0.1:7646", description="As innerface serve prints it")
    bridge_token: StringProperty(
        name="Token", subtype="PASSWORD", description="What that bridge was started with, if anything"
    )
    interface: EnumProperty(
        name="Address",
        items=_interface_items,
        description="Which of this computer's addresses phones and trackers are heard on",
    )
    network: BoolProperty(
        name="Hear Other Devices",
        default=False,
        description="Let phones and trackers in your network send to Blender; without it only this computer itself is heard",
    )

    layout_file: StringProperty(
        name="Layout",
        subtype="FILE_PATH",
        description="Where sensors sit (.json); the eleven default sites where empty",
    )
    adapter: StringProperty(
        name="Adapter", subtype="FILE_PATH", description="What innerface adapt learned of this performer (.npz)"
    )
    electrodes_network: StringProperty(
        name="Electrodes",
        subtype="FILE_PATH",
        description="The network that innerface train bio made of this performer (.onnx); without it, electrodes are recorded but make no face",
    )
    lowest_delay: BoolProperty(
        name="Lowest Delay",
        default=False,
        description="Show faces 33 ms earlier, a little less exactly; recordings are not changed by it",
    )
    loss: EnumProperty(
        name="When Lost",
        description="What the face does while nothing comes",
        items=(
            ("hold", "Hold", "The last face stays"),
            ("fade", "Fade", "The face relaxes"),
            ("gap", "Stop", "Nothing is sent"),
        ),
    )

    send_vmc: BoolProperty(name="VMC", description="To VSeeFace, VNyan, Warudo and other programs that receive VMC")
    vmc_target: StringProperty(name="To", default="127.0.0.1:39539", description="HOST:PORT")
    send_livelink: BoolProperty(name="Live Link Face", description="To Unreal's Live Link, as an iPhone would")
    livelink_target: StringProperty(name="To", default="127.0.0.1:11111", description="HOST:PORT")
    send_vts: BoolProperty(
        name="VTube Studio", description="To VTube Studio's plugin port; it asks for your permission once"
    )
    vts_target: StringProperty(name="To", default="127.0.0.1:8001", description="HOST:PORT")

    countdown: FloatProperty(
        name="Countdown",
        default=3.0,
        min=0.0,
        max=30.0,
        precision=0,
        step=100,
        subtype="TIME_ABSOLUTE",
        description="Seconds before a recording",
    )
    preroll: FloatProperty(
        name="Pre-Roll",
        default=1.0,
        min=0.0,
        max=30.0,
        precision=1,
        step=50,
        subtype="TIME_ABSOLUTE",
        description="Seconds that the scene plays before the recording",
    )
    playback: BoolProperty(
        name="Play the Scene", default=True, description="Sound and animation of the scene play while recording"
    )
    takes_folder: StringProperty(
        name="Takes", subtype="DIR_PATH", description="Where takes are kept; beside the .blend file where empty"
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


def _on_option_changed(self: Any, context: Any) -> None:
    """An option of what plays was changed: it is baked again at once."""
    if isinstance(self.id_data, bpy.types.Action):
        from ..animation.bake import on_option_changed

        on_option_changed(self.id_data)


def _search_channels(_self: Any, _context: Any, text: str) -> list[str]:
    from ...core.face.channels import ARKIT

    return [c for c in ARKIT if text.lower() in c.lower()]


def _search_targets(self: Any, _context: Any, text: str) -> list[str]:
    from ..operators.mapping import candidate_names

    return [name for name in candidate_names(self.id_data, self.kind) if text.lower() in name.lower()]


_SMOOTHING_PROPERTY = {"min": 0.0, "max": 5.0, "precision": 1, "step": 20, "update": _on_option_changed}
PART_ITEMS = tuple(
    (name, label, f"Key the {label.lower()}", 1 << k)
    for k, (name, label) in enumerate(
        (
            ("mouth", "Mouth"),
            ("cheek", "Cheeks"),
            ("brow", "Brows"),
            ("eye_left", "Left Eye"),
            ("eye_right", "Right Eye"),
            ("head", "Head"),
        )
    )
)
PART_NAMES = {name: label for name, label, *_ in PART_ITEMS}
HIDDEN_PART_ITEMS = tuple(
    (name, label, f"The {label.lower()} is hidden") for name, label in PART_NAMES.items() if name != "head"
)


_SECONDS_PROPERTY: dict[str, Any] = {"min": 0.0, "precision": 2, "unit": "TIME_ABSOLUTE"}
BAKE_OPTIONS: dict[
    str, dict[str, Any]
] = {  # of a take's keys: the import dialog has them, the scene for the next take, and an action for its own
    "fewer": {
        "name": "Fewer Keys",
        "default": True,
        "description": "Bezier keys that stay within the tolerance at every frame, instead of a key on every frame",
    },
    "tolerance": {
        "name": "Tolerance",
        "default": 0.005,
        "min": 0.0005,
        "max": 0.2,
        "precision": 4,
        "description": "Largest deviation from the take at any frame, in weights (0 to 1)",
    },
    "trim_from": _SECONDS_PROPERTY
    | {"name": "Trim From", "description": "Seconds that are left out at the take's start"},
    "trim_to": _SECONDS_PROPERTY | {"name": "To", "description": "Second at which the take is cut off; 0 is its end"},
    "neutral_from": _SECONDS_PROPERTY
    | {
        "name": "Neutral From",
        "description": "Second of the take at which the relaxed face begins that is taken out of it",
    },
    "neutral_to": _SECONDS_PROPERTY
    | {"name": "To", "description": "Where it ends; nothing is taken out while this is 0"},
    "calibrated": {
        "name": "Live Link Face",
        "description": "Which of the app's two files of a take",
        "items": (
            ("AUTO", "Calibrated", "The one with the performer's neutral taken out (_cal.csv), where there is one"),
            ("RAW", "As Captured", "The other"),
        ),
    },
    "sound": {"name": "Sound", "default": True, "description": "Put the take's own sound into the sequencer, in sync"},
    "widen": {
        "name": "Widen Sliders",
        "description": "Let shape keys go as far as the take does, beyond the ends of their sliders",
    },
}


class InnerfaceBake(bpy.types.PropertyGroup):
    """How a take becomes keys: in the scene for the next take, in an action for the one that it is of."""

    fewer: BoolProperty(**BAKE_OPTIONS["fewer"], update=_on_option_changed)
    tolerance: FloatProperty(**BAKE_OPTIONS["tolerance"], update=_on_option_changed)
    parts: EnumProperty(
        name="Parts",
        options={"ENUM_FLAG"},
        items=PART_ITEMS,
        default={p[0] for p in PART_ITEMS},
        description="What is keyed (Shift-click for several)",
    )
    widen: BoolProperty(**BAKE_OPTIONS["widen"], update=_on_option_changed)
    neutral_from: FloatProperty(**BAKE_OPTIONS["neutral_from"], update=_on_option_changed)
    neutral_to: FloatProperty(**BAKE_OPTIONS["neutral_to"], update=_on_option_changed)
    trim_from: FloatProperty(**BAKE_OPTIONS["trim_from"], update=_on_option_changed)
    trim_to: FloatProperty(**BAKE_OPTIONS["trim_to"], update=_on_option_changed)
    before: BoolProperty(
        name="Before",
        default=False,
        update=_on_option_changed,
        description="Show the take without any smoothing, to compare",
    )
    smooth_mouth: FloatProperty(
        name="Mouth", default=1.0, description="Smoothing of mouth and jaw: 0 is off, 1 usual", **_SMOOTHING_PROPERTY
    )
    smooth_cheek: FloatProperty(
        name="Cheeks", default=1.0, description="Smoothing of cheeks and nose: 0 is off, 1 usual", **_SMOOTHING_PROPERTY
    )
    smooth_brow: FloatProperty(
        name="Brows", default=1.0, description="Smoothing of the brows: 0 is off, 1 usual", **_SMOOTHING_PROPERTY
    )
    smooth_eye_left: FloatProperty(
        name="Left Eye", default=1.0, description="Smoothing of the left eye: 0 is off, 1 usual", **_SMOOTHING_PROPERTY
    )
    smooth_eye_right: FloatProperty(
        name="Right Eye",
        default=1.0,
        description="Smoothing of the right eye: 0 is off, 1 usual",
        **_SMOOTHING_PROPERTY,
    )
    smooth_camera: BoolProperty(
        name="Camera Takes, Too",
        default=False,
        update=_on_option_changed,
        description="Smooth takes of cameras as well; they have mostly been smoothed already",
    )
    calibrated: EnumProperty(**BAKE_OPTIONS["calibrated"])
    sound: BoolProperty(**BAKE_OPTIONS["sound"])


class InnerfaceTarget(bpy.types.PropertyGroup):
    """A row of a character's mapping: see core/mapping.py."""

    channel: StringProperty(name="Channel", search=_search_channels, description="One of Apple's 52 channels")
    kind: EnumProperty(
        name="Kind",
        description="What the channel drives",
        items=(
            ("key", "Shape Key", "On every mesh of the face that has it", "SHAPEKEY_DATA", 0),
            ("bone", "Bone", "A bone of the rig", "BONE_DATA", 1),
            ("property", "Property", "A property of the rig, such as a control's", "RNA", 2),
        ),
    )
    to: StringProperty(
        name="Target",
        search=_search_targets,
        search_options={"SUGGESTION"},
        description="Name of the shape key or bone, or the property's data path",
    )
    axis: EnumProperty(
        name="Axis",
        description="How the bone moves, seen from the character",
        items=(
            ("pitch", "Pitch", "Turn downwards (degrees)"),
            ("yaw", "Yaw", "Turn to the character's left (degrees)"),
            ("roll", "Roll", "Left side up (degrees)"),
            ("left", "Left", "Move to the character's left (mm)"),
            ("up", "Up", "Move up (mm)"),
            ("forward", "Forward", "Move forward (mm)"),
        ),
    )
    gain: FloatProperty(
        name="Gain",
        default=1.0,
        soft_min=-2.0,
        soft_max=2.0,
        precision=3,
        description="What a full weight does; degrees or mm for bones",
    )
    offset: FloatProperty(
        name="Offset", default=0.0, soft_min=-1.0, soft_max=1.0, precision=3, description="Added always"
    )
    low: FloatProperty(
        name="Clamp", default=-10.0, min=-10.0, max=10.0, precision=2, description="Weights below are cut"
    )
    high: FloatProperty(name="To", default=10.0, min=-10.0, max=10.0, precision=2, description="Weights above are cut")
    curve: FloatProperty(
        name="Curve",
        default=1.0,
        min=0.1,
        max=10.0,
        precision=2,
        description="Below 1 small weights count for more, above 1 for less",
    )
    mute: BoolProperty(name="Mute", description="Leave this row out")

    def target(self) -> Any:
        """As a `core.mapping.Target`."""
        from ...core.face.mapping import Target

        axis = self.axis if self.kind == "bone" else ""
        return Target(
            self.channel, self.kind, self.to, axis, self.gain, self.offset, self.low, self.high, self.curve, self.mute
        )

    def fill(self, target: Any) -> None:
        """From one."""
        self.channel, self.kind, self.to, self.mute = target.channel, target.kind, target.name, target.mute
        if target.axis:
            self.axis = target.axis
        self.gain, self.offset, self.low, self.high, self.curve = (
            target.gain,
            target.offset,
            target.low,
            target.high,
            target.curve,
        )


class InnerfaceCharacter(bpy.types.PropertyGroup):
    """A character's own mapping, kept on its rig (or parent, or mesh); names decide while it is empty."""

    targets: CollectionProperty(type=InnerfaceTarget)
    target: IntProperty(name="Row", description="The row that is chosen")
    preset: StringProperty()


RANGE_STATES = (
    ("OPEN", "Open", "Found or drawn, and mended; Detect may replace it if it found it", "QUESTION", 0),
    ("ACCEPTED", "Accepted", "Mended; Detect leaves it as it is", "CHECKMARK", 1),
    ("REJECTED", "Rejected", "The camera is right here: not mended, and Detect does not bring it back", "X", 2),
)


def _on_range_changed(_self: Any, _context: Any) -> None:
    from ..ui.redraw import redraw

    redraw()


class InnerfaceRange(bpy.types.PropertyGroup):
    """A stretch of a camera's take in which a part of the face is hidden."""

    start: FloatProperty(
        name="From",
        **_SECONDS_PROPERTY,
        description="Second of the camera's take at which it begins",
        update=_on_range_changed,
    )
    end: FloatProperty(name="To", **_SECONDS_PROPERTY, description="Where it ends", update=_on_range_changed)
    group: EnumProperty(
        name="Part", items=HIDDEN_PART_ITEMS, update=_on_range_changed, description="What of the face is hidden"
    )
    state: EnumProperty(name="State", items=RANGE_STATES, description="What is done with it", update=_on_range_changed)
    mute: BoolProperty(name="Mute", description="Leave it out of the next mix", update=_on_range_changed)
    reason: StringProperty(name="Reason", description="Why the camera is not trusted here")
    confidence: FloatProperty(name="Confidence", default=1.0, min=0.0, max=1.0, subtype="FACTOR")
    found: BoolProperty(description="By Detect, rather than drawn")


class InnerfaceHybrid(bpy.types.PropertyGroup):
    """What mends a camera's take: kept in the action of the take."""

    helper: StringProperty(
        name="Helper",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set(),
        description="A take of sensors, or any other take of the same performance (a second phone's, an audio-driven one); empty: the rest of the face",
    )
    by_hand: BoolProperty(
        name="Place by Hand",
        description="Say where the helping take begins, instead of finding it by motion (hand animation)",
    )
    offset: FloatProperty(
        name="Begins At",
        precision=3,
        step=1,
        unit="TIME_ABSOLUTE",
        description="Second of the camera's take at which the helper begins",
    )
    aligned: StringProperty(description="What Align found, and of which helper")
    ranges: CollectionProperty(type=InnerfaceRange)
    active: IntProperty(name="Range", description="The range that is chosen")
    camera: PointerProperty(type=bpy.types.Action, description="The camera's take that this mix was made of")


class InnerfaceShot(bpy.types.PropertyGroup):
    """What belongs to the scene."""

    slate: StringProperty(
        name="Slate", default="take", maxlen=60, description="The shot's name; takes are called by it"
    )
    number: IntProperty(name="Take", default=1, min=1, max=9999, description="Number of the next take")
    range: EnumProperty(name="Record", items=RECORD_RANGES, description="What is recorded of the timeline")
    loop: BoolProperty(
        name="Loop", description="At the end begin again, each time as a take of its own, until Stop is pressed"
    )
    placed: EnumProperty(
        name="Place",
        description="Where on the timeline a take begins",
        items=(
            ("RECORDED", "Where Recorded", "At the frames that played while it was recorded"),
            ("PLAYHEAD", "At Playhead", "At the current frame"),
        ),
    )
    onto: EnumProperty(
        name="Onto",
        description="Where a take's keys go",
        items=(
            ("ACTION", "Action of Its Own", "A new action, which plays", "ACTION", 0),
            ("STRIP", "NLA Strip", "A strip in a track of its own", "NLA", 1),
            (
                "OVER",
                "What Plays",
                "Over the action that plays, in the chosen range only: takes put together phrase by phrase",
                "GREASEPENCIL",
                2,
            ),
        ),
    )
    within: EnumProperty(
        name="Range",
        description="How much of the take is keyed over what plays",
        items=(
            ("TAKE", "Whole Take", "All of it"),
            ("PREVIEW", "Preview Range", "Only the preview range (set it with P in a timeline)"),
        ),
    )
    blend: IntProperty(
        name="Blend",
        default=4,
        min=0,
        max=1000,
        description="Frames over which a take fades in and out where it goes over what plays",
    )
    options: PointerProperty(type=InnerfaceBake)


class InnerfaceTake(bpy.types.PropertyGroup):
    """A row of the list of takes."""

    path: StringProperty()
    seconds: FloatProperty()
    when: StringProperty()
    source: StringProperty()
    quality: StringProperty()
    whole: BoolProperty(default=True)
    baked: BoolProperty()


DATA_CLASSES = (
    InnerfaceBake,
    InnerfaceRange,
    InnerfaceHybrid,
    InnerfaceTarget,
    InnerfaceCharacter,
)  # what characters and actions hold
CLASSES = (InnerfacePreferences, InnerfaceShot, InnerfaceTake)


def preferences() -> Any:
    """The add-on's preferences."""
    return bpy.context.preferences.addons[ADDON_ID].preferences


_register, _unregister = bpy.utils.register_classes_factory(CLASSES)


def register_data() -> None:
    """Make known what characters and actions hold: for the command line, too. Does nothing where it is known."""
    if hasattr(bpy.types.Object, "innerface"):
        return
    for kind in DATA_CLASSES:
        bpy.utils.register_class(kind)
    bpy.types.Object.innerface = PointerProperty(type=InnerfaceCharacter)
    bpy.types.Action.innerface = PointerProperty(type=InnerfaceBake)
    bpy.types.Action.innerface_hybrid = PointerProperty(type=InnerfaceHybrid)


def register() -> None:
    """Make the settings known."""
    register_data()
    _register()
    bpy.types.Scene.innerface = PointerProperty(type=InnerfaceShot)
    bpy.types.WindowManager.innerface_takes = CollectionProperty(type=InnerfaceTake)
    bpy.types.WindowManager.innerface_take = IntProperty(name="Take", description="The take that is chosen")


def unregister() -> None:
    """Undo `register`."""
    del bpy.types.WindowManager.innerface_take, bpy.types.WindowManager.innerface_takes
    del (
        bpy.types.Scene.innerface,
        bpy.types.Action.innerface_hybrid,
        bpy.types.Action.innerface,
        bpy.types.Object.innerface,
    )
    _unregister()
    for kind in reversed(DATA_CLASSES):
        bpy.utils.unregister_class(kind)
