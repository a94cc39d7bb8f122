"""Terminal sequences, line ends and reordering characters of strangers, by every entrance: no status holds them."""

import json

import numpy as np
import pytest
from innerface.cli.serve import status_line
from innerface.core import formats
from innerface.core.formats import mcap_take
from innerface.core.take import Take, Track
from innerface.server.frame import Frame
from innerface.server.messages import BioSample, DeviceInfo, FaceSample
from innerface.server.protocols import device
from innerface.server.sinks.vtube_studio import VTubeStudioSink
from innerface.server.sources.remote_bridge import RemoteBridge
from innerface.server.sources.replay import ReplaySource
from innerface.server.sources.udp_device import DeviceSource
from innerface.server.web.requests import RequestHandler
from websockets.asyncio.server import serve

from .conftest import sample, speaking, until

HOSTILE = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\nfake: a line\u202e\x9b\ud800"


def texts(value):
    """All texts of a JSON value, keys too."""
    if isinstance(value, dict):
        return [t for k, v in value.items() for t in (k, *texts(v))]
    if isinstance(value, list):
        return [t for item in value for t in texts(item)]
    return [value] if isinstance(value, str) else []


def assert_harmless(report):
    status = report.to_json()
    assert all(text.isprintable() for text in texts(status)), [t for t in texts(status) if not t.isprintable()]
    assert status_line(report).isprintable()
    json.dumps(status, ensure_ascii=False).encode("utf-8")


async def _hello(hub):
    (source,) = hub.sources
    transport, _ = await speaking(source.port)
    packet = device.encode_hello(1, title="\x1b]0;TITLE\x07\x1b[2J\nfake", firmware="\x1b[31m", sites=(0, 1))
    transport.sendto(packet)
    await until(lambda: hub.streams)
    transport.close()


def test_the_name_of_a_device(bridge):
    async def work(hub):
        await _hello(hub)
        return hub.status_report()

    status = bridge(work, [DeviceSource(port=0)])
    assert_harmless(status)
    assert "TITLE" in status.streams[0].name


@pytest.mark.parametrize(
    "message",
    [
        DeviceInfo(HOSTILE, HOSTILE, HOSTILE, problem=HOSTILE, extra={HOSTILE: HOSTILE}),
        FaceSample(HOSTILE, {"jawOpen": 0.5, HOSTILE: 0.5}),
        BioSample(HOSTILE, (HOSTILE, "front"), np.zeros((10, 2)), 250.0),
        sample(1, device_name=HOSTILE),
    ],
    ids=lambda m: type(m).__name__,
)
def test_every_message_of_a_source(bridge, message):
    async def work(hub):
        for _ in range(3):
            hub.receive(HOSTILE, message)
        hub.note(HOSTILE)
        return hub.status_report()

    assert_harmless(bridge(work))


def test_notes_and_answers_of_another_bridge(bridge):
    async def work(hub):
        remote = RemoteBridge("ws://127.0.0.1:1")
        remote._handle_message(hub, json.dumps({"ok": False, "error": HOSTILE}))
        return hub.status_report()

    assert_harmless(bridge(work))


def test_what_the_program_at_a_sink_answers(bridge):
    async def answer(socket):
        async for text in socket:
            data = {"errorID": 1, "message": HOSTILE}
            reply = {"requestID": json.loads(text)["requestID"], "messageType": "APIError", "data": data}
            await socket.send(json.dumps(reply))

    async def work(hub):
        async with serve(answer, "127.0.0.1", 0) as server:
            sink = VTubeStudioSink(port=server.sockets[0].getsockname()[1])
            await hub.set_sinks([sink])
            sink.put(Frame(1, 0.0, 0.0, np.zeros(55), None, "camera", True))
            await until(lambda: "fake" in sink.health().problem)
            return hub.status_report()

    assert_harmless(bridge(work))


def test_names_in_a_replayed_recording(bridge, tmp_path):
    time = np.arange(100) / 50
    track = Track("biosignal", time, (HOSTILE.replace("\ud800", ""), "front"), np.zeros((100, 2)))
    path = tmp_path / "take.mcap"
    mcap_take.write(Take("take", {HOSTILE.replace("\ud800", ""): track}), path)

    async def work(hub):
        await until(lambda: hub.streams)
        return hub.status_report()

    assert_harmless(bridge(work, [ReplaySource(str(path))]))
    take = formats.read_take(path)
    assert all(name.isprintable() for t in take.tracks for name in (t, *take.tracks[t].columns))


def test_requests_of_a_client_are_answered_in_one_printable_line(bridge):
    async def work(hub):
        handler = RequestHandler(hub, [])
        requests = [{"command": "assign", "sensor": HOSTILE, "site": HOSTILE}, {"command": "touch", "site": HOSTILE}]
        answers = [await handler.handle(None, json.dumps(r)) for r in (*requests, {"command": HOSTILE})]
        answers.append(await handler.handle(None, json.dumps({"command": "record", "name": HOSTILE})))
        answers.append(await handler.handle(None, json.dumps({"command": "mark", "text": HOSTILE})))
        answers.append({"status": hub.status()})
        return answers

    for answer in bridge(work):
        assert all(text.isprintable() for text in texts(answer)), answer
