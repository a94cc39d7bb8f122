"""Faces of another bridge by WebSocket (docs/protocol.md), which may have devices that this computer cannot have."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qs, urlsplit

import numpy as np

from ...core.errors import InnerfaceError
from ...core.face.channels import OUTPUT_CHANNELS
from ..arguments import PanelField, argument
from ..face_watch import FaceWatch
from ..frame import MAGIC, SENSORS, VERSION, Frame, decode_face
from ..messages import DeviceInfo, FaceSample
from ..plausibility import plausible_weights
from ..specs import MenuEntry, SourceGroup, SourceSpec

if TYPE_CHECKING:
    from ..hub import Hub

_RETRY_S = 1.0
_MAX_TIME_S = 1e11  # what is later is no time
_ODD_S = 3.0  # after an odd frame, for which the stream has a problem
_MAX_MESSAGE_BYTES, _MAX_NOTES = 1 << 20, 8
_SENSORS_START = MAGIC + bytes([SENSORS])


class RemoteBridge:
    """Receives another bridge's faces.

    Parameters
    ----------
    address
        ws://HOST:PORT, as `innerface serve` prints it.
    token
        The bridge's token, "" without one.
    """

    name = "bridge"

    def __init__(self, address: str, token: str = "") -> None:
        parsed = _split_address(address)
        try:
            port = parsed.port
        except ValueError:
            port = None
        if parsed.scheme not in ("ws", "http", "wss", "https") or not parsed.hostname or port is None:
            raise InnerfaceError(
                f"bridge: '{address}' is not an address; give ws://HOST:PORT as innerface serve prints it"
            )
        scheme = "wss" if parsed.scheme in ("wss", "https") else "ws"
        host = f"[{parsed.hostname}]" if ":" in parsed.hostname else parsed.hostname
        self.address = f"{scheme}://{host}:{port}/"
        self.token = token or parse_qs(parsed.query).get("token", [""])[0]
        self.task: asyncio.Task[None] | None = None
        self.socket: Any = None
        self.odd_frames: Counter[str] = Counter()  # left out or in part, by the reason
        self._odd_at = self._timed_at = -math.inf
        self._watch, self._problem = FaceWatch(), ""
        self._rejected, self._told = 0, set[str]()

    async def start(self, hub: Hub) -> None:
        """Start connecting, and retry until the bridge answers."""
        self.task = hub.loop.create_task(self._run(hub))
        self.task.add_done_callback(hub.on_task_done)

    async def stop(self) -> None:
        """Disconnect."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def prompt(self, action: str) -> None:
        """Forward `calibrate` and `recentre` to the other bridge."""
        if action in ("calibrate", "recentre"):
            self._send_command(action)

    def _send_command(self, command: str) -> None:
        if self.socket is not None:
            task = asyncio.get_running_loop().create_task(self._send_request({"command": command}))
            task.add_done_callback(lambda t: t.cancelled() or t.exception())

    async def _send_request(self, request: dict[str, Any]) -> None:
        if self.socket is not None:
            await self.socket.send(json.dumps({"id": 1} | request))

    def _authorization(self) -> dict[str, str]:
        """The header with the token: what is in a URL ends up in logs."""
        encoded = self.token.encode("utf-8", "replace").decode("latin-1")  # as HTTP headers are written
        return {"Authorization": f"Bearer {encoded}"} if self.token else {}

    async def _run(self, hub: Hub) -> None:
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus, WebSocketException

        while True:
            problem = ""
            try:
                async with connect(
                    self.address,
                    additional_headers=self._authorization(),
                    proxy=None,
                    compression=None,
                    max_size=_MAX_MESSAGE_BYTES,
                    open_timeout=5,
                    close_timeout=1,
                ) as self.socket:
                    await self._send_request({"command": "subscribe", "streams": ["face"]})
                    hub.receive(self.name, DeviceInfo(self.address, name="another bridge"))
                    async for message in self.socket:
                        self._handle_message(hub, message)
            except InvalidStatus as error:
                problem = (
                    "asks for its token"
                    if error.response.status_code == 401
                    else f"refuses ({error.response.status_code})"
                )
            except (OSError, TimeoutError, WebSocketException) as error:
                problem = f"does not answer ({type(error).__name__}); is innerface serve running there?"
            finally:
                self.socket = None
            if problem:
                hub.receive(
                    self.name, DeviceInfo(self.address, name="another bridge", problem=f"{self.address} {problem}")
                )
            await asyncio.sleep(_RETRY_S)

    def _handle_message(self, hub: Hub, message: Any) -> None:
        if isinstance(message, bytes):
            frame = decode_face(message)
            if frame is not None:
                self._receive_frame(hub, frame)
            elif message[:3] != _SENSORS_START:
                self._reject(hub, message)
            return
        try:
            reply: Any = json.loads(message)
        except (ValueError, RecursionError):
            self._reject(hub, b"")
            return
        if isinstance(reply, dict) and reply.get("ok") is False:  # pyright: ignore[reportUnknownMemberType]
            self._note_once(hub, f"{self.address}: {str(reply.get('error'))[:300]}")  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]

    def _reject(self, hub: Hub, data: bytes) -> None:
        self._rejected += 1
        if data[:2] == MAGIC and data[3:4] != bytes([VERSION]):
            problem = (
                f"its faces are of version {data[3] if len(data) > 3 else 0}, not {VERSION}: update the older program"
            )
        elif data[:2] == MAGIC:
            problem = (
                f"its faces have other channels than the {len(OUTPUT_CHANNELS)} of this version: update both programs"
            )
        else:
            problem = "what it sends are no faces: give the address that innerface serve prints"
        self._note_once(hub, f"{self.address}: {problem}")
        self._tell(hub, problem)

    def _receive_frame(self, hub: Hub, frame: Frame) -> None:
        now, time = hub.now(), frame.time
        if abs(frame.time) <= _MAX_TIME_S:
            self._timed_at = now
        elif now - self._timed_at <= _ODD_S:
            self._rejected += 1
            self._report_odd(hub, "frames were left out, whose time cannot be")
            return
        else:  # it is so for good, and must not silence the face
            time = None
            self._report_odd(hub, "frames have a time that cannot be, and were timed by their arrival")
        sample = to_face_sample(self.address, frame, time)
        if frame.seen and len(sample.values) < np.count_nonzero(~np.isnan(frame.values)):
            self._report_odd(hub, "frames held weights that cannot be, which were left out")
        sample.values = self._watch.clean(sample.values, (), now)
        for note in self._watch.take_notes():
            hub.note(f"{self.address}: {note}")
        if now - self._odd_at > _ODD_S and self._watch.problem != self._problem:
            self._tell(hub, self._watch.problem)
        hub.receive(self.name, sample)

    def _report_odd(self, hub: Hub, reason: str) -> None:
        self.odd_frames[reason] += 1
        self._odd_at = hub.now()
        self._note_once(hub, f"{self.address}: {reason}")
        self._tell(hub, f"{self.odd_frames[reason]} {reason}; restart that bridge, or the source of its faces")

    def _tell(self, hub: Hub, problem: str) -> None:
        """Give its stream a problem, "" for none."""
        self._problem = problem
        hub.receive(self.name, DeviceInfo(self.address, name="another bridge", problem=problem))

    def _note_once(self, hub: Hub, note: str) -> None:
        if note not in self._told and len(self._told) < _MAX_NOTES:
            self._told.add(note)
            hub.note(note)

    @property
    def dropped(self) -> dict[str, int]:
        """Messages that became no face, by the reason."""
        return {"malformed": self._rejected} if self._rejected else {}

    def describe(self) -> str:
        """Return the address, and what is odd with what comes from there."""
        odd = "".join(f"; {count} {reason}" for reason, count in self.odd_frames.items())
        return f"faces of the bridge at {self.address}{odd}"


