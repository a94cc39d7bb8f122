"""Sources beside the hub, each over its real transport."""

import asyncio
import os

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.channels import OUTPUT
from innerface.core.errors import InnerfaceError
from innerface.core.imu.signal import ImuSignal, to_track
from innerface.core.take import Take, Track
from innerface.server.messages import Face, Imu
from innerface.server.sources import udp
from innerface.server.sources.boards import BrainFlow, Lsl
from innerface.server.sources.replay import Replay
from innerface.server.sources.serial_port import Cyton, SerialDevice
from innerface.server.sources.virtual import Habits, Virtual
from innerface.server.wire import cobs, device, slimevr

from .conftest import speaking, until


def sample(k, time=None, sites=3, device_name="7a3f"):
    rotation = np.tile([1.0, 0, 0, 0], (sites, 1))
    return Imu(device_name, tuple(map(str, range(sites))), rotation, np.full((sites, 3), 0.005 * k), k * 0.01 if time is None else time, k, battery=3.7)


def test_a_device_is_welcomed_heard_and_its_losses_counted(bridge):
    source = udp.Devices(port=0)

    async def work(hub):
        transport, answers = await speaking(source.port)
        transport.sendto(device.encode_hello(0x7A3F, "left half", "1.0", (0, 1, 2)))
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
    assert (stream["name"], stream["received"], stream["lost"], stream["repeated"], stream["battery_v"]) == ("left half", 90, 10, 1, 3.7)
    assert status["sites"]["aux"]["sensor"] == "7a3f/0" and status["sites"]["mentalis_left"]["state"] == "none"


def test_a_device_of_a_newer_protocol_is_told_with_the_mend(bridge):
    source = udp.Devices(port=0)

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


def test_a_port_in_use_is_told_in_one_line(bridge):
    first = udp.LiveLinkFace(port=0)

    async def work(hub):
        with pytest.raises(InnerfaceError, match="end the other program") as error:
            await udp.LiveLinkFace(port=first.port).start(hub)
        return str(error.value)

    assert "\n" not in bridge(work, [first])


def test_a_tracker_is_greeted_kept_company_and_repeated_while_it_is_still(bridge, vectors):
    source = udp.SlimeVr(port=0)
    named = {k.split("_")[1]: v for k, v in vectors.items() if k.startswith("slimevr")}

    async def work(hub):
        hub.record("trackers")
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
        said = await hub.stop_recording()
        return answers, streams, said["path"]

    answers, (stream,), path = bridge(work, [source])
    assert answers[0] == slimevr.HANDSHAKE_REPLY and slimevr.sensor_info_ack(1, 1) in answers and slimevr.HEARTBEAT in answers
    assert stream.device == "a0:b1:c2:d3:e4:f5" and stream.counter.received > 10 and stream.counter.lost == 0
    track = formats.read_take(path).tracks["imu"]
    assert track.columns[0] == "a0:b1:c2:d3:e4:f5/1.qw" and track.meta["acceleration"] == "linear" and track.meta["up"] == "z"
    assert np.abs(track.values[-1] - [np.sqrt(0.5), 0, 0, np.sqrt(0.5), 0, 0, 0]).max() < 1e-6


def test_a_phone_becomes_the_face_and_a_lost_one_fades(bridge, capture):
    source = udp.LiveLinkFace(port=0)

    async def work(hub):
        got = []
        hub.listeners.add(got.append)
        hub.record("phone")
        transport, _ = await speaking(source.port)
        for data in capture[:60]:
            transport.sendto(data)
            await asyncio.sleep(0.016)
        sent = len(got)
        await asyncio.sleep(1.6)  # the phone is gone
        transport.close()
        return got, sent, await hub.stop_recording()

    got, sent, said = bridge(work, [source], loss={"camera": "fade"})
    assert sent == 60 and all(f.source == "camera" and f.seen for f in got[:60]) and not got[-1].seen
    assert np.abs(got[-1].values).max() == 0 and np.abs(got[50].values).max() > 0.1 and len(got) > 90
    track = formats.read_take(said["path"]).weights()
    assert len(track.time) == 60 and np.abs(np.diff(track.time) - 1 / 60).max() < 0.012
    assert np.abs(track.select(OUTPUT)[50] - got[50].values)[:52].max() < 1e-5


