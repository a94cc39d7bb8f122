"""Biosignal boards through their libraries."""

import asyncio

import numpy as np
import pytest
from innerface.core import formats
from innerface.core.errors import InnerfaceError
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
