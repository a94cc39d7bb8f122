"""Replay of takes."""

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.face.channels import OUTPUT_CHANNELS
from innerface.core.imu.signal import ImuSignal, to_track
from innerface.core.take import Take, Track
from innerface.server.sources.replay import ReplaySource


def test_a_take_is_replayed_at_its_speed_and_one_without_data_is_rejected(bridge, tmp_path):
    time = np.arange(300) / 100 - 5.0
    rotation = np.tile([1.0, 0, 0, 0], (300, 2, 1))
    signal = ImuSignal(time, ("aux", "oculi_left"), rotation, np.tile([0, 9.8, 0.0], (300, 2, 1)), False, "y")
    weights = Track(
        "weights", np.arange(90) / 30 - 5.0, OUTPUT_CHANNELS, np.tile(np.linspace(0, 1, 90)[:, None], (1, 55))
    )
    path = tmp_path / "take.mcap"
    formats.write_take(Take("take", {"imu": to_track(signal), "weights": weights}), path)
    source = ReplaySource(path, speed=3.0)

    async def work(hub):
        hub.commands.record("again")
        began = hub.now()
        await source.finished.wait()
        seconds = hub.now() - began
        return seconds, await hub.commands.stop_recording()

    seconds, result = bridge(work, [source])
    again = formats.read_take(result["path"])
    assert 0.8 < seconds < 1.6 and len(again.tracks["imu"].time) >= 297 and len(again.weights().time) >= 89
    assert (
        again.tracks["imu"].columns[0] == "aux.qw"
        and np.abs(again.weights().values[-89:, 0] - np.linspace(0, 1, 90)[-89:]).max() < 1e-6
    )
    empty = tmp_path / "empty.mcap"
    formats.write_take(Take("empty", {"events": Track("events", np.zeros(1), ("mark",), np.ones((1, 1)))}), empty)

    async def refuse(hub):
        with pytest.raises(InnerfaceError, match="nothing to play"):
            await ReplaySource(empty).start(hub)

    bridge(refuse)


def test_a_take_of_two_devices_is_replayed_as_two_devices(bridge, tmp_path):
    time = np.arange(100) / 100

    def track(sites, shift):
        return to_track(
            ImuSignal(
                time + shift,
                sites,
                np.tile([1.0, 0, 0, 0], (100, len(sites), 1)),
                np.tile([0, 9.8, 0.0], (100, len(sites), 1)),
                False,
                "y",
            )
        )

    path = tmp_path / "two.mcap"
    formats.write_take(
        Take("two", {"imu": track(("aux", "oculi_left"), 0.0), "imu b": track(("oculi_right",), 0.004)}), path
    )
    source = ReplaySource(path, speed=2.0)

    async def work(hub):
        await source.finished.wait()
        return [s.counter.received for s in hub.streams.values()], [s.session_device for s in hub.streams.values()]

    assert bridge(work, [source]) == ([100, 100], [0, 1])
