"""VTube Studio's plugin API: a WebSocket client that asks for permission once, creates parameters and sets them.

See docs/protocol.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import InnerfaceError
from ...core.face.channels import ARKIT, pascal_case
from ...core.files import atomic_write
from ..addresses import LOOPBACK
from ..arguments import Address, argument
from ..frame import Frame, clipped_values
from ..specs import SinkContext, SinkSpec, StreamToggle

if TYPE_CHECKING:
    from ..hub import Hub

PORT = 8001
_PLUGIN, _DEVELOPER, _PREFIX = "Innerface", "The Innerface project", "IF"
_TOKEN_FILE = "vtube-studio-token"
_RETRY_S = 2.0
_PERMISSION_TIMEOUT_S = 60.0  # for the user to click
_ERROR_DENIED = 50


def parameter_names() -> list[str]:
    """Return the names of Innerface's parameters, 4 to 32 letters and digits each."""
    return [f"{_PREFIX}{pascal_case(name)}" for name in ARKIT]


def parameter_values(frame: Frame) -> list[dict[str, Any]]:
    """Return Innerface's parameters and VTube Studio's standard ones: head angles in degrees, mouth and eyes."""
    w = dict(zip(ARKIT, clipped_values(frame).tolist()))
    yaw, pitch, roll = (math.degrees(a) for a in frame.values[len(ARKIT) :].tolist())
    standard = {
        "FaceAngleX": yaw,
        "FaceAngleY": -pitch,
        "FaceAngleZ": roll,
        "MouthOpen": max(w["jawOpen"] - w["mouthClose"], 0.0),
        "MouthSmile": min(
            max(
                0.5 + (w["mouthSmileLeft"] + w["mouthSmileRight"] - w["mouthFrownLeft"] - w["mouthFrownRight"]) / 4, 0.0
            ),
            1.0,
        ),
        "EyeOpenLeft": 1 - min(w["eyeBlinkLeft"], 1.0),
        "EyeOpenRight": 1 - min(w["eyeBlinkRight"], 1.0),
        "BrowLeftY": 0.5 + (w["browOuterUpLeft"] - w["browDownLeft"]) / 2,
        "BrowRightY": 0.5 + (w["browOuterUpRight"] - w["browDownRight"]) / 2,
        "CheekPuff": w["cheekPuff"],
        "TongueOut": w["tongueOut"],
    }
    custom = {f"{_PREFIX}{pascal_case(name)}": value for name, value in w.items()}
    return [{"id": name, "value": round(float(value), 5)} for name, value in (standard | custom).items()]


