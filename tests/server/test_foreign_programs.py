"""Programs of other people: what they receive of sinks (vmcp, node-osc, PyLiveLinkFace), and what they send (SlimeVR's
emulated tracker)."""

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from innerface.core.face.channels import ARKIT, pascal_case
from innerface.server.frame import Frame
from innerface.server.protocols import vmc
from innerface.server.sinks.live_link import LiveLinkSink
from innerface.server.sinks.vmc import VmcSink
from innerface.server.sources.slimevr import SlimeVrSource

from .conftest import listening, until

READERS = Path(__file__).resolve().parents[1] / "readers"
WEIGHTS = np.round(np.linspace(0.02, 0.98, len(ARKIT)), 4)
ANGLES = (0.3, -0.2, 0.1)
FRAME = Frame(1, 0.5, 0.5, np.concatenate([WEIGHTS, ANGLES]), None, "sensors", True)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def received_by(hub, *command):
    """What a program prints of faces by VMC: it is given the port, says that it is ready, and ends after a frame."""
    port = free_port()
    reader = await asyncio.create_subprocess_exec(*command, str(port), stdout=asyncio.subprocess.PIPE)
    sink = VmcSink(port=port)
    await sink.start(hub)
    try:
        assert await asyncio.wait_for(reader.stdout.readline(), 30) == b"ready\n"
        told = asyncio.ensure_future(reader.stdout.read())
        await until(lambda: sink.put(FRAME) or told.done(), 30)
        return json.loads(told.result())
    finally:
        await sink.stop()
        with contextlib.suppress(ProcessLookupError):
            reader.kill()
        await reader.wait()


def test_vmcp_receives_all_shapes_and_the_head_of_a_frame(bridge):
    if importlib.util.find_spec("vmcp") is None or importlib.util.find_spec("osc4py3") is None:
        pytest.skip("vmcp with osc4py3 is not here (pip install 'vmcp[osc4py3]')")
    got = bridge(lambda hub: received_by(hub, sys.executable, str(READERS / "receive_vmc.py")))
    assert got["shapes"] == pytest.approx(dict(zip(map(pascal_case, ARKIT), WEIGHTS)), abs=1e-6)
    position, rotation = got["bones"]["Head"]
    assert position == pytest.approx([0.0, vmc.HEAD_HEIGHT_M, 0.0])
    assert rotation == pytest.approx(vmc.head_quaternion(*ANGLES), abs=1e-6)


def test_node_osc_receives_a_frame_from_one_apply_to_the_next(bridge):
    modules, node = os.environ.get("INNERFACE_NODE_MODULES", ""), shutil.which("node")
    if node is None or not (Path(modules) / "node-osc").exists():
        pytest.skip("npm's node-osc is not here; 'python3 build.py test' installs it where npm is")
    messages = bridge(lambda hub: received_by(hub, node, str(READERS / "receive_osc.mjs")))
    shapes = {m[1]: m[2] for m in messages if m[0] == "/VMC/Ext/Blend/Val"}
    assert shapes == pytest.approx(dict(zip(map(pascal_case, ARKIT), WEIGHTS)), abs=1e-6)
    assert [m[0] for m in messages if m[0] != "/VMC/Ext/Blend/Val"] == [
        "/VMC/Ext/OK",
        "/VMC/Ext/Bone/Pos",
        "/VMC/Ext/Blend/Apply",
    ]


def test_pylivelinkface_decodes_what_goes_to_unreal(bridge):
    foreign = pytest.importorskip("pylivelinkface", reason="PyLiveLinkFace is not here (pip install pylivelinkface)")

    async def work(hub):
        async with listening() as (port, got):
            sink = LiveLinkSink(port=port, subject="Lead")
            await sink.start(hub)
            sink.put(FRAME)
            await until(lambda: got)
            await sink.stop()
            return got[0]

    seen, face = foreign.PyLiveLinkFace.decode(bridge(work))
    assert seen and face.name == "Lead" and face.fps == 60
    for name, value in zip(ARKIT, WEIGHTS):
        assert face.get_blendshape(foreign.FaceBlendShape[pascal_case(name)]) == pytest.approx(value, abs=1e-6), name
    assert face.get_blendshape(foreign.FaceBlendShape.HeadYaw) == pytest.approx(ANGLES[0])


def test_slimevrs_emulated_tracker_is_answered_and_its_sensors_are_received(bridge):
    modules, node = os.environ.get("INNERFACE_NODE_MODULES", ""), shutil.which("node")
    if node is None or not (Path(modules) / "@slimevr" / "tracker-emulation").exists():
        pytest.skip("npm's @slimevr/tracker-emulation is not here; 'python3 build.py test' installs it where npm is")

    async def work(hub):
        command = (node, str(READERS / "send_slimevr.mjs"), str(source.port))
        tracker = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            assert await asyncio.wait_for(tracker.stdout.readline(), 30) == b"connected\n"
            await until(lambda: len(imus := streams(hub)) == 2 and all(s.counter.received > 20 for s in imus), 30)
            return streams(hub), source.dropped
        finally:
            tracker.kill()
            await tracker.wait()

    def streams(hub):
        return sorted((s for s in hub.streams.values() if s.kind == "imu"), key=lambda s: s.last_message.keys)

    source = SlimeVrSource("127.0.0.1", 0)
    imus, dropped = bridge(work, [source])
    assert dropped == {} and {s.device for s in imus} == {"52:3f:79:01:02:03"}
    assert imus[0].battery == pytest.approx(3.9) and [s.state(s.last_received) for s in imus] == ["ok", "ok"]
    assert imus[1].battery == imus[0].battery, "the second sensor knows nothing of its tracker"
    rotations = [s.last_message.rotation[0] for s in imus]
    assert np.abs(np.abs(rotations) - [[1, 0, 0, 0], [0.5**0.5, 0, 0, 0.5**0.5]]).max() < 1e-3
    assert np.abs(imus[1].last_message.acceleration[0] - [1, 0, 0]).max() < 1e-3
