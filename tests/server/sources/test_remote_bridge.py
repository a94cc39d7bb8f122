"""Another bridge as a source."""

import asyncio

import numpy as np
import pytest
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import OUTPUT_CHANNELS
from innerface.server import registry
from innerface.server.hub import Hub, Options
from innerface.server.messages import FaceSample
from innerface.server.sources.remote_bridge import RemoteBridge
from innerface.server.web.web_server import WebServer

from ..conftest import until


def joined(work, token=""):
    """`await work(far, near, door)`: two hubs, the near one hears the far one."""

    async def whole():
        far = Hub(Options(model="linear"))
        door = WebServer(far, port=0, token=token)
        await door.start()
        await far.start([], [])
        near = Hub(Options(model="linear"))
        try:
            return await asyncio.wait_for(work(far, near, door), 60)
        finally:
            await near.stop()
            await door.stop()
            await far.stop()

    return asyncio.run(whole())


def test_its_faces_come_through_to_float32_and_a_lost_one_is_lost_here():
    async def work(far, near, door):
        await near.start([RemoteBridge(f"ws://127.0.0.1:{door.port}", "secret-token")], [])
        got = []
        near.outputs.listeners.add(got.append)
        await until(lambda: door.clients and any(c.streams for c in door.clients))
        wanted = {c: k / 60 for k, c in enumerate(OUTPUT_CHANNELS[:52])}
        for k in range(30):
            far.receive("x", FaceSample("phone", wanted, k / 60))
            await asyncio.sleep(0.01)
        await until(lambda: len(got) >= 20)
        return got[-1], wanted, [s.name for s in near.streams.values()]

    frame, wanted, names = joined(work, "secret-token")
    assert np.abs(frame.values[:52] - list(wanted.values())).max() < 1e-6 and frame.source == "camera" and names


def test_a_wrong_token_and_a_missing_bridge_are_told_in_one_sentence_and_tried_again():
    async def work(far, near, door):
        await near.start([RemoteBridge(f"127.0.0.1:{door.port}", "wrong"), RemoteBridge("ws://127.0.0.1:9")], [])
        await until(lambda: len([s for s in near.streams.values() if s.problem]) == 2)
        return sorted(s.problem for s in near.streams.values())

    refused, silent = sorted(joined(work, "secret-token"), key=lambda text: "token" not in text)
    assert "asks for its token" in refused and "does not answer" in silent


def test_recentring_here_recentres_there():
    async def work(far, near, door):
        await near.start([RemoteBridge(f"ws://127.0.0.1:{door.port}")], [])
        await until(lambda: any(c.streams for c in door.clients))
        asked = []
        far.commands.recentre = lambda: asked.append(1)
        near.commands.recentre()
        await until(lambda: asked)

    joined(work)


@pytest.mark.parametrize("address", ["", "nonsense", "ws://host", "ftp://host:1", "ws://host:99999"])
def test_what_is_no_address_is_told(address):
    with pytest.raises(InnerfaceError, match="is not an address"):
        RemoteBridge(address)


def test_it_is_a_source_of_the_command_line():
    assert registry.make_source("bridge:ws://127.0.0.1:7646,token=abc").url == "ws://127.0.0.1:7646/?token=abc"
