"""VMC (OSC over UDP): blend shapes and the head bone. See docs/protocol.md."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.arrays import Array
from ...core.face.channels import ARKIT, pascal_case
from ...core.face.naming.channel_names import match_name
from ...core.face.naming.channel_table import ChannelTable, match_names
from ...core.face.value_units import MAX_WEIGHT
from ...core.numerics import quaternion as quat
from .osc import parse_messages

if TYPE_CHECKING:
    from pythonosc.osc_message import OscMessage

PORT = 39539
MAX_DATAGRAM_BYTES = 1400  # with IP and UDP headers below Ethernet's 1,500 and most tunnels: never fragmented
# Bone/Pos holds the bone's local position, which EVMC4U and VMC4UE set as it is: zeros put the head into the neck's
# joint (ifacialmocap.com/tutorial/vmc-protocol). VRoid's body, the commonest VRM humanoid, has 0.074 m.
HEAD_HEIGHT_M = 0.075
_BUNDLE_HEADER_BYTES = 16
_Place = tuple[bytearray, int]  # a template and an offset in it
_MAX_NAMES, _MAX_NAME_CHARS, _MAX_VALUE, _PERCENT = 256, 128, 1e6, 100.0
_FORGET_AFTER_FACES = 60


def is_vmc(data: bytes) -> bool:
    """Return whether a datagram holds a message of VMC: one, or a bundle that begins with one."""
    messages = parse_messages(data)
    return bool(messages) and any(address.startswith("/VMC/") for address, _ in messages)


class Receiver:
    """Collects `/VMC/Ext/Blend/Val` until `/VMC/Ext/Blend/Apply`; the bone Head gives the head angles.

    Names may be ARKit's, VRM's presets, or any naming scheme's. From a program that never sends Apply, a face is
    complete when its first name comes again.
    """

    def __init__(self) -> None:
        self.named: dict[str, float] = {}  # what has come by its name; NaN for what is no number
        self.head: dict[str, float] = {}
        self._heard: dict[str, int] = {}  # by name: the face that it came with last
        self._faces, self._new_name_at, self._applies = 0, 0, False
        self._pending: set[str] = set()  # names since the last face

    @property
    def values(self) -> dict[str, float]:
        """Weights and head angles (rad) by channel name, as they were sent; NaN for what is no number."""
        table = self._table
        unknown, values = set(table.unknown), np.array([list(self.named.values())], dtype=np.float64)
        largest = max((abs(v) for name, v in self.named.items() if name not in unknown and v == v), default=0.0)
        full = 1.0 if largest <= MAX_WEIGHT else _PERCENT  # what is in percent must not look like full weights
        numbers = table.to_channels(values, full)[0].tolist()
        return dict(zip(table.channels, numbers)) | self.head

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names that are no channels'."""
        return self._table.unknown

    @property
    def _table(self) -> ChannelTable:
        return match_names(tuple(self.named))

    def push(self, data: bytes) -> list[dict[str, float]]:
        """Add a datagram and return the faces it completes: weights and head angles (rad) by channel name."""
        out: list[dict[str, float]] = []
        for address, args in parse_messages(data):
            if address == "/VMC/Ext/Blend/Val" and len(args) >= 2 and isinstance(args[0], str):
                if not self._applies and args[0] in self._pending:
                    out.append(self._complete())
                self._set(args[0], args[1])
            elif address == "/VMC/Ext/Bone/Pos" and len(args) >= 8 and args[0] == "Head":
                self.head |= _head_angles(args[4:8])
            elif address == "/VMC/Ext/Blend/Apply":
                self._applies = True
                out.append(self._complete())
        return out

    def _set(self, name: str, value: Any) -> None:
        if name not in self.named:
            if len(self.named) >= _MAX_NAMES and (match_name(name) is None or len(self.named) >= 2 * _MAX_NAMES):
                return  # names that mean nothing take no room from those that do
            if len(name) > _MAX_NAME_CHARS:
                return
            sends_all = min(self._heard.values(), default=0) >= self._faces - 1  # rather than what has changed
            self._new_name_at = self._faces if sends_all else -_FORGET_AFTER_FACES
        number = isinstance(value, (int, float)) and math.isfinite(value) and abs(value) < _MAX_VALUE
        self.named[name] = float(value) if number else math.nan
        self._heard[name] = self._faces
        self._pending.add(name)

    def _complete(self) -> dict[str, float]:
        self._faces += 1
        self._pending.clear()
        if self._faces == self._new_name_at + _FORGET_AFTER_FACES:
            for name in [n for n, face in self._heard.items() if face < self._new_name_at]:
                del self.named[name], self._heard[name]  # another avatar was chosen, with other names
        return self.values


