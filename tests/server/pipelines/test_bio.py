"""Electrodes in the hub: a simulated wearer's signals become a face, live, beside IMUs and cameras; what is wrong with
them is said."""

import asyncio

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.bio.simulation.effects import PRESETS
from innerface.core.bio.simulation.simulate import simulate
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, OUTPUT_CHANNELS
from innerface.core.face.face_model import load_bundled
from innerface.core.imu.convention import find_convention_fix
from innerface.core.imu.layout import load_layout
from innerface.core.imu.motion import calibrate_frames
from innerface.core.imu.session import ActiveCalibration, CalibratedStream, FaceFrames
from innerface.core.imu.signal import from_track
from innerface.core.imu.simulation.effects import PRESETS as IMU_PRESETS
from innerface.core.imu.simulation.simulate import simulate as simulate_imu
from innerface.core.performance import demo_performance
from innerface.core.performance.pose_sequence import pose_sequence
from innerface.core.pipeline import ImuChunk, PerformerSettings, solve_weights
from innerface.server import registry
from innerface.server.hub import Hub, Options
from innerface.server.messages import BioSample, FaceSample
from innerface.server.pipelines.bio import NO_NETWORK
from innerface.server.sources.board_inputs import parse_inputs
from innerface.server.sources.replay import ReplaySource
from innerface.server.sources.virtual_bio import VirtualBio, VirtualBioOptions
from innerface.server.sources.virtual_imu import VirtualImu

from ..conftest import Hasty

JAW = OUTPUT_CHANNELS.index("jawOpen")


@pytest.fixture(scope="module")
def wearing():
    """The simulated performer 0, 20 s of them (C columns lower, front)."""
    return simulate(pose_sequence(14, 0, take=2), PRESETS["studio"], 0).tracks["biosignal"]


@pytest.fixture
def hasty(tmp_path, electrodes_network):
    """`hasty(work, sources, **options)`: as `bridge`, on a clock that jumps; with the network, unless `electrodes` says
    otherwise."""

    def run(work, sources=(), clock=None, **more):
        async def whole():
            options = {"folder": tmp_path, "model": "linear", "electrodes": str(electrodes_network)} | more
            hub = Hub(Options(**options), clock)
            await hub.start(list(sources), [])
            got = []
            hub.outputs.listeners.add(got.append)
            try:
                return await work(hub, got)
            finally:
                await hub.stop()

        with asyncio.Runner(loop_factory=Hasty) as runner:
            return runner.run(whole())

    return run


def send(hub, clock, track, seconds, begin=0.0, device="board", batch=0.032, columns=None, rate=None, source="x"):
    """A board's batches, all at once on a clock that is set for each; the device's own times."""
    rate = rate or 1000.0
    size = round(batch * rate)
    for k in range(round(begin * rate), round((begin + seconds) * rate) - size + 1, size):
        at = 5.0 + (k + size) / rate
        clock.time = at
        hub.receive(source, BioSample(device, columns or track.columns, track.values[k : k + size].copy(), rate, at))


def test_a_face_comes_of_electrodes_at_the_networks_rate_and_says_how_late_it_is(hasty):
    async def work(hub, got):
        await asyncio.sleep(12)
        return list(got), hub.status()

    got, status = hasty(work, [VirtualBio()])
    assert {f.source for f in got} == {"electrodes"} and all(f.seen for f in got)
    steps = np.diff([f.time for f in got])
    assert len(got) == pytest.approx(12 * 30, abs=15) and np.abs(steps - 1 / 30).max() < 0.008
    assert got[-1].confidence.shape == (len(ARKIT),) and got[-1].values[len(ARKIT) :].tolist() == [0, 0, 0]
    assert np.ptp([f.values[: len(ARKIT)] for f in got[60:]], axis=0).max() > 0.05, "the face moves"
    assert status["output"] == "electrodes" and status["lookahead_ms"] == 120 and 120 <= status["delay_ms"] < 200
    worn = status["electrodes"]
    assert (
        worn["live"]
        and worn["say"] == ""
        and [(c["name"], c["state"]) for c in worn["channels"]] == [("lower", "ok"), ("front", "ok")]
    )
    assert all(0.5 < c["rest_uv"] < 20 for c in worn["channels"]) and status["calibration"] == ""


