"""The check of places, and what is said of sensors, with the virtual performer who does as asked."""

import asyncio

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.core.formats import mcap_take
from innerface.core.imu.calibration_state import META_KEY
from innerface.core.pipeline import solve_weights
from innerface.server.hub import Hub, Options
from innerface.server.sources.virtual_imu import VirtualImu, VirtualImuOptions

from .conftest import Hasty


def hasty(work):
    with asyncio.Runner(loop_factory=Hasty) as runner:
        return runner.run(work())


async def calibrated(hub):
    while hub.imu.session is None or hub.imu.session.active is None:
        await asyncio.sleep(0.1)
        assert hub.now() < 60


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """One life of a bridge: calibrated, checked with two sensors swapped by name, again as they are, calibrated again,
    recorded."""
    folder, said = tmp_path_factory.mktemp("takes"), {}

    async def work():
        hub = Hub(Options(model="linear", folder=folder))
        with pytest.raises(InnerfaceError, match="calibrate first"):
            hub.guided_check.start()
        await hub.start([VirtualImu(VirtualImuOptions())], [])
        await calibrated(hub)
        hub.guided_check.start()
        with pytest.raises(InnerfaceError, match="a check is running"):
            hub.guided_check.start()
        steps = set()
        while hub.guided_check.step:
            steps.add(hub.guided_check.step.split(" ", 1)[0])
            await asyncio.sleep(0.05)
        said["steps"], said["places"], said["quality"] = (
            steps,
            hub.guided_check.placement_notes,
            hub.guided_check.sensor_notes,
        )
        first = hub.imu.session.active
        hub.commands.calibrate()
        while hub.imu.session.active is first:
            await asyncio.sleep(0.1)
            assert hub.now() < 150
        said["again"] = True
        path = hub.commands.record("later", metadata={"slate": "a"})
        await asyncio.sleep(6.0)
        said["recorded"] = await hub.commands.stop_recording({"frame_zero": "3"})
        await hub.stop()
        return path

    said["path"] = hasty(work)
    return said


def test_good_sensors_are_said_to_be_good(session):
    assert session["quality"] == [] and session["recorded"]["quality"] == []


def test_the_performer_is_led_through_the_actions_and_sensors_in_their_places_are_not_blamed(session):
    assert {"Smile,", "Raise", "Drop", "Relax"} <= session["steps"] and session["places"] == []


def test_a_calibration_can_be_had_again(session):
    assert session["again"]


def test_a_recording_begun_after_the_calibration_holds_it_and_says_what_it_is(session):
    from pathlib import Path

    path = Path(session["path"])
    summary = mcap_take.read_summary(path)
    assert (
        summary.complete
        and summary.metadata["slate"] == "a"
        and summary.metadata["frame_zero"] == "3"
        and summary.metadata["sources"] == "virtual"
    )
    assert 5.0 < summary.seconds < 7.0 and "utc" in summary.metadata
    take = formats.read_take(path)
    assert META_KEY in take.tracks["imu"].meta
    assert solve_weights(take).take.weights().duration > 5.0


def test_a_recording_that_was_cut_off_is_summed_up_as_far_as_it_goes(session, tmp_path):
    from pathlib import Path

    data = Path(session["path"]).read_bytes()
    (tmp_path / "cut.mcap").write_bytes(data[: len(data) * 2 // 3])
    summary = mcap_take.read_summary(tmp_path / "cut.mcap")
    assert not summary.complete and 1.0 < summary.seconds < 6.0 and summary.metadata["slate"] == "a"
    (tmp_path / "text.mcap").write_text("x")
    with pytest.raises(InnerfaceError, match="is not an MCAP take"):
        mcap_take.read_summary(tmp_path / "text.mcap")


def test_swapped_sensors_are_named():
    async def work():
        hub = Hub(Options(model="linear"))
        hub.imu.sites.assigned = {
            "51ce/3": "oculi_right",
            "51ce/4": "oculi_left",
            "51ce/7": "zygomaticus_left",
            "51ce/5": "buccinator_left",
        }
        await hub.start([VirtualImu(VirtualImuOptions())], [])
        await calibrated(hub)
        hub.guided_check.start()
        while hub.guided_check.step:
            await asyncio.sleep(0.05)
        renamed, places = hub.imu.session.active.stream.calibrator.calibration.renamed, hub.guided_check.placement_notes
        await hub.stop()
        return renamed, places

    renamed, places = hasty(work)
    found = " ".join(places)
    for pair in (
        {"oculi_left", "oculi_right"},
        {"buccinator_left", "zygomaticus_left"},
    ):  # by the nod's lever arms, or by how they move
        assert pair <= set(renamed) or all(site.split("_")[0] in found for site in pair)


def test_lost_samples_are_told_with_the_recording(tmp_path):
    async def work():
        hub = Hub(Options(model="linear", folder=tmp_path))
        await hub.start([VirtualImu(VirtualImuOptions(loss=0.2))], [])
        await asyncio.sleep(2)
        hub.commands.record("lossy")
        await asyncio.sleep(5)
        said = await hub.commands.stop_recording()
        await hub.stop()
        return said

    said = hasty(work)
    assert len(said["quality"]) == 1 and said["quality"][0].startswith("every sensor lost samples")
    assert "lost" in mcap_take.read_summary(tmp_path / "lossy.mcap").metadata["quality"]


def test_a_device_that_vanishes_while_recording_leaves_a_gap_and_is_picked_up_again(tmp_path):
    async def work():
        hub = Hub(Options(model="linear", folder=tmp_path))
        await hub.start([VirtualImu(VirtualImuOptions(disconnect=(6.0, 3.0)))], [])
        await asyncio.sleep(2)
        hub.commands.record("gone")
        await asyncio.sleep(8)
        said, notes = await hub.commands.stop_recording(), list(hub.notes)
        await hub.stop()
        return said, notes

    said, notes = hasty(work)
    assert said["problem"] == "" and any("is back after 3" in note for note in notes)
    time = formats.read_take(tmp_path / "gone.mcap").tracks["imu"].time
    gaps = np.diff(time)[np.diff(time) > 0.5]
    assert len(gaps) == 1 and 2.8 < gaps[0] < 3.2 and time[-1] > 6.5
