"""For every mix of camera, IMUs and electrodes, the replay of a take equals what the hub showed live.

Files keep times to 1 µs and values to six digits, so the simulated sources send such numbers.
"""

import asyncio

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.bio.simulation.effects import PRESETS as BIO_PRESETS
from innerface.core.bio.simulation.simulate import BITE_TIMES_S
from innerface.core.bio.simulation.simulate import simulate as simulate_bio
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import ARKIT, OUTPUT_CHANNELS
from innerface.core.face.face_model import load_bundled
from innerface.core.imu.convention import find_convention_fix
from innerface.core.imu.layout import load_layout
from innerface.core.imu.motion import calibrate_frames
from innerface.core.imu.session import ActiveCalibration, CalibratedStream
from innerface.core.imu.signal import from_track
from innerface.core.imu.simulation.effects import PRESETS as IMU_PRESETS
from innerface.core.imu.simulation.simulate import simulate as simulate_imu
from innerface.core.performance import demo_performance
from innerface.core.performance.pose_sequence import pose_sequence
from innerface.core.pipeline import FacePipeline, PerformerSettings
from innerface.core.take import Take, Track
from innerface.core.take.resample import resample_linear
from innerface.server.hub import Hub, Options
from innerface.server.messages import BioSample, FaceSample, ImuSample

from .conftest import ManualClock

SECONDS, LOST_S = 2.5, (1.0, 1.6)
JOIN_SAMPLES = 8  # after which a device's interval is known
MIXES = ("camera", "imu", "bio", "camera+imu", "camera+bio", "imu+bio", "camera+imu+bio")


@pytest.fixture(scope="module")
def performance():
    return demo_performance(2).weights()


@pytest.fixture(scope="module")
def imu(performance):
    take = simulate_imu(performance, load_bundled(), load_layout(), effects=IMU_PRESETS["rough"], seed=2)
    return from_track(take.tracks["imu"])


@pytest.fixture(scope="module")
def electrodes():
    return simulate_bio(pose_sequence(14, 0, take=2), BIO_PRESETS["studio"], 0).tracks["biosignal"]


def imu_samples(signal, seconds):
    """(time, message) at 100 Hz, from the performance's start on."""
    rows = np.flatnonzero(signal.time >= 0)[: round((seconds + 1) * 100)]
    keys = tuple(str(load_layout().sites.index(s)) for s in signal.sites)
    for k, row in enumerate(rows):
        rotation, acceleration = np.round(signal.rotation[row], 6), np.round(signal.acceleration[row], 6)
        yield (
            round((k + 1) * 0.01, 6),
            ImuSample("7a3f", keys, rotation, acceleration, linear=signal.linear, up=signal.up),
        )


def camera_samples(performance, begin, seconds, lost_s):
    """(time, message) at 30 Hz, as noisy as cameras are; the face is lost in the middle."""
    times = np.round(begin + 0.003 + np.arange(round(seconds * 30)) / 30, 6)
    values = 1.08 * resample_linear(performance.time, performance.select(OUTPUT_CHANNELS), times)
    values = np.round(values + np.random.default_rng(0).normal(0, 1e-3, values.shape), 6)
    for k, (time, row) in enumerate(zip(times.tolist(), values)):
        seen = not lost_s[0] < k / 30 < lost_s[1]
        yield time, FaceSample("phone", dict(zip(OUTPUT_CHANNELS, row.tolist())) if seen else {})


def bio_samples(track, begin):
    """(time, message) every 10 ms, from the bites on."""
    rows = np.flatnonzero(track.time >= BITE_TIMES_S[0] - 0.2)
    for k in range(round(SECONDS * 100)):
        values = np.round(track.values[rows[10 * k : 10 * k + 10]], 6)
        yield round(begin + (k + 1) * 0.01, 6), BioSample("board", track.columns, values, 1000.0)


