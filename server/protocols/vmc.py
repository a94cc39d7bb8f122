"""VMC (OSC over UDP): blend shapes and the head bone. See docs/protocol.md."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.arrays import Array
from ...core.face.channels import ARKIT, pascal_case
from ...core.numerics import quaternion as quat
from .osc import parse_messages

if TYPE_CHECKING:
    from pythonosc.osc_message import OscMessage

PORT = 39539
_CHANNEL_BY_NAME = {name.lower(): name for name in ARKIT}


class Receiver:
    """Collects `/VMC/Ext/Blend/Val` until `/VMC/Ext/Blend/Apply`; the bone Head gives the head angles."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def push(self, data: bytes) -> list[dict[str, float]]:
        """Add a datagram and return the faces it completes: weights and head angles (rad) by channel name."""
        out: list[dict[str, float]] = []
        for address, args in parse_messages(data):
            if address == "/VMC/Ext/Blend/Val" and len(args) >= 2 and isinstance(args[0], str):
                name, value = _CHANNEL_BY_NAME.get(args[0].lower()), args[1]
                if name is not None and isinstance(value, (int, float)) and math.isfinite(value):
                    self.values[name] = min(max(float(value), -1.0), 2.0)
            elif address == "/VMC/Ext/Bone/Pos" and len(args) >= 8 and args[0] == "Head":
                self.values |= _head_angles(args[4:8])
            elif address == "/VMC/Ext/Blend/Apply":
                out.append(dict(self.values))
        return out


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
    """Encodes bundles of all blend shapes, the bone Head and Apply.

    python-osc builds the bundle once; each frame overwrites only its numbers.
    """

    def __init__(self, camel: bool = False, head: bool = True) -> None:
        from pythonosc import osc_bundle_builder

        bundle = osc_bundle_builder.OscBundleBuilder(osc_bundle_builder.IMMEDIATELY)
        for name in ARKIT:
            bundle.add_content(_message("/VMC/Ext/Blend/Val", [name if camel else pascal_case(name), 0.0]))
        bundle.add_content(_message("/VMC/Ext/Blend/Apply", []))
        if head:
            bundle.add_content(_message("/VMC/Ext/Bone/Pos", ["Head", *[0.0] * 6, 1.0]))
        bundle.add_content(_message("/VMC/Ext/OK", [1]))
        self.template = bytearray(bundle.build().dgram)
        self.weight_offsets, self.bone_offset = _value_offsets(self.template, head)

    def encode(self, weights: Array, angles: tuple[float, float, float]) -> bytes:
        """Return the datagram of weights (52,) in the order of ARKIT and of yaw, pitch, roll in rad."""
        for offset, value in zip(self.weight_offsets, np.asarray(weights, dtype=np.float64).tolist()):
            struct.pack_into(">f", self.template, offset, value)
        if self.bone_offset:
            struct.pack_into(">4f", self.template, self.bone_offset, *head_quaternion(*angles))
        return bytes(self.template)


def _message(address: str, args: list[Any]) -> OscMessage:
    from pythonosc import osc_message_builder

    builder = osc_message_builder.OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(arg)
    return builder.build()


def _value_offsets(data: bytearray, head: bool) -> tuple[list[int], int]:
    """Return the offsets of the weights and of the bone's quaternion, which end their messages; 0 without a bone."""
    weight_offsets, bone_offset, offset = list[int](), 0, 16
    while offset < len(data):
        size = int.from_bytes(data[offset : offset + 4], "big")
        end = offset + 4 + size
        address = bytes(data[offset + 4 : end]).split(b"\0")[0]
        if address.endswith(b"Blend/Val"):
            weight_offsets.append(end - 4)
        elif address.endswith(b"Bone/Pos") and head:
            bone_offset = end - 16
        offset = end
    return weight_offsets, bone_offset
