"""What the hub makes of messages, whatever they came over."""

import asyncio

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import OUTPUT_CHANNELS
from innerface.core.imu.session import FaceFrames
from innerface.server.messages import FaceSample, ImuSample
from innerface.server.sources.slimevr import SlimeVrSource

from .conftest import sample, until


def test_sensors_get_their_sites_by_touch(bridge, clock, tmp_path):
    source = SlimeVrSource(port=0)

    async def work(hub):
        said = hub.commands.touch("oculi_left")
        assert said > 1
        for k in range(60):
            for name, push in (("aa:aa", 9.0 if k == 30 else 0.0), ("bb:bb", 0.0)):
                hub.receive(
                    "slimevr",
                    ImuSample(
                        name,
                        ("0",),
                        np.array([[1.0, 0, 0, 0]]),
                        np.array([[0, 0, push]]),
                        linear=True,
                        up="z",
                        substream="0",
                    ),
                )
            clock.time += 0.005
        clock.time += said
        await until(lambda: hub.imu.tap_detector is None)
        with pytest.raises(InnerfaceError, match="has aux"):
            hub.commands.touch("elbow")
        clock.time += hub.commands.touch("aux") + 1
        await until(lambda: hub.imu.tap_detector is None)
        return hub.imu.sites.assigned, hub.notes[-1]

    assigned, note = bridge(work, [source], clock=clock, sites=tmp_path / "sites.json")
    assert (
        assigned == {"aa:aa/0": "oculi_left"} and "no sensor felt a tap" in note and (tmp_path / "sites.json").exists()
    )


def test_a_device_whose_sensors_come_and_go_with_every_packet_costs_no_memory(bridge):
    async def work(hub):
        for k in range(400):
            sites = 3 + k % 2
            hub.receive("device", sample(k, sites=sites))
        session = hub.imu.session
        return len(session.frame_stream.devices), len(session.conventions), len(hub.streams)

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
        task.add_done_callback(hub.on_task_done)
        await asyncio.sleep(0.05)
        return list(hub.notes)

    assert "mistake of its own (RuntimeError: oh)" in bridge(work)[-1]


def test_a_device_that_is_exchanged_for_another_leaves_its_sites_to_it(bridge, clock):
    async def work(hub):
        for k in range(30):
            hub.receive("device", sample(k))
        for k in range(30):
            hub.receive("device", sample(k, device_name="beef"))
        problem = next(s for s in hub.streams.values() if s.device == "beef").fault
        clock.time += 10.0
        hub.receive("device", sample(31, device_name="beef"))
        return (
            problem,
            {s.device: s.session_device for s in hub.streams.values()},
            [s.site_problem for s in hub.streams.values()],
        )

    problem, seats, problems = bridge(work, clock=clock)
    assert "aux by 7a3f" in problem and seats["beef"] is not None and seats["7a3f"] is None and not any(problems)


def test_a_device_with_one_site_that_is_taken_brings_its_others(bridge, clock):
    async def work(hub):
        for k in range(200):
            clock.time += 0.01
            if k < 100:
                hub.receive("device", sample(k, sites=1))
            hub.receive("device", sample(k, device_name="beef"))
        beside = {s.device: (s.session_columns, s.fault) for s in hub.streams.values()}
        for k in range(200, 800):
            clock.time += 0.01
            hub.receive("device", sample(k, device_name="beef"))
        alone = next(s for s in hub.streams.values() if s.device == "beef")
        return beside, alone.session_columns, alone.site_problem

    beside, columns, problem = bridge(work, clock=clock)
    assert beside["7a3f"] == ([0], "") and beside["beef"][0] == [1, 2] and "aux by 7a3f" in beside["beef"][1]
    assert columns == [0, 1, 2] and problem == ""


def test_one_camera_is_the_face_and_others_are_recorded_beside_it(bridge, clock):
    async def work(hub):
        got = []
        hub.outputs.listeners.add(got.append)
        hub.commands.record("two")
        for _ in range(20):
            hub.receive("vmc", FaceSample("192.168.178.20", {"jawOpen": 0.25}))
            hub.receive("vmc", FaceSample("192.168.178.21", {"jawOpen": 3.0}))
            clock.time += 0.005
        clock.time += 10  # the first is gone: the second takes over, with what it sent
        hub.receive("vmc", FaceSample("192.168.178.21", {"jawOpen": 3.0}))
        return got, await hub.commands.stop_recording()

    got, said = bridge(work, clock=clock)
    jaw = OUTPUT_CHANNELS.index("jawOpen")
    assert [f.values[jaw] for f in got] == [0.25] * 20 + [3.0]
    tracks = formats.read_take(said["path"]).tracks
    assert {n: set(t.column("jawOpen")) for n, t in tracks.items()} == {
        "weights": {0.25},
        "weights 192.168.178.21": {3.0},
    }


def test_a_face_that_was_overtaken_is_recorded_and_not_shown(bridge):
    async def work(hub):
        got = []
        hub.outputs.listeners.add(got.append)
        for at, jaw in ((1.0, 0.1), (1.05, 0.3), (1.033, 0.2), (1.066, 0.4)):
            hub.receive("phone", FaceSample("phone", {"jawOpen": jaw}, at))
        return [round(float(f.values[OUTPUT_CHANNELS.index("jawOpen")]), 6) for f in got]

    assert bridge(work) == [0.1, 0.3, 0.4]