def test_frames_of_text_and_vmc_become_faces_too(bridge, frames, vector):
    text, osc = udp.IFacialMocap(port=0), udp.Vmc(port=0)

    async def work(hub):
        got = []
        hub.listeners.add(got.append)
        for port, data in ((text.port, frames[0]), (osc.port, vector("osc_vmc_bundle")), (osc.port, b"noise"), (text.port, b"noise noise")):
            transport, _ = await speaking(port)
            transport.sendto(data)
            await asyncio.sleep(0.05)
            transport.close()
            hub.filming = None  # each as if it were the only one
        return got

    got = bridge(work, [text, osc])
    first, second = next(f for f in got), next(f for f in got if f.values[OUTPUT.index("jawOpen")] > 0.4)
    assert first.values[OUTPUT.index("jawOpen")] == pytest.approx(0.12) and second.values[OUTPUT.index("jawOpen")] == pytest.approx(0.5)
    assert text.foreign == osc.foreign == 1


def test_osc_commands_record_mark_and_recentre(bridge, tmp_path):
    from pythonosc.udp_client import SimpleUDPClient

    source = udp.OscControl(port=0)

    async def work(hub):
        client = SimpleUDPClient("127.0.0.1", source.port)
        client.send_message("/innerface/record", "by osc")
        client.send_message("/innerface/mark", "now")
        client.send_message("/innerface/recentre", [])
        client.send_message("/innerface/record", "twice")
        await until(lambda: hub.notes)
        client.send_message("/innerface/stop", [])
        await until(lambda: hub.recorder is None)
        await source.stopping
        return list(hub.notes), hub.marks

    notes, marks = bridge(work, [source])
    assert "stop it first" in notes[0] and marks == 1 and (tmp_path / "by osc.mcap").exists()


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo-terminals")
def test_a_serial_device_is_heard_and_a_pulled_cable_put_back(bridge, tmp_path):
    link = tmp_path / "port"
    ends = []

    def plug():
        import tty

        master, slave = os.openpty()
        tty.setraw(slave)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))
        ends.append((master, slave))

    def send(numbers):
        for k in numbers:
            os.write(ends[-1][0], cobs.encode(device.encode(sample(k))) + b"\0")

    plug()
    source = SerialDevice(str(link))

    async def work(hub):
        os.write(ends[0][0], b"half a frame of noise\0")
        send(range(20))
        await until(lambda: hub.streams and next(iter(hub.streams.values())).counter.received == 20)
        for end in ends[0]:
            os.close(end)
        await until(lambda: source.problem)
        problem = source.about()
        plug()
        await until(lambda: not source.problem and source.line is not None)
        await asyncio.sleep(0.2)
        os.write(ends[1][0], b"\0")
        send(range(30, 40))
        await until(lambda: next(iter(hub.streams.values())).counter.received == 30)
        return problem, next(iter(hub.streams.values())).counter.lost

    problem, lost = bridge(work, [source])
    assert "plug the device in" in problem and lost == 10


def test_a_missing_serial_port_is_told_with_those_that_there_are(bridge):
    async def work(hub):
        with pytest.raises(InnerfaceError, match="known ports") as error:
            await SerialDevice("/dev/ttyNOTHERE").start(hub)
        return str(error.value)

    assert "\n" not in bridge(work)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo-terminals")
