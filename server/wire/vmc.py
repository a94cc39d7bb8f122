"""VMC (OSC over UDP): blend shapes and the head's bone, in and out. See docs/protocol.md."""

from __future__ import annotations

import math
import struct

import numpy as np
from pythonosc import osc_bundle_builder, osc_message_builder

from ...core.channels import ARKIT, pascal
from ...core.imu import quaternion as quat
from .osc import messages

PORT = 39539
_BY_NAME = {name.lower(): name for name in ARKIT}


class Receiver:
    """Collects `/VMC/Ext/Blend/Val` until `Apply`; the head's bone gives its angles."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def push(self, data: bytes) -> list[dict[str, float]]:
        """Faces that were applied: weights and head angles by channel name."""
        out = []
        for address, args in messages(data):
            if address == "/VMC/Ext/Blend/Val" and len(args) >= 2 and isinstance(args[0], str):
                name, value = _BY_NAME.get(args[0].lower()), args[1]
                if name is not None and isinstance(value, (int, float)) and math.isfinite(value):
                    self.values[name] = min(max(float(value), -1.0), 2.0)
            elif address == "/VMC/Ext/Bone/Pos" and len(args) >= 8 and args[0] == "Head":
                self.values |= _head(args[4:8])
            elif address == "/VMC/Ext/Blend/Apply":
                out.append(dict(self.values))
        return out


def _head(xyzw: list) -> dict[str, float]:
    """Head angles from a rotation in Unity's left-handed space (x to the performer's right): about x and the axes that mirroring x turns round."""
    if not all(isinstance(v, (int, float)) and math.isfinite(v) and abs(v) < 1e3 for v in xyzw):
        return {}
    x, y, z, w = (float(v) for v in xyzw)
    q = np.array([w, x, -y, -z])
    norm = float(np.linalg.norm(q))
    if norm < 1e-6:
        return {}
    yaw, pitch, roll = quat.to_euler_yxz(q / norm).tolist()
    return {"headYaw": yaw, "headPitch": pitch, "headRoll": roll}


def head_rotation(yaw: float, pitch: float, roll: float) -> tuple[float, float, float, float]:
    """The head's bone (x, y, z, w) in Unity's space for our angles."""
    q = quat.multiply(quat.multiply(quat.about(1, yaw), quat.about(0, pitch)), quat.about(2, roll))
    return float(q[1]), 0.0 - float(q[2]), 0.0 - float(q[3]), float(q[0])  # no negative zeros


class Encoder:
    """A bundle of all blend shapes, the head's bone, and Apply. python-osc lays it out once; then only the numbers are written anew."""

    def __init__(self, camel: bool = False, head: bool = True) -> None:
        bundle = osc_bundle_builder.OscBundleBuilder(osc_bundle_builder.IMMEDIATELY)
        for name in ARKIT:
            bundle.add_content(_message("/VMC/Ext/Blend/Val", [name if camel else pascal(name), 0.0]))
        bundle.add_content(_message("/VMC/Ext/Blend/Apply", []))
        if head:
            bundle.add_content(_message("/VMC/Ext/Bone/Pos", ["Head", *[0.0] * 6, 1.0]))
        bundle.add_content(_message("/VMC/Ext/OK", [1]))
        self.data = bytearray(bundle.build().dgram)
        self.places, self.bone = _value_places(self.data, head)

    def encode(self, weights: np.ndarray, angles: tuple[float, float, float]) -> bytes:
        """A datagram of weights (52,) in ARKIT's order and yaw, pitch, roll in rad."""
        for place, value in zip(self.places, np.asarray(weights, dtype=np.float64).tolist()):
            struct.pack_into(">f", self.data, place, value)
        if self.bone:
            struct.pack_into(">4f", self.data, self.bone, *head_rotation(*angles))
        return bytes(self.data)


def _message(address: str, args: list):
    builder = osc_message_builder.OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(arg)
    return builder.build()


def _value_places(data: bytearray, head: bool) -> tuple[list[int], int]:
    """Where the weights' floats and the bone's quaternion lie: a value ends its message."""
    places, bone, at = [], 0, 16
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        end = at + 4 + size
        address = bytes(data[at + 4 : end]).split(b"\0")[0]
        if address.endswith(b"Blend/Val"):
            places.append(end - 4)
        elif address.endswith(b"Bone/Pos") and head:
            bone = end - 16
        at = end
    return places, bone
