"""The web server: JSON commands, binary faces, and access control."""

import asyncio
import http.client
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from innerface.core.errors import InnerfaceError
from innerface.server.addresses import is_loopback
from innerface.server.frame import Frame, decode_face
from innerface.server.hub import Hub, Options
from innerface.server.messages import FaceSample, ImuSample
from innerface.server.web.page_files import is_allowed_host
from innerface.server.web.web_server import WebServer
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ..conftest import until


class Caller:
    """A client that sends requests and waits for the replies."""

    def __init__(self, socket):
        self.socket, self.number = socket, 0

    async def ask(self, command, **more):
        self.number += 1
        await self.socket.send(json.dumps({"id": self.number, "command": command, **more}))
        while True:
            message = await asyncio.wait_for(self.socket.recv(), 5)
            if isinstance(message, str) and json.loads(message).get("id") == self.number:
                return json.loads(message)


@pytest.fixture
def serve_hub(tmp_path):
    """`serve_hub(work, token=...)`: runs `await work(hub, server)`."""

    def run(work, **settings):
        async def whole():
            hub = Hub(Options(folder=tmp_path, model="linear"))
            server = WebServer(hub, port=0, **settings)
            await server.start()
            await hub.start([], [])
            try:
                return await asyncio.wait_for(work(hub, server), 60)
            finally:
                await server.stop()
                await hub.stop()

        return asyncio.run(whole())

    return run


def link(server, more=""):
    return f"ws://127.0.0.1:{server.port}/{more}"


def test_a_client_gets_a_hello_and_a_reply_to_every_command(serve_hub, tmp_path):
    async def work(hub, server):
        async with connect(link(server), proxy=None) as socket:
            hello = json.loads(await socket.recv())["hello"]
            caller = Caller(socket)
            result = {name: await caller.ask(name) for name in ("status", "sources", "recentre", "calibrate", "stop")}
            result["record"] = await caller.ask("record", name="../../etc/evil: take")
            result["mark"] = await caller.ask("mark", text="chorus")
            result["again"] = await caller.ask("record")
            result["stopped"] = await caller.ask("stop")
            result["touch"] = await caller.ask("touch", site="nose")
            result["assign"] = await caller.ask("assign", sensor="7a3f/2", site="aux")
            result["subscribe"] = await caller.ask("subscribe", streams=["face", "everything"])
            result["nonsense"] = await caller.ask("format disk")
            return hello, result

    hello, result = serve_hub(work)
    assert (
        hello["protocol"] == 1
        and len(hello["channels"]) == 55
        and hello["sites"][0] == "aux"
        and len(hello["positions_mm"]) == 11
    )
    assert (
        result["status"]["ok"]
        and result["status"]["status"]["clients"] == 1
        and result["sources"]["ok"]
        and result["recentre"]["ok"]
    )
    assert (
        "connect one first" in result["calibrate"]["error"] and "nothing is being recorded" in result["stop"]["error"]
    )
    assert (
        result["record"]["ok"]
        and result["mark"]["mark"] == 1
        and "stop it first" in result["again"]["error"]
        and result["stopped"]["ok"]
    )
    assert [p.name for p in tmp_path.glob("*.mcap")] == ["______etc_evil_ take.mcap"]
    assert (
        "has aux" in result["touch"]["error"]
        and result["assign"]["ok"]
        and "some of face" in result["subscribe"]["error"]
    )
    assert "no such command" in result["nonsense"]["error"] and all(
        "\n" not in s.get("error", "") for s in result.values()
    )


_KEYS = st.sampled_from(["id", "command", "streams", "name", "site", "sensor", "text"])
_LEAVES = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["record", "touch", "assign", "subscribe", "mark"])
)
_REQUESTS = st.recursive(
    _LEAVES, lambda c: st.lists(c, max_size=4) | st.dictionaries(_KEYS, c, max_size=4), max_leaves=8
).map(json.dumps)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=60), _REQUESTS))
def test_any_request_is_answered_in_one_line(text):
    async def work():
        hub = Hub(Options(model="linear"))
        server = WebServer(hub, port=0)

        answer = await server.requests.handle(SimpleNamespace(streams=set()), text)
        json.dumps(answer)
        if hub.recording.recorder is not None:
            path = hub.recording.recorder.path
            await hub.commands.stop_recording()
            path.unlink()
        return answer

    answer = asyncio.run(work())
    assert answer["ok"] or ("\n" not in answer["error"] and answer["error"])


