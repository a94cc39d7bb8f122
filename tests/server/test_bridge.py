"""The whole road: the virtual device's packets over UDP to a face at every sink, a recording, and WebSocket clients."""

import asyncio
import json
from types import SimpleNamespace

import numpy as np
import pytest
from innerface.core import formats, performance
from innerface.core.face import metrics
from innerface.core.face.channels import ARKIT, OUTPUT_CHANNELS
from innerface.core.face.face_model import load_bundled
from innerface.core.imu.inference import infer
from innerface.core.imu.layout import load_layout
from innerface.core.imu.model import load
from innerface.core.take import Track
from innerface.server.frame import decode_face
from innerface.server.hub import Hub, Options
from innerface.server.protocols import live_link_face, vmc
from innerface.server.sinks.csv_file import CsvSink
from innerface.server.sinks.live_link import LiveLinkSink
from innerface.server.sinks.vmc import VmcSink
from innerface.server.sources.virtual_imu import VirtualImu, VirtualImuOptions
from innerface.server.web.web_server import WebServer
from websockets.asyncio.client import connect

from .conftest import Hasty, listening, until

SEED = 7


@pytest.fixture(scope="module")
def performed(tmp_path_factory):
    """A virtual performer of whom a fiftieth of the packets is lost, through everything at once, for some twenty
    seconds of the bridge's own time."""
    folder = tmp_path_factory.mktemp("performed")

    async def whole():
        out = SimpleNamespace(frames=[], faces=[], sensors=0, statuses=[], folder=folder)
        async with listening() as (vmc_port, out.vmc), listening() as (llf_port, out.llf):
            hub = Hub(Options(folder=folder))
            hub.outputs.listeners.add(out.frames.append)
            source = VirtualImu(VirtualImuOptions(loss=0.02, jitter_ms=2.0, seed=SEED))
            door = WebServer(hub, port=0)
            await door.start()
            out.path, out.started = hub.commands.record("performed"), hub.recording.recorder.start_time
            await hub.start(
                [source], [VmcSink(port=vmc_port), LiveLinkSink(port=llf_port), CsvSink(folder / "out.csv")]
            )
            async with connect(f"ws://127.0.0.1:{door.port}/", proxy=None) as client:
                out.hello = json.loads(await client.recv())["hello"]
                await client.send(
                    json.dumps({"id": 1, "command": "subscribe", "streams": ["face", "sensors", "status"]})
                )

                async def listen():
                    async for message in client:
                        if isinstance(message, str):
                            out.statuses.append(json.loads(message))
                        elif message[2] == 1:
                            out.faces.append(decode_face(message))
                        else:
                            out.sensors += 1

                listener = asyncio.ensure_future(listen())
                await until(lambda: hub.imu.session is not None and hub.imu.session.active is not None, 25)
                first = len(out.frames)
                await until(lambda: len(out.frames) > first + 420, 20)
                hub.commands.mark("end")
                out.status, out.sent, out.lost = hub.status(), source.sent, source.lost
                out.recorded = await hub.commands.stop_recording()
                listener.cancel()
            out.sent_at_last = source.sent  # while the file was closed, it went on
            await door.stop()
            await hub.stop()
        return out

    with asyncio.Runner(loop_factory=Hasty) as runner:
        return runner.run(whole())


def test_the_face_that_comes_out_is_the_performed_one(performed):
    truth = performance.demo_performance(SEED).weights()
    time = np.array([f.time for f in performed.frames])
    values = np.array([f.values for f in performed.frames])
    assert np.abs(np.diff(time) - 1 / 60).max() < 1e-6, "frames are missing or doubled"
    raw = formats.read_take(performed.path)
    offset = raw.tracks["imu"].time[0]  # the take's clock, against the performance that began twelve seconds later
    begin = 12.0 + offset  # the preamble's length
    inside = (time - begin > 0) & (time - begin < truth.duration)
    pred = Track("weights", time[inside] - begin + truth.time[0], OUTPUT_CHANNELS, values[inside])
    said = metrics.evaluate(pred, truth, load_bundled())
    assert inside.sum() > 200 and said["pve_mm"]["mean"] < 0.6 * min(
        said["neutral"]["pve_mm"]["mean"], said["mean_face"]["pve_mm"]["mean"]
    )


