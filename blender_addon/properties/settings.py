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
    (name, label, f"Occlusion of the {label.lower()}") for name, label in PART_NAMES.items() if name != "head"
)


_SECONDS_PROPERTY: dict[str, Any] = {"min": 0.0, "precision": 2, "unit": "TIME_ABSOLUTE"}
BAKE_OPTIONS: dict[
    str, dict[str, Any]
] = {  # of a take's keys: the import dialog has them, the scene for the next take, and an action for its own
    "fewer": {
        "name": "Reduce Keys",
        "default": True,
        "description": "Bezier keys that stay within the tolerance at every frame, instead of a key on every frame",
    },
    "tolerance": {
        "name": "Tolerance",
        "default": 0.005,
        "min": 0.0005,
        "max": 0.2,
        "precision": 4,
        "description": "Largest deviation from the take at any frame, in shape key values (0 to 1)",
    },
    "trim_from": _SECONDS_PROPERTY
    | {"name": "Trim Start", "description": "Time in the take at which the animation starts, in seconds"},
    "trim_to": _SECONDS_PROPERTY
    | {
        "name": "Trim End",
        "description": "Time in the take at which the animation ends, in seconds; 0 is the end of the take",
    },
    "neutral_from": _SECONDS_PROPERTY
    | {
        "name": "Neutral Start",
        "description": "Time in the take at which the relaxed face to subtract starts, in seconds",
    },
    "neutral_to": _SECONDS_PROPERTY
    | {"name": "Neutral End", "description": "Time at which the relaxed face ends, in seconds; 0 subtracts nothing"},
    "calibrated": {
        "name": "Live Link Face File",
        "description": "Which of the two files that the app writes for each take to import",
        "items": (
            ("AUTO", "Calibrated", "The file with the performer's neutral face subtracted (_cal.csv), if there is one"),
            ("RAW", "As Captured", "The file without calibration"),
        ),
    },
    "sound": {
        "name": "Import Sound",
        "default": True,
        "description": "Add the take's own sound to the sequencer, in sync",
    },
    "widen": {
        "name": "Extend Slider Ranges",
        "description": "Extend the ranges of shape key sliders where the take goes beyond them",
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
        description="Parts of the face to key (Shift-click to select several)",
    )
    widen: BoolProperty(**BAKE_OPTIONS["widen"], update=_on_option_changed)
    neutral_from: FloatProperty(**BAKE_OPTIONS["neutral_from"], update=_on_option_changed)
    neutral_to: FloatProperty(**BAKE_OPTIONS["neutral_to"], update=_on_option_changed)
    trim_from: FloatProperty(**BAKE_OPTIONS["trim_from"], update=_on_option_changed)
    trim_to: FloatProperty(**BAKE_OPTIONS["trim_to"], update=_on_option_changed)
    before: BoolProperty(
        name="Show Unsmoothed",
        default=False,
        update=_on_option_changed,
        description="Show the take without smoothing, for comparison",
    )
    smooth_mouth: FloatProperty(
        name="Mouth",
        default=1.0,
        description="Smoothing of the mouth and jaw: 0 is off, 1 is the default",
        **_SMOOTHING_PROPERTY,
    )
    smooth_cheek: FloatProperty(
        name="Cheeks",
        default=1.0,
        description="Smoothing of the cheeks and nose: 0 is off, 1 is the default",
        **_SMOOTHING_PROPERTY,
    )
    smooth_brow: FloatProperty(
        name="Brows",
        default=1.0,
        description="Smoothing of the brows: 0 is off, 1 is the default",
        **_SMOOTHING_PROPERTY,
    )
    smooth_eye_left: FloatProperty(
        name="Left Eye",
        default=1.0,
        description="Smoothing of the left eye: 0 is off, 1 is the default",
        **_SMOOTHING_PROPERTY,
    )
    smooth_eye_right: FloatProperty(
        name="Right Eye",
        default=1.0,
        description="Smoothing of the right eye: 0 is off, 1 is the default",
        **_SMOOTHING_PROPERTY,
    )
    smooth_camera: BoolProperty(
        name="Smooth Camera Takes",
        default=False,
        update=_on_option_changed,
        description="Also smooth camera takes, which are usually smoothed already",
    )
    calibrated: EnumProperty(**BAKE_OPTIONS["calibrated"])
    sound: BoolProperty(**BAKE_OPTIONS["sound"])


class InnerfaceTarget(bpy.types.PropertyGroup):
    """A row of a character's mapping: see core/mapping.py."""

    channel: StringProperty(name="Channel", search=_search_channels, description="One of Apple's 52 channels")
    kind: EnumProperty(
        name="Type",
        description="What the channel drives",
        items=(
            ("key", "Shape Key", "A shape key, on every mesh of the face that has it", "SHAPEKEY_DATA", 0),
            ("bone", "Bone", "A bone of the rig", "BONE_DATA", 1),
            ("property", "Property", "A property of the rig, such as that of a control", "RNA", 2),
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
            ("pitch", "Pitch", "Rotate down (degrees)"),
            ("yaw", "Yaw", "Rotate to the character's left (degrees)"),
            ("roll", "Roll", "Tilt the left side up (degrees)"),
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
        description="Value at full weight; degrees or mm for bones",
    )
    offset: FloatProperty(
        name="Offset", default=0.0, soft_min=-1.0, soft_max=1.0, precision=3, description="Constant added to the value"
    )
    low: FloatProperty(
        name="Min", default=-10.0, min=-10.0, max=10.0, precision=2, description="Lower limit of the weight"
    )
    high: FloatProperty(
        name="Max", default=10.0, min=-10.0, max=10.0, precision=2, description="Upper limit of the weight"
    )
    curve: FloatProperty(
        name="Curve",
        default=1.0,
        min=0.1,
        max=10.0,
        precision=2,
        description="Exponent of the weight: below 1 strengthens small weights, above 1 weakens them",
    )
    mute: BoolProperty(name="Mute", description="Ignore this row")

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
    target: IntProperty(name="Row", description="The active row")
    preset: StringProperty()


RANGE_STATES = (
    ("OPEN", "Pending", "Repaired; the next detection replaces it unless it was added by hand", "QUESTION", 0),
    ("ACCEPTED", "Accepted", "Repaired; the next detection keeps it", "CHECKMARK", 1),
    ("REJECTED", "Rejected", "The camera is correct: not repaired, and not detected again", "X", 2),
)


def _on_range_changed(_self: Any, _context: Any) -> None:
    from ..ui.redraw import redraw

    redraw()


class InnerfaceRange(bpy.types.PropertyGroup):
    """A stretch of a camera's take in which a part of the face is hidden."""

    start: FloatProperty(
        name="Start",
        **_SECONDS_PROPERTY,
        description="Time in the camera take at which the range starts, in seconds",
        update=_on_range_changed,
    )
    end: FloatProperty(
        name="End",
        **_SECONDS_PROPERTY,
        description="Time at which the range ends, in seconds",
        update=_on_range_changed,
    )
    group: EnumProperty(
        name="Part", items=HIDDEN_PART_ITEMS, update=_on_range_changed, description="Part of the face that is occluded"
    )
    state: EnumProperty(
        name="State", items=RANGE_STATES, description="How the range is treated", update=_on_range_changed
    )
    mute: BoolProperty(name="Mute", description="Leave this range out of the next mix", update=_on_range_changed)
    reason: StringProperty(name="Reason", description="Why the camera is not trusted in this range")
    confidence: FloatProperty(name="Confidence", default=1.0, min=0.0, max=1.0, subtype="FACTOR")
    found: BoolProperty(description="Whether the range was detected rather than added by hand")


class InnerfaceHybrid(bpy.types.PropertyGroup):
    """What mends a camera's take: kept in the action of the take."""

    helper: StringProperty(
        name="Second Take",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set(),
        description="Another take of the same performance, such as from sensors, a second phone or audio; "
        "if empty, the rest of the face is used",
    )
    by_hand: BoolProperty(
        name="Manual Offset",
        description="Set the start of the second take by hand instead of aligning it by motion",
    )
    offset: FloatProperty(
        name="Start Time",
        precision=3,
        step=1,
        unit="TIME_ABSOLUTE",
        description="Time in the camera take at which the second take starts, in seconds",
    )
    aligned: StringProperty(description="Result of the alignment, and the take that it applies to")
    ranges: CollectionProperty(type=InnerfaceRange)
    active: IntProperty(name="Range", description="The active range")
    camera: PointerProperty(type=bpy.types.Action, description="The camera take that this mix was made from")


class InnerfaceShot(bpy.types.PropertyGroup):
    """What belongs to the scene."""

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
    bpy.types.WindowManager.innerface_take = IntProperty(name="Take", description="The active take")


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