def test_faces_go_to_five_clients_without_loss(serve_hub):
    async def work(hub, server):
        got = [[] for _ in range(5)]
        sockets = [await connect(link(server), proxy=None) for _ in got]

        async def listen(socket, faces):
            async for message in socket:
                if isinstance(message, bytes):
                    faces.append(decode_face(message))

        for socket in sockets:
            await socket.send(json.dumps({"id": 1, "command": "subscribe", "streams": ["face"]}))
        await until(lambda: sum("face" in c.streams for c in server.clients) == 5)
        listeners = [asyncio.ensure_future(listen(s, g)) for s, g in zip(sockets, got)]
        for k in range(180):
            hub.receive("test", FaceSample("phone", {"jawOpen": k / 200}))
            await asyncio.sleep(1 / 120)
        await until(lambda: all(len(g) == 180 for g in got), 3)
        for socket, listener in zip(sockets, listeners):
            await socket.close()
            listener.cancel()
        return got

    for faces in serve_hub(work):
        assert [round(f.values[17], 5) for f in faces] == [round(k / 200, 5) for k in range(180)]


def test_a_slow_client_gets_the_newest_face_and_costs_no_memory(serve_hub):
    async def work(hub, server):
        async with connect(link(server), proxy=None, max_queue=1) as socket:
            await socket.recv()
            await Caller(socket).ask("subscribe", streams=["face"])
            (client,) = server.clients
            count = 0
            while client.skipped == 0 and count < 60_000:  # it does not read
                for _ in range(50):
                    count += 1
                    server.publish_face(Frame(count, count / 60, 0.0, np.full(55, count / 1e6), None, "sensors", True))
                await asyncio.sleep(0)
            held, skipped = len(client.faces), client.skipped
            last = 0
            server.publish_face(Frame(999_999, 1.0, 0.0, np.zeros(55), None, "sensors", True))
            while last != 999_999:
                message = await asyncio.wait_for(socket.recv(), 5)
                if isinstance(message, bytes):
                    last = decode_face(message).sequence
            return held, skipped

    held, skipped = serve_hub(work)
    assert held <= 8 and skipped > 0


def test_clients_need_a_token_that_was_given(serve_hub):
    async def work(hub, server):
        refused = []
        for more in ("", "?token=wrong", "?token="):
            with pytest.raises(InvalidStatus) as error:
                await connect(link(server, more), proxy=None)
            refused.append(error.value.response.status_code)
        ways = (
            ("?token=right-token", {}),
            ("", {"additional_headers": {"Authorization": "Bearer right-token"}}),
            ("", {"subprotocols": ["innerface", "innerface.token.cmlnaHQtdG9rZW4"]}),
        )
        for more, how in ways:
            async with connect(link(server, more), proxy=None, **how) as socket:
                assert "hello" in json.loads(await socket.recv())
        return refused, server.page_url(), server.local_page_url()

    refused, address, local = serve_hub(work, token="right-token")
    assert refused == [401, 401, 401] and address.endswith("?token=right-token") and local == address


def test_a_made_token_is_needed_by_all_but_this_user(serve_hub, monkeypatch):
    async def work(hub, server):
        assert len(server.token) >= 16 and server.token in server.page_url()
        assert server.token not in server.local_page_url()
        async with connect(link(server), proxy=None) as socket:  # as scripts of this user do
            await socket.recv()
        with pytest.raises(InvalidStatus) as wrong:
            await connect(link(server, "?token=wrong"), proxy=None)
        monkeypatch.setattr("innerface.server.web.web_server.comes_from_this_user", lambda peer, own: False)
        with pytest.raises(InvalidStatus) as stranger:
            await connect(link(server), proxy=None)
        async with connect(link(server, f"?token={server.token}"), proxy=None) as socket:
            await socket.recv()
        monkeypatch.setattr("innerface.server.web.web_server.comes_from_this_user", lambda peer, own: None)
        async with connect(link(server), proxy=None) as socket:  # the system does not tell it
            await socket.recv()
        return wrong.value.response.status_code, stranger.value.response.status_code

    assert serve_hub(work) == (401, 401)


def test_guesses_of_the_token_are_slowed(serve_hub):
    async def work(hub, server):
        statuses, loop = [], asyncio.get_running_loop()
        for k in range(12):
            began = loop.time()
            with pytest.raises(InvalidStatus) as error:
                await connect(link(server, f"?token=wrong{k}"), proxy=None)
            statuses.append((error.value.response.status_code, loop.time() - began > 0.9))
        return statuses

    answers = serve_hub(work, token="right-token")
    assert [status for status, _ in answers] == [401] * 10 + [429] * 2 and answers[-1] == (429, True)