async def record(
    mix,
    clock,
    folder,
    network,
    *,
    performance,
    imu,
    electrodes,
    warm_s,
    seconds=SECONDS,
    lost_s=LOST_S,
    recentre_s=(),
    rest=None,
):
    """The hub's faces while it recorded, on the take's clock, and where the take is."""
    hub = Hub(Options(folder=folder, electrodes=str(network), calibrate=False), clock)
    await hub.start([], [])
    faces, messages = [], []
    hub.outputs.listeners.add(faces.append)
    begin = (JOIN_SAMPLES - 1) * 0.01
    if "bio" in mix:
        messages += [(time, 0, message) for time, message in bio_samples(electrodes, begin)]
    if "camera" in mix:
        messages += [(time, 1, message) for time, message in camera_samples(performance, begin, seconds, lost_s)]
    if "imu" in mix:
        samples = list(imu_samples(imu, seconds))
        for time, message in samples[: JOIN_SAMPLES - 1]:
            clock.time = time
            hub.receive("x", message)
        messages += [(time, 2, message) for time, message in samples[JOIN_SAMPLES - 1 :]]
    clock.time = begin
    if "imu" in mix:
        session = hub.imu.start_session()
        calibration = calibrate_frames(imu, load_layout())[0]
        stream = CalibratedStream(calibration, session.model)
        session.activate(ActiveCalibration(find_convention_fix(imu)[0], stream, 0, ()))
        if rest is not None:
            assert session.use_rest(rest)
    path, recentre_times = None, [begin + s for s in recentre_s]
    for time, _, message in sorted(messages, key=lambda m: m[:2]):
        if path is None and time > begin + warm_s:
            start, path = clock.time, hub.commands.record("take")
            del faces[:]
        if recentre_times and time > recentre_times[0]:
            del recentre_times[0]
            hub.commands.recentre()
        clock.time = time
        hub.receive("x", message)
    await hub.commands.stop_recording()
    await hub.stop()
    return (
        np.array([f.time - start for f in faces]),
        np.stack([f.values for f in faces]),
        path,
        {f.source for f in faces},
    )


def replayed(path, network=None):
    performer = PerformerSettings(electrodes=str(network) if network else "")
    return FacePipeline(performer).run(formats.read_take(path), causal=True).take.weights()


def kept_faces(time):
    """Rows of the faces that none before them had overtaken."""
    return np.concatenate([[True], np.diff(np.maximum.accumulate(time)) > 0])


@pytest.mark.parametrize("mix", ["camera", "camera+imu"])
def test_recentring_within_a_take_is_replayed(mix, tmp_path, electrodes_network, performance, imu, electrodes):
    signals = {"performance": performance, "imu": imu, "electrodes": electrodes}
    time, values, path, _ = asyncio.run(
        record(mix, ManualClock(), tmp_path, electrodes_network, **signals, warm_s=0.0, recentre_s=(0.8, 1.9))
    )
    track, kept = replayed(path), kept_faces(time)
    assert np.abs(track.values - values[kept]).max() < 1e-6
    head = track.values[:, len(ARKIT) :]
    at = [np.searchsorted(track.time, s) for s in (0.8, 1.9)]
    assert max(np.abs(head[k + 1] - head[k - 3]).max() for k in at) > 1e-3, "the recentring shows"


def test_a_take_that_begins_later_replays_with_the_scale_and_the_zero_of_then(
    tmp_path, electrodes_network, performance, imu, electrodes
):
    signals = {"performance": performance, "imu": imu, "electrodes": electrodes}
    later = {"warm_s": 7.0, "seconds": 12.0, "lost_s": (10.0, 11.0), "recentre_s": (3.0,)}
    time, values, path, _ = asyncio.run(
        record("camera+imu", ManualClock(), tmp_path, electrodes_network, **signals, **later)
    )
    track, kept = replayed(path), kept_faces(time)
    live = np.stack([np.interp(track.time, time[kept], column) for column in values[kept].T], axis=1)
    settled = track.time > 2.5  # the network's state and the drift filters began afresh
    lost = settled & (track.time > 3.0) & (track.time < 4.0)
    difference = np.abs(track.values - live)
    print(difference[settled].max(), difference[lost].max())
    assert lost.sum() > 50 and difference[lost].max() < 0.05 and difference[settled].max() < 0.05