def test_what_goes_out_live_is_what_the_recording_gives_as_live(hasty, clock, wearing, electrodes_network):
    from innerface.core.bio import channels, network
    from innerface.core.take import Take, Track

    async def work(hub, got):
        send(hub, clock, wearing, 12.0)
        return np.array([f.values[: len(ARKIT)] for f in got]), np.array([f.time for f in got])

    live, time = hasty(work, clock=clock)
    short = Track(wearing.kind, wearing.time[:12_000], wearing.columns, wearing.values[:12_000], wearing.meta)
    batch = channels.infer_weights(
        Take("t", {"biosignal": short}), network.load(electrodes_network), causal=True
    ).weights()
    assert len(live) > 340 and np.abs(live - batch.values[: len(live)]).max() < 1e-6
    assert np.abs((time - 5.0) - (batch.time[: len(live)] - wearing.time[0])).max() < 0.003, (
        "a frame's time is its moment's"
    )


def calibrated_session(hub):
    """The number of a device of one sensor, in a session that has a calibration."""
    take = simulate_imu(
        demo_performance(2).weights(), load_bundled(), load_layout(), effects=IMU_PRESETS["clean"], seed=2
    )
    signal = from_track(take.tracks["imu"])
    calibration = calibrate_frames(signal, load_layout())[0]
    session = hub.imu.start_session()
    stream = CalibratedStream(calibration, session.model)
    session.activate(ActiveCalibration(find_convention_fix(signal)[0], stream, 0, ()))
    return session.add_device(("aux",), step=0.01, linear=False, up="y")


def test_imus_and_electrodes_become_one_face_each_channel_from_the_surer(hasty, clock, wearing):
    async def work(hub, got):
        send(hub, clock, wearing, 4.0)
        del got[:]
        session = calibrated_session(hub)
        clock.time = 9.032
        hub.receive("x", BioSample("board", wearing.columns, wearing.values[4000:4032], 1000.0, 9.032))
        hub.face.push(ImuChunk(session, 9.032, 9.032, np.array([[1.0, 0, 0, 0]]), np.zeros((1, 3))))
        assert hub.face.imus_active(hub.now())
        clock.time = 9.1
        hub.receive("x", BioSample("board", wearing.columns, wearing.values[4032:4100], 1000.0, 9.1))
        alone = len([f for f in got if f.source == "electrodes" and f.time > 8.95])
        del got[:]
        for at, confidence in ((9.0, np.zeros((1, len(ARKIT)))), (9.02, None)):
            values = np.full((1, len(OUTPUT_CHANNELS)), 0.9)
            hub.emit(
                hub.face.show_imu_frames(FaceFrames(np.array([at]), values, confidence, np.array([True])), 9.1, at)
            )
        return alone, got, hub.face.electrodes.last.weights, hub.face.electrodes.session.confidence

    alone, (both, imus), mine, sure = hasty(work, clock=clock)
    assert alone == 0, "the electrodes' face waits for the IMUs'"
    clear, blank = sure > 0.5, sure < 1e-9
    assert clear.any() and blank.any() and both.source == "sensors"
    assert np.allclose(both.values[: len(ARKIT)][clear], mine[clear], atol=0.05) and np.allclose(
        both.values[: len(ARKIT)][blank], 0.9
    )
    assert (
        np.allclose(both.confidence, np.clip(sure, 0, 0.97), atol=1e-6) and (both.values[len(ARKIT) :] > 0.5).all()
    ), "the head is the IMUs'"
    assert (imus.values[: len(ARKIT)] == 0.9).all(), "IMUs that do not say how sure they are stand as they are"


def test_a_simulated_performer_with_both_is_fused_end_to_end_and_the_take_infers_again(hasty, electrodes_network):
    async def work(hub, got):
        path = hub.commands.record("both")
        while not hub.face.imus_active(hub.now()):
            await asyncio.sleep(0.1)
            assert hub.now() < 60
        del got[:]
        await asyncio.sleep(3)
        await hub.commands.stop_recording()
        return got[10:], path, hub.status()

    got, path, status = hasty(work, [VirtualImu(), VirtualBio()], model=None)
    assert {f.source for f in got} == {"sensors"} and len(got) > 120 and status["output"] == "sensors"
    take = formats.read_take(path)
    for track in take.tracks.values():
        steps = np.diff(track.time) * track.rate
        assert steps.min() > 0.7 and steps.max() < 1.3, "samples lie evenly"
    assert {t.kind for t in take.tracks.values()} == {"imu", "biosignal"}
    alone, both = (solve_weights(take, PerformerSettings(electrodes=e)).take for e in ("", str(electrodes_network)))
    assert "landmarks" in both.tracks and not np.allclose(alone.weights().values, both.weights().values)
    assert any("performer's own network" in n for n in alone.notes)