class VTubeStudioSink:
    """Sends faces to VTube Studio, and reconnects when the connection is lost; `token_file` keeps the permission."""

    name = "vts"

    def __init__(self, host: str = LOOPBACK, port: int = PORT, token_file: Path | None = None) -> None:
        self.uri, self.token_file = f"ws://{host}:{port}", token_file
        self.task: asyncio.Task[None] | None = None
        self.latest_frame: Frame | None = None
        self.wake = asyncio.Event()
        self.state, self.sent, self.request_count = "connecting", 0, 0

    async def start(self, hub: Hub) -> None:
        """Start connecting."""
        self.task = hub.loop.create_task(self._run())

    async def stop(self) -> None:
        """Close the connection."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def put(self, frame: Frame) -> None:
        """Send a face as soon as the connection is free; only the newest one waits."""
        self.latest_frame = frame
        self.wake.set()

    def describe(self) -> str:
        """Return the address, the state and the number of faces sent."""
        return f"{self.uri}, {self.state}, {self.sent} faces"

    async def _run(self) -> None:
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        while True:
            try:
                async with connect(self.uri, proxy=None, compression=None, open_timeout=3, max_size=1 << 20) as socket:
                    await self._session(socket)
            except (OSError, TimeoutError, WebSocketException):
                self.state = "connecting: start VTube Studio and turn on its plugin API"
            except InnerfaceError as error:
                self.state = str(error)
            except (ValueError, TypeError, KeyError, AttributeError):
                self.state = "the program at this address is not VTube Studio; correct the address"
            await asyncio.sleep(_RETRY_S)

    async def _session(self, socket: Any) -> None:
        token = self._load_token()
        for _ in range(2):
            if not token:
                self.state = "waiting for permission: click Allow in VTube Studio"
                token = (
                    await self._request(
                        socket, "AuthenticationTokenRequest", self._identity(), timeout=_PERMISSION_TIMEOUT_S
                    )
                )["authenticationToken"]
                self._save_token(str(token))
            reply = await self._request(
                socket, "AuthenticationRequest", self._identity() | {"authenticationToken": token}
            )
            if reply.get("authenticated"):
                break
            token = ""  # revoked, or of another computer
        else:
            raise InnerfaceError("VTube Studio rejects the plugin; allow Innerface in its settings")
        for name in parameter_names():
            parameter = {
                "parameterName": name,
                "explanation": "ARKit shape, from Innerface",
                "min": 0,
                "max": 1,
                "defaultValue": 0,
            }
            await self._request(socket, "ParameterCreationRequest", parameter)
        self.state = "connected"
        while True:
            with contextlib.suppress(TimeoutError):  # parameters reset after a second without values
                await asyncio.wait_for(self.wake.wait(), 0.5)
            self.wake.clear()
            if self.latest_frame is not None:
                data = {
                    "faceFound": self.latest_frame.seen,
                    "mode": "set",
                    "parameterValues": parameter_values(self.latest_frame),
                }
                await self._request(socket, "InjectParameterDataRequest", data)
                self.sent += 1

    async def _request(self, socket: Any, kind: str, data: dict[str, Any], *, timeout: float = 5.0) -> dict[str, Any]:
        self.request_count += 1
        request = {
            "apiName": "VTubeStudioPublicAPI",
            "apiVersion": "1.0",
            "requestID": f"innerface{self.request_count}",
            "messageType": kind,
            "data": data,
        }
        await socket.send(json.dumps(request))
        while True:
            answer = json.loads(await asyncio.wait_for(socket.recv(), timeout))
            if answer.get("requestID") == request["requestID"]:
                break
        if answer.get("messageType") == "APIError":
            problem = answer.get("data", {})
            if problem.get("errorID") == _ERROR_DENIED:
                raise InnerfaceError("permission was denied; allow Innerface in VTube Studio's plugin settings")
            raise InnerfaceError(f"VTube Studio: {str(problem.get('message', 'an error'))[:120]}")
        return answer["data"]

    def _identity(self) -> dict[str, str]:
        return {"pluginName": _PLUGIN, "pluginDeveloper": _DEVELOPER}

    def _load_token(self) -> str:
        try:
            return self.token_file.read_text(encoding="utf-8").strip()[:64] if self.token_file is not None else ""
        except OSError:
            return ""

    def _save_token(self, token: str) -> None:
        if self.token_file is not None:
            with atomic_write(self.token_file) as temporary:
                temporary.write_text(token, encoding="utf-8")
            self.token_file.chmod(0o600)


@dataclass(frozen=True)
class VTubeStudioOptions:
    """Arguments of `vts`."""

    address: Address = argument(Address(LOOPBACK, PORT), positional=True, help="VTube Studio's plugin port")


def _create(options: VTubeStudioOptions, context: SinkContext) -> VTubeStudioSink:
    token_file = None if context.folder is None else context.folder / _TOKEN_FILE
    return VTubeStudioSink(options.address.host, options.address.port, token_file)


SPEC = SinkSpec(
    kind="vts",
    summary="VTube Studio",
    options=VTubeStudioOptions,
    peer=lambda options: options.address.host,
    create=_create,
    toggle=StreamToggle(
        "send_vts",
        "vts_target",
        "VTube Studio",
        "Send to VTube Studio's plugin port; VTube Studio asks for permission once",
        3,
    ),
)
