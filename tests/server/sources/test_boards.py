"""Biosignal boards through their libraries."""

import asyncio

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
from innerface.server.sources import polled_source
from innerface.server.sources.board_inputs import BoardInputs
from innerface.server.sources.brainflow import BrainFlowSource
from innerface.server.sources.lsl import LslSource

from ..conftest import until


def test_brainflows_synthetic_board_becomes_a_biosignal_track(bridge):
    pytest.importorskip("brainflow", reason="brainflow is an extra (boards) that is not installed")

    async def work(hub):
        hub.commands.record("bio")
        await until(lambda: hub.recording.recorder.rows > 200)
        return await hub.commands.stop_recording()

    result = bridge(work, [BrainFlowSource("-1")])
    track = next(t for t in formats.read_take(result["path"]).tracks.values() if t.kind == "biosignal")
    assert (
        track.columns[:2] == ("exg1", "exg2") and len(track.columns) == 16 and track.rate == pytest.approx(250, rel=0.2)
    )
    with pytest.raises(InnerfaceError, match="one of"):
        BrainFlowSource("no such board").connect()
    with pytest.raises(InnerfaceError, match="none of its parameters"):
        BrainFlowSource("synthetic", {"colour": "red"}).connect()


def test_a_played_file_is_described_by_the_board_that_recorded_it(tmp_path):
    pytest.importorskip("brainflow", reason="brainflow is an extra (boards) that is not installed")
    from brainflow.data_filter import DataFilter

    DataFilter.write_file(np.tile(np.arange(32.0)[:, None], (1, 500)), str(tmp_path / "p.csv"), "w")
    for master in ("-1", "synthetic"):
        source = BrainFlowSource(
            "playback_file", {"file": str(tmp_path / "p.csv"), "master_board": master}, BoardInputs((1, 2))
        )
        source.connect()
        source.disconnect()
        assert source.rate == 250 and len(source.rows) == 16
    for parameters, words in (
        ({"file": "x"}, "master_board=NUMBER"),
        ({"file": "x", "master_board": "what"}, "board 'what'"),
        ({"file": str(tmp_path / "none.csv"), "master_board": "-1"}, "none.csv cannot be read"),
        ({"file": str(tmp_path), "master_board": "-1"}, "cannot be read"),
        ({"master_board": "-1"}, "give the file"),
        ({"file": str(tmp_path / "p.csv"), "master_board": "0"}, "32 columns, and board 0 records 24"),
        ({"ip_port": "many"}, "ip_port=many is not a number"),
    ):
        with pytest.raises(InnerfaceError, match=words):
            BrainFlowSource("playback_file", parameters).connect()


def test_an_lsl_streams_units_labels_and_types_are_honoured_as_in_files(bridge):
    pylsl = pytest.importorskip("pylsl", reason="pylsl is an extra (lab) that is not installed")
    info = pylsl.StreamInfo("Innerface volts", "EMG", 3, 250, "double64", "innerface-volts")
    channels = info.desc().append_child("channels")
    for label, unit, kind in (("trigger", "counts", "AUX"), ("lower", "volts", "EMG"), ("front", "mV", "EMG")):
        channel = channels.append_child("channel")
        for name, value in (("label", label), ("unit", unit), ("type", kind)):
            channel.append_child_value(name, value)
    outlet = pylsl.StreamOutlet(info)

    async def receive(hub):
        for _ in range(1000):
            outlet.push_sample([7.0, 20e-6, 0.03])
            await asyncio.sleep(0.004)
            stream = next((s for s in hub.streams.values() if s.kind == "bio"), None)
            if stream is not None and stream.counter.received > 5:
                break
        return list(hub.notes)

    kept = []
    for inputs in (BoardInputs(), BoardInputs((3, 1), ("a", "b"))):
        source = LslSource("Innerface volts", inputs)
        notes = bridge(receive, [source])
        kept.append((source.columns, source.scale.tolist(), source.index))
    assert kept[0] == (("lower", "front"), [1e6, 1e3], [1, 2])
    assert kept[1] == (("a", "b"), [1e3, 1.0], [2, 0]) and notes == []


def test_an_lsl_stream_that_a_new_program_sends_after_the_old_one_ended_is_received_again(bridge, monkeypatch):
    pylsl = pytest.importorskip("pylsl", reason="pylsl is an extra (lab) that is not installed")
    monkeypatch.setattr(LslSource, "_SILENT_S", 0.3)
    monkeypatch.setattr(polled_source, "_RETRY_S", 0.1)

    async def send(outlet, hub, more):
        def received():
            return sum(s.counter.received for s in hub.streams.values() if s.kind == "bio")

        before = received()
        for _ in range(5000):
            outlet.push_sample([1.0, 2.0])
            await asyncio.sleep(0.004)
            if received() > before + more:
                return True
        return False

    async def work(hub):
        assert await send(first.pop(), hub, 50)
        outlet = pylsl.StreamOutlet(pylsl.StreamInfo("Innerface again", "EMG", 2, 250, "float32", "second run"))
        return await send(outlet, hub, 50)

    first = [pylsl.StreamOutlet(pylsl.StreamInfo("Innerface again", "EMG", 2, 250, "float32", "first run"))]
    assert bridge(work, [LslSource("Innerface again")])


def test_an_lsl_stream_becomes_a_biosignal_track(bridge):
    pylsl = pytest.importorskip("pylsl", reason="pylsl is an extra (lab) that is not installed")
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo("Innerface test", "EMG", 2, 250, "float32", "innerface-test"))

    async def work(hub):
        hub.commands.record("bio")
        for k in range(1000):
            outlet.push_sample([float(k), -float(k)])
            await asyncio.sleep(0.004)
            if hub.recording.recorder.rows > 100:
                break
        return await hub.commands.stop_recording()

    result = bridge(work, [LslSource("Innerface test")])
    track = next(t for t in formats.read_take(result["path"]).tracks.values() if t.kind == "biosignal")
    assert (
        len(track.columns) == 2
        and (track.values[:, 0] == -track.values[:, 1]).all()
        and (np.diff(track.values[:, 0]) == 1).mean() > 0.95
    )
    with pytest.raises(InnerfaceError, match="no stream is called"):
        source = LslSource("there is none")
        source._FIND_TIMEOUT_S = 0.4
        source.connect()