def test_what_went_out_live_is_what_the_recording_gives_as_live(performed):
    take = formats.read_take(performed.path)
    assert not take.notes
    assert performed.sent - 20 < len(take.tracks["imu"].time) <= performed.sent_at_last, "packets are missing"
    want = infer(take, load_layout(), load(None, causal=True)[0], causal=True).take.weights()
    time = np.array([f.time for f in performed.frames]) - performed.started
    live = np.array([f.values for f in performed.frames])
    use = (time > want.time[0]) & (time < want.time[-1])
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp"):
        again = np.interp(time[use], want.time, want.column(name))
        got = live[use, OUTPUT_CHANNELS.index(name)]
        assert np.abs(got - again).mean() < 0.03 and (np.ptp(again) < 0.2 or np.corrcoef(got, again)[0, 1] > 0.97)


def test_losses_are_counted_and_shown(performed):
    (stream,) = performed.status["streams"]
    assert stream["name"] == "virtual device (simulated)" and abs(stream["lost"] - performed.lost) <= 3
    assert (
        stream["rate_hz"] == pytest.approx(98, abs=6)
        and stream["battery_v"] == 3.9
        and stream["state"] in ("ok", "poor")
    )
    assert (
        performed.status["calibrated"]
        and performed.status["output"] == "sensors"
        and performed.status["output_hz"] == pytest.approx(60, abs=3)
    )
    assert all(light["state"] in ("ok", "poor") for light in performed.status["sites"].values())
    assert 0 <= performed.status["latency_ms"]["p50"] < 33 < performed.status["delay_ms"] < 80
    assert performed.status["lookahead_ms"] == pytest.approx(33.3, abs=0.1)


def test_every_websocket_frame_arrives_with_its_values(performed):
    by_number = {f.sequence: f for f in performed.frames}
    assert len(performed.faces) > 380
    numbers = [f.sequence for f in performed.faces]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "frames were lost on the way to the client"
    for face in performed.faces[::50]:
        assert np.abs(face.values - by_number[face.sequence].values).max() < 1e-6 and face.confidence is not None
    assert (
        performed.sensors > 100
        and performed.hello["channels"] == list(OUTPUT_CHANNELS)
        and "eyeBlinkLeft" in performed.hello["invented"]
    )
    assert any("status" in s for s in performed.statuses)


def test_avatars_get_the_same_face_by_vmc(performed):
    receiver, faces = vmc.Receiver(), []
    for data in performed.vmc:
        faces += receiver.push(data)
    assert abs(len(faces) - len(performed.frames)) <= 2
    for k in range(0, 300, 60):
        assert [faces[k][c] for c in ARKIT] == pytest.approx(performed.frames[k].values[:52].tolist(), abs=1e-6)


def test_unreal_gets_the_same_face_by_live_link(performed):
    packets = [live_link_face.parse(data) for data in performed.llf]
    assert (
        all(p is not None and p.subject == "Innerface" and p.numerator == 60 for p in packets)
        and abs(len(packets) - len(performed.frames)) <= 2
    )
    assert len({p.device for p in packets}) == 1 and len(packets[0].device) == 36
    face = live_link_face.named_weights(packets[120], swap_mouth=False)
    assert [face[c] for c in OUTPUT_CHANNELS] == pytest.approx(performed.frames[120].values.tolist(), abs=1e-6)
    frames = np.array([p.frame + p.subframe for p in packets])
    assert np.abs(np.diff(frames) - 1).max() < 0.02


def test_the_csv_is_a_take_like_any_other(performed):
    track = formats.read_take(performed.folder / "out.csv").weights()
    assert abs(len(track.time) - len(performed.frames)) <= 2 and len(track.columns) == 61
    assert np.abs(track.select(OUTPUT_CHANNELS)[5] - performed.frames[5].values).max() < 1e-6
    assert not list(performed.folder.glob("*.part"))
