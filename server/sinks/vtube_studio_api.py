"""Requests of VTube Studio's plugin API (github.com/DenchiSoft/VTubeStudio), and what their errors mean."""

from __future__ import annotations

import asyncio
import json
from enum import IntEnum
from typing import Any, cast

from ...core.errors import InnerfaceError
from ...core.printable import one_line

NOT_VTUBE_STUDIO = "the program at this address is not VTube Studio; correct the address"
ANSWER_TIMEOUT_S = 15.0  # it answers nothing while it loads a model
_MAX_MESSAGE = 120  # characters of its messages that are passed on


class ErrorId(IntEnum):
    """Those of its `ErrorID` that are treated apart; all others are lasting refusals."""

    INTERNAL = 0
    API_DISABLED = 1
    NOT_AUTHENTICATED = 8
    PERMISSION_DENIED = 50
    PERMISSION_WINDOW_OPEN = 51
    PLUGIN_PARAMETER_LIMIT = 355
    TOTAL_PARAMETER_LIMIT = 356


_PASSING = {ErrorId.INTERNAL, ErrorId.API_DISABLED, ErrorId.NOT_AUTHENTICATED, ErrorId.PERMISSION_WINDOW_OPEN}


class ApiError(Exception):
    """A request was refused; `passing`: whether the same request may succeed later without anybody's doing."""

    def __init__(self, error_id: int, message: str) -> None:
        super().__init__(message)
        self.error_id, self.passing = error_id, error_id in _PASSING


class ApiConnection:
    """Sends one request at a time over a WebSocket."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._count = socket, 0

    async def request(
        self, kind: str, data: dict[str, Any], *, timeout_s: float | None = ANSWER_TIMEOUT_S
    ) -> dict[str, Any]:
        """Return the data of the answer; any answer that is no error is success, with or without data.

        Raises ApiError, TimeoutError, and InnerfaceError for what VTube Studio never answers.
        """
        self._count += 1
        request_id = f"innerface{self._count}"
        request = {"apiName": "VTubeStudioPublicAPI", "apiVersion": "1.0", "requestID": request_id}
        await self._socket.send(json.dumps(request | {"messageType": kind, "data": data}))
        async with asyncio.timeout(timeout_s):
            answer = _parse(await self._socket.recv())
            while not _answers(answer, request_id, kind):
                answer = _parse(await self._socket.recv())
        content: Any = answer.get("data")
        answered = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
        if answer.get("messageType") == "APIError":
            error_id = answered.get("errorID")
            reason = one_line(str(answered.get("message") or "no reason given"), _MAX_MESSAGE).rstrip(". ")
            raise ApiError(error_id if isinstance(error_id, int) else -1, reason)
        return answered


def _answers(answer: dict[str, Any], request_id: str, kind: str) -> bool:
    """Whether it is the answer to that request, the only one under way; it may lack its identity."""
    answered = answer.get("requestID")
    kinds = ("APIError", kind.replace("Request", "Response"))
    return answered == request_id or (not answered and answer.get("messageType") in kinds)


def _parse(text: str | bytes) -> dict[str, Any]:
    try:
        answer: Any = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise InnerfaceError(NOT_VTUBE_STUDIO)
    return cast("dict[str, Any]", answer)
