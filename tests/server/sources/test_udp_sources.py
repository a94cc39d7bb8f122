"""Devices, trackers, phones and commands over real sockets."""

import asyncio
import socket
import sys

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import OUTPUT_CHANNELS
from innerface.server.protocols import device, slimevr
from innerface.server.sources.ifacialmocap import IFacialMocapSource
from innerface.server.sources.live_link_face import LiveLinkFaceSource
from innerface.server.sources.osc_commands import OscControlSource
from innerface.server.sources.slimevr import SlimeVrSource, _Tracker
from innerface.server.sources.udp_device import DeviceSource
from innerface.server.sources.vmc import VmcSource

from ..conftest import sample, speaking, until


def test_a_device_is_welcomed_and_its_losses_are_counted(bridge):
    source = DeviceSource(port=0)

    async def work(hub):
        transport, answers = await speaking(source.port)
        transport.sendto(device.encode_hello(0x7A3F, title="left half", firmware="1.0", sites=(0, 1, 2)))
        await until(lambda: answers)
        for k in range(100):
            if k % 10 != 5:
                transport.sendto(device.encode(sample(k)))
            await asyncio.sleep(0.002)
        transport.sendto(device.encode(sample(99)))  # once more
        await until(lambda: next(iter(hub.streams.values())).counter.repeated == 1)
        transport.close()
        return answers, hub.status()

    answers, status = bridge(work, [source])
    assert device.is_welcome(answers[0])
    (stream,) = status["streams"]
    assert (stream["name"], stream["received"], stream["lost"], stream["repeated"], stream["battery_v"]) == (
        "left half",
        91,
        10,
        1,
        3.7,
    )
    assert status["sites"]["aux"]["sensor"] == "7a3f/0" and status["sites"]["mentalis_left"]["state"] == "none"


def test_a_device_of_a_newer_protocol_is_reported_with_the_remedy(bridge):
    source = DeviceSource(port=0)

    async def work(hub):
        transport, _ = await speaking(source.port)
        data = bytearray(device.encode(sample(1)))
        data[2] = 9
        transport.sendto(bytes(data))
        await until(lambda: hub.streams)
        transport.close()
        return hub.status()["streams"][0]["problem"]

    problem = bridge(work, [source])
    assert "version 9" in problem and "update Innerface" in problem


def test_a_port_in_use_is_reported_in_one_line(bridge):
    first = LiveLinkFaceSource(port=0)

    async def work(hub):
        with pytest.raises(InnerfaceError, match="end the other program") as error:
            await LiveLinkFaceSource(port=first.port).start(hub)
        return str(error.value)

    assert "\n" not in bridge(work, [first])


def test_a_tracker_gets_heartbeats_and_is_repeated_while_at_rest(bridge, vectors):
    source = SlimeVrSource(port=0)
    named = {k.split("_")[1]: v for k, v in vectors.items() if k.startswith("slimevr")}

    async def work(hub):
        hub.commands.record("trackers")
        transport, answers = await speaking(source.port)
        for kind in ("handshake", "sensorinfo", "accel", "rotation"):
            transport.sendto(named[kind])
            await asyncio.sleep(0.02)
        await asyncio.sleep(1.0)  # it does not move, so it says nothing but that it is there
        for _ in range(3):
            transport.sendto(named["heartbeat"])
            await asyncio.sleep(0.1)
        streams = [s for s in hub.streams.values() if s.kind == "imu" and s.counter.received]
        transport.close()
        result = await hub.commands.stop_recording()
        return answers, streams, result["path"]

    answers, (stream,), path = bridge(work, [source])
    assert (
        answers[0] == slimevr.HANDSHAKE_REPLY
        and slimevr.sensor_info_ack(1, 1) in answers
        and slimevr.HEARTBEAT in answers
    )
    assert stream.device == "a0:b1:c2:d3:e4:f5" and stream.counter.received > 10 and stream.counter.lost == 0
    track = formats.read_take(path).tracks["imu"]
    assert (
        track.columns[0] == "a0:b1:c2:d3:e4:f5/1.qw"
        and track.meta["acceleration"] == "linear"
        and track.meta["up"] == "z"
    )
    assert np.abs(track.values[-1] - [np.sqrt(0.5), 0, 0, np.sqrt(0.5), 0, 0, 0]).max() < 1e-6


def test_a_phone_becomes_the_face_and_a_lost_one_fades(bridge, capture):
    source = LiveLinkFaceSource(port=0)

    async def work(hub):
        got = []
        hub.outputs.listeners.add(got.append)
        hub.commands.record("phone")
        transport, _ = await speaking(source.port)
        for data in capture[:60]:
            transport.sendto(data)
            await asyncio.sleep(0.016)
        sent = len(got)
        await asyncio.sleep(1.6)  # the phone is gone
        transport.close()
        return got, sent, await hub.commands.stop_recording()

    got, sent, result = bridge(work, [source], loss={"camera": "fade"})
    assert sent == 60 and all(f.source == "camera" and f.seen for f in got[:60]) and not got[-1].seen
    assert np.abs(got[-1].values).max() == 0 and np.abs(got[50].values).max() > 0.1 and len(got) > 90
    track = formats.read_take(result["path"]).weights()
    assert len(track.time) == 60 and np.abs(np.diff(track.time) - 1 / 60).max() < 0.012
    assert np.abs(track.select(OUTPUT_CHANNELS)[50] - got[50].values)[:52].max() < 1e-5