def test_a_cyton_is_reset_begun_and_its_lost_samples_are_gaps(bridge, vector):
    import threading
    import tty

    master, slave = os.openpty()
    tty.setraw(slave)
    heard, recording = bytearray(), threading.Event()

    def board():
        frame = bytearray(vector("cyton"))
        while True:
            try:
                heard.extend(os.read(master, 64))
                if heard.endswith(b"v"):
                    os.write(master, b"OpenBCI V3 8-16 channel\r\n$$$")
                if heard.endswith(b"b"):
                    recording.wait(5)
                    for n in (*range(250, 256), 0, 1, 4, 5):
                        frame[1] = n
                        os.write(master, bytes(frame))
            except OSError:
                return

    thread = threading.Thread(target=board, daemon=True)
    thread.start()
    source = Cyton(os.ttyname(slave))

    async def work(hub):
        hub.record("bio")
        recording.set()
        await until(lambda: source.count >= 12)
        await asyncio.sleep(0.1)
        return await hub.stop_recording()

    said = bridge(work, [source])
    track = next(t for t in formats.read_take(said["path"]).tracks.values() if t.kind == "biosignal")
    assert bytes(heard[:2]) == b"vb" and len(track.time) == 12 and np.isnan(track.values).all(1).sum() == 2
    assert np.abs(track.values[0] - (np.arange(8) - 4) * 2235.17444553).max() < 1e-3
    os.close(master)


def test_a_recording_plays_in_real_time_or_faster_and_is_told_when_it_holds_nothing(bridge, tmp_path):
    time = np.arange(300) / 100 - 5.0
    rotation = np.tile([1.0, 0, 0, 0], (300, 2, 1))
    signal = ImuSignal(time, ("aux", "oculi_left"), rotation, np.tile([0, 9.8, 0.0], (300, 2, 1)), False, "y")
    weights = Track("weights", np.arange(90) / 30 - 5.0, OUTPUT, np.tile(np.linspace(0, 1, 90)[:, None], (1, 55)))
    path = tmp_path / "take.mcap"
    formats.write_take(Take("take", {"imu": to_track(signal), "weights": weights}), path)
    source = Replay(path, speed=3.0)

    async def work(hub):
        hub.record("again")
        began = hub.now()
        await source.done.wait()
        seconds = hub.now() - began
        return seconds, await hub.stop_recording()

    seconds, said = bridge(work, [source])
    again = formats.read_take(said["path"])
    assert 0.8 < seconds < 1.6 and len(again.tracks["imu"].time) >= 297 and len(again.weights().time) >= 89
    assert again.tracks["imu"].columns[0] == "aux.qw" and np.abs(again.weights().values[-89:, 0] - np.linspace(0, 1, 90)[-89:]).max() < 1e-6
    empty = tmp_path / "empty.mcap"
    formats.write_take(Take("empty", {"events": Track("events", np.zeros(1), ("mark",), np.ones((1, 1)))}), empty)

    async def refuse(hub):
        with pytest.raises(InnerfaceError, match="nothing to play"):
            await Replay(empty).start(hub)

    bridge(refuse)


def test_a_device_that_vanishes_and_returns_carries_on_by_itself(bridge):
    source = Virtual(None, Habits(disconnect=(3.0, 1.7), serial=True))

    async def work(hub):
        await until(lambda: any("is back" in n for n in hub.notes), 15)
        stream = next(s for s in hub.streams.values() if s.counter.received)
        return stream.counter.received, stream.clock.restarts, list(hub.notes), stream.session

    received, restarts, notes, number = bridge(work, [source])
    assert received > 100 and restarts == 0 and number is not None and "51ce is back after 1." in notes[-1]


def test_sensors_get_their_sites_by_touch(bridge, tmp_path):
    source = udp.SlimeVr(port=0)

    async def work(hub):
        said = hub.touch("oculi_left")
        assert said > 1
        hub.touching.until = hub.now() + 0.6
        for k in range(60):
            for name, push in (("aa:aa", 9.0 if k == 30 else 0.0), ("bb:bb", 0.0)):
                hub.receive("slimevr", Imu(name, ("0",), np.array([[1.0, 0, 0, 0]]), np.array([[0, 0, push]]), linear=True, up="z", part="0"))
            await asyncio.sleep(0.005)
        await until(lambda: hub.touching is None)
        with pytest.raises(InnerfaceError, match="has aux"):
            hub.touch("elbow")
        hub.touch("aux")
        hub.touching.until = hub.now()
        await until(lambda: hub.touching is None)
        return hub.sites.assigned, hub.notes[-1]

    assigned, note = bridge(work, [source], sites=tmp_path / "sites.json")
    assert assigned == {"aa:aa/0": "oculi_left"} and "no sensor felt a tap" in note and (tmp_path / "sites.json").exists()


