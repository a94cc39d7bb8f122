"""VTube Studio's plugin API, against a stand-in that answers as its documentation says."""

import asyncio
import json
import stat
from pathlib import Path

import numpy as np
import pytest
from innerface.core.face.channels import ARKIT
from innerface.server.frame import Frame
from innerface.server.sinks import vtube_studio
from innerface.server.sinks.vtube_studio import VTubeStudioSink, parameter_names
from websockets.asyncio.server import serve

from .conftest import until

DENIED = {"errorID": 50, "message": "User has denied API access for your plugin."}


class Studio:
    """`allowed`: what the user clicks; `known`: tokens given before; `refuse(kind, data)`: an error instead of an
    answer; `bare`: answers without data wherever none is needed."""

    def __init__(self, allowed=True, known=(), refuse=lambda kind, data: None, bare=False):
        self.allowed, self.known, self.refuse, self.bare = allowed, set(known), refuse, bare
        self.made, self.set, self.seen = [], [], []
        self.answering = asyncio.Event()  # slow where it is cleared
        self.answering.set()

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
            error = self.refuse(kind, data)
            if error is not None:
                answer = ("APIError", error)
            elif kind == "AuthenticationTokenRequest":
                assert 3 <= len(data["pluginName"]) <= 32 and 3 <= len(data["pluginDeveloper"]) <= 32
                if not self.allowed:
                    answer = ("APIError", DENIED)
                else:
                    self.known.add("token-1")
                    answer = ("AuthenticationTokenResponse", {"authenticationToken": "token-1"})
            elif kind == "AuthenticationRequest":
                authenticated = data["authenticationToken"] in self.known
                answer = ("AuthenticationResponse", {"authenticated": authenticated, "reason": ""})
            elif not authenticated or not self.known:
                answer = ("APIError", {"errorID": 8, "message": "This plugin is currently not authenticated."})
            elif kind == "ParameterCreationRequest":
                self.made.append(data["parameterName"])
                answer = ("ParameterCreationResponse", {"parameterName": data["parameterName"]})
            else:
                await self.answering.wait()
                self.set.append(data)
                answer = ("InjectParameterDataResponse", {})
            reply = {"requestID": request["requestID"], "messageType": answer[0], "data": answer[1]}
            if self.bare and kind != "AuthenticationTokenRequest":
                del reply["data"]
            await socket.send(json.dumps(reply))

    @property
    def questions(self):
        return self.seen.count("AuthenticationTokenRequest")


def face(number=1, **weights):
    values = np.zeros(55)
    for name, value in weights.items():
        values[ARKIT.index(name)] = value
    return Frame(number, number / 60, 0.0, values, None, "sensors", True)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(vtube_studio, "_RETRY_S", 0.01)
    monkeypatch.setattr(vtube_studio, "_MAX_RETRY_S", 0.05)


@pytest.fixture
def studio_and_sink(bridge, tmp_path):
    """`studio_and_sink(studio, work)`: runs `await work(sink, hub)` beside a sink that has a face to send."""

    def run(studio, work):
        async def whole(hub):
            async with serve(studio, "127.0.0.1", 0) as server:
                sink = VTubeStudioSink(port=server.sockets[0].getsockname()[1], token_file=tmp_path / "token")
                await sink.start(hub)
                sink.put(face(jawOpen=0.5, eyeBlinkLeft=1.0))
                try:
                    return await work(sink, hub)
                finally:
                    await sink.stop()

        return bridge(whole)

    return run


def sent_parameters(studio):
    return {v["id"]: v["value"] for v in studio.set[-1]["parameterValues"]}


def test_permission_is_asked_once_and_parameters_are_created_and_set(studio_and_sink, tmp_path):
    studio = Studio()

    async def work(sink, hub):
        await until(lambda: len(studio.set) > 3)  # one face, sent again and again, or the model would fall back
        return sink.describe(), sink.health()

    text, health = studio_and_sink(studio, work)
    assert "connected" in text and health.state == "ok" and not health.problem
    assert studio.made == parameter_names() and (tmp_path / "token").read_text() == "token-1"
    assert all(4 <= len(n) <= 32 and n.isalnum() for n in parameter_names()) and len(parameter_names()) == 52
    values = sent_parameters(studio)
    assert values["IFJawOpen"] == 0.5 and values["MouthOpen"] == 0.5
    assert values["EyeOpenLeft"] == 0.0 and values["EyeOpenRight"] == 1.0
    assert studio.set[0]["mode"] == "set" and studio.set[0]["faceFound"]
    again = Studio(known=["token-1"])
    studio_and_sink(again, lambda sink, hub: until(lambda: again.set))
    assert again.questions == 0


