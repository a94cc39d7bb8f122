"""VTube Studio's plugin API: a WebSocket client that asks for permission once, creates parameters and sets them.

See docs/protocol.md.
"""

from __future__ import annotations

import asyncio
import contextlib
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
from ..status import Health, State
from .vtube_studio_api import NOT_VTUBE_STUDIO, ApiConnection, ApiError, ErrorId

if TYPE_CHECKING:
    from ..hub import Hub

PORT = 8001
_IDENTITY = {"pluginName": "Innerface", "pluginDeveloper": "The Innerface project"}
_PREFIX = "IF"
_TOKEN_FILE = "vtube-studio-token"
_RETRY_S, _MAX_RETRY_S = 2.0, 30.0  # the pause doubles while connections end without a face
_REPEAT_S = 0.5  # parameters reset after a second without values
_SLOW_ANSWER_S = 1.0
_MAX_NAMES = 3  # in a sentence
_NOT_CONNECTED = "not connected: start VTube Studio and turn on its plugin API"
_GARBLED = "VTube Studio sent something that cannot be read; connecting again"
_SILENT = "VTube Studio does not answer; it does not while it loads a model"


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
    values = {name: float(value) for name, value in (standard | custom).items()}
    return [{"id": name, "value": round(value, 5)} for name, value in values.items() if math.isfinite(value)]