def test_text_frames_and_vmc_become_faces(bridge, frames, vector):
    text, osc = IFacialMocapSource(port=0), VmcSource(port=0)

    async def work(hub):
        got = []
        hub.outputs.listeners.add(got.append)
        for port, data in (
            (text.port, frames[0]),
            (osc.port, vector("osc_vmc_bundle")),
            (osc.port, b"noise"),
            (text.port, b"noise noise"),
        ):
            transport, _ = await speaking(port)
            transport.sendto(data)
            await asyncio.sleep(0.05)
            transport.close()
            hub.camera.active_stream = None  # each as if it were the only one
        return got

    got = bridge(work, [text, osc])
    first, second = next(f for f in got), next(f for f in got if f.values[OUTPUT_CHANNELS.index("jawOpen")] > 0.4)
    assert first.values[OUTPUT_CHANNELS.index("jawOpen")] == pytest.approx(0.12) and second.values[
        OUTPUT_CHANNELS.index("jawOpen")
    ] == pytest.approx(0.5)
    assert text.rejected == osc.rejected == 1


def test_osc_commands_record_mark_and_recentre(bridge, tmp_path):
    from pythonosc.udp_client import SimpleUDPClient

    source = OscControlSource(port=0)

    async def work(hub):
        client = SimpleUDPClient("127.0.0.1", source.port)
        client.send_message("/innerface/record", "by osc")
        client.send_message("/innerface/mark", "now")
        client.send_message("/innerface/recentre", [])
        client.send_message("/innerface/record", "twice")
        await until(lambda: hub.notes)
        client.send_message("/innerface/stop", [])
        await until(lambda: hub.recording.recorder is None)
        await source.stop_task
        return list(hub.notes), hub.recording.mark_count

    notes, marks = bridge(work, [source])
    assert "stop it first" in notes[0] and marks == 1 and (tmp_path / "by osc.mcap").exists()


def test_invalid_utf8_in_names_does_not_end_a_recording(bridge, capture):
    source = LiveLinkFaceSource(port=0)

    async def work(hub):
        hub.commands.record("names")
        transport, _ = await speaking(source.port)
        for k, data in enumerate(capture[:40]):
            transport.sendto(data.replace(data[5:9], b"\xff\xfe\xff\xfe", 1) if k == 5 else data)
            await asyncio.sleep(0.01)
        transport.close()
        return await hub.commands.stop_recording()

    result = bridge(work, [source])
    assert result["rows"] == 40 and result["dropped"] == 0 and result["problem"] == ""
    assert len(formats.read_take(result["path"]).tracks["weights"].time) == 39


def test_trackers_paired_before_a_restart_must_send_a_handshake_again(bridge, vector):
    source = SlimeVrSource(port=0)

    async def work(hub):
        transport, answers = await speaking(source.port)
        transport.sendto(vector("slimevr_rotation"))
        await asyncio.sleep(1.2)
        transport.close()
        return answers, len(source.trackers)

    assert bridge(work, [source]) == ([], 0)


def test_a_tracker_whose_numbers_begin_anew_is_heard_again_and_what_is_old_is_counted(bridge, vector):
    source = SlimeVrSource(port=0)
    rotation = vector("slimevr_rotation")

    def numbered(number):
        return rotation[:4] + number.to_bytes(8, "big") + rotation[12:]

    async def work(hub):
        def received():
            return max((s.counter.received for s in hub.streams.values() if s.kind == "imu"), default=0)

        transport, _ = await speaking(source.port)
        transport.sendto(vector("slimevr_handshake"))
        await until(lambda: source.trackers)
        transport.sendto(numbered(5000))
        await until(lambda: received() == 1)
        for number in range(4990, 5000):  # stragglers
            transport.sendto(numbered(number))
        await until(lambda: source.dropped.get("repeated") == 10)
        transport.sendto(numbered(5001))
        await until(lambda: received() >= 2)
        for number in range(1, 31):
            transport.sendto(numbered(number))
        await until(lambda: source.packets == 43)
        transport.close()
        return source.dropped, next(iter(source.trackers.values())).last_packet

    assert bridge(work, [source]) == ({"repeated": 34}, 30)


def test_packets_of_another_kind_are_told_with_what_to_change(bridge):
    source = LiveLinkFaceSource(port=0)

    async def work(hub):
        before = source.describe()
        transport, _ = await speaking(source.port)
        for _ in range(3):
            transport.sendto(b"\x07" + b"\0\0\0\x01P\0\0\0\x01a" + bytes(300))
        await until(lambda: hub.notes)
        transport.close()
        (told,) = hub.status()["sources"]
        return before, list(hub.notes), told

    before, notes, told = bridge(work, [source])
    assert "mode Live Link (ARKit) in the app" not in before
    assert len(notes) == 1 and "choose the mode Live Link (ARKit) in the app" in notes[0]
    assert "only this computer" not in told["about"] and "127.0.0.1 sends" in told["about"]
    assert told["state"] != "ok" and "Live Link (ARKit)" in told["problem"]