def test_the_permission_is_never_readable_by_others(studio_and_sink, tmp_path, monkeypatch):
    replace, modes = Path.replace, []

    def spy(self, target):
        modes.append(stat.S_IMODE(self.stat().st_mode))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", spy)
    studio = Studio()
    studio_and_sink(studio, lambda sink, hub: until(lambda: studio.set))
    assert modes == [0o600] and stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_an_error_instead_of_an_answer_to_the_stored_token_leads_to_one_question(studio_and_sink, tmp_path):
    (tmp_path / "token").write_text("old")

    def refuse(kind, data):
        wrong = kind == "AuthenticationRequest" and data["authenticationToken"] == "old"
        return {"errorID": 100, "message": "Token invalid."} if wrong else None

    studio = Studio(refuse=refuse)
    studio_and_sink(studio, lambda sink, hub: until(lambda: studio.set))
    assert studio.questions == 1


def test_a_revoked_token_is_requested_again(studio_and_sink, tmp_path):
    (tmp_path / "token").write_text("old")
    studio = Studio()
    studio_and_sink(studio, lambda sink, hub: until(lambda: studio.set))
    assert studio.seen[:3] == ["AuthenticationRequest", "AuthenticationTokenRequest", "AuthenticationRequest"]


def test_a_denied_plugin_asks_again_only_when_a_person_wants_it(studio_and_sink):
    studio = Studio(allowed=False)

    async def work(sink, hub):
        await until(sink.task.done)  # nothing is left that could ask
        assert studio.questions == 1 and sink.health().state == "failed" and "denied" in sink.health().problem
        assert sum("permission was denied" in note for note in hub.notes) == 1
        hub.outputs.sinks = [sink]
        (shown,) = hub.status_report().sinks
        assert (shown.state, shown.problem, shown.can_retry) == ("failed", sink.health().problem, True)
        studio.allowed = True
        hub.commands.retry("vts")
        await until(lambda: studio.set)
        hub.outputs.sinks = []
        assert studio.questions == 2 and sink.health().state == "ok"

    studio_and_sink(studio, work)


def test_a_permission_that_is_taken_back_meanwhile_is_not_asked_for_unbidden(studio_and_sink):
    studio = Studio()

    async def work(sink, hub):
        await until(lambda: studio.set)
        studio.known.clear()
        await until(sink.task.done)
        assert studio.questions == 1 and sink.health().state == "failed"
        sink.retry()
        await until(lambda: studio.questions == 2 and sink.health().state == "ok")

    studio_and_sink(studio, work)


def test_a_connection_lost_during_the_question_does_not_open_a_window_every_two_seconds(studio_and_sink):
    class Closing(Studio):
        async def __call__(self, socket):
            async for text in socket:
                self.seen.append(json.loads(text)["messageType"])
                await socket.close()

    studio = Closing()

    async def work(sink, hub):
        await until(sink.task.done)
        assert studio.questions == 1 and sink.health().state == "failed"

    studio_and_sink(studio, work)


def test_one_refused_parameter_is_named_once_and_does_not_stop_the_others(studio_and_sink):
    taken = {"errorID": 352, "message": "Parameter name already in use by other plugin."}
    studio = Studio(refuse=lambda kind, data: taken if data.get("parameterName") == "IFJawOpen" else None)

    async def work(sink, hub):
        await until(lambda: len(studio.set) > 2)
        assert sink.health().state == "poor" and "IFJawOpen (Parameter name already in use" in sink.health().problem
        assert sum("IFJawOpen" in note for note in hub.notes) == 1
        sink.retry()  # the other plugin is gone
        studio.refuse = lambda kind, data: None
        await until(lambda: sink.health().state == "ok" and "IFJawOpen" in sent_parameters(studio))

    studio_and_sink(studio, work)
    assert len(studio.made) == 51 + 52
    names = {v["id"] for v in studio.set[0]["parameterValues"]}
    assert "IFJawOpen" not in names and "MouthOpen" in names and len([n for n in names if n.startswith("IF")]) == 51