def test_brainflows_synthetic_board_becomes_a_biosignal_track(bridge):
    pytest.importorskip("brainflow", reason="brainflow is an extra (boards) that is not installed")

    async def work(hub):
        hub.record("bio")
        await until(lambda: hub.recorder.rows > 200)
        return await hub.stop_recording()

    said = bridge(work, [BrainFlow("-1")])
    track = next(t for t in formats.read_take(said["path"]).tracks.values() if t.kind == "biosignal")
    assert track.columns[:2] == ("exg1", "exg2") and len(track.columns) == 16 and track.rate == pytest.approx(250, rel=0.2)
    with pytest.raises(InnerfaceError, match="one of"):
        BrainFlow("no such board").connect()
    with pytest.raises(InnerfaceError, match="none of its parameters"):
        BrainFlow("synthetic", {"colour": "red"}).connect()


def test_an_lsl_stream_becomes_a_biosignal_track(bridge):
    pylsl = pytest.importorskip("pylsl", reason="pylsl is an extra (lab) that is not installed")
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo("Innerface test", "EMG", 2, 250, "float32", "innerface-test"))

    async def work(hub):
        hub.record("bio")
        for k in range(1000):
            outlet.push_sample([float(k), -float(k)])
            await asyncio.sleep(0.004)
            if hub.recorder.rows > 100:
                break
        return await hub.stop_recording()

    said = bridge(work, [Lsl("Innerface test")])
    track = next(t for t in formats.read_take(said["path"]).tracks.values() if t.kind == "biosignal")
    assert len(track.columns) == 2 and (track.values[:, 0] == -track.values[:, 1]).all() and (np.diff(track.values[:, 0]) == 1).mean() > 0.95
    with pytest.raises(InnerfaceError, match="no stream is called"):
        source = Lsl("there is none")
        source._FIND_S = 0.4
        source.connect()


def test_a_device_whose_sensors_come_and_go_with_every_packet_costs_no_memory(bridge):
    async def work(hub):
        for k in range(400):
            sites = 3 + k % 2
            hub.receive("device", sample(k, sites=sites))
        session = hub.session
        return len(session.frames.devices), len(session.habits), len(hub.streams)

    assert bridge(work) == (1, 1, 1)


def test_a_flood_of_devices_is_bounded_and_makes_room_again(bridge):
    async def work(hub):
        for k in range(500):
            hub.receive("device", sample(k, device_name=f"{k:04x}"), arrival=hub.now() - 10)
        flooded = len(hub.streams)
        for k in range(20):
            hub.receive("device", sample(k, device_name="beef"))
        return flooded, any(s.device == "beef" for s in hub.streams.values())

    flooded, heard = bridge(work)
    assert flooded <= 64 and heard


def test_a_part_that_ends_by_mistake_is_told(bridge, caplog):
    async def work(hub):
        async def broken():
            raise RuntimeError("oh")

        task = hub.loop.create_task(broken())
        task.add_done_callback(hub._broken)
        await asyncio.sleep(0.05)
        return list(hub.notes)

    assert "mistake of its own (RuntimeError: oh)" in bridge(work)[-1]


def test_a_device_that_is_exchanged_for_another_leaves_its_sites_to_it(bridge):
    async def work(hub):
        for k in range(30):
            hub.receive("device", sample(k))
        for k in range(30):
            hub.receive("device", sample(k, device_name="beef"))
        problem = next(s for s in hub.streams.values() if s.device == "beef").problem
        next(s for s in hub.streams.values() if s.device == "7a3f").heard -= 10.0
        hub.receive("device", sample(31, device_name="beef"))
        return problem, {s.device: s.session for s in hub.streams.values()}, [s.problem for s in hub.streams.values()]

    problem, seats, problems = bridge(work)
    assert "aux has a device already" in problem and seats["beef"] is not None and seats["7a3f"] is None and not any(problems)