@pytest.mark.parametrize(
    "data",
    [
        b"GET //[ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: elsewhere\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX\0: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\nhello",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n",
        b"\r\n\r\n",
    ],
    ids=lambda data: data[:24],
)
def test_a_malformed_request_is_answered_with_400_and_without_a_traceback(serve_hub, data, caplog):
    async def work(hub, server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(data)
        answer = await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        return answer

    assert serve_hub(work) == b"HTTP/1.1 400 Bad Request\r\n" and not caplog.records


@pytest.mark.parametrize("data", [b"GET /" + b"a" * 9000, b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 200])
def test_a_request_that_is_too_large_is_refused(serve_hub, data):
    async def work(hub, server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(data)
        answer = await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        return int(answer.split()[1])

    assert serve_hub(work) in (414, 431)


def test_only_get_is_answered(serve_hub):
    async def work(hub, server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = await asyncio.wait_for(reader.readline(), 10)
        writer.close()
        return answer

    assert b" 405 " in serve_hub(work)


def test_other_web_sites_are_refused(serve_hub):
    async def work(hub, server):
        with pytest.raises(InvalidStatus) as error:
            await connect(link(server), proxy=None, origin="https://evil.example")
        async with connect(link(server), proxy=None, origin=f"http://127.0.0.1:{server.port}") as socket:
            await socket.recv()
        return error.value.response.status_code

    assert serve_hub(work) == 403
    assert (
        is_allowed_host("127.0.0.1:7646", "127.0.0.1")
        and is_allowed_host("localhost:7646", "x")
        and is_allowed_host("[::1]:7646", "x")
    )
    assert not is_allowed_host("evil.example:7646", "127.0.0.1") and not is_allowed_host("", "127.0.0.1")


def test_a_token_off_loopback_is_long_or_made():
    async def work():
        hub = Hub(Options(model="linear"))
        for host in ("0.0.0.0", "192.168.1.5", "studio.local"):
            with pytest.raises(InnerfaceError, match="at least 16"):
                WebServer(hub, host, token="fifteen-letters")
            assert len(WebServer(hub, host).token) >= 16 and WebServer(hub, host).token != WebServer(hub, host).token
            assert WebServer(hub, host, token="sixteen-letters!").token == "sixteen-letters!"

    asyncio.run(work())
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("localhost") and not is_loopback("0.0.0.0")


def test_the_page_is_served_and_no_other_file(serve_hub):
    async def work(hub, server):
        def get(path, host=None):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
            connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{server.port}"})
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read()

        paths = ("/", "/page.js", "/style.css", "/icon.svg", "/../hub.py", "/%2e%2e/hub.py", "/etc/passwd", "/page")
        got = {p: await asyncio.to_thread(get, p) for p in paths}
        got["rebound"] = await asyncio.to_thread(get, "/", "evil.example")
        return got

    got = serve_hub(work)
    assert [got[p][0] for p in ("/", "/page.js", "/style.css", "/icon.svg")] == [200] * 4
    assert b"<title>Innerface" in got["/"][2] and "text/javascript" in got["/page.js"][1]["Content-Type"]
    assert "default-src 'self'" in got["/"][1]["Content-Security-Policy"]
    assert [got[p][0] for p in ("/../hub.py", "/%2e%2e/hub.py", "/etc/passwd", "/page")] == [404] * 4 and got[
        "rebound"
    ][0] == 403


def test_too_many_and_too_large_requests_end_the_connection(serve_hub):
    async def work(hub, server):
        codes = []
        for flood in (lambda s: s.send("x" * 100_000), None):
            socket = await connect(link(server), proxy=None)
            try:
                if flood is not None:
                    await flood(socket)
                for _ in range(400):
                    await socket.send(json.dumps({"command": "recentre"}))
                    await asyncio.wait_for(socket.recv(), 5)
            except ConnectionClosed as error:
                codes.append(error.rcvd.code if error.rcvd else None)
        return codes

    assert serve_hub(work) == [1009, 1008]


def test_a_port_in_use_is_reported_in_one_line(serve_hub):
    async def work(hub, server):
        with pytest.raises(InnerfaceError, match="give --port") as error:
            await WebServer(hub, port=server.port).start()
        return str(error.value)

    assert "\n" not in serve_hub(work)


def test_sensor_data_reach_subscribers(serve_hub):
    async def work(hub, server):
        async with connect(link(server), proxy=None) as socket:
            await socket.recv()
            await Caller(socket).ask("subscribe", streams=["sensors", "status"])
            began, kinds = time.monotonic(), []
            while time.monotonic() - began < 1.5:
                hub.receive(
                    "test",
                    ImuSample(
                        "7a3f",
                        ("0", "1"),
                        np.tile([1.0, 0, 0, 0], (2, 1)),
                        np.tile([0, 9.8, 0.0], (2, 1)),
                        time.monotonic(),
                        None,
                    ),
                )
                try:
                    kinds.append(await asyncio.wait_for(socket.recv(), 0.01))
                except TimeoutError:
                    continue
            return kinds

    got = serve_hub(work)
    sensors = [m for m in got if isinstance(m, bytes)]
    assert len(sensors) > 10 and any(isinstance(m, str) and "status" in m for m in got)
    pairs = np.frombuffer(sensors[-1][28:], dtype="<f4").reshape(11, 2)
    assert (
        pairs[0, 0] == pytest.approx(0, abs=1e-3)
        and pairs[1, 1] == pytest.approx(9.8, abs=0.01)
        and np.isnan(pairs[5]).all()
    )