def _head_angles(xyzw: list[Any]) -> dict[str, float]:
    """Return head angles from a quaternion in Unity's left-handed space, whose x points to the performer's right."""
    if not all(isinstance(v, (int, float)) and math.isfinite(v) and abs(v) < 1e3 for v in xyzw):
        return {}
    x, y, z, w = (float(v) for v in xyzw)
    q = np.array([w, x, -y, -z])
    norm = float(np.linalg.norm(q))
    if norm < 1e-6:
        return {}
    yaw, pitch, roll = quat.to_euler_yxz(q / norm).tolist()
    return {"headYaw": yaw, "headPitch": pitch, "headRoll": roll}


def head_quaternion(yaw: float, pitch: float, roll: float) -> tuple[float, float, float, float]:
    """Return the rotation of the bone Head, (x, y, z, w) in Unity's space, for head angles in rad."""
    q = quat.multiply(quat.multiply(quat.about_axis(1, yaw), quat.about_axis(0, pitch)), quat.about_axis(2, roll))
    return float(q[1]), 0.0 - float(q[2]), 0.0 - float(q[3]), float(q[0])  # without negative zeros


class Encoder:
    """Encodes faces as bundles of at most MAX_DATAGRAM_BYTES.

    Blend shapes come first; the bone Head, Apply and OK are in the last. python-osc builds the bundles once; each frame
    overwrites only their numbers.

    Parameters
    ----------
    camel
        Names as ARKit's (jawOpen) instead of PascalCase (JawOpen).
    head_height
        Of the bone Head above the bone Neck, in m; None to leave the bone out.
    """

    def __init__(self, camel: bool = False, head_height: float | None = HEAD_HEIGHT_M) -> None:
        messages = [_message("/VMC/Ext/Blend/Val", [name if camel else pascal_case(name), 0.0]) for name in ARKIT]
        if head_height is not None:
            messages.append(_message("/VMC/Ext/Bone/Pos", ["Head", 0.0, head_height, 0.0, 0.0, 0.0, 0.0, 1.0]))
        messages += [_message("/VMC/Ext/Blend/Apply", []), _message("/VMC/Ext/OK", [1])]
        self._templates = _bundles(messages)
        self._weights, self._rotation = _number_places(self._templates)

    def encode(self, weights: Array, angles: tuple[float, float, float]) -> list[bytes]:
        """Return the datagrams of weights (52,) in the order of ARKIT and of yaw, pitch, roll in rad."""
        for (template, offset), value in zip(self._weights, np.asarray(weights, dtype=np.float64).tolist()):
            struct.pack_into(">f", template, offset, value)
        if self._rotation is not None:
            template, offset = self._rotation
            struct.pack_into(">4f", template, offset, *head_quaternion(*angles))
        return [bytes(template) for template in self._templates]


def _message(address: str, args: list[Any]) -> OscMessage:
    from pythonosc import osc_message_builder

    builder = osc_message_builder.OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(arg)
    return builder.build()


def _bundles(messages: list[OscMessage]) -> list[bytearray]:
    """Return the messages in as few bundles as their largest size allows, in order."""
    from pythonosc import osc_bundle_builder

    bundles, size = [osc_bundle_builder.OscBundleBuilder(osc_bundle_builder.IMMEDIATELY)], _BUNDLE_HEADER_BYTES
    for message in messages:
        if size + 4 + message.size > MAX_DATAGRAM_BYTES:
            bundles.append(osc_bundle_builder.OscBundleBuilder(osc_bundle_builder.IMMEDIATELY))
            size = _BUNDLE_HEADER_BYTES
        bundles[-1].add_content(message)
        size += 4 + message.size
    return [bytearray(bundle.build().dgram) for bundle in bundles]


def _number_places(bundles: list[bytearray]) -> tuple[list[_Place], _Place | None]:
    """Return where the weights and the head's quaternion lie, which end their messages; None without a head."""
    weights: list[_Place] = []
    rotation: _Place | None = None
    for bundle in bundles:
        offset = _BUNDLE_HEADER_BYTES
        while offset < len(bundle):
            end = offset + 4 + int.from_bytes(bundle[offset : offset + 4], "big")
            address = bytes(bundle[offset + 4 : end]).split(b"\0")[0]
            if address.endswith(b"Blend/Val"):
                weights.append((bundle, end - 4))
            elif address.endswith(b"Bone/Pos"):
                rotation = (bundle, end - 16)
            offset = end
    return weights, rotation