def test_a_reached_limit_of_parameters_is_told_and_the_rest_is_sent(studio_and_sink):
    full = {"errorID": 356, "message": "Total custom parameter limit exceeded."}
    late = set(parameter_names()[40:])
    studio = Studio(refuse=lambda kind, data: full if data.get("parameterName") in late else None)

    async def work(sink, hub):
        await until(lambda: studio.set)
        assert "and 9 more (its limit of parameters is reached" in sink.health().problem

    studio_and_sink(studio, work)
    assert len([n for n in sent_parameters(studio) if n.startswith("IF")]) == 40


def test_a_value_that_another_plugin_controls_is_left_out_of_faces(studio_and_sink):
    def refuse(kind, data):
        if any(v["id"] == "FaceAngleX" for v in data.get("parameterValues", ())):
            return {"errorID": 454, "message": "Parameter is controlled by another plugin."}
        return None

    studio = Studio(refuse=refuse)

    async def work(sink, hub):
        await until(lambda: studio.set and len(studio.set[-1]["parameterValues"]) > 50)
        assert sink.health().state == "poor" and "FaceAngleX" in sink.health().problem
        count = len(studio.seen)
        await until(lambda: len(studio.set) > 70)
        assert studio.seen[count:] == ["InjectParameterDataRequest"] * len(studio.seen[count:])

    studio_and_sink(studio, work)


def test_a_face_that_is_refused_as_a_whole_is_not_tried_for_ever(studio_and_sink):
    invalid = {"errorID": 451, "message": "Value invalid."}
    studio = Studio(refuse=lambda kind, data: invalid if kind == "InjectParameterDataRequest" else None)

    async def work(sink, hub):
        await until(sink.task.done)
        assert sink.health().state == "failed" and "Value invalid" in sink.health().problem

    studio_and_sink(studio, work)


def test_answers_without_data_are_successes(studio_and_sink):
    studio = Studio(bare=True)

    async def work(sink, hub):
        await until(lambda: len(studio.set) > 2)
        assert sink.health().state == "ok" and sink.sent >= 2

    studio_and_sink(studio, work)
    assert len(studio.made) == 52 and studio.seen.count("AuthenticationRequest") == 1


def run_with_answers(bridge, studio, change, is_over):
    """The health of a sink that gets `change(answer)` for each answer of a studio, once `is_over()`."""

    async def answer(socket):
        async def send(text):
            await type(socket).send(socket, change(text))

        socket.send = send
        await studio(socket)

    async def whole(hub):
        async with serve(answer, "127.0.0.1", 0) as server:
            sink = VTubeStudioSink(port=server.sockets[0].getsockname()[1])
            await sink.start(hub)
            sink.put(face(jawOpen=0.5))
            await until(is_over)
            await sink.stop()
            return sink.health()

    return bridge(whole)


@pytest.mark.parametrize("garbled", [b"", "not JSON", "[1]"])
def test_one_message_that_cannot_be_read_does_not_end_the_faces(bridge, garbled):
    studio, messages = Studio(), [garbled]
    health = run_with_answers(
        bridge,
        studio,
        lambda text: messages.pop() if messages and len(studio.set) > 3 else text,
        lambda: not messages and len(studio.set) > 8,
    )
    assert health.state == "ok" and studio.questions == 1


def test_answers_without_the_requests_identity_are_answers(bridge):
    studio = Studio()

    def without_identity(text):
        return json.dumps({k: v for k, v in json.loads(text).items() if k != "requestID"})

    run_with_answers(bridge, studio, without_identity, lambda: len(studio.set) > 2)


def test_a_disabled_api_is_waited_for_without_a_window(studio_and_sink):
    disabled = {"errorID": 1, "message": "API access is deactivated."}
    studio = Studio(refuse=lambda kind, data: disabled)

    async def work(sink, hub):
        await until(lambda: studio.seen.count("AuthenticationTokenRequest") > 2)
        await until(lambda: sink.health().state == "away" and "deactivated" in sink.health().problem)
        studio.refuse = lambda kind, data: None
        await until(lambda: sink.health().state == "ok")

    studio_and_sink(studio, work)