def test_an_electrode_that_came_off_does_not_end_a_take_of_imus(hasty, electrodes_network):
    async def work(hub, got):
        while not hub.face.imus_active(hub.now()):
            await asyncio.sleep(0.1)
            assert hub.now() < 60
        path = hub.commands.record("flat")
        await asyncio.sleep(4)
        return path, (await hub.commands.stop_recording())["quality"]

    path, words = hasty(work, [VirtualImu(), VirtualBio(VirtualBioOptions(flat="front"))], model=None)
    done = solve_weights(formats.read_take(path), PerformerSettings(electrodes=str(electrodes_network))).take
    assert any("electrode front: no signal" in n and "IMUs alone" in n for n in done.notes) and any(
        "electrode front" in w for w in words
    )


def test_with_a_camera_electrodes_count_as_sensors(hasty, clock, wearing):
    async def work(hub, got):
        for k in range(240):  # 8 s of both, and the camera loses the face in the last second
            values = {"jawOpen": 0.25} if k < 210 else {}
            clock.time = 5.0 + k / 30
            hub.receive("phone", FaceSample("phone", values, 5.0 + k / 30))
            send(hub, clock, wearing, 1 / 30, k / 30, batch=1 / 30)
        return got, hub.status()

    got, status = hasty(work, clock=clock)
    mixed = [f for f in got if f.source == "hybrid"]
    assert status["output"] == "hybrid" and len(mixed) > 200
    seen = [f.values[JAW] for f in mixed if 6.0 < f.time < 11.8]
    assert np.allclose(seen, 0.25, atol=1e-6), "the camera's, where it sees a face"
    assert "mouth" in status["from_sensors"]


def test_without_a_network_they_are_heard_judged_and_recorded_and_it_is_said_what_is_missing(hasty):
    async def work(hub, got):
        hub.commands.record("bare")
        await asyncio.sleep(8)
        return got, hub.status(), await hub.commands.stop_recording()

    got, status, said = hasty(work, [VirtualBio()], electrodes=None)
    assert (
        got == []
        and status["output"] == "none"
        and status["electrodes"]["say"] == NO_NETWORK
        and len(status["electrodes"]["channels"]) == 2
    )
    track = formats.read_take(said["path"]).tracks["biosignal"]
    assert track.rate == pytest.approx(1000, rel=1e-3) and len(track.time) > 7000


@pytest.mark.parametrize(
    ("change", "words"), [({"rate": 250.0}, "holds at most 112 Hz"), ({"columns": ("ear",)}, "needs 2 electrodes")]
)
def test_a_board_that_the_network_does_not_fit_is_told_in_one_line_and_nothing_breaks(
    hasty, clock, wearing, change, words
):
    async def work(hub, got):
        track = (
            wearing
            if "columns" not in change
            else type(wearing)(wearing.kind, wearing.time, ("ear",), wearing.values[:, :1], {})
        )
        send(hub, clock, track, 3.0, **change)
        return got, hub.status()

    got, status = hasty(work, clock=clock)
    (stream,) = status["streams"]
    assert (
        got == []
        and words in stream["problem"]
        and "\n" not in stream["problem"]
        and status["electrodes"]["say"] == stream["problem"]
    )


def test_a_network_that_is_not_there_is_one_line_at_the_start(hasty, tmp_path):
    async def work(hub, got):
        return None

    with pytest.raises(InnerfaceError, match=r"none\.onnx"):
        hasty(work, electrodes=str(tmp_path / "none.onnx"))


def test_a_board_that_vanishes_leaves_its_face_to_the_policy_and_goes_on_when_it_is_back(hasty):
    async def work(hub, got):
        await asyncio.sleep(9.5)
        away = hub.status()
        await asyncio.sleep(6)
        return got, away, hub.status()

    got, away, back = hasty(work, [VirtualBio(VirtualBioOptions(disconnect=(10.0, 3.0)))], loss={"sensors": "fade"})
    assert (
        away["streams"][0]["state"] == "away"
        and not away["electrodes"]["live"]
        and away["electrodes"]["channels"][0]["state"] == "none"
    )
    assert back["electrodes"]["live"] and any("is back" in n for n in back["notes"])
    gone = [f for f in got if not f.seen]
    assert gone and np.abs(gone[-1].values).max() < 1e-6, "it has faded"
    assert np.diff([f.time for f in got]).min() > -0.05 and got[-1].seen