class VTubeStudioSink:
    """Sends faces to VTube Studio; reconnects when the connection is lost.

    It asks for permission once; where that is denied or taken back, it asks again only when a person wants it
    (`retry`). `token_file` keeps the permission.
    """

    name = "vts"

    def __init__(self, host: str = LOOPBACK, port: int = PORT, token_file: Path | None = None) -> None:
        self.uri, self.token_file = f"ws://{host}:{port}", token_file
        self.task: asyncio.Task[None] | None = None
        self.latest_frame: Frame | None = None
        self.wake = asyncio.Event()
        self.sent = 0
        self._health = Health("away", "not connected yet")
        self._token, self._may_ask = "", True
        self._refused: dict[str, ApiError] = {}  # parameters that VTube Studio does not take
        self._requested_at: float | None = None  # of the face that is not answered yet
        self._answer_s = 0.0

    async def start(self, hub: Hub) -> None:
        """Start connecting."""
        self.hub = hub
        self._connect()

    def _connect(self) -> None:
        self.task = self.hub.loop.create_task(self._run())
        self.task.add_done_callback(self.hub.on_task_done)

    async def stop(self) -> None:
        """Close the connection."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def put(self, frame: Frame) -> None:
        """Send a face as soon as the connection is free; only the newest one waits."""
        self.latest_frame = frame
        self.wake.set()

    def retry(self) -> None:
        """Connect again at once; ask for permission and for refused parameters again."""
        if self.task is not None:
            self.task.cancel()
            self._may_ask = True
            self._set_health("away", "connecting again")
            self._connect()

    def health(self) -> Health:
        """How the connection is."""
        waiting_s = 0.0 if self._requested_at is None else self.hub.loop.time() - self._requested_at
        answer_s = max(self._answer_s, waiting_s)
        if self._health.state == "ok" and answer_s > _SLOW_ANSWER_S:
            return Health("poor", f"VTube Studio takes {answer_s:.0f} s to answer; faces are late")
        return self._health

    def describe(self) -> str:
        """Return the address and the number of faces that were accepted."""
        connected = ", connected" if self._health.state in ("ok", "poor") else ""
        return f"{self.uri}{connected}, {self.sent} faces"

    async def _run(self) -> None:
        """Connect until a refusal comes that lasts until a person does something: then the task ends."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidHandshake, WebSocketException

        pause_s = _RETRY_S
        while True:
            connected, sent_before = False, self.sent
            try:
                async with connect(self.uri, proxy=None, compression=None, open_timeout=3, max_size=1 << 20) as socket:
                    connected = True
                    await self._send_faces(ApiConnection(socket))
            except InvalidHandshake:
                self._set_health("failed", NOT_VTUBE_STUDIO)
            except (OSError, TimeoutError, WebSocketException) as error:
                silent = connected and isinstance(error, TimeoutError)
                self._set_health("away", _SILENT if silent else _NOT_CONNECTED)
            except ApiError as error:
                if not error.passing:
                    self._set_health("failed", f"VTube Studio refuses ({error}); correct that there and try again")
                    return
                self._set_health("away", f"VTube Studio: {error}")
            except InnerfaceError as error:
                if self.sent == sent_before:
                    self._set_health("failed", str(error))
                    return
                self._set_health("away", _GARBLED)  # it is VTube Studio, which has just taken faces
            finally:
                self._requested_at, self._answer_s = None, 0.0
            pause_s = min(pause_s * 2, _MAX_RETRY_S) if connected and self.sent == sent_before else _RETRY_S
            await asyncio.sleep(pause_s)

    async def _send_faces(self, api: ApiConnection) -> None:
        """Authenticate, create the parameters and send faces until the connection ends."""
        await self._authenticate(api)
        await self._create_parameters(api)
        self._report_refused()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REPEAT_S):  # `wait_for` loses a cancellation that comes as it times out
                    await self.wake.wait()
            self.wake.clear()
            if self.latest_frame is not None:
                await self._send(api, self.latest_frame)

    async def _authenticate(self, api: ApiConnection) -> None:
        token = self._token or self._load_token()
        if not token or not await _is_accepted(api, token):
            token = await self._ask_permission(api)
            if not await _is_accepted(api, token):
                raise InnerfaceError("VTube Studio rejects the permission that it has just given; try again")
        self._token, self._may_ask = token, False

    async def _ask_permission(self, api: ApiConnection) -> str:
        """Open VTube Studio's window, and return the token once a person has clicked Allow, however long it takes."""
        if not self._may_ask:
            raise InnerfaceError("VTube Studio does not permit Innerface any more; try again, and click Allow there")
        self._token, self._may_ask = "", False
        self._set_health("away", "waiting for permission: click Allow in VTube Studio")
        try:
            answer = await api.request("AuthenticationTokenRequest", _IDENTITY, timeout_s=None)
        except ApiError as error:
            if error.error_id == ErrorId.PERMISSION_DENIED:
                raise InnerfaceError(
                    "permission was denied in VTube Studio; to be asked again, try again, and click Allow there"
                ) from None
            self._may_ask = error.passing  # no window was opened
            raise
        token: Any = answer.get("authenticationToken")
        if not isinstance(token, str) or not token:
            raise InnerfaceError(NOT_VTUBE_STUDIO)
        self._save_token(token)
        return token

    async def _create_parameters(self, api: ApiConnection) -> None:
        """Create all parameters; those that are refused do not stop the others."""
        self._refused.clear()
        for name in parameter_names():
            parameter = {
                "parameterName": name,
                "explanation": "ARKit shape, from Innerface",
                "min": 0,
                "max": 1,
                "defaultValue": 0,
            }
            try:
                await api.request("ParameterCreationRequest", parameter)
            except ApiError as error:
                if error.passing:
                    raise
                self._refused[name] = error

    async def _send(self, api: ApiConnection, frame: Frame) -> None:
        """Send a face; a request fails as a whole, so what is refused is found one by one and left out from then on."""
        values = [v for v in parameter_values(frame) if v["id"] not in self._refused]
        self._requested_at = self.hub.loop.time()
        try:
            await _inject(api, frame, values)
        except ApiError as error:
            if error.passing:
                raise
            refused: dict[str, ApiError] = {}
            for value in values:
                try:
                    await _inject(api, frame, [value])
                except ApiError as single:
                    if single.passing:
                        raise
                    refused[value["id"]] = single
            if len(refused) == len(values):
                raise
            self._refused |= refused
            self._report_refused()
        self._answer_s, self._requested_at = self.hub.loop.time() - self._requested_at, None
        self.sent += 1

    def _report_refused(self) -> None:
        if not self._refused:
            self._set_health("ok", "")
            return
        names, reasons = list(self._refused), {e.error_id for e in self._refused.values()}
        if reasons <= {ErrorId.PLUGIN_PARAMETER_LIMIT, ErrorId.TOTAL_PARAMETER_LIMIT}:
            reason = "its limit of parameters is reached: delete other plugins' parameters there"
        else:
            reason = str(self._refused[names[0]])
        more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
        self._set_health("poor", f"VTube Studio does not take {', '.join(names[:_MAX_NAMES])}{more} ({reason})")

    def _set_health(self, state: State, problem: str) -> None:
        """Keep the state; what a person has to correct becomes a note, once."""
        previous, self._health = self._health, Health(state, problem)
        if state in ("poor", "failed") and self._health != previous:
            self.hub.note(f"{self.name}: {problem}")

    def _load_token(self) -> str:
        try:
            return self.token_file.read_text(encoding="utf-8").strip()[:64] if self.token_file is not None else ""
        except (OSError, UnicodeDecodeError):
            return ""

    def _save_token(self, token: str) -> None:
        if self.token_file is not None:
            with atomic_write(self.token_file, mode=0o600) as temporary:
                temporary.write_text(token, encoding="utf-8")


async def _is_accepted(api: ApiConnection, token: str) -> bool:
    try:
        answer = await api.request("AuthenticationRequest", _IDENTITY | {"authenticationToken": token})
    except ApiError as error:
        if error.passing:
            raise
        return False
    return answer.get("authenticated", True) is not False


async def _inject(api: ApiConnection, frame: Frame, values: list[dict[str, Any]]) -> None:
    data = {"faceFound": frame.seen, "mode": "set", "parameterValues": values}
    await api.request("InjectParameterDataRequest", data)


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