def _split_address(address: str) -> SplitResult:
    """Split ws://HOST:PORT or HOST:PORT; what is neither has no host."""
    try:
        return urlsplit(address if "//" in address else f"ws://{address}")
    except ValueError:
        return urlsplit("")


def to_face_sample(device: str, frame: Frame, time: float | None) -> FaceSample:
    """Return a frame as a message, timed by `time`, without values that were not measured or cannot be."""
    values = dict(zip(OUTPUT_CHANNELS, frame.values.tolist())) if frame.seen else {}
    return FaceSample(device, plausible_weights(values), time)


@dataclass(frozen=True)
class RemoteBridgeOptions:
    """Arguments of `bridge`."""

    address: str = argument(
        "",
        positional=True,
        required=True,
        metavar="ws://HOST:PORT",
        help="its address, as innerface serve prints it",
        field=PanelField("bridge", "Address", "Address that innerface serve prints", default="ws://127.0.0.1:7646"),
    )
    token: str = argument(
        "",
        metavar="T",
        help="what it was started with, if anything",
        field=PanelField("bridge_token", "Token", "Token that the server was started with, if any", subtype="PASSWORD"),
    )


SPEC = SourceSpec(
    kind="bridge",
    summary="another bridge's faces",
    options=RemoteBridgeOptions,
    peer=lambda options: _split_address(options.address).hostname or "",
    create=lambda options, _: RemoteBridge(options.address, options.token),
    group=SourceGroup.CAMERA,
    hints=("no face comes in there either: look at its page",),
    menu=MenuEntry(
        "BRIDGE",
        4,
        "Innerface Server",
        "A running 'innerface serve', on this or another computer; needed for BrainFlow and LSL",
        "LINKED",
    ),
)
