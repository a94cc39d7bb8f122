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
    """`await work(far, near, server)`: two hubs, of which the near one receives the far one."""

    async def whole():
        far = Hub(Options(model="linear"))
        server = WebServer(far, port=0, token=token)
        await server.start()
        await far.start([], [])
        near = Hub(Options(model="linear"))
        try:
            return await asyncio.wait_for(work(far, near, server), 60)
        finally:
            await near.stop()
            await server.stop()
            await far.stop()

    return asyncio.run(whole())


def test_faces_of_the_other_bridge_arrive_with_float32_precision():
    async def work(far, near, server):
        await near.start([RemoteBridge(f"ws://127.0.0.1:{server.port}", "secret-token")], [])
        got = []
        near.outputs.listeners.add(got.append)
        await until(lambda: server.clients and any(c.streams for c in server.clients))
        wanted = {c: k / 60 for k, c in enumerate(OUTPUT_CHANNELS[:52])}
        for k in range(30):
            far.receive("x", FaceSample("phone", wanted, k / 60))
            await asyncio.sleep(0.01)
        await until(lambda: len(got) >= 20)
        return got[-1], wanted, [s.name for s in near.streams.values()]

    frame, wanted, names = joined(work, "secret-token")
    assert np.abs(frame.values[:52] - list(wanted.values())).max() < 1e-6 and frame.source == "camera" and names


def test_a_wrong_token_and_a_missing_bridge_are_problems_of_their_streams():
    async def work(far, near, server):
        await near.start([RemoteBridge(f"127.0.0.1:{server.port}", "wrong"), RemoteBridge("ws://127.0.0.1:9")], [])
        await until(lambda: len([s for s in near.streams.values() if s.problem]) == 2)
        return sorted(s.problem for s in near.streams.values())

    refused, silent = sorted(joined(work, "secret-token"), key=lambda text: "token" not in text)
    assert "asks for its token" in refused and "does not answer" in silent


def test_recentring_is_forwarded_to_the_other_bridge():
    async def work(far, near, server):
        await near.start([RemoteBridge(f"ws://127.0.0.1:{server.port}")], [])
        await until(lambda: any(c.streams for c in server.clients))
        asked = []
        far.commands.recentre = lambda: asked.append(1)
        near.commands.recentre()
        await until(lambda: asked)

    joined(work)


@pytest.mark.parametrize("address", ["", "nonsense", "ws://host", "ftp://host:1", "ws://host:99999"])
def test_invalid_addresses_are_rejected(address):
    with pytest.raises(InnerfaceError, match="is not an address"):
        RemoteBridge(address)


def test_it_is_created_from_its_text():
    source = registry.make_source("bridge:ws://127.0.0.1:7646,token=abc")
    linked = RemoteBridge("ws://127.0.0.1:7646/?token=abc")
    assert {(s.address, s.token) for s in (source, linked)} == {("ws://127.0.0.1:7646/", "abc")}