def test_a_site_that_is_remembered_for_an_absent_device_is_used_by_one_that_is_here(bridge, clock):
    def tracker():
        rotation, force = np.array([[1.0, 0, 0, 0]]), np.zeros((1, 3))
        return ImuSample("aa:aa", ("0",), rotation, force, linear=True, up="z")

    async def work(hub):
        hub.commands.assign("aa:aa/0", "aux")
        sites = []
        for step in range(80):
            clock.time += 0.1
            hub.receive("device", sample(step))
            if 20 <= step < 30:
                hub.receive("slimevr", tracker())
            if step in (19, 29, 79):
                sites.append({s.device: s.sites for s in hub.streams.values()})
        return sites, list(hub.notes), hub.status()["sites"]["aux"]

    (before, beside, after), notes, status = bridge(work, clock=clock)
    assert before["7a3f"][0] == "aux" and any("remembered for aa:aa/0" in note for note in notes)
    assert beside["aa:aa"] == ("aux",) and beside["7a3f"][0] == "7a3f/0"
    assert after["7a3f"][0] == "aux" and status["sensor"] == "7a3f/0" and status["state"] == "ok"


def test_an_assignment_that_cannot_be_kept_changes_nothing(bridge, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")

    async def work(hub):
        for k in range(12):
            hub.receive("device", sample(k))
        with pytest.raises(InnerfaceError):
            hub.commands.assign("7a3f/0", "oculi_left")
        for k in range(12, 20):
            hub.receive("device", sample(k))
        return hub.imu.sites.assigned

    assert bridge(work, sites=blocked / "sites.json") == {}


def test_camera_and_sensors_together_are_the_camera_until_it_is_lost_and_no_step_between(bridge, clock):
    """Sensors at 60 Hz, a camera at 30 that loses the face in the middle: the sensors' scale is another."""

    async def work(hub):
        got = []
        hub.outputs.listeners.add(got.append)
        step = 1 / 60
        truth = []
        for k in range(1200):
            at = 1.0 + k * step
            clock.time = at
            jaw = 0.4 + 0.3 * np.sin(2.0 * at)
            if k % 2 == 0:
                hub.receive(
                    "vmc",
                    FaceSample(
                        "phone",
                        {"jawOpen": jaw, "browInnerUp": 0.2 + 0.1 * np.sin(at)} if not 800 <= k < 1000 else {},
                        at,
                    ),
                )
            values = np.zeros((1, len(OUTPUT_CHANNELS)))
            values[0, OUTPUT_CHANNELS.index("jawOpen")] = 0.5 * jaw + 0.1
            hub.emit(hub.face.show_imu_frames(FaceFrames(np.array([at]), values, None, np.array([True])), at, at))
            truth.append(jaw)
        return got, np.array(truth), list(hub.face.mixer.from_sensors)

    got, truth, left = bridge(work, clock=clock)
    mixed = [f for f in got if f.source == "hybrid"]
    jaw = np.array([f.values[OUTPUT_CHANNELS.index("jawOpen")] for f in mixed])
    assert len(mixed) == 1200 and all(f.seen for f in mixed) and left == []
    assert np.abs(jaw - truth)[400:790].max() < 0.03, "the camera's"
    assert np.abs(jaw - truth)[850:990].max() < 0.05, "the sensors', on the camera's scale"
    assert np.abs(np.diff(jaw)).max() < 0.03, "no step"


@pytest.mark.parametrize("output", ["sensors", "camera"])
def test_who_asks_for_one_of_the_two_gets_no_mixture(bridge, output):
    async def work(hub):
        hub.receive("vmc", FaceSample("phone", {"jawOpen": 0.5}, 1.0))
        return hub.face.mixes

    assert bridge(work, output=output) is False


def test_what_is_received_is_shown_or_dropped_for_a_reason(bridge, clock):
    async def work(hub):
        for k in range(60):
            hub.receive("device", sample(k, k / 60))
            hub.receive("vmc", FaceSample("shown", {"jawOpen": 0.25}, k / 60))
            hub.receive("vmc", FaceSample("beside", {"jawOpen": 0.5}))
            clock.time += 1 / 60
        hub.receive("device", sample(30, 0.5))
        hub.receive("vmc", FaceSample("shown", {"jawOpen": 0.25}, 0.9))
        for k in range(3):
            hub.receive("device", sample(k, device_name="beef"))
        return hub.status()["streams"]

    streams = {s["device"]: s for s in bridge(work, clock=clock)}
    assert all(s["received"] == s["shown"] + sum(s["dropped"].values()) for s in streams.values())
    assert streams["7a3f"]["dropped"] == {"starting": 7, "repeated": 1} and streams["7a3f"]["shown"] == 53
    assert (streams["shown"]["shown"], streams["shown"]["dropped"]) == (60, {"late": 1})
    assert streams["beside"]["dropped"] == {"other_source": 60} and streams["beef"]["dropped"] == {"starting": 3}
