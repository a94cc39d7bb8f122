"""Faces to Unreal by Live Link (ARKit)."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

import numpy as np

from ...core.face.channels import ARKIT, LIVE_LINK_FACE
from ..addresses import LOOPBACK
from ..arguments import Address, argument
from ..frame import Frame, live_link_values
from ..protocols import live_link_face
from ..specs import SinkSpec, StreamToggle
from .udp_sink import UdpSink

DEFAULT_SUBJECT = "Innerface"


class LiveLinkSink(UdpSink):
    """Sends faces as the Live Link Face app does, version 6; `subject` is the name that Unreal lists."""

    name = "livelink"

    def __init__(self, host: str = LOOPBACK, port: int = live_link_face.PORT, subject: str = DEFAULT_SUBJECT) -> None:
        super().__init__(host, port)
        self.subject = subject
        self.id = str(
            uuid.uuid5(uuid.NAMESPACE_DNS, f"innerface.{subject}")
        ).upper()  # Unreal identifies subjects by it
        self.order = [LIVE_LINK_FACE.index(name) for name in live_link_face.UDP_ORDER]
        self.day_offset = time.time() % 86_400

    def encode(self, frame: Frame) -> list[bytes]:
        """Return a packet of 61 values in Unreal's order; weights are clipped to 0..1."""
        values = live_link_values(frame)
        values[: len(ARKIT)] = np.clip(values[: len(ARKIT)], 0, 1)
        frame_number = (self.day_offset + frame.time) * 60
        packet = live_link_face.Packet(
            self.id, self.subject, int(frame_number), float(frame_number % 1), 60, 1, values[self.order]
        )
        return [live_link_face.encode(packet)]


@dataclass(frozen=True)
class LiveLinkOptions:
    """Arguments of `livelink`."""

    address: Address = argument(Address(LOOPBACK, live_link_face.PORT), positional=True, help="where to send to")
    subject: str = argument(DEFAULT_SUBJECT, name="name", metavar="SUBJECT", help="what Unreal lists it as")


SPEC = SinkSpec(
    kind="livelink",
    summary="Unreal's Live Link (ARKit)",
    options=LiveLinkOptions,
    peer=lambda options: options.address.host,
    create=lambda options, _: LiveLinkSink(
        options.address.host, options.address.port, options.subject or DEFAULT_SUBJECT
    ),
    toggle=StreamToggle(
        "send_livelink", "livelink_target", "Live Link Face", "Send to Unreal's Live Link, as the iPhone app does", 2
    ),
)