def test_packets_of_another_kind_at_the_port_of_commands_are_no_green_light(bridge):
    source = OscControlSource(port=0)

    async def work(hub):
        before = hub.status()["sources"][0]["state"]
        transport, _ = await speaking(source.port)
        for _ in range(3):
            transport.sendto(b"{}")
        await until(lambda: hub.notes)
        transport.close()
        return before, hub.status()["sources"][0]

    before, told = bridge(work, [source])
    assert before == "ok" and told["state"] == "poor" and "JSON" in told["problem"]


def test_vmc_without_a_face_is_told(bridge):
    from pythonosc.udp_client import SimpleUDPClient

    source = VmcSource(port=0)

    async def work(hub):
        SimpleUDPClient("127.0.0.1", source.port).send_message("/VMC/Ext/OK", [1])
        await until(lambda: source.packets)
        return source.describe()

    assert "blend shapes" in bridge(work, [source])


def test_a_face_whose_names_are_all_unknown_is_not_ok(bridge):
    from pythonosc.udp_client import SimpleUDPClient

    source = VmcSource(port=0)

    async def work(hub):
        client = SimpleUDPClient("127.0.0.1", source.port)
        client.send_message("/VMC/Ext/Blend/Val", ["Foo", 1.0])
        client.send_message("/VMC/Ext/Blend/Apply", [])
        await until(lambda: hub.streams and next(iter(hub.streams.values())).problem)
        return hub.status()["streams"][0]

    stream = bridge(work, [source])
    assert stream["state"] == "poor" and "Foo" in stream["problem"]


def test_packets_that_wait_while_the_computer_is_busy_are_all_received_or_counted(bridge):
    source = DeviceSource(port=0)

    async def work(hub):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for k in range(4000):  # nothing takes them meanwhile
                sender.sendto(device.encode(sample(k)), ("127.0.0.1", source.port))
        await until(lambda: source.packets + source.dropped.get("buffer_full", 0) >= 4000)
        return source.packets, source.dropped, hub.status()["sources"][0], source.buffer.granted_bytes

    packets, dropped, said, granted = bridge(work, [source], calibrate=False)
    assert packets + dropped.get("buffer_full", 0) == 4000 and said["dropped"] == dropped
    assert f"buffer {granted / 2**20:.1f} MB" in said["about"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not count them")
def test_packets_that_the_system_had_no_room_for_are_told(bridge):
    source = DeviceSource(port=0)

    async def work(hub):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            source.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            for k in range(200):
                sender.sendto(device.encode(sample(k)), ("127.0.0.1", source.port))
            await until(lambda: source.problem)
        return source.packets, hub.status()["sources"][0], list(hub.notes)

    packets, said, notes = bridge(work, [source], calibrate=False)
    assert packets + said["dropped"]["buffer_full"] == 200 and packets < 200
    assert said["state"] == "poor" and "too busy" in said["problem"] and any("too busy" in note for note in notes)


def test_an_unknown_address_gets_one_answer_to_its_handshakes(bridge, vector):
    """Whoever gives another computer's address as its own must not make it receive more than was sent."""
    source = SlimeVrSource(port=0)

    async def work(hub):
        transport, answers = await speaking(source.port)
        handshake = vector("slimevr_handshake")
        for _ in range(20):
            transport.sendto(handshake)
        await until(lambda: source.packets == 20)
        await asyncio.sleep(1.2)  # two heartbeats would be due
        unconfirmed = list(answers)
        transport.sendto(handshake)
        await until(lambda: len(answers) > 1)
        transport.sendto(vector("slimevr_heartbeat"))
        await until(lambda: slimevr.HEARTBEAT in answers)
        transport.close()
        return unconfirmed, answers

    unconfirmed, answers = bridge(work, [source])
    assert unconfirmed == [slimevr.HANDSHAKE_REPLY] and answers[1] == slimevr.HANDSHAKE_REPLY


def test_a_handshake_that_goes_on_unheard_is_answered_ever_more_rarely():
    tracker = _Tracker(("192.0.2.1", 6969))
    answered = [second for second in range(100) if tracker.answers_handshake(1000.0 + second)]
    assert answered == [0, 1, 3, 7, 15, 31, 61, 91]
    tracker.confirm()
    assert [second for second in range(5) if tracker.answers_handshake(1200.0 + second)] == [0, 1, 3]


def test_addresses_that_never_go_on_make_room_for_trackers():
    source = SlimeVrSource(port=0)
    for k in range(64):
        source.trackers["192.0.2.1", k] = _Tracker(("192.0.2.1", k))
    assert not source._drop_unconfirmed()
    source.trackers["192.0.2.1", 5].last_received -= 3.0
    source.trackers["192.0.2.1", 6].last_received -= 3.0
    source.trackers["192.0.2.1", 5].confirm()
    assert source._drop_unconfirmed() and ("192.0.2.1", 6) not in source.trackers and len(source.trackers) == 63
