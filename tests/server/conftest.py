"""A hub for a test: everything in one event loop, ports that the system picks."""

import asyncio
import contextlib
import gzip
import json
import selectors
from pathlib import Path

import numpy as np
import pytest
from innerface.server.hub import Hub, Options
from innerface.server.messages import ImuSample


def sample(k, time=None, sites=3, device_name="7a3f"):
    rotation = np.tile([1.0, 0, 0, 0], (sites, 1))
    return ImuSample(
        device_name,
        tuple(map(str, range(sites))),
        rotation,
        np.full((sites, 3), 0.005 * k),
        k * 0.01 if time is None else time,
        k,
        battery=3.7,
    )


class ManualClock:
    """A hub's clock that stands until a test sets it."""

    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def bridge(tmp_path):
    """`bridge(work, sources, sinks, **options)`: runs `await work(hub)` beside a hub and gives what it gives."""

    def run(work, sources=(), sinks=(), clock=None, **options):
        async def whole():
            hub = Hub(Options(**({"folder": tmp_path, "model": "linear"} | options)), clock)
            await hub.start(list(sources), list(sinks))
            try:
                return await asyncio.wait_for(work(hub), 60)
            finally:
                await hub.stop()

        return asyncio.run(whole())

    return run


class _Jumping(selectors.DefaultSelector):
    """Does not wait for timers: time goes there at once. Threads and other processes get half a millisecond each
    time."""

    now = 1000.0

    def select(self, timeout=None):
        events = super().select(0 if timeout is not None else None)
        if not events and timeout:
            events = super().select(0.0005)
            if not events:
                self.now += timeout
        return events


class Hasty(asyncio.SelectorEventLoop):
    """An event loop whose clock is its own: seconds of a bridge's life pass as fast as the computer can, and however
    slow it is, none is too short."""

    def __init__(self):
        self.jumping = _Jumping()
        super().__init__(self.jumping)

    def time(self):
        return self.jumping.now


async def until(condition, seconds=10.0):
    """Wait until something is so; fails the test if it does not come."""
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come")


@contextlib.asynccontextmanager
async def listening():
    """A UDP socket that collects datagrams: (port, list)."""
    got = []

    class Collect(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            got.append(data)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Collect, local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1], got
    finally:
        transport.close()


async def speaking(port):
    """A UDP socket to a port, and what is answered: (transport, list)."""
    got = []

    class Collect(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            got.append(data)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Collect, remote_addr=("127.0.0.1", port))
    return transport, got


FOLDER = Path(__file__).parent / "protocols" / "vectors"  # bytes of other people's programs: see its README


@pytest.fixture(scope="session")
def vector():
    """`vector("slimevr_heartbeat")`: the bytes of the synthetic vector whose name begins so."""
    known = json.loads((FOLDER / "synthetic_vectors.json").read_text())["vectors"]

    def find(start):
        (found,) = [v for k, v in known.items() if k.startswith(start)]
        return bytes.fromhex(found)

    return find


@pytest.fixture(scope="session")
def vectors():
    """All synthetic vectors by name."""
    return {
        k: bytes.fromhex(v) for k, v in json.loads((FOLDER / "synthetic_vectors.json").read_text())["vectors"].items()
    }


@pytest.fixture(scope="session")
def capture():
    """The packets of a real Live Link Face capture."""
    raw = gzip.decompress((FOLDER / "dao.gesichter").read_bytes())
    at, out = 5, []
    for _ in range(int.from_bytes(raw[1:5], "big")):
        size = int.from_bytes(raw[at : at + 4], "big")
        out.append(raw[at + 4 : at + 4 + size])
        at += 4 + size
    assert at == len(raw)
    return out


@pytest.fixture(scope="session")
def frames():
    """Recorded text frames."""
    return [
        line.encode()
        for line in (FOLDER / "text_frames_recorded.txt").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]


@pytest.fixture(scope="session")
def table():
    """`table("names_x.csv")`: its rows (arkit, other)."""

    def rows(name):
        lines = (FOLDER / name).read_text().splitlines()
        return [tuple(line.split(",")[:2]) for line in lines[1:] if line.strip()]

    return rows