def test_a_relaxed_face_that_a_camera_showed_while_calibrating_is_replayed_without_the_camera(
    tmp_path, electrodes_network, performance, imu, electrodes
):
    signals = {"performance": performance, "imu": imu, "electrodes": electrodes}
    rest = np.linspace(0.0, 0.2, len(ARKIT))
    time, values, path, _ = asyncio.run(
        record("imu", ManualClock(), tmp_path, electrodes_network, **signals, warm_s=0.0, rest=rest)
    )
    track, kept = replayed(path), kept_faces(time)
    assert np.abs(track.values - values[kept]).max() < 1e-6
    offline = FacePipeline().run(formats.read_take(path)).take.weights()
    assert offline.column("tongueOut").min() > 0.1, "the offline pass begins from another face"


def test_the_camera_shows_the_relaxed_face_while_the_sensors_are_calibrated(bridge, clock, performance, imu):
    rest = {c: k / 200 for k, c in enumerate(ARKIT)}

    async def work(hub):
        session = hub.imu.start_session()
        stream = CalibratedStream(calibrate_frames(imu, load_layout())[0], session.model)
        calibration = ActiveCalibration(find_convention_fix(imu)[0], stream, 0, (), relaxed=(2.0, 4.0))
        session.activate(calibration)
        await hub.on_calibrated(calibration)
        without = session.adapter
        for k in range(300):
            clock.time = k / 60
            hub.receive("x", FaceSample("phone", rest if 2 <= k / 60 <= 4 else dict.fromkeys(ARKIT, 0.9)))
        await hub.on_calibrated(calibration)
        return without, stream.motion_to_face.adapter.rest, list(hub.notes)

    without, found, notes = bridge(work, clock=clock)
    assert without is None and np.abs(found - list(rest.values())).max() < 1e-6
    assert sum("the camera has shown the relaxed face" in note for note in notes) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1, 2]", "null", "NaN", '["a", 0, 0]', "[" * 5000])
def test_a_state_that_is_damaged_ends_in_one_line(text):
    zeros = np.zeros((3, len(OUTPUT_CHANNELS)))
    for key in ("mixer", "head_zero"):
        track = Track("weights", np.arange(3) / 30, OUTPUT_CHANNELS, zeros, {key: text})
        with pytest.raises(InnerfaceError, match="damaged"):
            FacePipeline().run(Take("a", {"weights": track}), causal=True)


@pytest.mark.parametrize("mix", MIXES)
def test_a_take_replays_as_what_was_shown_live(mix, tmp_path, electrodes_network, performance, imu, electrodes):
    signals = {"performance": performance, "imu": imu, "electrodes": electrodes}
    time, values, path, sources = asyncio.run(
        record(mix, ManualClock(), tmp_path, electrodes_network, **signals, warm_s=0.0)
    )
    track = replayed(path, electrodes_network if "bio" in mix else None)
    assert len(time) > 0.8 * SECONDS * 30 and (("camera" in mix and mix != "camera") == ("hybrid" in sources))
    if mix == "bio":  # what the last samples complete was shown after the recording had ended
        track = Track(track.kind, track.time[: len(time)], track.columns, track.values[: len(time)])
        values = values[:, : len(ARKIT)]
    kept = kept_faces(time)
    assert np.abs(track.time - time[kept]).max() < 2e-6
    assert np.abs(track.values - values[kept]).max() < 1e-6
    assert np.ptp(values[:, : len(ARKIT)], axis=0).max() > 0.05, "the face moves"