def test_names_that_are_no_text_do_not_end_a_recording(bridge, capture):
    source = udp.LiveLinkFace(port=0)

    async def work(hub):
        hub.record("names")
        transport, _ = await speaking(source.port)
        for k, data in enumerate(capture[:40]):
            transport.sendto(data.replace(data[5:9], b"\xff\xfe\xff\xfe", 1) if k == 5 else data)
            await asyncio.sleep(0.01)
        transport.close()
        return await hub.stop_recording()

    said = bridge(work, [source])
    assert said["rows"] == 40 and said["dropped"] == 0 and said["problem"] == ""
    assert len(formats.read_take(said["path"]).tracks["weights"].time) == 39


def test_one_camera_is_the_face_and_others_are_recorded_beside_it(bridge):
    async def work(hub):
        got = []
        hub.listeners.add(got.append)
        hub.record("two")
        for _ in range(20):
            hub.receive("vmc", Face("192.168.178.20", {"jawOpen": 0.25}))
            hub.receive("vmc", Face("192.168.178.21", {"jawOpen": 3.0}))
            await asyncio.sleep(0.005)
        hub.filming.heard -= 10  # the first is gone: the second takes over, within range
        hub.receive("vmc", Face("192.168.178.21", {"jawOpen": 3.0}))
        return got, await hub.stop_recording()

    got, said = bridge(work)
    jaw = OUTPUT.index("jawOpen")
    assert [f.values[jaw] for f in got] == [0.25] * 20 + [1.0]
    tracks = formats.read_take(said["path"]).tracks
    assert {n: set(t.column("jawOpen")) for n, t in tracks.items()} == {"weights": {0.25}, "weights 192.168.178.21": {3.0}}


def test_a_face_that_was_overtaken_is_recorded_and_not_shown(bridge):
    async def work(hub):
        got = []
        hub.listeners.add(got.append)
        for at, jaw in ((1.0, 0.1), (1.05, 0.3), (1.033, 0.2), (1.066, 0.4)):
            hub.receive("phone", Face("phone", {"jawOpen": jaw}, at))
        return [round(float(f.values[OUTPUT.index("jawOpen")]), 6) for f in got]

    assert bridge(work) == [0.1, 0.3, 0.4]


def test_a_take_of_two_devices_plays_as_two(bridge, tmp_path):
    time = np.arange(100) / 100

    def track(sites, shift):
        return to_track(ImuSignal(time + shift, sites, np.tile([1.0, 0, 0, 0], (100, len(sites), 1)), np.tile([0, 9.8, 0.0], (100, len(sites), 1)), False, "y"))

    path = tmp_path / "two.mcap"
    formats.write_take(Take("two", {"imu": track(("aux", "oculi_left"), 0.0), "imu b": track(("oculi_right",), 0.004)}), path)
    source = Replay(path, speed=2.0)

    async def work(hub):
        await source.done.wait()
        return [s.counter.received for s in hub.streams.values()], [s.session for s in hub.streams.values()]

    assert bridge(work, [source]) == ([100, 100], [0, 1])


def test_an_assignment_that_cannot_be_kept_changes_nothing(bridge, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")

    async def work(hub):
        for k in range(12):
            hub.receive("device", sample(k))
        with pytest.raises(InnerfaceError):
            hub.assign("7a3f/0", "oculi_left")
        for k in range(12, 20):
            hub.receive("device", sample(k))
        return hub.sites.assigned

    assert bridge(work, sites=blocked / "sites.json") == {}


def test_trackers_from_before_a_restart_are_left_to_shake_hands_again(bridge, vector):
    source = udp.SlimeVr(port=0)

    async def work(hub):
        transport, answers = await speaking(source.port)
        transport.sendto(vector("slimevr_rotation"))
        await asyncio.sleep(1.2)
        transport.close()
        return answers, len(source.trackers)

    assert bridge(work, [source]) == ([], 0)