def test_faces_go_on_after_vtube_studio_restarts_without_another_question(bridge):
    before, after = Studio(), Studio(known=["token-1"])

    async def work(hub):
        async with serve(before, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            sink = VTubeStudioSink(port=port)
            await sink.start(hub)
            sink.put(face())
            await until(lambda: before.set)
        await until(lambda: "start VTube Studio" in sink.health().problem)
        async with serve(after, "127.0.0.1", port):
            await until(lambda: after.set and sink.health().state == "ok")
            await sink.stop()

    bridge(work)
    assert before.questions == 1 and after.questions == 0 and len(after.made) == 52


def test_slow_answers_turn_the_light_off_and_faces_go_on(studio_and_sink, monkeypatch):
    monkeypatch.setattr(vtube_studio, "_SLOW_ANSWER_S", 0.05)
    studio = Studio()

    async def work(sink, hub):
        await until(lambda: studio.set)
        studio.answering.clear()
        await until(lambda: sink.health().state == "poor" and "faces are late" in sink.health().problem)
        studio.answering.set()
        await until(lambda: sink.health().state == "ok")

    studio_and_sink(studio, work)
    assert studio.questions == 1


def test_the_click_may_take_as_long_as_it_takes(studio_and_sink, monkeypatch):
    limits, request = {}, vtube_studio.ApiConnection.request

    async def spy(self, kind, data, **options):
        limits[kind] = options
        return await request(self, kind, data, **options)

    monkeypatch.setattr(vtube_studio.ApiConnection, "request", spy)
    studio = Studio()
    studio_and_sink(studio, lambda sink, hub: until(lambda: studio.set))
    assert limits["AuthenticationTokenRequest"] == {"timeout_s": None} and limits["AuthenticationRequest"] == {}


def test_a_missing_program_is_waited_for(bridge):
    async def nothing(hub):
        sink = VTubeStudioSink(port=1)
        await sink.start(hub)
        sink.put(face())
        await until(lambda: "start VTube Studio" in sink.health().problem, 3)
        assert sink.health().state == "away"
        await sink.stop()

    bridge(nothing)


def test_an_error_without_the_requests_identity_is_its_answer(bridge):
    async def disabled(socket):
        async for _ in socket:
            await socket.send('{"messageType": "APIError", "data": {"errorID": 1, "message": "API is off"}}')

    async def work(hub):
        async with serve(disabled, "127.0.0.1", 0) as server:
            sink = VTubeStudioSink(port=server.sockets[0].getsockname()[1])
            await sink.start(hub)
            await until(lambda: "API is off" in sink.health().problem)
            await sink.stop()

    bridge(work)


@pytest.mark.parametrize("text", ["[1, 2, 3]", "no JSON", "[" * 100_000, '{"requestID": 1}'])
def test_another_program_at_the_port_is_reported(bridge, text, monkeypatch):
    async def nonsense(socket):
        async for _ in socket:
            await socket.send(text)

    async def work(hub):
        async with serve(nonsense, "127.0.0.1", 0) as server:
            sink = VTubeStudioSink(port=server.sockets[0].getsockname()[1])
            await sink.start(hub)
            if "requestID" in text:  # an answer to somebody else: the click is waited for
                await until(lambda: "click Allow" in sink.health().problem)
            else:
                await until(lambda: "not VTube Studio" in sink.health().problem)
                assert sink.health().state == "failed"
            await sink.stop()

    bridge(work)


def test_a_value_that_is_not_a_number_is_left_out():
    frame = face(jawOpen=float("nan"))
    assert {"IFJawOpen", "MouthOpen"}.isdisjoint(v["id"] for v in vtube_studio.parameter_values(frame))
    json.dumps(vtube_studio.parameter_values(frame), allow_nan=False)


@pytest.mark.parametrize("ticks", range(5))
def test_a_sink_ends_when_it_is_told_to_at_the_moment_at_which_a_face_comes(bridge, ticks):
    studio = Studio(known=["token"])

    async def work(hub):
        async with serve(studio, "127.0.0.1", 0) as server:
            sink = VTubeStudioSink(port=server.sockets[0].getsockname()[1])
            await sink.start(hub)
            await until(lambda: sink.health().state == "ok", 30)
            await asyncio.sleep(0.05)
            sink.put(face())
            for _ in range(ticks):
                await asyncio.sleep(0)
            await asyncio.wait_for(sink.stop(), 10)
            return sink.task.done()

    assert bridge(work)