def test_lost_samples_and_gaps_are_bridged_and_counted(hasty):
    async def work(hub, got):
        await asyncio.sleep(10)
        return got, hub.status()

    got, status = hasty(work, [VirtualBio(VirtualBioOptions(loss=0.1))])
    assert status["streams"][0]["lost"] > 300 and len(got) > 270 and np.isfinite([f.values for f in got]).all()


def test_a_broken_electrode_holds_the_face_instead_of_moving_it(hasty):
    async def work(hub, got):
        await asyncio.sleep(10)
        return got[150:], hub.status()

    got, status = hasty(work, [VirtualBio(VirtualBioOptions(flat="lower"))])
    assert not any(f.seen for f in got) and np.ptp([f.values for f in got], axis=0).max() == 0
    light = status["electrodes"]["channels"][0]
    assert light["state"] == "away" and "no signal" in light["words"]


def test_one_board_is_the_face_and_another_takes_over_when_it_is_gone(hasty, clock, wearing):
    async def work(hub, got):
        send(hub, clock, wearing, 3.0)
        send(hub, clock, wearing, 3.0, device="other")
        first = hub.electrodes.active_stream.device
        send(hub, clock, wearing, 3.0, begin=13.0, device="other")
        return first, hub.electrodes.active_stream.device, got[-1].time

    first, later, at = hasty(work, clock=clock)
    assert (first, later) == ("board", "other") and at > 10.0


def test_calibrating_electrodes_is_checking_them_and_good_ones_are_said_to_be_good(hasty):
    async def work(hub, got):
        await asyncio.sleep(4)
        hub.commands.calibrate()
        steps = set()
        while hub.guided_check.step:
            steps.add(hub.guided_check.step)
            await asyncio.sleep(0.1)
        return steps, hub.guided_check.electrode_notes, hub.status()

    steps, words, status = hasty(work, [VirtualBio()])
    assert (
        {"Relax your face", "Bite three times", "Blink three times"} <= steps
        and words == []
        and status["check"]["electrodes"] == []
    )
    assert any("hears what it should" in n for n in status["notes"])


def test_the_check_names_the_electrode_that_hears_nothing(hasty):
    async def work(hub, got):
        await asyncio.sleep(4)
        hub.commands.check()
        while hub.guided_check.step:
            await asyncio.sleep(0.1)
        return hub.guided_check.electrode_notes

    words = hasty(work, [VirtualBio(VirtualBioOptions(flat="front"))])
    assert len(words) == 1 and words[0].startswith("electrode front")


def test_a_recorded_take_of_electrodes_plays_again_and_makes_a_face(hasty, wearing, tmp_path):
    from innerface.core.take import Take

    formats.write_take(Take("t", {"biosignal": wearing}), tmp_path / "t.bio.csv")

    async def work(hub, got):
        await asyncio.sleep(12)
        return got, hub.status()

    got, status = hasty(work, [ReplaySource(tmp_path / "t.bio.csv")])
    assert (
        status["streams"][0]["rate_hz"] == pytest.approx(1000, rel=0.05)
        and len(got) > 300
        and {f.source for f in got} == {"electrodes"}
    )


def test_inputs_of_a_board_are_chosen_and_named():
    worn = parse_inputs("2+1", "lower+front")
    message = worn.select(BioSample("b", ("exg1", "exg2", "exg3"), np.array([[1.0, 2.0, 3.0]]), 250.0))
    assert message.columns == ("lower", "front") and message.values.tolist() == [[2.0, 1.0]]
    assert parse_inputs("3", "").select(
        BioSample("b", ("a", "b", "c"), np.array([[1.0, 2.0, 3.0]]), 250.0)
    ).columns == ("c",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cyton:/dev/x,channels=0", "no input 0"),
        ("cyton:/dev/x,channels=1+9", "no input 9; the board has 1 to 8"),
        ("cyton:/dev/x,channels=a", "numbers of inputs"),
        ("cyton:/dev/x,channels=1+2,names=lower", "1 for 2 inputs"),
        ("cyton:/dev/x,channels=1+2,names=a+a", "a name occurs twice"),
        ("virtual-bio:preset=soft", "give one of"),
        ("virtual-bio:ear=middle", "left or right"),
        ("virtual-bio:loss=1", "below 1"),
        ("virtual-bio:disconnect=soon", "EVERY:FOR"),
        ("virtual-bio:colour=red", "unknown argument"),
    ],
)
def test_mistakes_in_a_sources_words_are_told_in_one_line(text, words):
    with pytest.raises(InnerfaceError, match=words):
        registry.make_source(text)
