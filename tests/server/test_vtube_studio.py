"""VTube Studio's plugin API, against a stand-in that answers as its documentation says."""

import asyncio
import json

import numpy as np
from innerface.core.face.channels import ARKIT
from innerface.server.frame import Frame
from innerface.server.sinks.vtube_studio import VTubeStudioSink, parameter_names
from websockets.asyncio.server import serve

from .conftest import until


class Studio:
    """`allowed`: what the user clicks; `known`: tokens given before."""

    def __init__(self, allowed=True, known=()):
        self.allowed, self.known, self.made, self.set, self.seen = allowed, set(known), [], [], []

    async def __call__(self, socket):
        authenticated = False
        async for text in socket:
            request = json.loads(text)
            kind, data = request["messageType"], request["data"]
            self.seen.append(kind)
            assert (
                request["apiName"] == "VTubeStudioPublicAPI"
                and request["apiVersion"] == "1.0"
                and 1 <= len(request["requestID"]) <= 64
            )
            if kind == "AuthenticationTokenRequest":
                assert 3 <= len(data["pluginName"]) <= 32 and 3 <= len(data["pluginDeveloper"]) <= 32
                if not self.allowed:
                    answer = ("APIError", {"errorID": 50, "message": "User has denied API access for your plugin."})
                else:
                    self.known.add("token-1")
                    answer = ("AuthenticationTokenResponse", {"authenticationToken": "token-1"})
            elif kind == "AuthenticationRequest":
                authenticated = data["authenticationToken"] in self.known
                answer = ("AuthenticationResponse", {"authenticated": authenticated, "reason": ""})
            elif not authenticated:
                answer = ("APIError", {"errorID": 8, "message": "This plugin is currently not authenticated."})
            elif kind == "ParameterCreationRequest":
                self.made.append(data["parameterName"])
                answer = ("ParameterCreationResponse", {"parameterName": data["parameterName"]})
            else:
                self.set.append(data)
                answer = ("InjectParameterDataResponse", {})
            await socket.send(
                json.dumps({"requestID": request["requestID"], "messageType": answer[0], "data": answer[1]})
            )


def face(number=1, **weights):
    values = np.zeros(55)
    for name, value in weights.items():
        values[ARKIT.index(name)] = value
    return Frame(number, number / 60, 0.0, values, None, "sensors", True)


def run(bridge, studio, tmp_path, faces=20):
    async def work(hub):
        async with serve(studio, "127.0.0.1", 0) as server:
            sink = VTubeStudioSink(port=server.sockets[0].getsockname()[1], token_file=tmp_path / "token")
            await sink.start(hub)
            for k in range(faces):
                sink.put(face(k, jawOpen=0.5, eyeBlinkLeft=1.0))
                await asyncio.sleep(0.02)
            if studio.allowed:
                await until(lambda: len(studio.set) >= 3)
                await asyncio.sleep(1.2)  # nobody sends a new face: it is result again, or the model would fall back
            state = sink.describe()
            await sink.stop()
            return state

    return bridge(work)


def test_permission_is_asked_once_and_parameters_are_created_and_set(bridge, tmp_path):
    studio = Studio()
    state = run(bridge, studio, tmp_path)
    assert "connected" in state and studio.made == parameter_names() and (tmp_path / "token").read_text() == "token-1"
    assert all(4 <= len(n) <= 32 and n.isalnum() for n in parameter_names()) and len(parameter_names()) == 52
    values = {v["id"]: v["value"] for v in studio.set[0]["parameterValues"]}
    assert (
        values["IFJawOpen"] == 0.5
        and values["MouthOpen"] == 0.5
        and values["EyeOpenLeft"] == 0.0
        and values["EyeOpenRight"] == 1.0
    )
    assert studio.set[0]["mode"] == "set" and studio.set[0]["faceFound"] and len(studio.set) > 4
    again = Studio(known=["token-1"])
    run(bridge, again, tmp_path)
    assert "AuthenticationTokenRequest" not in again.seen and again.set


def test_a_revoked_token_is_requested_again(bridge, tmp_path):
    (tmp_path / "token").write_text("old")
    studio = Studio()
    run(bridge, studio, tmp_path)
    assert (
        studio.seen[:3] == ["AuthenticationRequest", "AuthenticationTokenRequest", "AuthenticationRequest"]
        and studio.set
    )


def test_a_denied_plugin_and_a_missing_program_are_reported(bridge, tmp_path):
    assert "permission was denied" in run(bridge, Studio(allowed=False), tmp_path, faces=10)

    async def nothing(hub):
        sink = VTubeStudioSink(port=1)
        await sink.start(hub)
        sink.put(face())
        await until(lambda: "start VTube Studio" in sink.describe(), 3)
        await sink.stop()

    bridge(nothing)


def test_another_program_at_the_port_is_reported(bridge):
    async def nonsense(socket):
        async for _ in socket:
            await socket.send("[1, 2, 3]")

    async def work(hub):
        async with serve(nonsense, "127.0.0.1", 0) as server:
            sink = VTubeStudioSink(port=server.sockets[0].getsockname()[1])
            await sink.start(hub)
            await asyncio.sleep(0.3)
            state = sink.describe()
            await sink.stop()
            return state

    assert "not VTube Studio" in bridge(work)
